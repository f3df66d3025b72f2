//! E: registrations that are managed (RFC 7592), by whom and how far.

use http::Method;
use serde_json::{Value, json};

use super::registration::{error, registration};
use crate::support::{App, Bed, Browser, ISSUER, Keeper, Tokens, on_every_store, request};

on_every_store! {
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
