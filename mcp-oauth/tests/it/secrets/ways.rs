//! Every way through the server, the wrong ones too, and the secrets on it.

use http::Method;
use mcp_oauth::jose::{Algorithm, SigningKey};
use scripted_browser::secrets::{Kind, Secrets};
use serde_json::{Value, json};

use super::{DAEMON, MASTER};
use crate::support::{App, Bed, Browser, Reply, Tokens, VERIFIER, basic, keyed, request};

/// All that a flow has which nobody else may see. The owner's code and the password of Redis are of the program.
pub(super) const KINDS: [Kind; 15] = [
    Kind::AccessToken,
    Kind::Assertion,
    Kind::ClientSecret,
    Kind::Code,
    Kind::Cookie,
    Kind::DeviceCode,
    Kind::FormToken,
    Kind::MasterKey,
    Kind::Password,
    Kind::PrivateKey,
    Kind::RefreshToken,
    Kind::RegistrationToken,
    Kind::State,
    Kind::UserCode,
    Kind::Verifier,
];

const JWT_BEARER: (&str, &str) = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const STATE: &str = "the-state-of-the-client-5f0b";

/// Somebody who goes these ways, and notes what comes by.
pub(super) struct Walker<'a> {
    bed: &'a Bed,
    pub(super) secrets: Secrets,
}

/// Goes every way there is.
pub(crate) async fn all_ways(bed: &Bed) -> Secrets {
    let mut walker = Walker::new(bed);
    let tokens = walker.user().await;
    let secret = walker.confidential().await;
    walker.service().await;
    walker.signer().await;
    walker.device().await;
    walker.astray([&tokens.access, &tokens.refresh, &secret]).await;
    bed.server.rotate_keys().await.unwrap();
    walker.keys();
    walker.secrets.assert_has(&KINDS);
    walker.secrets
}

impl<'a> Walker<'a> {
    pub(super) fn new(bed: &'a Bed) -> Self {
        let mut walker = Self { bed, secrets: Secrets::default() };
        walker.secrets.add(Kind::MasterKey, [MASTER; 32]);
        walker.secrets.sent(&[("client_secret", DAEMON.1), ("code_verifier", VERIFIER), ("password", "adaada")]);
        walker.keys();
        walker
    }

    /// What the server signs with.
    fn keys(&mut self) {
        for record in self.bed.server.keys().keys() {
            self.secrets.add_key(record.key().to_pkcs8());
        }
    }

    fn noted(&mut self, reply: Reply) -> Reply {
        self.secrets.answered(&serde_json::from_str(&reply.text).unwrap_or_default());
        self.secrets.shown(&reply.text);
        if let Some(code) = reply.redirected("code") {
            self.secrets.add(Kind::Code, code);
        }
        reply
    }

    pub(super) async fn post(&mut self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
        self.secrets.sent(form);
        let reply = self.bed.post_with(path, headers, form).await;
        self.noted(reply)
    }

    async fn browse(&mut self, browser: &mut Browser, path: &str) -> Reply {
        let page = browser.get(&self.bed.server, path).await;
        self.secrets.kept(&browser.cookies);
        self.noted(page)
    }

    async fn submit(&mut self, browser: &mut Browser, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        self.secrets.sent(fields);
        let answer = browser.submit(&self.bed.server, page, fields).await;
        self.secrets.kept(&browser.cookies);
        self.noted(answer)
    }

    pub(super) async fn register(&mut self, body: &Value) -> App {
        let app = App::register_as(self.bed, body).await;
        self.secrets.answered(&app.registration);
        app
    }

