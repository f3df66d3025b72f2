//! Clients that sign: check 96 (RFC 7523, `private_key_jwt`).

mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::server::AuthorizationServerBuilder;
use mcp_oauth::types::{Client, ClientAuthMethod};
use serde_json::{Map, Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{
    App, Bed, FORM, ISSUER, Keeper, READER, RESOURCE, Reply, Tokens, basic, confidential, encode, keyed, log,
    on_every_store, on_every_store_at_once, request, send_to,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const NAMES: [&str; 2] = ["signer", "neighbour"];

/// Two clients of the operator's, each with a key of its own, and what they sign.
struct Signers {
    keys: [SigningKey; 2],
    ids: AtomicU64,
}

impl Signers {
    fn new() -> Self {
        let key = || SigningKey::generate(Algorithm::Es256).unwrap();
        Self { keys: [key(), key()], ids: AtomicU64::new(0) }
    }

    fn client(&self, index: usize) -> Client {
        let mut client = keyed(NAMES[index], &["client_credentials"]);
        client.metadata.jwks = Some(json!({"keys": [self.keys[index].public_jwk()]}));
        client
    }

    fn add(&self, builder: AuthorizationServerBuilder) -> AuthorizationServerBuilder {
        builder.client(self.client(0)).client(self.client(1))
    }

    /// What the first of them says, with a new id.
    fn claims(&self, bed: &Bed) -> Map<String, Value> {
        let now = bed.now().as_secs();
        let id = self.ids.fetch_add(1, Ordering::SeqCst);
        let claims = json!({
            "iss": NAMES[0], "sub": NAMES[0], "aud": ISSUER, "iat": now, "exp": now + 60, "jti": format!("id-{id}"),
        });
        claims.as_object().unwrap().clone()
    }

    /// The same with some claims in the place of others; `null` leaves one out.
    fn changed(&self, bed: &Bed, changes: &Value) -> Map<String, Value> {
        let mut claims = self.claims(bed);
        for (name, value) in changes.as_object().unwrap() {
            claims.insert(name.clone(), value.clone());
        }
        claims.retain(|_, value| !value.is_null());
        claims
    }

    fn assertion(&self, bed: &Bed) -> String {
        self.keys[0].sign_claims("JWT", &self.claims(bed)).unwrap()
    }
}

fn form(assertion: &str) -> Vec<(&'static str, &str)> {
    vec![("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)]
}

async fn ask(bed: &Bed, assertion: &str) -> Reply {
    bed.post("/token", &form(assertion)).await
}

on_every_store! {
    async fn attack_096_an_assertion_that_is_right(keeper: Keeper) {
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let tokens = Tokens::of(&ask(&bed, &signers.assertion(&bed)).await);
        let claims = tokens.claims();
        assert_eq!((&claims["client_id"], &claims["sub"]), (&json!("signer"), &json!("client:signer")));
        assert_eq!(tokens.refresh, "");
        // RFC 7515 section 4.1.9 and draft-ietf-oauth-rfc7523bis: what such a token may call itself.
        for typ in ["client-authentication+jwt", "jwt"] {
            let assertion = signers.keys[0].sign_claims(typ, &signers.claims(&bed)).unwrap();
            assert_eq!(ask(&bed, &assertion).await.status, 200, "{typ}");
        }
        let mut named = form("");
        let assertion = signers.assertion(&bed);
        named[2].1 = &assertion;
        named.push(("client_id", "signer"));
        assert_eq!(bed.post("/token", &named).await.status, 200);
    }

    async fn attack_096_an_assertion_twice(keeper: Keeper) {
        // RFC 7523 section 3, item 7: the `jti` is kept "to prevent replay".
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let assertion = signers.assertion(&bed);
        assert_eq!(ask(&bed, &assertion).await.status, 200);
        ask(&bed, &assertion).await.assert_refused(401, "invalid_client");
        // Nor is it good at another endpoint, or another node.
        let more = [form(&assertion).as_slice(), &[("token", "x")]].concat();
        for path in ["/revoke", "/introspect", "/device_authorization"] {
            bed.post(path, &more).await.assert_refused(401, "invalid_client");
        }
        let second = bed.second_with(|builder| signers.add(builder)).await;
        let reply = send_to(&second, request(Method::POST, "/token", &[FORM], &encode(&form(&assertion)))).await;
        reply.assert_refused(401, "invalid_client");
        // The same id in another assertion.
        let mut claims = signers.claims(&bed);
        claims.insert("jti".to_owned(), json!("id-0"));
        claims.insert("exp".to_owned(), json!(bed.now().as_secs() + 500));
        ask(&bed, &signers.keys[0].sign_claims("JWT", &claims).unwrap()).await.assert_refused(401, "invalid_client");
        // It is one client's own: another may have the same.
        let claims = signers.changed(&bed, &json!({"iss": NAMES[1], "sub": NAMES[1], "jti": "id-0"}));
        assert_eq!(ask(&bed, &signers.keys[1].sign_claims("JWT", &claims).unwrap()).await.status, 200);
        // It is remembered until time alone refuses it: a minute after its end, because clocks differ.
        bed.clock.advance(std::time::Duration::from_millis(119_999));
        ask(&bed, &assertion).await.assert_refused(401, "invalid_client");
        bed.clock.advance(std::time::Duration::from_millis(1));
        ask(&bed, &assertion).await.assert_refused(401, "invalid_client");
    }

    async fn attack_096_it_is_remembered_to_the_end(keeper: Keeper) {
        // The longest that is taken, and the last moment at which it is.
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let now = bed.now().as_secs();
        let claims = signers.changed(&bed, &json!({"exp": now + 660}));
        let assertion = signers.keys[0].sign_claims("JWT", &claims).unwrap();
        let late = signers.keys[0].sign_claims("JWT", &signers.changed(&bed, &json!({"exp": now + 660}))).unwrap();
        assert_eq!(ask(&bed, &assertion).await.status, 200);
        bed.clock.advance(std::time::Duration::from_millis(719_999));
        ask(&bed, &assertion).await.assert_refused(401, "invalid_client");
        assert_eq!(ask(&bed, &late).await.status, 200, "its time is not over");
    }

    async fn attack_096_claims_that_are_wrong(keeper: Keeper) {
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let now = bed.now().as_secs();
        let long = "x".repeat(257);
        for changes in [
            // RFC 7523 section 3, items 1 and 2: issuer and subject are the client.
            json!({"iss": null}),
            json!({"sub": null}),
            json!({"iss": NAMES[1]}),
            json!({"sub": NAMES[1]}),
            json!({"iss": NAMES[1], "sub": NAMES[1]}),
            json!({"iss": ISSUER}),
            json!({"iss": [NAMES[0]]}),
            json!({"iss": "nobody", "sub": "nobody"}),
            // Item 3: the audience is this server and nobody else. The URL of an endpoint is one that another server could
            // have given out as its own.
            json!({"aud": null}),
            json!({"aud": ""}),
            json!({"aud": []}),
            json!({"aud": format!("{ISSUER}/token")}),
            json!({"aud": format!("{ISSUER}/")}),
            json!({"aud": "https://AS.example"}),
            json!({"aud": "https://other.example"}),
            json!({"aud": "https://other.example/token"}),
            json!({"aud": [ISSUER, "https://other.example"]}),
            json!({"aud": ["https://other.example", ISSUER]}),
            json!({"aud": [ISSUER, ISSUER]}),
            json!({"aud": {"0": ISSUER}}),
            json!({"aud": RESOURCE}),
            // Item 4: it has an end, which is near.
            json!({"exp": null}),
            json!({"exp": now - 60}),
            json!({"exp": now + 661}),
            json!({"exp": now + 3600}),
            json!({"exp": u64::MAX}),
            json!({"exp": -1}),
            json!({"exp": (now + 60).to_string()}),
            json!({"exp": true}),
            // Items 5 and 6.
            json!({"nbf": now + 61}),
            json!({"iat": now + 61}),
            json!({"nbf": "now"}),
            // Item 7.
            json!({"jti": null}),
            json!({"jti": ""}),
            json!({"jti": long}),
            json!({"jti": 7}),
        ] {
            let claims = signers.changed(&bed, &changes);
            let reply = ask(&bed, &signers.keys[0].sign_claims("JWT", &claims).unwrap()).await;
            assert_eq!(reply.status, 401, "{changes}");
            reply.assert_refused(401, "invalid_client");
            // What was refused has used nothing up.
            if claims.get("jti").is_some_and(|id| id.as_str().is_some_and(|id| id.starts_with("id-"))) {
                let right = signers.changed(&bed, &json!({"jti": claims["jti"]}));
                let reply = ask(&bed, &signers.keys[0].sign_claims("JWT", &right).unwrap()).await;
                assert_eq!(reply.status, 200, "{changes}");
            }
        }
        for changes in [
            json!({"nbf": now + 60, "iat": now + 60}), json!({"exp": now - 59}), json!({"exp": now + 660}),
            json!({"aud": [ISSUER]}), json!({"iat": null}), json!({"scope": "admin", "other": {"a": [1]}}),
        ] {
            let claims = signers.changed(&bed, &changes);
            let reply = ask(&bed, &signers.keys[0].sign_claims("JWT", &claims).unwrap()).await;
            assert_eq!(reply.status, 200, "{changes}");
        }
    }

    // Whoever sends one that is no good is told nothing of it; whoever runs the server finds the reason in the log, and nothing
    // that is secret.
    async fn attack_096_why_an_assertion_is_refused(keeper: Keeper) {
        log::listen();
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let used = signers.assertion(&bed);
        assert_eq!(ask(&bed, &used).await.status, 200);
        let now = bed.now().as_secs();
        let changed = |changes: &Value| signers.keys[0].sign_claims("JWT", &signers.changed(&bed, changes)).unwrap();
        for (assertion, why) in [
            (used, "it has been used before"),
            (changed(&json!({"aud": format!("{ISSUER}/token")})), "the token has another audience"),
            (changed(&json!({"exp": now + 661})), "the token expires too late"),
            (changed(&json!({"jti": null})), "the claim jti of the token is missing"),
            (changed(&json!({"iss": NAMES[1]})), "the claim iss of the token is missing"),
            (signers.keys[1].sign_claims("JWT", &signers.claims(&bed)).unwrap(), "the key of the token is not known"),
        ] {
            log::listen();
            let reply = ask(&bed, &assertion).await;
            reply.assert_refused(401, "invalid_client");
            assert!(!reply.text.contains(why), "{reply:?}");
            let heard = log::heard();
            let said = heard.lines().find(|line| line.contains("a client assertion is refused")).unwrap_or_default();
            assert!(said.contains("DEBUG") && said.contains(why), "{why}: {heard}");
            let signature = assertion.rsplit('.').next().unwrap();
            assert!(!heard.contains(signature), "{heard}");
        }
    }

    async fn attack_096_an_access_token_is_no_assertion(keeper: Keeper) {
        // Ours is signed by us, for a client that would then be whoever asked for the token.
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let token = Tokens::of(&ask(&bed, &signers.assertion(&bed)).await).access;
        ask(&bed, &token).await.assert_refused(401, "invalid_client");
        assert!(!bed.is_active(&signers.assertion(&bed)).await, "nor the other way round");
    }

    async fn attack_096_who_may_assert(keeper: Keeper) {
        // RFC 7591 section 2: the method is the one that is registered; a key that lies about is none.
        let signers = Signers::new();
        let mut with_secret = confidential(("secretive", "a-secret"), ClientAuthMethod::ClientSecretPost, &["client_credentials"]);
        with_secret.metadata.jwks = signers.client(0).metadata.jwks;
        let bed = Bed::with(keeper, |builder| signers.add(builder).client(with_secret)).await;
        let app = App::register(&bed).await;
        for name in ["secretive", &app.id, READER.0, "nobody"] {
            let claims = signers.changed(&bed, &json!({"iss": name, "sub": name}));
            ask(&bed, &signers.keys[0].sign_claims("JWT", &claims).unwrap()).await.assert_refused(401, "invalid_client");
        }
        // RFC 7521 section 4.2: client_id "MUST identify the same client".
        for name in ["neighbour", "secretive"] {
            let assertion = signers.assertion(&bed);
            let named = [form(&assertion).as_slice(), &[("client_id", name)]].concat();
            bed.post("/token", &named).await.assert_refused(401, "invalid_client");
        }
        for kind in ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt-bearer"] {
            let assertion = signers.assertion(&bed);
            let mut wrong = form(&assertion);
            wrong[1].1 = kind;
            bed.post("/token", &wrong).await.assert_refused(400, "invalid_request");
            // Nothing was used up.
            assert_eq!(ask(&bed, &assertion).await.status, 200);
        }
        let assertion = signers.assertion(&bed);
        let twice = [form(&assertion).as_slice(), &[("client_assertion", &assertion)]].concat();
        bed.post("/token", &twice).await.assert_refused(400, "invalid_request");
        let both = [form(&assertion).as_slice(), &[("client_secret", "x")]].concat();
        bed.post("/token", &both).await.assert_refused(400, "invalid_request");
        let headers = [("authorization", basic(("signer", "x")))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        bed.post_with("/token", &headers, &form(&assertion)).await.assert_refused(400, "invalid_request");
        assert_eq!(ask(&bed, &assertion).await.status, 200);
    }
}

on_every_store_at_once! {
    async fn attack_096_an_assertion_in_a_race(keeper: Keeper) {
        const TASKS: usize = 64;
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let second = bed.second_with(|builder| signers.add(builder)).await;
        for _ in 0..4 {
            let assertion = signers.assertion(&bed);
            let body = encode(&form(&assertion));
            let barrier = Arc::new(Barrier::new(TASKS));
            let mut tasks = JoinSet::new();
            for task in 0..TASKS {
                let server = if task % 2 == 0 { bed.server.clone() } else { second.clone() };
                let (body, barrier) = (body.clone(), Arc::clone(&barrier));
                tasks.spawn(async move {
                    barrier.wait().await;
                    send_to(&server, request(Method::POST, "/token", &[FORM], &body)).await
                });
            }
            let replies = tasks.join_all().await;
            assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
            for reply in replies.iter().filter(|reply| reply.status != 200) {
                reply.assert_refused(401, "invalid_client");
            }
        }
    }
}
