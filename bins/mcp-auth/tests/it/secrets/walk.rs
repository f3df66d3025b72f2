//! The ways of clients, users, devices and operators.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::types::SystemClock;
use scripted_browser::VERIFIER;
use scripted_browser::secrets::Kind;
use serde_json::{Value, json};

use super::site::Site;
use crate::client::{REDIRECT, challenge};
use crate::program::ISSUER;
use crate::wire::{Answer, Request, encode};

const STATE: &str = "the-state-of-a-client-8e2b";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CLIENT_CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");
/// How many clients refresh at the same time.
const PARALLEL: usize = 8;

/// Names and values, of headers or of a form.
type Fields = Vec<(&'static str, String)>;
/// How a client with this secret shows who it is.
type BySecret = fn(String) -> Shows;

/// A client, and how it shows who it is.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) shows: Shows,
}

pub(super) enum Shows {
    Name,
    /// In the form.
    Post(String),
    /// In the header.
    Basic(String),
    /// What it signs.
    Assertion(SigningKey),
}

impl Client {
    fn read(body: &Value, shows: impl FnOnce(String) -> Shows) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self { id: text("client_id"), shows: shows(text("client_secret")) }
    }

    /// The headers and the fields of a form that say who it is, at this server.
    fn shown(&self, issuer: &str) -> (Fields, Fields) {
        let id = ("client_id", self.id.clone());
        match &self.shows {
            Shows::Name => (vec![], vec![id]),
            Shows::Post(secret) => (vec![], vec![id, ("client_secret", secret.clone())]),
            Shows::Basic(secret) => {
                let pair = STANDARD.encode(format!("{}:{secret}", self.id));
                (vec![("Authorization", format!("Basic {pair}"))], vec![])
            }
            Shows::Assertion(key) => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned();
                let assertion = assertion(key, &self.id, issuer);
                (vec![], vec![("client_assertion_type", kind), ("client_assertion", assertion)])
            }
        }
    }
}

/// What a client signs, once.
fn assertion(key: &SigningKey, id: &str, issuer: &str) -> String {
    let now = SystemClock.now().as_secs();
    let jti = mcp_oauth::types::Secret::random("").unwrap();
    let claims = json!({"iss": id, "sub": id, "aud": issuer, "exp": now + 120, "jti": jti.expose()});
    key.sign_claims("JWT", &claims).unwrap()
}

impl Site {
    /// Every way there is.
    pub(super) fn walk(&mut self) {
        self.secrets.sent(&[("state", STATE), ("code_verifier", VERIFIER)]);
        let signing = SigningKey::generate(Algorithm::Es256).unwrap();
        self.secrets.add_key(signing.to_pkcs8());
        let services = self.services(&signing);
        let (apps, tokens) = self.apps(&signing);
        for app in &apps {
            self.app(app);
        }
        for service in &services {
            self.service(service);
        }
        self.device();
        self.look();
        self.operate(&apps[0]);
        self.inspect(&services[0], &apps[0]);
        self.manage(&apps, &tokens);
        self.look();
    }

