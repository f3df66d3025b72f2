//! A, the second part: what is asked of the authorization endpoint.

use serde_json::json;

use crate::support::{App, Bed, Browser, ISSUER, Keeper, OTHER_RESOURCE, RESOURCE, START, Tokens, on_every_store};

/// A browser whose user has signed in, and has allowed `app` what it asks for: from now on, links of `app` are answered
/// with a code at once. Whatever passes a check here passes without anybody looking.
pub(super) async fn allowed(bed: &Bed, app: &App) -> Browser {
    let mut browser = Browser::default();
    let answer = browser.approve(&bed.server, &app.link(), "ada").await;
    assert!(answer.redirected("code").is_some(), "{answer:?}");
    browser
}

on_every_store! {
    // RFC 6749 section 3.1: "Request and response parameters MUST NOT be included more than once"; RFC 8707 section 2
    // lets `resource` be.
    async fn attack_007_a_parameter_twice(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = allowed(&bed, &app).await;
        let before = bed.grants().await;
        let (id, redirect) = (format!("client_id={}", app.id), "redirect_uri=https://app.example/cb");
        // Where it is not certain who asks or where the answer goes, nobody is redirected: not for equal values either,
        // nor for names that are written otherwise.
        for again in [
            id.as_str(),
            "client_id=x",
            "client_id=",
            "client%5Fid=x",
            redirect,
            "redirect_uri=https://evil.test/",
            "redirect_uri=",
            "redirect%5furi=https://evil.test/",
            "state=a&redirect_uri=https://evil.test/",
        ] {
            let answer = browser.get(&bed.server, &format!("{}&{again}", app.link())).await;
            answer.is_refused_here(400, "invalid_request");
            let front = app.link().replacen('?', &format!("?{again}&"), 1);
            browser.get(&bed.server, &front).await.is_refused_here(400, "invalid_request");
        }
        for again in [
            "code_challenge=x",
            "code_challenge_method=plain",
            "code_challenge_method=S256",
            "response_type=code",
            "response_type=token",
            "scope=mcp&scope=admin",
            "code%5Fchallenge=x",
            "prompt=none&prompt=none",
            "x=1&x=1",
        ] {
            let answer = browser.get(&bed.server, &format!("{}&{again}", app.link())).await;
            answer.is_told("https://app.example/cb", "invalid_request");
        }
        // Of two states neither can be trusted: one of them comes back, and no code.
        let answer = browser.get(&bed.server, &format!("{}&state=other", app.link())).await;
        answer.is_told("https://app.example/cb", "invalid_request");
        assert_eq!(bed.grants().await, before);
        let twice = format!("{}&{}", app.link(), crate::support::encode(&[("resource", RESOURCE)]));
        assert!(browser.get(&bed.server, &twice).await.redirected("code").is_some());
    }

    // RFC 9700 section 2.1.2: no token leaves the authorization endpoint. RFC 6749 section 4.1.2.1.
    async fn attack_008_another_response_type(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = allowed(&bed, &app).await;
        let before = bed.grants().await;
        for (name, value, error) in [
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "id_token", "unsupported_response_type"),
            ("response_type", "code token", "unsupported_response_type"),
            ("response_type", "code id_token", "unsupported_response_type"),
            ("response_type", "code code", "unsupported_response_type"),
            ("response_type", "Code", "unsupported_response_type"),
            ("response_type", "none", "unsupported_response_type"),
            ("response_type", "", "invalid_request"),
            ("response_mode", "fragment", "invalid_request"),
            ("response_mode", "form_post", "invalid_request"),
            ("response_mode", "web_message", "invalid_request"),
            // OpenID Connect Core section 6: what is not supported is said, and not skipped.
            ("request", "e30.e30.", "request_not_supported"),
            ("request_uri", "https://evil.test/request", "request_uri_not_supported"),
        ] {
            let answer = browser.get(&bed.server, &app.link_with(&[(name, value)])).await;
            answer.is_told("https://app.example/cb?", error);
            assert!(!answer.header("location").contains("access_token"), "{answer:?}");
        }
        assert_eq!(bed.grants().await, before);
    }

    // RFC 7636 section 4.4.1; OAuth 2.1 section 4.1.1; MCP: PKCE for every client, the confidential too.
    async fn attack_009_no_challenge(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for method in ["none", "client_secret_basic", "client_secret_post"] {
            let body = json!({
                "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": method,
            });
            let app = App::register_as(&bed, &body).await;
            for changes in [
                vec![("code_challenge", "")],
                vec![("code_challenge", ""), ("code_challenge_method", "")],
                vec![("code_challenge", " ")],
            ] {
                let answer = bed.get(&app.link_with(&changes)).await;
                answer.is_told("https://app.example/cb?", "invalid_request");
            }
        }
        assert_eq!(bed.grants().await, 0);
    }

    // RFC 7636 section 4.3: a method that is missing means plain. MCP: S256 alone.
    async fn attack_010_another_challenge_method(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        for method in ["plain", "", "s256", "S512", "S256 ", "S256 plain", "none", "PLAIN"] {
            let answer = bed.get(&app.link_with(&[("code_challenge_method", method)])).await;
            answer.is_told("https://app.example/cb?", "invalid_request");
        }
        assert_eq!(bed.grants().await, 0);
    }

    // RFC 7636 section 4.2: the challenge of S256 is BASE64URL(SHA-256), 43 characters without padding.
    async fn attack_011_a_challenge_that_is_no_digest(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let (short, long, longer) = ("a".repeat(42), "a".repeat(44), "a".repeat(128));
        let (padded, standard, slash) =
            (format!("{}=", "a".repeat(43)), format!("+{}", "a".repeat(42)), format!("/{}", "a".repeat(42)));
        // The last character of 43 stands for four bits: the other two have to be zero (RFC 4648 section 3.5).
        let (loose, space) = (format!("{}b", "a".repeat(42)), format!("{} ", "a".repeat(42)));
        for challenge in [&short, &long, &longer, &padded, &standard, &slash, &loose, &space] {
            let answer = bed.get(&app.link_with(&[("code_challenge", challenge)])).await;
            answer.is_told("https://app.example/cb?", "invalid_request");
        }
        assert_eq!(bed.grants().await, 0);
    }

    // RFC 9207 section 2: `iss` in every response, errors too, identical to the issuer of the metadata. RFC 6749
    // section 3.1: no response parameter more than once.
    async fn attack_012_exactly_one_iss_in_every_answer(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let metadata = bed.get("/.well-known/oauth-authorization-server").await.json();
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        assert_eq!(metadata["issuer"], ISSUER);
        let app = App::at(&bed, &["https://app.example/cb?tenant=1"]).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let denied = browser.submit(&bed.server, &page, &[("decision", "deny")]).await;
        let given = browser.approve(&bed.server, &app.link(), "ada").await;
        let remembered = browser.get(&bed.server, &app.link()).await;
        let refused = browser.get(&bed.server, &app.link_with(&[("response_type", "token")])).await;
        let bare = browser.get(&bed.server, &app.link_with(&[("state", "")])).await;
        for answer in [&denied, &given, &remembered, &refused, &bare] {
            let location = answer.header("location");
            assert!(location.starts_with("https://app.example/cb?tenant=1&"), "{answer:?}");
            assert_eq!(location.matches("iss=").count(), 1, "{answer:?}");
            assert_eq!(answer.redirected("iss").unwrap(), metadata["issuer"].as_str().unwrap());
            let told = [answer.redirected("code"), answer.redirected("error")].iter().flatten().count();
            assert_eq!(told, 1, "{answer:?}");
        }
    }

    // RFC 6749 section 3.1: "Request and response parameters MUST NOT be included more than once". A client that
    // anybody registers with somebody else's redirect URI, and with a parameter of the answer in its query, would have
    // the one who answers read the attacker's code, state or issuer first (RFC 9700 sections 4.4 and 4.5).
    async fn attack_012_a_redirect_uri_that_brings_its_own_answer(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for query in [
            "iss=https://evil.test",
            "code=stolen",
            "state=other",
            "error=access_denied",
            "x=1&code=stolen",
            "c%6fde=stolen",
            "code",
            "code=",
            "%69ss=https://evil.test",
            "error_description=call+us",
            "error_uri=https://evil.test",
        ] {
            for uri in [
                format!("https://app.example/cb?{query}"),
                format!("http://127.0.0.1/cb?{query}"),
                format!("com.example.app:/cb?{query}"),
            ] {
                let body = json!({"redirect_uris": [uri], "token_endpoint_auth_method": "none"});
                let answer = bed.json(http::Method::POST, "/register", &[], &body).await;
                assert_eq!(answer.refusal(), (400, "invalid_redirect_uri".to_owned()), "{uri}");
            }
        }
        assert_eq!(bed.clients().await, 0);
    }

    // RFC 6749 section 10.12 and appendix A.5: the state comes back unchanged, in one parameter of its own.
    async fn attack_013_a_state_that_would_be_more_than_a_state(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = allowed(&bed, &app).await;
        let largest = "s".repeat(4096);
        for state in [
            "a\r\nSet-Cookie: evil=1",
            "a\r\n\r\n<script>alert(1)</script>",
            "a&code=evil&iss=https://evil.test",
            "a#fragment",
            "a%26code=evil",
            "a%0d%0aX: y",
            "\u{202e}\u{1f600}",
            "a\0b",
            &largest,
        ] {
            let answer = browser.get(&bed.server, &app.link_with(&[("state", state)])).await;
            assert_eq!(answer.status, 303, "{answer:?}");
            assert_eq!(answer.redirected("state").as_deref(), Some(state));
            assert!(answer.redirected("code").unwrap().starts_with("mcpo_"), "{answer:?}");
            assert_eq!(answer.redirected("iss").as_deref(), Some(ISSUER));
            let location = answer.headers.get_all("location").iter().collect::<Vec<_>>();
            assert_eq!(location.len(), 1);
            assert!(location[0].as_bytes().iter().all(|byte| byte.is_ascii_graphic()), "{answer:?}");
            assert!(
                answer.headers.get("set-cookie").is_none() && !location[0].as_bytes().contains(&b'#'),
                "{answer:?}"
            );
        }
        // One that is too long is said to be, and does not come back.
        let before = bed.grants().await;
        let answer = browser.get(&bed.server, &app.link_with(&[("state", &"s".repeat(4097))])).await;
        assert_eq!((answer.status, answer.redirected("error").as_deref()), (303, Some("invalid_request")));
        assert_eq!((answer.redirected("state"), answer.redirected("code")), (None, None));
        // Bytes that are no text are no request.
        let answer = browser.get(&bed.server, &app.link().replace("state=xyz", "state=%ff%fe")).await;
        answer.is_refused_here(400, "invalid_request");
        assert_eq!(bed.grants().await, before);
    }

    // RFC 8707 section 2: invalid_target for what is no absolute URI, has a fragment, or is not served here.
    async fn attack_014_a_resource_that_is_not_served(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = allowed(&bed, &app).await;
        let before = bed.grants().await;
        for resource in [
            "https://mcp.example/mcp#f",
            "https://mcp.example/mcp#",
            "/mcp",
            "mcp",
            "//mcp.example/mcp",
            "https://evil.test/mcp",
            "http://mcp.example/mcp",
            "https://mcp.example",
            "https://mcp.example/",
            "https://mcp.example/mcp/x",
            "https://mcp.example/mcp-other",
            "https://mcp.example/MCP",
            "https://mcp.example/mcp?x=y",
            "https://user@mcp.example/mcp",
            "https://mcp.example:444/mcp",
            "https://mcp.example/other/../mcp",
            "https://mcp.example/%6dcp",
            "https://mcp.example.evil.test/mcp",
            "https://mcp.example/mcp https://mcp.example/other",
            "urn:mcp",
            "*",
            "https://mcp.example/*",
            ISSUER,
        ] {
            let answer = browser.get(&bed.server, &app.link_with(&[("resource", resource)])).await;
            answer.is_told("https://app.example/cb?", "invalid_target");
        }
        assert_eq!(bed.grants().await, before);
    }

    // RFC 3986 section 6.2.3: a default port means the same, written or not. What tokens are for stays as it is configured.
    async fn attack_014_a_default_port(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let link = app.link_with(&[("resource", "https://mcp.example:443/mcp")]);
        let code = Browser::default().approve(&bed.server, &link, "ada").await.redirected("code").unwrap();
        let tokens = Tokens::of(&app.redeem(&bed, &code).await);
        assert_eq!(tokens.claims()["aud"], RESOURCE);
    }

    // RFC 8707 section 2: no token for two audiences, and none for the better half of a request.
    async fn attack_015_two_resources(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = allowed(&bed, &app).await;
        let before = bed.grants().await;
        for other in [OTHER_RESOURCE, "https://evil.test/mcp", "nothing"] {
            let second = crate::support::encode(&[("resource", other)]);
            for link in [format!("{}&{second}", app.link()), app.link().replacen('?', &format!("?{second}&"), 1)] {
                browser.get(&bed.server, &link).await.is_told("https://app.example/cb?", "invalid_target");
            }
        }
        assert_eq!(bed.grants().await, before);
    }

    // RFC 6749 section 3.3: the server may "fully or partially ignore the scope requested", and says so in the token
    // response then (section 5.1).
    async fn attack_016_scopes_that_are_not_to_be_had(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        for scope in ["root", "root admin2", "ADMIN", "mcp:admin", "*", "openid root", "\"mcp\"", "mcp\u{e4}", "a\\b"] {
            let answer = bed.get(&app.link_with(&[("scope", scope)])).await;
            answer.is_told("https://app.example/cb?", "invalid_scope");
        }
        assert_eq!(bed.grants().await, 0);
        for (asked, granted) in
            [("mcp root", "mcp"), ("offline_access openid", "mcp"), ("", "mcp"), ("admin root", "admin")]
        {
            let link = app.link_with(&[("scope", asked), ("prompt", "consent")]);
            let answer = Browser::default().approve(&bed.server, &link, "ada").await;
            let tokens = Tokens::of(&app.redeem(&bed, &answer.redirected("code").unwrap()).await);
            assert_eq!(tokens.body["scope"], granted, "{asked}");
            assert_eq!(tokens.claims()["scope"], granted, "{asked}");
        }
        // What nobody was asked for does not come with the code either.
        let code = app.code(&bed).await;
        let mut form = app.redemption(&code);
        form.push(("scope", "mcp admin"));
        let tokens = Tokens::of(&bed.post("/token", &form).await);
        assert_eq!((&tokens.body["scope"], &tokens.claims()["scope"]), (&json!("mcp"), &json!("mcp")));
    }

    // RFC 7591 section 2: "scope" is what a client "can use when requesting access tokens". The operator's word holds.
    async fn attack_016_scopes_beyond_those_of_the_client(keeper: Keeper) {
        use mcp_oauth::types::{Client, ClientAuthMethod, ClientMetadata, ClientSource};
        let redirect = "https://app.example/cb";
        let mut metadata = ClientMetadata::new(ClientAuthMethod::None, vec![redirect.parse().unwrap()]);
        metadata.scope = Some("mcp".parse().unwrap());
        let client = Client::new("pinned".parse().unwrap(), ClientSource::Preregistered, metadata, START);
        let bed = Bed::with(keeper, |builder| builder.client(client)).await;
        let app =
            App { id: "pinned".to_owned(), secret: None, registration: json!(null), redirect: redirect.to_owned() };
        for scope in ["admin", "admin root"] {
            bed.get(&app.link_with(&[("scope", scope)])).await.is_told(redirect, "invalid_scope");
        }
        let link = app.link_with(&[("scope", "mcp admin")]);
        let answer = Browser::default().approve(&bed.server, &link, "ada").await;
        let tokens = Tokens::of(&app.redeem(&bed, &answer.redirected("code").unwrap()).await);
        assert_eq!((&tokens.body["scope"], &tokens.claims()["scope"]), (&json!("mcp"), &json!("mcp")));
    }

    // RFC 9207 section 2, for an issuer with a path: the answer names the issuer of the metadata, and not its host.
    async fn attack_012_the_iss_of_an_issuer_with_a_path(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let server = bed.builder_for("https://as.example/tenants/one").await.build().await.unwrap();
        for prefix in ["", "/tenants/one"] {
            let mut browser = Browser::default();
            let answer = browser.approve(&server, &format!("{prefix}{}", app.link()), "ada").await;
            assert!(answer.redirected("code").is_some(), "{answer:?}");
            assert_eq!(answer.redirected("iss").as_deref(), Some("https://as.example/tenants/one"));
        }
    }
}