    pub(super) async fn app(&mut self) -> App {
        self.register(&json!({
            "client_name": "An app", "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        }))
        .await
    }

    /// Through the pages to a code, with a password that is mistyped.
    pub(super) async fn code(&mut self, app: &App) -> String {
        let mut browser = Browser::default();
        let page = self.browse(&mut browser, &app.link_with(&[("state", STATE)])).await;
        self.secrets.sent(&[("state", STATE)]);
        // Mistyped, and typed into the wrong field.
        let page = self.submit(&mut browser, &page, &[("username", "ada"), ("password", "a-wrong-password-91c")]).await;
        let page =
            self.submit(&mut browser, &page, &[("username", "a-wrong-password-91c"), ("password", "a-blank")]).await;
        let signed_in = self.submit(&mut browser, &page, &[("username", "ada"), ("password", "adaada")]).await;
        let page = self.browse(&mut browser, signed_in.header("location")).await;
        if let Some(code) = page.redirected("code") {
            return code;
        }
        let answer = self.submit(&mut browser, &page, &[("decision", "approve")]).await;
        // A form that was sent already.
        self.submit(&mut browser, &page, &[("decision", "approve")]).await;
        answer.redirected("code").unwrap()
    }

    pub(super) async fn redeem(&mut self, app: &App, code: &str) -> Reply {
        self.post("/token", &[], &app.redemption(code)).await
    }

    pub(super) async fn refresh(&mut self, app: &App, token: &str) -> Reply {
        let form = [("grant_type", "refresh_token"), ("client_id", app.id.as_str()), ("refresh_token", token)];
        self.post("/token", &[], &form).await
    }

    /// A public client, a browser, and a user.
    async fn user(&mut self) -> Tokens {
        let app = self.app().await;
        let code = self.code(&app).await;
        let mut wrong = app.redemption(&code);
        wrong.last_mut().unwrap().1 = "a-wrong-verifier-of-at-least-forty-three-characters";
        self.post("/token", &[], &wrong).await.assert_refused(400, "invalid_grant");
        let first = Tokens::of(&self.redeem(&app, &code).await);
        let second = Tokens::of(&self.refresh(&app, &first.refresh).await);
        Tokens::of(&self.refresh(&app, &first.refresh).await);
        let third = Tokens::of(&self.refresh(&app, &second.refresh).await);
        assert!(self.bed.is_active(&third.access).await);
        self.bed.introspect(&third.refresh).await;
        self.post("/revoke", &[], &[("client_id", &app.id), ("token", &third.access)]).await;
        // Of a grant that is over; and reuses of one that is not.
        self.refresh(&app, &first.refresh).await.assert_refused(400, "invalid_grant");
        self.redeem(&app, &code).await.assert_refused(400, "invalid_grant");
        let code = self.code(&app).await;
        let first = Tokens::of(&self.redeem(&app, &code).await);
        let second = Tokens::of(&self.refresh(&app, &first.refresh).await);
        Tokens::of(&self.refresh(&app, &second.refresh).await);
        self.refresh(&app, &first.refresh).await.assert_refused(400, "invalid_grant");
        let code = self.code(&app).await;
        let reused = Tokens::of(&self.redeem(&app, &code).await);
        self.redeem(&app, &code).await.assert_refused(400, "invalid_grant");
        self.refresh(&app, &reused.refresh).await.assert_refused(400, "invalid_grant");
        let code = self.code(&app).await;
        Tokens::of(&self.redeem(&app, &code).await)
    }

    /// A client with a secret that registers, changes itself, gets its credentials wrong, and goes.
    async fn confidential(&mut self) -> String {
        let body = json!({"client_name": "Confidential", "redirect_uris": ["https://app.example/cb"]});
        let app = self.register(&body).await;
        let secret = app.secret.clone().unwrap();
        let code = self.code(&app).await;
        let form = app.redemption(&code);
        let wrong = basic((&app.id, "a-wrong-secret-77aa"));
        self.secrets.sent(&[("client_secret", "a-wrong-secret-77aa")]);
        // Wrong, in the place of the other, and right.
        let exchanged = basic((&secret, &app.id));
        for (authorization, status) in [(&wrong, 401), (&exchanged, 401), (&basic((&app.id, &secret)), 200)] {
            let form = [&form[..1], &form[2..]].concat();
            let reply = self.post("/token", &[("authorization", authorization)], &form).await;
            assert_eq!(reply.status, status, "{reply:?}");
        }
        let token = app.registration["registration_access_token"].as_str().unwrap().to_owned();
        let (bearer, path) = (format!("Bearer {token}"), format!("/register/{}", app.id));
        self.secrets.add(Kind::RegistrationToken, "mcpo_rat_a-wrong-token");
        let mut changed = body;
        changed["client_id"] = json!(app.id);
        changed["client_name"] = json!("Changed");
        for (method, authorization, status) in [
            (Method::GET, "Bearer mcpo_rat_a-wrong-token", 401),
            (Method::GET, &bearer, 200),
            (Method::PUT, &bearer, 200),
            (Method::DELETE, &bearer, 204),
            (Method::GET, &bearer, 401),
        ] {
            let headers = [("authorization", authorization)];
            let reply = self.bed.json(method, &path, &headers, &changed).await;
            assert_eq!(reply.status, status, "{reply:?}");
            self.noted(reply);
        }
        secret
    }

    /// A client of the operator's that acts for itself, and ones that nobody knows.
    async fn service(&mut self) {
        let own = basic(DAEMON);
        for (authorization, status) in [(&basic((DAEMON.0, "a-wrong-secret-78aa")), 401), (&own, 200)] {
            self.secrets.sent(&[("client_secret", "a-wrong-secret-78aa")]);
            let headers = [("authorization", authorization.as_str())];
            let reply = self.post("/token", &headers, &[("grant_type", "client_credentials")]).await;
            assert_eq!(reply.status, status, "{reply:?}");
            if status == 200 {
                let token = Tokens::of(&reply).access;
                self.post("/introspect", &headers, &[("token", &token)]).await;
                self.post("/revoke", &headers, &[("token", &token)]).await;
            }
        }
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "nobody"),
            ("client_secret", "a-secret-of-nobody-31"),
            ("client_assertion", "e30.e30.an-assertion-of-nobody"),
        ];
        self.post("/token", &[], &form).await.assert_refused(400, "invalid_request");
        self.post("/token", &[], &form[..3]).await.assert_refused(401, "invalid_client");
    }

    /// A client that signs, and sends what it has signed twice.
    async fn signer(&mut self) {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        self.secrets.add_key(key.to_pkcs8());
        let mut signer = keyed("signer", &["client_credentials"]);
        signer.metadata.jwks = Some(json!({"keys": [key.public_jwk()]}));
        self.bed.add(signer).await;
        let exp = self.bed.now().as_secs() + 60;
        let sign = |key: &SigningKey, jti| {
            let claims =
                json!({"iss": "signer", "sub": "signer", "aud": crate::support::ISSUER, "exp": exp, "jti": jti});
            key.sign_claims("JWT", &claims).unwrap()
        };
        let (good, forged) = (sign(&key, "a"), sign(&SigningKey::generate(Algorithm::Es256).unwrap(), "b"));
        for (assertion, status) in [(&forged, 401), (&good, 200), (&good, 401)] {
            let form = [("grant_type", "client_credentials"), JWT_BEARER, ("client_assertion", assertion)];
            assert_eq!(self.post("/token", &[], &form).await.status, status);
        }
    }

    /// A device that one user denies, and another approves.
    async fn device(&mut self) {
        let grants = [DEVICE_CODE, "refresh_token"];
        let body = json!({"client_name": "TV", "token_endpoint_auth_method": "none", "grant_types": grants});
        let tv = self.register(&body).await;
        for decision in ["deny", "approve"] {
            let asked = self.post("/device_authorization", &[], &[("client_id", &tv.id)]).await.json();
            let (code, user_code) = (asked["device_code"].as_str().unwrap(), asked["user_code"].as_str().unwrap());
            let mut browser = Browser::default();
            let page = browser.consent_page(&self.bed.server, "/device", "ada").await;
            let page = self.submit(&mut browser, &page, &[("user_code", "BCDF-GHJK")]).await;
            let page = self.submit(&mut browser, &page, &[("user_code", user_code)]).await;
            let form = [("grant_type", DEVICE_CODE), ("client_id", tv.id.as_str()), ("device_code", code)];
            self.post("/token", &[], &form).await.assert_refused(400, "authorization_pending");
            assert_eq!(self.submit(&mut browser, &page, &[("decision", decision)]).await.status, 200);
            let told = self.post("/token", &[], &form).await;
            if decision == "approve" {
                Tokens::of(&told);
                self.post("/token", &[], &form).await;
            }
        }
        let form = [("grant_type", DEVICE_CODE), ("client_id", tv.id.as_str()), ("device_code", "mcpo_dc_made-up")];
        assert_eq!(self.post("/token", &[], &form).await.status, 400);
    }

    /// Sends what is good to places where it does not belong.
    async fn astray(&mut self, secrets: [&str; 3]) {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        self.secrets.add_key(key.to_pkcs8());
        let mut private = json!(key.public_jwk());
        let scalar = key.to_pkcs8().windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap() + 5;
        private["d"] = json!(base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            &key.to_pkcs8()[scalar..scalar + 32]
        ));
        for (path, astray) in
            ["/authorize", "/token", "/register", "/revoke", "/introspect", "/device", "/jwks", "/nowhere"]
                .into_iter()
                .flat_map(|path| secrets.map(|secret| (path, secret)))
        {
            for query in ["access_token", "client_id", "token", "code", "user_code"] {
                let path = format!("{path}?{query}={astray}&{astray}");
                for method in [Method::GET, Method::POST] {
                    self.bed.send(request(method, &path, &[], "")).await;
                }
            }
            self.bed.get(&format!("{path}/{astray}")).await;
            let headers = [
                ("cookie", format!("__Host-mcp_session={astray}; __Host-mcp_browser={astray}")),
                ("authorization", format!("Bearer {astray}")),
                ("authorization", format!("Basic {astray}")),
                ("authorization", astray.to_owned()),
                ("origin", format!("https://{astray}")),
                ("referer", format!("https://app.example/?{astray}")),
                ("content-type", astray.to_owned()),
            ];
            for (name, value) in &headers {
                self.bed.send(request(Method::GET, path, &[(name, value)], "")).await;
                self.bed.post_with(path, &[(name, value)], &[("client_id", "nobody")]).await;
            }
            let members = [
                "client_id",
                "grant_type",
                "redirect_uri",
                "scope",
                "resource",
                "response_type",
                "token_type_hint",
                "code_challenge",
                "code_challenge_method",
                "request",
                "prompt",
                "username",
                "decision",
                "flow",
            ];
            for member in members {
                let form = [("grant_type", "client_credentials"), ("client_id", DAEMON.0), ("client_secret", DAEMON.1)];
                let own = form.iter().filter(|(name, _)| *name != member).copied();
                let form: Vec<_> = own.chain([(member, astray)]).collect();
                self.bed.post(path, &form).await;
            }
            for body in [
                json!({"redirect_uris": [astray]}),
                json!({"redirect_uris": ["https://app.example/cb"], "software_statement": astray, "contacts": astray}),
                json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": astray}),
                json!({"redirect_uris": ["https://app.example/cb"], "jwks": {"keys": [private]}}),
                json!(astray),
            ] {
                self.bed.json(Method::POST, path, &[], &body).await;
            }
        }
    }
}
