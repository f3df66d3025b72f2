//! Clients that sign: check 96 (RFC 7523, `private_key_jwt`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::server::AuthorizationServerBuilder;
use mcp_oauth::types::{Client, ClientAuthMethod};
use ring::hmac;
use serde_json::{Map, Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{
    App, Bed, DocumentHost, FORM, ISSUER, Keeper, READER, RESOURCE, Reply, Tokens, basic, confidential, encode, keyed,
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

/// A token with any header, signed or not.
fn compact(header: &Value, claims: &Map<String, Value>, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(header.to_string()), encode(Value::Object(claims.clone()).to_string()));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
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

    async fn attack_096_signatures_that_are_wrong(keeper: Keeper) {
        let signers = Signers::new();
        let bed = Bed::with(keeper, |builder| signers.add(builder)).await;
        let [own, neighbour] = &signers.keys;
        let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
        let jwk = Value::Object(own.public_jwk());
        let kid = own.key_id();
        let claims = || signers.claims(&bed);
        let by = |key: &SigningKey, header: Value| compact(&header, &claims(), |input| key.sign(input).unwrap());
        let mac = |secret: &[u8], header: Value| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            compact(&header, &claims(), |input| hmac::sign(&key, input).as_ref().to_vec())
        };
        let right = by(own, json!({"alg": "ES256", "kid": kid, "typ": "JWT"}));
        let (signed, signature) = right.rsplit_once('.').unwrap();
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        let rest: Vec<String> = vec![
            // The key of another client, and of nobody, with and without our name for it.
            by(neighbour, json!({"alg": "ES256", "kid": neighbour.key_id()})),
            by(neighbour, json!({"alg": "ES256", "kid": kid})),
            by(neighbour, json!({"alg": "ES256"})),
            by(&stranger, json!({"alg": "ES256", "kid": kid})),
            by(own, json!({"alg": "ES256", "kid": "../../etc/passwd"})),
            by(own, json!({"alg": "ES256", "kid": 7})),
            // RFC 8725 section 3.10: keys that the token brings along.
            by(&stranger, json!({"alg": "ES256", "kid": stranger.key_id(), "jwk": stranger.public_jwk()})),
            by(&stranger, json!({"alg": "ES256", "kid": kid, "jwk": stranger.public_jwk()})),
            by(&stranger, json!({"alg": "ES256", "kid": kid, "jku": "https://evil.test/jwks"})),
            by(&stranger, json!({"alg": "ES256", "kid": kid, "x5u": "https://evil.test/x5u"})),
            // RFC 8725 section 2.1: no signature, or a MAC with what everybody knows.
            compact(&json!({"alg": "none", "kid": kid}), &claims(), |_| Vec::new()),
            compact(&json!({"alg": "None"}), &claims(), |_| Vec::new()),
            compact(&json!({"alg": "ES256", "kid": kid}), &claims(), |_| Vec::new()),
            compact(&json!({"alg": "ES256", "kid": kid}), &claims(), |_| vec![0; 64]),
            mac(jwk.to_string().as_bytes(), json!({"alg": "HS256", "kid": kid})),
            mac(&x, json!({"alg": "HS256", "kid": kid})),
            mac(b"", json!({"alg": "HS256"})),
            // RFC 8725 section 3.1: one algorithm for each key.
            by(own, json!({"alg": "RS256", "kid": kid})),
            by(own, json!({"alg": "ES384", "kid": kid})),
            by(own, json!({"alg": "es256", "kid": kid})),
            by(own, json!({"kid": kid})),
            // RFC 7515 section 4.1.11: what has to be understood, and is not.
            by(own, json!({"alg": "ES256", "kid": kid, "crit": ["exp"]})),
            by(own, json!({"alg": "ES256", "kid": kid, "b64": false, "crit": ["b64"]})),
            // RFC 8725 section 3.11: another kind of token.
            by(own, json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"})),
            by(own, json!({"alg": "ES256", "kid": kid, "typ": "dpop+jwt"})),
            by(own, json!({"alg": "ES256", "kid": kid, "typ": "oauth-id-jag+jwt"})),
            format!("{signed}."),
            format!("{signed}.{signature}="),
            format!("{right}.{signature}"),
            format!(" {right}"),
            format!("{right}\n"),
            signed.to_owned(),
            "a.b.c".to_owned(),
            "..".to_owned(),
            "x".repeat(20_000),
        ];
        for assertion in rest {
            let reply = ask(&bed, &assertion).await;
            assert_eq!(reply.status, 401, "{assertion}");
            reply.assert_refused(401, "invalid_client");
        }
        assert_eq!(ask(&bed, &right).await.status, 200);
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

    async fn attack_096_a_client_with_two_keys_or_none(keeper: Keeper) {
        let signers = Signers::new();
        let [old, new] = &signers.keys;
        let mut both = signers.client(0);
        both.metadata.jwks = Some(json!({"keys": [old.public_jwk(), new.public_jwk()]}));
        let mut none = signers.client(1);
        none.metadata.jwks = None;
        let mut leaked = keyed("leaked", &["client_credentials"]);
        let mut jwk = old.public_jwk();
        jwk.insert("d".to_owned(), json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        leaked.metadata.jwks = Some(json!({"keys": [jwk]}));
        let bed = Bed::with(keeper, |builder| builder.client(both).client(none).client(leaked)).await;
        for key in [old, new] {
            assert_eq!(ask(&bed, &key.sign_claims("JWT", &signers.claims(&bed)).unwrap()).await.status, 200);
            // Which key is meant has to be clear.
            let nameless = compact(&json!({"alg": "ES256"}), &signers.claims(&bed), |input| key.sign(input).unwrap());
            ask(&bed, &nameless).await.assert_refused(401, "invalid_client");
        }
        for name in [NAMES[1], "leaked"] {
            let claims = signers.changed(&bed, &json!({"iss": name, "sub": name}));
            for key in [old, new] {
                ask(&bed, &key.sign_claims("JWT", &claims).unwrap()).await.assert_refused(401, "invalid_client");
            }
        }
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

on_every_store! {
    // RFC 7591 section 2, `jwks_uri`: keys that their client keeps on a server of its own. A client that changes its key is
    // known by the new one at once, and one whose host is down is not refused for it.
    async fn attack_096_keys_behind_a_url(keeper: Keeper) {
        let host = DocumentHost::start("https://app.example/cb").await;
        let (old, new) = (SigningKey::generate(Algorithm::Es256).unwrap(), SigningKey::generate(Algorithm::Es256).unwrap());
        let mut client = keyed("remote", &["client_credentials"]);
        client.metadata.jwks_uri = Some(host.url.clone());
        let bed = Bed::with(keeper, |builder| host.known(builder.client(client))).await;
        let sent = async |key: &SigningKey, id: &str| {
            let now = bed.now().as_secs();
            let claims = json!({"iss": "remote", "sub": "remote", "aud": ISSUER, "exp": now + 60, "jti": id});
            let assertion = key.sign_claims("JWT", &claims).unwrap();
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", TYPE),
                ("client_assertion", assertion.as_str()),
            ];
            bed.post("/token", &form).await
        };
        let keys = |keys: &[&SigningKey]| json!({"keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>()});

        host.goes_down();
        let unreachable = sent(&old, "1").await;
        unreachable.assert_refused(503, "temporarily_unavailable");
        assert!(!unreachable.header("retry-after").is_empty());
        // It is left alone for half a minute, and then asked again.
        host.says(&keys(&[&old]));
        assert_eq!(sent(&old, "2").await.status, 503);
        bed.advance(31);
        assert_eq!(sent(&old, "3").await.status, 200);

        // The new key is looked for, but not at once after the last look.
        host.says(&keys(&[&new]));
        let asked = host.asked();
        sent(&new, "4").await.assert_refused(401, "invalid_client");
        assert_eq!(host.asked(), asked);
        bed.advance(31);
        assert_eq!(sent(&new, "5").await.status, 200);
        sent(&old, "6").await.assert_refused(401, "invalid_client");

        // What is known serves while the host is down, also when it should have been read again.
        host.goes_down();
        bed.advance(3600);
        assert_eq!(sent(&new, "7").await.status, 200);
    }

    // RFC 8414 section 2: what the metadata does not list is not taken, from whoever was registered with it before.
    async fn attack_040_a_method_that_is_not_offered(keeper: Keeper) {
        let bed = Bed::with(keeper, |builder| {
            builder.client_auth_methods([ClientAuthMethod::ClientSecretPost])
        })
        .await;
        let basic_client = ("basic", "a-secret-of-basic");
        bed.add(confidential(basic_client, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        bed.add(confidential(("post", "a-secret-of-post"), ClientAuthMethod::ClientSecretPost, &["client_credentials"])).await;
        let header = basic(basic_client);
        let refused = bed
            .post_with("/token", &[("authorization", header.as_str())], &[("grant_type", "client_credentials")])
            .await;
        refused.assert_refused(401, "invalid_client");
        let form =
            [("grant_type", "client_credentials"), ("client_id", "post"), ("client_secret", "a-secret-of-post")];
        assert_eq!(bed.post("/token", &form).await.status, 200);
    }
}
