//! How a real client is played: from its registration or its document through the pages to its refreshed tokens.

use mcp_oauth::jose::SigningKey;
use serde_json::{Value, json};

use crate::support::{App, Bed, Browser, DocumentHost, ISSUER, Keeper, RESOURCE, Reply, Tokens, VERIFIER, basic};

/// What a client does where the specifications leave it a choice.
#[derive(Clone, Copy)]
pub(super) struct Manners<'a> {
    /// Where it has its users sent back to.
    pub(super) redirect: &'a str,
    /// What it adds to its authorization request.
    pub(super) asks: &'a [(&'a str, &'a str)],
    /// What it adds when it refreshes.
    pub(super) refreshes_with: &'a [(&'a str, &'a str)],
    /// Where it names the resource (RFC 8707).
    pub(super) names: Names,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// In the authorization request, and in each token request.
    Everywhere,
    /// Not when it refreshes.
    NotAtRefresh,
    /// Nowhere.
    Nowhere,
}

/// What the official SDKs do, and those who build on them.
pub(super) const fn usual(redirect: &str) -> Manners<'_> {
    Manners { redirect, asks: &[("scope", "mcp")], refreshes_with: &[], names: Names::Everywhere }
}

/// How a client says who it is at the token endpoint.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    /// By its name in the form.
    Name,
    /// By a secret in the form.
    Post,
    /// By a secret in the header.
    Basic,
    /// By an assertion signed with this key.
    Assertion(&'a SigningKey),
}

pub(super) struct RealClient<'a> {
    pub(super) app: App,
    proof: Proof<'a>,
}

