//! E: registrations (RFC 7591), at the endpoint.

use http::Method;
use serde_json::{Value, json};

use crate::support::{App, Bed, Browser, Keeper, Reply, on_every_store, request};

pub(super) fn error(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

/// A registration that would be good, with these members in the place of its own.
pub(super) fn registration(changes: Value) -> Value {
    let mut body = json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"});
    let Value::Object(changes) = changes else { panic!("no object") };
    for (member, value) in changes {
        body[member] = value;
    }
    body
}

async fn register(bed: &Bed, body: &Value) -> Reply {
    bed.json(Method::POST, "/register", &[], body).await
}

/// Bodies that the endpoint has to refuse with this error, without a client to show for it.
async fn refuses_each(bed: &Bed, bodies: &[Value], code: &str) {
    let before = bed.clients().await;
    for body in bodies {
        let answer = register(bed, body).await;
        assert_eq!(answer.refusal(), error(code), "{body}");
        // RFC 7591 section 3.2.2: JSON. What was sent is not repeated.
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.text.contains("evil.test") && !answer.text.contains("client_id\""), "{answer:?}");
    }
    assert_eq!(bed.clients().await, before);
}

on_every_store! {
    // RFC 7591 section 3.2.2; RFC 9700 section 2.1; MCP: redirects are https or loopback.
    async fn attack_078_redirect_uris_that_nobody_may_have(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let many: Vec<String> = (0..500).map(|number| format!("https://app.example/{number}")).collect();
        let uris = [
            json!([]),
            json!(null),
            json!(""),
            json!({}),
            json!([1]),
            json!([null]),
            json!([["https://app.example/cb"]]),
            json!(["http://evil.test/cb"]),
            json!(["https://127.1/"]),
            json!(["http://0x7f.1/"]),
            json!(["http://2130706433/"]),
            json!(["http://[::ffff:127.0.0.1]/"]),
            json!(["https://app.example/cb", "http://0177.0.0.1/cb"]),
            json!(["https://app.example/cb#fragment"]),
            json!(["https://*.evil.test/cb"]),
            json!(["https://app.example/cb", "https://*/"]),
            json!(["https://"]),
            json!(["https:///cb"]),
            json!([""]),
            json!(["https://u:p@evil.test/"]),
            json!(["//evil.test/cb"]),
            json!(["http://169.254.169.254/"]),
            json!(["https://app.example/cb\r\nLocation: https://evil.test"]),
            json!(["https://app.example/\u{202e}"]),
            json!([format!("https://app.example/{}", "a".repeat(4096))]),
            json!(many),
        ];
        let bodies: Vec<Value> = uris.into_iter().map(|uris| registration(json!({"redirect_uris": uris}))).collect();
        refuses_each(&bed, &bodies, "invalid_redirect_uri").await;
        let mut none = registration(json!({}));
        none.as_object_mut().unwrap().remove("redirect_uris");
        refuses_each(&bed, &[none], "invalid_redirect_uri").await;
    }

    // The same for bodies that are no registration at all.
    async fn attack_078_bodies_that_are_no_registration(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let good = registration(json!({})).to_string();
        let headers = [("content-type", "application/json")];
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let nested = registration(json!({})).to_string().replacen('{', &format!("{{\"x\":{deep},"), 1);
        let twice = good.replacen('{', "{\"redirect_uris\":[\"https://evil.test/\"],", 1);
        let marked = format!("\u{feff}{good}");
        let behind = format!("{good}{good}");
        for body in
            ["", "null", "[]", "true", "\"x\"", "{", "redirect_uris=x", &deep, &nested, &twice, &marked, &behind]
        {
            let answer = bed.send(request(Method::POST, "/register", &headers, body)).await;
            assert_eq!(answer.refusal(), error("invalid_client_metadata"), "{:.60}", body);
        }
        // One that is larger than any that could be good.
        let fill = format!("{good}{}", " ".repeat(64 * 1024 - good.len()));
        let answer = bed.send(request(Method::POST, "/register", &headers, &fill)).await;
        assert_eq!(answer.status, 201, "64 KiB are read: {answer:?}");
        let answer = bed.send(request(Method::POST, "/register", &headers, &format!("{fill} "))).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "text/html"] {
            let answer = bed.send(request(Method::POST, "/register", &[("content-type", media_type)], &good)).await;
            assert_eq!(answer.refusal(), error("invalid_client_metadata"), "{media_type}");
        }
        assert_eq!(bed.clients().await, 1);
    }

    // MCP: clients send `application_type`. RFC 8252 section 7.1: a native client has a scheme of its own, which is
    // compared exactly as well. A web client with loopback redirects is registered as the native one that it is, and is
    // told so.
    async fn attack_079_the_type_of_an_application(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let body = registration(json!({"application_type": "web", "redirect_uris": ["http://127.0.0.1/cb"]}));
        assert_eq!(App::register_as(&bed, &body).await.registration["application_type"], "native");
        let body = registration(json!({"application_type": "native", "redirect_uris": ["cursor://host/path"]}));
        let app = App::register_as(&bed, &body).await;
        assert_eq!(app.registration["application_type"], "native");
        for other in [
            "cursor://host/path/",
            "cursor://host/path?x=y",
            "cursor://host:1/path",
            "Cursor://host/path",
            "cursor://host",
            "cursor:/host/path",
            "cursor://HOST/path",
            "cursor2://host/path",
        ] {
            bed.get(&app.link_with(&[("redirect_uri", other)])).await.is_refused_here(400, "invalid_request");
        }
        let answer = Browser::default().approve(&bed.server, &app.link(), "ada").await;
        assert!(answer.header("location").starts_with("cursor://host/path?code="), "{answer:?}");
    }

    // RFC 7591 section 2: `jwks` and `jwks_uri` exclude each other, keys are public, grants and response types fit.
    async fn attack_080_metadata_that_contradicts_itself(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let key = json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b"});
        let private = json!({"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "d": "secret"});
        let bodies = [
            json!({"grant_types": ["implicit"], "response_types": ["token"]}),
            json!({"response_types": ["token"]}),
            json!({"response_types": ["code id_token"]}),
            json!({"grant_types": ["password"]}),
            json!({"grant_types": ["client_credentials"]}),
            json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic"}),
            json!({"grant_types": ["refresh_token"], "response_types": ["code"]}),
            json!({"grant_types": "authorization_code"}),
            json!({"token_endpoint_auth_method": "client_secret_jwt"}),
            json!({"token_endpoint_auth_method": "tls_client_auth"}),
            json!({"token_endpoint_auth_method": "None"}),
            json!({"token_endpoint_auth_method": 1}),
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"jwks_uri": "https://app.example/jwks", "jwks": {"keys": [key]}}),
            json!({"jwks": {"keys": [private]}}),
            json!({"jwks": {"keys": [{"kty": "oct", "k": "secret"}]}}),
            json!({"jwks": {"keys": [{"kty": "RSA", "n": "a", "e": "AQAB", "p": "b"}]}}),
            json!({"jwks": {"keys": []}}),
            json!({"jwks": "https://evil.test/jwks"}),
            json!({"jwks_uri": "http://evil.test/jwks"}),
            json!({"jwks_uri": "file:///etc/passwd"}),
            json!({"jwks_uri": "javascript:alert(1)"}),
            json!({"scope": ["mcp"]}),
            json!({"scope": "mc\"p"}),
            json!({"client_name": {"evil.test": 1}}),
        ]
        .map(registration);
        refuses_each(&bed, &bodies, "invalid_client_metadata").await;
        // Not even by the way of many grants: who registers itself never acts for itself.
        let both = json!(["authorization_code", "client_credentials"]);
        let body = registration(json!({"grant_types": both, "token_endpoint_auth_method": "client_secret_post"}));
        let app = App::register_as(&bed, &body).await;
        assert_eq!(app.registration["grant_types"], json!(["authorization_code"]));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", app.id.as_str()),
            ("client_secret", app.secret.as_deref().unwrap()),
        ];
        assert_eq!(bed.post("/token", &form).await.refusal(), error("unauthorized_client"));
        // Nor does anybody choose an id, a secret, a token, or what only the operator gives.
        let body = registration(json!({
            "client_id": "evil", "client_secret": "evil", "registration_access_token": "evil",
            "source": "preregistered", "serves": ["https://mcp.example/mcp"], "management": ["evil"],
            "client_id_issued_at": 1, "widely_shared": false,
        }));
        let app = App::register_as(&bed, &body).await;
        assert!(app.id.starts_with("mcpo_c_") && app.secret.is_none(), "{app:?}");
        assert!(!app.registration.to_string().contains("evil"), "{app:?}");
    }

    // RFC 7591 section 3.2.2.
    async fn attack_081_a_software_statement_of_a_stranger(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let statement = |text: &str| registration(json!({"software_statement": text, "client_name": "evil.test"}));
        // {"alg":"none"} without a signature, and one that is no JWT.
        let unsigned =
            ["eyJhbGciOiJub25lIn0.eyJjbGllbnRfbmFtZSI6IkEgYmFuayJ9.", "x", "a.b", "a.b.c.d", "..", ""].map(statement);
        refuses_each(&bed, &unsigned, "invalid_software_statement").await;
        // Signed, by somebody whom nobody here trusts: the algorithm `none` with a signature, and ES256.
        let strangers = [
            "eyJhbGciOiJub25lIn0.eyJjbGllbnRfbmFtZSI6IkEgYmFuayJ9.AAAA",
            "eyJhbGciOiJFUzI1NiJ9.eyJjbGllbnRfbmFtZSI6IkEgYmFuayJ9.AAAA",
        ]
        .map(statement);
        refuses_each(&bed, &strangers, "unapproved_software_statement").await;
        let typed = [registration(json!({"software_statement": {"client_name": "A bank"}}))];
        refuses_each(&bed, &typed, "invalid_client_metadata").await;
    }
}
