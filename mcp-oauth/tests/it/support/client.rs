//! A client: registers, sends its user to the server, redeems codes, refreshes.

use http::Method;
use scripted_browser::{VERIFIER, challenge_of, claims_of};
use serde_json::{Value, json};

use super::{Bed, Browser, RESOURCE, Reply, encode};

/// A public client with one redirect URI.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
    pub(crate) registration: Value,
    pub(crate) redirect: String,
}

/// What a client got.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) body: Value,
}

impl App {
    /// Registers a public client.
    pub(crate) async fn register(bed: &Bed) -> Self {
        let body = json!({
            "client_name": "An app", "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        });
        Self::register_as(bed, &body).await
    }

    /// Registers a client of its own: another one than all before.
    pub(crate) async fn another(bed: &Bed, name: &str) -> Self {
        let body = json!({
            "client_name": name, "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none",
        });
        Self::register_as(bed, &body).await
    }

    pub(crate) async fn register_as(bed: &Bed, body: &Value) -> Self {
        let reply = bed.json(Method::POST, "/register", &[], body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let registration = reply.json();
        Self {
            id: registration["client_id"].as_str().unwrap().to_owned(),
            secret: registration["client_secret"].as_str().map(str::to_owned),
            redirect: registration["redirect_uris"][0].as_str().unwrap_or_default().to_owned(),
            registration,
        }
    }

    /// The link that it sends its user to, with these parameters in the place of its own; an empty one is left out.
    pub(crate) fn link_with(&self, changes: &[(&str, &str)]) -> String {
        let challenge = challenge_of(VERIFIER);
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("state", "xyz"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
        ];
        parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()).copied());
        format!("/authorize?{}", encode(&parameters))
    }

    pub(crate) fn link(&self) -> String {
        self.link_with(&[])
    }

    /// Gets a code of `ada`'s.
    pub(crate) async fn code(&self, bed: &Bed) -> String {
        let answer = Browser::default().approve(&bed.server, &self.link(), "ada").await;
        answer.redirected("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    /// The form with which it redeems a code.
    pub(crate) fn redemption<'a>(&'a self, code: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("client_id", &self.id),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", VERIFIER),
        ]
    }

    pub(crate) async fn redeem(&self, bed: &Bed, code: &str) -> Reply {
        bed.post("/token", &self.redemption(code)).await
    }

    /// All the way to its first tokens, of `ada`'s.
    pub(crate) async fn tokens(&self, bed: &Bed) -> Tokens {
        let code = self.code(bed).await;
        Tokens::of(&self.redeem(bed, &code).await)
    }

    pub(crate) async fn refresh(&self, bed: &Bed, token: &str) -> Reply {
        let form = [("grant_type", "refresh_token"), ("client_id", self.id.as_str()), ("refresh_token", token)];
        bed.post("/token", &form).await
    }
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply:?}");
        let body = reply.json();
        Self {
            access: body["access_token"].as_str().unwrap().to_owned(),
            refresh: body["refresh_token"].as_str().unwrap_or_default().to_owned(),
            body,
        }
    }

    /// The claims of the access token, unverified.
    pub(crate) fn claims(&self) -> Value {
        claims_of(&self.access)
    }
}