impl<'a> RealClient<'a> {
    /// Registers, and again at its next start: the same client is one client, but where it has a secret.
    pub(super) async fn registers(bed: &Bed, body: &Value) -> RealClient<'static> {
        let first = App::register_as(bed, body).await;
        let again = App::register_as(bed, body).await;
        let proof = match again.registration["token_endpoint_auth_method"].as_str().unwrap() {
            "none" => Proof::Name,
            "client_secret_post" => Proof::Post,
            "client_secret_basic" => Proof::Basic,
            other => panic!("{other}"),
        };
        let is_public = matches!(proof, Proof::Name);
        assert_eq!(again.id == first.id, is_public, "{body}");
        assert_eq!(again.secret.is_none(), is_public, "{body}");
        assert_ne!(again.management_token(), first.management_token());
        RealClient { app: again, proof }
    }

    /// Names the document that its host has.
    pub(super) fn by_document(host: &DocumentHost, document: &Value, proof: Proof<'a>) -> Self {
        let id = host.publishes(document);
        Self { app: App { id, secret: None, registration: document.clone(), redirect: String::new() }, proof }
    }

    /// From its link to the code, with the consent of a user that it has for the first time, or for another time.
    async fn signs_in(&mut self, bed: &Bed, browser: &mut Browser, manners: Manners<'_>, before: bool) -> String {
        manners.redirect.clone_into(&mut self.app.redirect);
        let mut changes = manners.asks.to_vec();
        if manners.names == Names::Nowhere {
            changes.push(("resource", ""));
        }
        let link = self.app.link_with(&changes);
        let page = browser.consent_page(&bed.server, &link, "ada").await;
        // RFC 8252 section 8.6: what may be anybody on the user's machine is asked about each time.
        let answer = if before && manners.redirect.starts_with("https:") && !link.contains("prompt=") {
            page
        } else {
            page.is_asked();
            let shown = manners.redirect.split(['/', ':']).find(|part| part.contains('.') || *part == "localhost");
            let shown = shown.unwrap_or("cursor");
            assert!(page.text.contains(shown), "{shown}: {page:?}");
            browser.submit(&bed.server, &page, &[("decision", "approve")]).await
        };
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(answer.header("location").starts_with(&format!("{}?", manners.redirect)), "{answer:?}");
        assert_eq!(answer.redirected("state").as_deref(), Some("xyz"));
        assert_eq!(answer.redirected("iss").as_deref(), Some(ISSUER), "some check it");
        answer.redirected("code").unwrap()
    }

    async fn asks_for_tokens(&self, bed: &Bed, form: &[(&str, &str)]) -> Reply {
        let mut form = form.to_vec();
        let id = self.app.id.as_str();
        let secret = self.app.secret.as_deref().unwrap_or_default();
        let assertion;
        match self.proof {
            Proof::Name => form.push(("client_id", id)),
            Proof::Post => form.extend([("client_id", id), ("client_secret", secret)]),
            Proof::Basic => {
                return bed.post_with("/token", &[("authorization", &basic((id, secret)))], &form).await;
            }
            Proof::Assertion(key) => {
                let now = bed.now().as_secs();
                let number = mcp_oauth::types::Secret::random("").unwrap();
                let claims = json!({
                    "iss": id, "sub": id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": number.expose(),
                });
                assertion = key.sign_claims("JWT", &claims).unwrap();
                let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.extend([("client_assertion_type", assertion_type), ("client_assertion", &assertion)]);
            }
        }
        bed.post("/token", &form).await
    }

    async fn redeems(&self, bed: &Bed, code: &str, manners: Manners<'_>) -> Tokens {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", manners.redirect),
            ("code_verifier", VERIFIER),
        ];
        if manners.names != Names::Nowhere {
            form.push(("resource", RESOURCE));
        }
        let tokens = Tokens::of(&self.asks_for_tokens(bed, &form).await);
        self.are_good(bed, &tokens).await;
        tokens
    }

    async fn refreshes(&self, bed: &Bed, token: &str, manners: Manners<'_>) -> Tokens {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend(manners.refreshes_with);
        if manners.names == Names::Everywhere {
            form.push(("resource", RESOURCE));
        }
        let tokens = Tokens::of(&self.asks_for_tokens(bed, &form).await);
        self.are_good(bed, &tokens).await;
        tokens
    }

    /// Tokens in the form that clients read, for the resource that they were asked for.
    async fn are_good(&self, bed: &Bed, tokens: &Tokens) {
        assert_eq!(tokens.body["token_type"], "Bearer");
        assert!(tokens.body["expires_in"].is_u64() && tokens.body["scope"].as_str().unwrap().contains("mcp"));
        let claims = tokens.claims();
        assert_eq!((&claims["client_id"], &claims["aud"]), (&json!(self.app.id), &json!(RESOURCE)));
        assert!(bed.is_active(&tokens.access).await);
    }

    /// All the way: signs in, redeems, refreshes twice, and does it once more after its next start.
    pub(super) async fn goes_through(&mut self, bed: &Bed, manners: Manners<'_>) {
        let mut browser = Browser::default();
        for before in [false, true] {
            let code = self.signs_in(bed, &mut browser, manners, before).await;
            let first = self.redeems(bed, &code, manners).await;
            let grants = self.app.registration["grant_types"].as_array();
            if !grants.is_some_and(|grants| grants.contains(&json!("refresh_token"))) {
                assert_eq!(first.refresh, "", "it has not asked for one");
                continue;
            }
            bed.advance(1800);
            let second = self.refreshes(bed, &first.refresh, manners).await;
            bed.advance(1800);
            let third = self.refreshes(bed, &second.refresh, manners).await;
            assert!(first.refresh != second.refresh && second.refresh != third.refresh);
            assert_eq!(bed.grant_of(&third.refresh).await.generation, 3);
        }
    }
}

/// What a client looks for in the metadata before it goes this way.
pub(super) async fn is_told(bed: &Bed, member: &str, wanted: Value) {
    let metadata = bed.get("/.well-known/oauth-authorization-server").await.json();
    let found = &metadata[member];
    assert!(*found == wanted || found.as_array().is_some_and(|list| list.contains(&wanted)), "{member}: {metadata}");
}

/// A server, and a host whose documents it takes.
pub(super) async fn with_host(keeper: Keeper) -> (Bed, DocumentHost) {
    let host = DocumentHost::start("https://app.example/cb").await;
    let bed = Bed::with(keeper, |builder| host.known(builder)).await;
    is_told(&bed, "client_id_metadata_document_supported", json!(true)).await;
    (bed, host)
}

/// A client with a document is kept nowhere, and its document is not read again as long as it is fresh.
pub(super) async fn is_read_once(bed: &Bed, host: &DocumentHost, client: &RealClient<'_>) {
    let clients = bed.stores.clients.page(None, 10).await.unwrap().items;
    let known: Vec<_> = clients.iter().map(|kept| kept.value.id.as_str()).collect();
    assert_eq!(known, ["reader"], "the one that introspects");
    bed.get(&client.app.link()).await;
    let before = host.asked();
    assert_eq!(bed.get(&client.app.link()).await.status, 200);
    assert!(host.asked() == before && before > 0, "it was asked again");
}
