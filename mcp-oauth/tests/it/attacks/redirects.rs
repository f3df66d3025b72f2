//! A, the first part: who asks, and where the answer would go.

use serde_json::json;

use super::authorize::allowed;
use crate::support::{App, Bed, Browser, Keeper, Tokens, on_every_store};

/// Sends `app`'s user with each redirect URI to the server, which has to keep them.
async fn refuses_each_redirect_uri(bed: &Bed, app: &App, redirect_uris: &[&str]) {
    let mut browser = allowed(bed, app).await;
    let before = bed.grants().await;
    for uri in redirect_uris {
        for prompt in ["", "none", "login"] {
            let answer = browser.get(&bed.server, &app.link_with(&[("redirect_uri", uri), ("prompt", prompt)])).await;
            answer.is_refused_here(400, "invalid_request");
        }
        // Nor is another error, which would be told to the client, told there.
        let answer =
            browser.get(&bed.server, &app.link_with(&[("redirect_uri", uri), ("response_type", "token")])).await;
        answer.is_refused_here(400, "invalid_request");
    }
    assert_eq!(bed.grants().await, before);
}

on_every_store! {
    // RFC 9700 section 2.1: "authorization servers MUST utilize exact string matching"; section 4.11.2: no redirect to
    // what does not match. MCP, authorization: the same.
    async fn attack_001_a_redirect_uri_that_is_not_registered(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let other = App::at(&bed, &["https://other.example/cb"]).await;
        refuses_each_redirect_uri(
            &bed,
            &app,
            &[
                "https://evil.test/cb",
                &other.redirect,
                "https://as.example/authorize",
                "/cb",
                "//app.example/cb",
                "app.example/cb",
                "https:/app.example/cb",
                "nothing",
            ],
        )
        .await;
    }

    // RFC 9700 sections 2.1 and 4.1.
    async fn attack_002_nearly_the_registered_redirect_uri(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        refuses_each_redirect_uri(
            &bed,
            &app,
            &[
                "https://app.example/cb/x",
                "https://app.example/cb?a=b",
                "https://app.example/cb?",
                "https://app.example/cb#f",
                "https://app.example/cb#",
                "https://app.example/CB",
                "https://app.example/cb/",
                "https://app.example//cb",
                "https://app.example/x/../cb",
                "https://app.example/x/%2e%2e/cb",
                "https://app.example/%63b",
                "https://app.example/cb%00",
                "https://app.example/cb%20",
                "https://app.example/cb ",
                " https://app.example/cb",
                "https://app.example/cb\r\n",
                "https://app.example/cb;x",
                "https://app.example:443/cb",
                "https://app.example:8443/cb",
                "https://APP.example/cb",
                "HTTPS://app.example/cb",
                "http://app.example/cb",
                "https://app.example./cb",
                "https://app.example",
                "https://app.example/",
            ],
        )
        .await;
    }

    // RFC 9700 section 4.1.1: hosts that only look like the registered one.
    async fn attack_003_a_host_that_looks_like_the_registered_one(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        refuses_each_redirect_uri(
            &bed,
            &app,
            &[
                "https://app.example@evil.test/cb",
                "https://app.example:pw@evil.test/cb",
                "https://user@app.example/cb",
                "https://app.example.evil.test/cb",
                "https://evil.test\\@app.example/cb",
                "https://evil.test/@app.example/cb",
                "https://evil.test#@app.example/cb",
                "https://evil.test?@app.example/cb",
                "https://app.example%2f@evil.test/cb",
                "https://app.example%00.evil.test/cb",
                "https://evil-app.example/cb",
                "https://x.app.example/cb",
                "https://*.example/cb",
                "https://app.examplе/cb",
                "https://app。example/cb",
            ],
        )
        .await;
    }

    // RFC 8252 section 7.3: "The authorization server MUST allow any port to be specified at the time of the request
    // for loopback IP redirect URIs". Nothing else of them floats (RFC 9700 section 2.1).
    async fn attack_004_the_port_floats_on_loopback_alone(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let hosts = ["127.0.0.1", "localhost", "[::1]"];
        for host in hosts {
            let registered = format!("http://{host}/cb");
            let app = App::at(&bed, &[&registered]).await;
            let asked = format!("http://{host}:51234/cb");
            let link = app.link_with(&[("redirect_uri", &asked)]);
            let answer = Browser::default().approve(&bed.server, &link, "ada").await;
            assert!(answer.header("location").starts_with(&format!("{asked}?code=")), "{answer:?}");
            // RFC 6749 section 4.1.3: the code is for the port that was asked for, and for no other.
            let code = answer.redirected("code").unwrap();
            let elsewhere = App { redirect: registered.clone(), ..app.clone() };
            assert_eq!(elsewhere.redeem(&bed, &code).await.refusal(), (400, "invalid_grant".to_owned()));
            let there = App { redirect: asked, ..app.clone() };
            Tokens::of(&there.redeem(&bed, &code).await);
            let others: Vec<String> =
                hosts.iter().filter(|other| **other != host).map(|other| format!("http://{other}:51234/cb")).collect();
            let mut bad: Vec<&str> = others.iter().map(String::as_str).collect();
            let same = ["other", "cb/", "cb?x=y", "CB"].map(|path| format!("http://{host}:51234/{path}"));
            bad.extend(same.iter().map(String::as_str));
            let (tls, user, none, odd) = (
                format!("https://{host}:51234/cb"),
                format!("http://evil@{host}:51234/cb"),
                format!("http://{host}:/cb"),
                format!("http://{host}:51234x/cb"),
            );
            bad.extend([tls.as_str(), &user, &none, &odd, "http://127.0.0.2:51234/cb", "http://127.1:51234/cb"]);
            bad.extend(["http://localhost.evil.test:51234/cb", "http://LOCALHOST:51234/cb"]);
            for uri in bad {
                let link = app.link_with(&[("redirect_uri", uri)]);
                bed.get(&link).await.is_refused_here(400, "invalid_request");
            }
        }
        // A port floats for nobody whose redirect goes through TLS, on loopback neither.
        let app = App::at(&bed, &["https://localhost/cb"]).await;
        let link = app.link_with(&[("redirect_uri", "https://localhost:51234/cb")]);
        bed.get(&link).await.is_refused_here(400, "invalid_request");
    }

    // RFC 9700 section 4.1; RFC 8252 section 8.4: schemes that run code are nobody's redirect URI.
    async fn attack_005_a_scheme_that_runs_code(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let schemes = [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/x",
            "javascript://app.example/cb%0aalert(1)",
            "view-source:https://app.example/cb",
            "about:blank",
            "filesystem:https://app.example/x",
        ];
        refuses_each_redirect_uri(&bed, &app, &schemes).await;
        // Nor can one be registered, alone or in good company.
        let clients = bed.clients().await;
        for scheme in schemes {
            for uris in [json!([scheme]), json!(["https://app.example/cb", scheme])] {
                let body = json!({"redirect_uris": uris, "token_endpoint_auth_method": "none"});
                let answer = bed.json(http::Method::POST, "/register", &[], &body).await;
                assert_eq!(answer.refusal(), (400, "invalid_redirect_uri".to_owned()), "{scheme:?}");
            }
        }
        assert_eq!(bed.clients().await, clients);
    }

    // RFC 6749 section 4.1.2.1: "If the request fails due to a missing, invalid, or mismatching redirection URI, or if
    // the client identifier is missing or invalid, [it] MUST NOT automatically redirect the user-agent".
    async fn attack_006_a_client_that_nobody_knows(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = allowed(&bed, &app).await;
        let before = bed.grants().await;
        let (upper, long) = (app.id.to_uppercase(), "a".repeat(10_000));
        let (padded, cut) = (format!("{} ", app.id), &app.id[..app.id.len() - 1]);
        for id in ["nobody", &upper, &padded, cut, &long, "<script>alert(1)</script>", "a\0b", "http://app.example/id"]
        {
            let answer = browser.get(&bed.server, &app.link_with(&[("client_id", id)])).await;
            answer.is_refused_here(400, "invalid_client");
            assert!(!answer.text.contains("<script>"), "{answer:?}");
        }
        browser.get(&bed.server, &app.link_with(&[("client_id", "")])).await.is_refused_here(400, "invalid_request");
        assert_eq!(bed.grants().await, before);
    }
}