    fn issuer(&self) -> &'static str {
        if self.scratch.path("tls-key").exists() { "https://localhost:8000" } else { ISSUER }
    }

    /// A client asks for something, and shows who it is.
    fn ask(&mut self, client: &Client, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.asking(client, path, form);
        self.send(&request)
    }

    /// What it asks with.
    fn asking(&mut self, client: &Client, path: &str, form: &[(&str, &str)]) -> Request {
        let (headers, own) = client.shown(self.issuer());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let form: Vec<_> = form.iter().copied().chain(own).collect();
        self.secrets.sent(&form);
        Request::form(path, &headers, &form)
    }

    /// Clients that the operator adds, and that act for themselves.
    fn services(&mut self, signing: &SigningKey) -> [Client; 3] {
        let file = self.scratch.path("client-keys");
        fs::write(&file, json!({"keys": [signing.public_jwk()]}).to_string()).unwrap();
        let (issuer, own) = (self.issuer(), ["clients", "add", "--grant-type", "client_credentials"]);
        let mut add = |more: &[&str]| self.command(&[&own[..], more].concat(), "").remove(0);
        let post = add(&["--auth-method", "client_secret_post", "--serves", issuer]);
        let basic = add(&["--auth-method", "client_secret_basic"]);
        let keyed = add(&["--auth-method", "private_key_jwt", "--jwks-file", file.to_str().unwrap()]);
        let key = signing.clone();
        [
            Client::read(&post, Shows::Post),
            Client::read(&basic, Shows::Basic),
            Client::read(&keyed, |_| Shows::Assertion(key)),
        ]
    }

    /// Clients that register themselves, in each way; and their registration tokens.
    fn apps(&mut self, signing: &SigningKey) -> (Vec<Client>, Vec<String>) {
        let (mut apps, mut tokens) = (Vec::new(), Vec::new());
        let ways: [(&str, BySecret); 4] = [
            ("none", |_| Shows::Name),
            ("client_secret_post", Shows::Post),
            ("client_secret_basic", Shows::Basic),
            ("private_key_jwt", |_| Shows::Name),
        ];
        for (method, shows) in ways {
            let mut body = json!({
                "client_name": format!("An app: {method}"), "redirect_uris": [REDIRECT],
                "token_endpoint_auth_method": method, "grant_types": ["authorization_code", "refresh_token"],
            });
            if method == "private_key_jwt" {
                body["jwks"] = json!({"keys": [signing.public_jwk()]});
            }
            let answer = self.json("POST", "/register", "nobody-s-token-at-all", &body);
            assert_eq!(answer.status, 201, "{answer:?}");
            let mut app = Client::read(&answer.json(), shows);
            if method == "private_key_jwt" {
                app.shows = Shows::Assertion(signing.clone());
            }
            apps.push(app);
            tokens.push(answer.json()["registration_access_token"].as_str().unwrap().to_owned());
        }
        (apps, tokens)
    }

    /// Sends its user to the server; gives the code.
    fn code(&mut self, app: &Client) -> String {
        let parameters = [
            ("response_type", "code"),
            ("client_id", &app.id),
            ("redirect_uri", REDIRECT),
            ("state", STATE),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ];
        let page = self.page(&format!("/authorize?{}", encode(&parameters)));
        let answer = self.submit(&page, &[("decision", "approve")]);
        // A form that was sent already.
        self.submit(&page, &[("decision", "approve")]);
        crate::client::redirected(&answer, "code")
    }

    /// All that an app does with its tokens, and what it had better not do.
    fn app(&mut self, app: &Client) {
        let code = self.code(app);
        let form = |verifier| {
            [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", verifier),
            ]
        };
        let wrong = "a-wrong-verifier-of-at-least-forty-three-characters";
        assert_eq!(self.ask(app, "/token", &form(wrong)).status, 400);
        let first = self.ask(app, "/token", &form(VERIFIER));
        assert_eq!(first.status, 200, "{first:?}");
        let text = |answer: &Answer, name: &str| answer.json()[name].as_str().unwrap().to_owned();
        let (first, access) = (text(&first, "refresh_token"), text(&first, "access_token"));
        let refreshing = [("grant_type", "refresh_token"), ("refresh_token", &first)];
        let requests: Vec<Request> = (0..PARALLEL).map(|_| self.asking(app, "/token", &refreshing)).collect();
        let way = &self.way;
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let sent: Vec<_> = requests.iter().map(|request| scope.spawn(move || way.send(request))).collect();
            sent.into_iter().map(|sent| sent.join().unwrap()).collect()
        });
        let second = text(&answers[0], "refresh_token");
        for answer in answers {
            let answer = self.noted(answer);
            assert_eq!(text(&answer, "refresh_token"), second, "{answer:?}");
        }
        let refresh = |site: &mut Self, token: &str| {
            site.ask(app, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
        };
        assert_eq!(refresh(self, &second).status, 200);
        // One that is over, which ends the grant; and what hung under it.
        for token in [&first, &second, "mcpo_rt_made-up.1.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "nonsense"] {
            assert_eq!(refresh(self, token).status, 400);
        }
        assert_eq!(self.ask(app, "/token", &form(VERIFIER)).status, 400);
        assert_eq!(self.ask(app, "/revoke", &[("token", &access)]).status, 200);
        let code = self.code(app);
        let wrong = Client { id: app.id.clone(), shows: Shows::Post("a-wrong-secret-77aa".to_owned()) };
        let nobody = Client { id: "nobody".to_owned(), shows: Shows::Basic("a-secret-of-nobody-31".to_owned()) };
        self.secrets.sent(&[("client_secret", "a-wrong-secret-77aa"), ("client_secret", "a-secret-of-nobody-31")]);
        for client in [&wrong, &nobody] {
            let form = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", REDIRECT)];
            assert_eq!(self.ask(client, "/token", &form).status, 401);
        }
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let last = self.ask(app, "/token", &form);
        assert_eq!(last.status, 200, "{last:?}");
        assert_eq!(refresh(self, &text(&last, "refresh_token")).status, 200);
    }

    fn service(&mut self, client: &Client) {
        let answer = self.ask(client, "/token", &[CLIENT_CREDENTIALS]);
        assert_eq!(answer.status, 200, "{answer:?}");
        if let Shows::Assertion(_) = &client.shows {
            let (_, own) = client.shown(self.issuer());
            let own: Vec<_> =
                own.iter().map(|(name, value)| (*name, value.as_str())).chain([CLIENT_CREDENTIALS]).collect();
            // The same twice; and one that somebody else has signed.
            for status in [200, 401] {
                assert_eq!(self.post("/token", &[], &own).status, status);
            }
            let forger = SigningKey::generate(Algorithm::Es256).unwrap();
            let forged = Client { id: client.id.clone(), shows: Shows::Assertion(forger) };
            assert_eq!(self.ask(&forged, "/token", &[CLIENT_CREDENTIALS]).status, 401);
        }
    }

    fn device(&mut self) {
        let grants = [DEVICE_CODE, "refresh_token"];
        let body = json!({"client_name": "TV", "token_endpoint_auth_method": "none", "grant_types": grants});
        let answer = self.json("POST", "/register", "nobody-s-token-at-all", &body);
        let tv = Client::read(&answer.json(), |_| Shows::Name);
        for decision in ["deny", "approve"] {
            let asked = self.ask(&tv, "/device_authorization", &[]).json();
            let (code, user_code) = (asked["device_code"].as_str().unwrap(), asked["user_code"].as_str().unwrap());
            let poll = [("grant_type", DEVICE_CODE), ("device_code", code)];
            assert_eq!(self.ask(&tv, "/token", &poll).json()["error"], "authorization_pending");
            self.browse(&format!("/device?{}", encode(&[("user_code", user_code)])));
            let page = self.page("/device");
            let page = self.submit(&page, &[("user_code", "BCDF-GHJK")]);
            let page = self.submit(&page, &[("user_code", user_code)]);
            assert_eq!(self.submit(&page, &[("decision", decision)]).status, 200);
            let told = self.ask(&tv, "/token", &poll);
            assert_eq!(told.status, if decision == "approve" { 200 } else { 400 }, "{told:?}");
        }
    }

    /// What operators do, all of it.
    fn operate(&mut self, app: &Client) {
        let subject = if self.signs_in == super::SignIn::Owner { "owner" } else { "users:ada" };
        let grants = self.command(&["grants", "list"], "");
        assert!(!grants.is_empty());
        for command in [
            &["grants", "list", "--client", &app.id][..],
            &["consents", "list", "--subject", subject],
            &["consents", "revoke", "--subject", subject],
            &["clients", "list"],
            &["clients", "show", &app.id],
            &["clients", "show", "nobody"],
            &["grants", "revoke", grants[0]["grant"].as_str().unwrap()],
            &["keys", "rotate"],
            &["stats"],
            &["purge"],
        ] {
            self.command(command, "");
        }
        let keys = self.command(&["keys", "list"], "");
        let next = keys.iter().find(|key| key["state"] == "next").unwrap();
        self.command(&["keys", "revoke", next["key_id"].as_str().unwrap()], "");
    }

    /// Somebody asks about every token, and it is taken back.
    fn inspect(&mut self, service: &Client, app: &Client) {
        let tokens: Vec<String> = [Kind::AccessToken, Kind::RefreshToken]
            .into_iter()
            .flat_map(|kind| self.secrets.of(kind))
            .map(str::to_owned)
            .collect();
        let mut active = 0;
        for token in &tokens {
            let answer = self.ask(service, "/introspect", &[("token", token)]);
            assert_eq!(answer.status, 200, "{answer:?}");
            active += usize::from(answer.json()["active"] == true);
        }
        assert!(active > 0);
        for token in &tokens {
            self.ask(app, "/revoke", &[("token", token)]);
        }
        for other in [Kind::Code, Kind::DeviceCode, Kind::Cookie, Kind::ClientSecret] {
            let other = self.secrets.of(other).next().unwrap().to_owned();
            self.ask(service, "/introspect", &[("token", &other)]);
            self.ask(app, "/revoke", &[("token", &other)]);
        }
    }

    /// Clients read, change and end their registrations; one of them is left.
    fn manage(&mut self, apps: &[Client], tokens: &[String]) {
        let wrong = "mcpo_rat_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        self.secrets.add(Kind::RegistrationToken, wrong);
        for (app, token) in apps.iter().zip(tokens).skip(1) {
            let path = format!("/register/{}", app.id);
            let known = self.json("GET", &path, token, &Value::Null);
            assert_eq!(known.status, 200, "{known:?}");
            let mut body = known.json();
            for member in [
                "registration_access_token",
                "registration_client_uri",
                "client_id_issued_at",
                "client_secret_expires_at",
            ] {
                body.as_object_mut().unwrap().remove(member);
            }
            body["client_name"] = json!("Changed");
            let changed = self.json("PUT", &path, token, &body);
            assert_eq!(changed.status, 200, "{changed:?}");
            body["client_secret"] = json!("a-secret-of-its-own-choice-5c1d");
            self.secrets.sent(&[("client_secret", "a-secret-of-its-own-choice-5c1d")]);
            assert_ne!(self.json("PUT", &path, token, &body).status, 200);
            for (method, token, status) in [("GET", wrong, 401), ("DELETE", token, 204), ("GET", token, 401)] {
                assert_eq!(self.json(method, &path, token, &Value::Null).status, status);
            }
        }
    }

    /// The same questions as before to a server whose store is gone.
    pub(super) fn without_store(&mut self) {
        let one = |site: &Self, kind| site.secrets.of(kind).last().unwrap().to_owned();
        let (code, refresh, access) =
            (one(self, Kind::Code), one(self, Kind::RefreshToken), one(self, Kind::AccessToken));
        let (device, secret) = (one(self, Kind::DeviceCode), one(self, Kind::ClientSecret));
        let client = Client { id: "somebody".to_owned(), shows: Shows::Basic(secret.clone()) };
        for form in [
            &[
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
            ][..],
            &[("grant_type", "refresh_token"), ("refresh_token", &refresh)],
            &[("grant_type", DEVICE_CODE), ("device_code", &device)],
            &[CLIENT_CREDENTIALS],
        ] {
            let answer = self.ask(&client, "/token", form);
            assert_eq!(answer.status, 503, "{answer:?}");
        }
        for path in ["/introspect", "/revoke"] {
            assert_eq!(self.ask(&client, path, &[("token", &access)]).status, 503);
        }
        let wrong = one(self, Kind::RegistrationToken);
        self.json("GET", "/register/somebody", &wrong, &Value::Null);
        self.json("POST", "/register", &wrong, &json!({"redirect_uris": [REDIRECT], "client_name": "Late"}));
        self.browse("/device");
        self.look();
    }
}
