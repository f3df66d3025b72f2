//! E: registrations and their management, at the endpoints.

use http::Method;
use serde_json::{Value, json};

use crate::support::{App, Bed, Browser, ISSUER, Keeper, Reply, Tokens, on_every_store, request};

fn error(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

/// A registration that would be good, with these members in the place of its own.
fn registration(changes: Value) -> Value {
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

    // RFC 7592 section 2: 401 for a token that is not good, whatever the client; nobody learns which clients there are.
    async fn attack_083_a_registration_of_somebody_else(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let (app, other) = (App::register(&bed).await, App::another(&bed, "Other").await);
        let tokens = app.tokens(&bed).await;
        let gone = App::another(&bed, "Gone").await;
        let deleted = bed.manage(Method::DELETE, &gone.management(), &gone.management_token(), "").await;
        assert_eq!(deleted.status, 204);
        let secret = App::register_as(&bed, &json!({"redirect_uris": ["https://app.example/s"]})).await;
        let good = app.management_token();
        let body = registration(json!({"client_id": app.id, "client_name": "Taken over"})).to_string();
        let mut answers = Vec::new();
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            for (path, token) in [
                (app.management(), other.management_token()),
                (app.management(), gone.management_token()),
                (gone.management(), gone.management_token()),
                (gone.management(), good.clone()),
                ("/register/nobody".to_owned(), good.clone()),
                ("/register/mcpo_c_AAAAAAAAAAAAAAAAAAAAAA".to_owned(), "mcpo_rat_x".to_owned()),
                (app.management(), tokens.access.clone()),
                (app.management(), tokens.refresh.clone()),
                (app.management(), secret.secret.clone().unwrap()),
                (app.management(), format!("{good}x")),
                (app.management(), good[..good.len() - 1].to_owned()),
                (app.management(), good.to_uppercase()),
                (app.management(), "mcpo_rat_".to_owned()),
                (app.management(), "x".repeat(9000)),
                (format!("{}%00", app.management()), good.clone()),
                (format!("{}/", app.management()), good.clone()),
                (format!("/register/{}", app.id.to_lowercase()), good.clone()),
                ("/register/%ff".to_owned(), good.clone()),
                ("/register/..%2f..%2ftoken".to_owned(), good.clone()),
            ] {
                answers.push(bed.manage(method.clone(), &path, &token, &body).await);
            }
            // No token, or one where none is looked for.
            let basic = format!("Basic {good}");
            for headers in [
                &[][..],
                &[("authorization", good.as_str())],
                &[("authorization", basic.as_str())],
                &[("authorization", "Bearer")],
                &[("authorization", "Bearer ")],
                &[("cookie", good.as_str())],
            ] {
                let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
                answers.push(bed.send(request(method.clone(), &app.management(), &headers, &body)).await);
            }
            let query = format!("{}?access_token={good}", app.management());
            answers
                .push(bed.send(request(method.clone(), &query, &[("content-type", "application/json")], &body)).await);
        }
        let first = answers.first().unwrap();
        assert_eq!(first.refusal(), (401, "invalid_token".to_owned()));
        assert!(first.header("www-authenticate").starts_with("Bearer "), "{first:?}");
        for answer in &answers {
            assert_eq!((answer.status, &answer.text, &answer.headers), (first.status, &first.text, &first.headers));
        }
        // It is all as it was.
        let read = bed.manage(Method::GET, &app.management(), &good, "").await;
        assert_eq!((read.status, &read.json()["client_name"]), (200, &json!("An app")));
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }

    // The same where two have registered the very same client: neither changes nor deletes it for the other.
    async fn attack_083_a_registration_that_is_shared(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let tokens = app.tokens(&bed).await;
        let evil = App::register(&bed).await;
        assert_eq!(evil.id, app.id);
        assert_ne!(evil.management_token(), app.management_token());
        let body = registration(json!({"client_id": app.id, "redirect_uris": ["https://evil.test/cb"]})).to_string();
        for (method, status) in [(Method::PUT, 403), (Method::DELETE, 204), (Method::PUT, 401), (Method::DELETE, 401)] {
            let answer = bed.manage(method, &app.management(), &evil.management_token(), &body).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
        bed.get(&app.link_with(&[("redirect_uri", "https://evil.test/cb")]))
            .await
            .is_refused_here(400, "invalid_request");
        let tokens = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        // Alone again, its token still does not change what others have trusted; it goes when nobody uses it.
        let put = bed.manage(Method::PUT, &app.management(), &app.management_token(), &body).await;
        assert_eq!(put.status, 403, "{put:?}");
        Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
    }

    // RFC 7592 section 2.2: "The client MUST include its client_id field in the request"; it "MUST NOT include the
    // registration_access_token, registration_client_uri, client_secret_expires_at, or client_id_issued_at fields"; a
    // secret that is sent "MUST match the currently issued client secret". The values are a replacement.
    async fn attack_084_an_update_that_asks_too_much(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let body = json!({
            "client_name": "Before", "redirect_uris": ["https://app.example/cb"], "contacts": ["a@app.example"],
            "token_endpoint_auth_method": "client_secret_post", "tos_uri": "https://app.example/tos",
        });
        let app = App::register_as(&bed, &body).await;
        let (path, token, secret) = (app.management(), app.management_token(), app.secret.clone().unwrap());
        let good = || {
            json!({
                "client_id": app.id, "redirect_uris": ["https://app.example/new"],
                "token_endpoint_auth_method": "client_secret_post",
            })
        };
        let with = |member: &str, value: Value| {
            let mut body = good();
            body[member] = value;
            body.to_string()
        };
        let before = bed.manage(Method::GET, &path, &token, "").await.json();
        assert!(before.get("client_secret").is_none(), "it is not known any more: {before}");
        for bad in [
            with("client_id", json!("mcpo_c_other")),
            with("client_id", json!(null)),
            with("client_id", json!([app.id])),
            with("client_secret", json!("chosen by the client")),
            with("client_secret", json!("")),
            with("client_secret", json!(1)),
            with("registration_access_token", json!(token)),
            with("registration_access_token", json!(null)),
            with("registration_client_uri", json!(format!("{ISSUER}{path}"))),
            with("client_secret_expires_at", json!(0)),
            with("client_id_issued_at", json!(0)),
            with("redirect_uris", json!(["javascript:alert(1)"])),
            with("redirect_uris", json!([])),
            with("grant_types", json!(["client_credentials"])),
            with("software_statement", json!("a.b.c")),
            good().to_string().replacen('{', "{\"client_id\":\"x\",", 1),
            String::new(),
            "[]".to_owned(),
        ] {
            let answer = bed.manage(Method::PUT, &path, &token, &bad).await;
            assert_eq!(answer.status, 400, "{bad}: {answer:?}");
            assert_eq!(bed.manage(Method::GET, &path, &token, "").await.json(), before, "{bad}");
        }
        let form = format!("Bearer {token}");
        let headers = [("authorization", form.as_str()), ("content-type", "text/plain")];
        assert_eq!(bed.send(request(Method::PUT, &path, &headers, &good().to_string())).await.status, 400);
        // A whole replacement: what is left out is gone, and the secret stays.
        for update in [good().to_string(), with("client_secret", json!(secret))] {
            let answer = bed.manage(Method::PUT, &path, &token, &update).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let after = answer.json();
            assert_eq!(after["redirect_uris"], json!(["https://app.example/new"]));
            for member in ["client_name", "contacts", "tos_uri", "client_secret"] {
                assert!(after.get(member).is_none(), "{member}: {after}");
            }
        }
        bed.get(&app.link()).await.is_refused_here(400, "invalid_request");
        let mut form = app.redemption("mcpo_ac_x");
        form.push(("client_secret", &secret));
        assert_eq!(bed.post("/token", &form).await.refusal(), error("invalid_grant"));
    }

    // RFC 7592 section 2.3: the authorization server "SHOULD immediately invalidate all existing authorization grants
    // and currently active access tokens, all refresh tokens, and other tokens associated with this client".
    async fn attack_085_a_client_that_is_gone(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let body =
            json!({"redirect_uris": ["https://app.example/w"], "token_endpoint_auth_method": "client_secret_post"});
        let watcher = App::register_as(&bed, &body).await;
        let tokens = app.tokens(&bed).await;
        let code = app.code(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link_with(&[("prompt", "consent")]), "ada").await;
        let gone = bed.manage(Method::DELETE, &app.management(), &app.management_token(), "").await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        let unknown = (401, "invalid_client".to_owned());
        let refreshed = app.refresh(&bed, &tokens.refresh).await;
        assert_eq!(refreshed.refusal(), unknown);
        assert!(refreshed.header("www-authenticate").starts_with("Basic"), "{refreshed:?}");
        assert_eq!(app.redeem(&bed, &code).await.refusal(), unknown);
        let form = [("token", tokens.access.as_str()), ("client_id", &app.id)];
        assert_eq!(bed.post("/revoke", &form).await.refusal(), unknown);
        assert_eq!(bed.post("/introspect", &form).await.refusal(), unknown);
        assert_eq!(bed.post("/device_authorization", &[("client_id", &app.id)]).await.refusal(), unknown);
        bed.get(&app.link()).await.is_refused_here(400, "invalid_client");
        browser.get(&bed.server, &app.link()).await.is_refused_here(400, "invalid_client");
        browser.submit(&bed.server, &page, &[("decision", "approve")]).await.is_refused_here(400, "invalid_client");
        // Its tokens are not good any more, wherever one asks.
        let view = bed.stores.grants.page(None, None, 100, bed.now()).await.unwrap();
        assert!(view.items.iter().all(|view| view.ended.is_some()), "{view:?}");
        let form = [
            ("token", tokens.access.as_str()),
            ("client_id", &watcher.id),
            ("client_secret", watcher.secret.as_deref().unwrap()),
        ];
        assert_eq!(bed.post("/introspect", &form).await.json(), json!({"active": false}));
        // Who registers the same again is another client, without what the first one had.
        let again = App::register(&bed).await;
        assert_ne!(again.id, app.id);
        assert_eq!(again.refresh(&bed, &tokens.refresh).await.refusal(), error("invalid_grant"));
        assert_eq!(again.redeem(&bed, &code).await.refusal(), error("invalid_grant"));
        browser.get(&bed.server, &again.link()).await.is_asked();
    }
}
