//! A, the last part: what the pages say and show, and what they are sent with.

use serde_json::json;

use super::consent::CONSENT;
use crate::support::{App, Bed, Browser, Keeper, Reply, encode, on_every_store};

on_every_store! {
    // MCP, security best practices, "consent page": it cannot be framed, kept, or leak where it was.
    async fn attack_020_the_headers_of_every_page(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let sign_in = browser.get(&bed.server, &app.link()).await;
        let wrong = browser.submit(&bed.server, &sign_in, &[("username", "ada"), ("password", "no")]).await;
        let device_sign_in = browser.get(&bed.server, "/device").await;
        let consent = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let device = browser.get(&bed.server, "/device?user_code=BCDF-GHJK").await;
        let stale = browser.post(&bed.server, "/authorize", &[("decision", "approve"), ("flow", "x")]).await;
        let unknown = browser.get(&bed.server, "/authorize?client_id=x").await;
        assert_eq!((wrong.status, stale.status, unknown.status), (403, 403, 400));
        for page in [&sign_in, &wrong, &device_sign_in, &consent, &device, &stale, &unknown] {
            let policy = page.header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{page:?}");
            assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{page:?}");
            for (name, value) in [
                ("x-frame-options", "DENY"),
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("strict-transport-security", "max-age=31536000"),
                ("content-type", "text/html; charset=utf-8"),
            ] {
                assert_eq!(page.header(name), value, "{name}: {page:?}");
                assert_eq!(page.headers.get_all(name).iter().count(), 1, "{name}: {page:?}");
            }
            assert!(page.headers.get("access-control-allow-origin").is_none(), "{page:?}");
        }
    }

    // MCP, security best practices: cookies have the prefix `__Host-`, `Secure`, `HttpOnly` and `SameSite=Lax`
    // (RFC 6265bis sections 4.1.2 and 4.1.3.2).
    async fn attack_023_the_cookies(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let shown = browser.get(&bed.server, &app.link()).await;
        let signed_in = browser.submit(&bed.server, &shown, &[("username", "ada"), ("password", "adaada")]).await;
        let page = browser.get(&bed.server, &app.link()).await;
        let out = browser.submit(&bed.server, &page, &[("switch_user", "yes")]).await;
        let mut names = Vec::new();
        for (answer, most) in [(&shown, 1), (&signed_in, 1), (&page, 0), (&out, 1)] {
            let cookies: Vec<&str> =
                answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(cookies.len(), most, "{answer:?}");
            for cookie in cookies {
                let mut parts = cookie.split("; ");
                let (name, value) = parts.next().unwrap().split_once('=').unwrap();
                names.push(name.to_owned());
                let attributes: Vec<&str> = parts.collect();
                for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
                    assert!(attributes.contains(&attribute), "{cookie}");
                }
                assert!(!cookie.contains("Domain"), "{cookie}");
                // Nobody reads in it who it is.
                assert!(!value.contains("ada") && !value.contains("YWRh"), "{cookie}");
            }
        }
        assert_eq!(names, ["__Host-mcp_browser", "__Host-mcp_session", "__Host-mcp_session"]);
        // Nothing is in a cookie before the user has consented but which browser it is, and who is signed in.
        browser.consent_page(&bed.server, &app.link(), "ada").await;
        assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["__Host-mcp_browser", "__Host-mcp_session"]);
    }

    // RFC 7591 section 5: what clients say of themselves is shown, and does nothing.
    async fn attack_026_a_client_that_calls_itself_a_script(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let long = "A".repeat(10_240);
        let too_long = &long[..101];
        for name in [
            "<script>alert(1)</script>",
            "\"onload=\"alert(1)",
            "'><img src=x onerror=alert(1)>",
            "</strong></dd><h1>Bank",
            "&lt;script&gt;",
            "\u{202e}knab\u{202c} \u{200b}\u{2066}",
            "a\u{0}b\r\n\tc",
            &long,
            "{{7*7}}",
            "-->",
        ] {
            let body = json!({
                "client_name": name, "redirect_uris": ["https://app.example/cb?x='()!*&amp;b"],
                "logo_uri": "https://evil.test/l.svg", "client_uri": "javascript:alert(1)",
                "tos_uri": "https://evil.test/tos", "token_endpoint_auth_method": "none",
            });
            let app = App::register_as(&bed, &body).await;
            let mut browser = Browser::default();
            let sign_in = browser.get(&bed.server, &app.link()).await;
            let consent = browser.consent_page(&bed.server, &app.link(), "ada").await;
            consent.is_asked();
            for page in [&sign_in, &consent] {
                for evil in [
                    "<script",
                    "<img",
                    "onload=\"",
                    "<h1>Bank",
                    "javascript:",
                    "evil.test",
                    "\u{202e}",
                    "\u{2066}",
                    "\u{200b}",
                    "\0",
                    too_long,
                ] {
                    assert!(!page.text.contains(evil), "{evil} of {name:?} is on the page: {}", page.text);
                }
                assert!(page.text.len() < 16 * 1024);
            }
        }
    }

    // The same for whatever else comes back on a page: the name that was typed, the code of a device, the state.
    async fn attack_026_what_was_typed_comes_back_as_text(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let evil = "\"><script>alert(1)</script>\u{202e}";
        let mut browser = Browser::default();
        let page = browser.get(&bed.server, &app.link_with(&[("state", evil), ("identity_provider", evil)])).await;
        let failed = browser.submit(&bed.server, &page, &[("username", evil), ("password", evil)]).await;
        assert_eq!(failed.status, 403);
        let long = "x".repeat(20_000);
        let too_long = browser.submit(&bed.server, &page, &[("username", &long), ("password", "x")]).await;
        assert!(too_long.status == 403 && too_long.text.len() < 16 * 1024, "{}", too_long.text.len());
        let consent = browser.consent_page(&bed.server, &app.link_with(&[("state", evil)]), "ada").await;
        consent.is_asked();
        let device = browser.get(&bed.server, &format!("/device?{}", encode(&[("user_code", evil)]))).await;
        assert_eq!(device.status, 200);
        let unknown = browser.post(&bed.server, "/device", &[("user_code", evil)]).await;
        assert_eq!(unknown.status, 400);
        let error =
            browser.get(&bed.server, &format!("/authorize?{}", encode(&[("client_id", evil), ("error", evil)]))).await;
        assert_eq!(error.status, 400);
        for page in [&page, &failed, &consent, &device, &unknown, &error] {
            assert!(!page.text.contains("<script>") && !page.text.contains('\u{202e}'), "{page:?}");
        }
    }

    // MCP, client registration: the host of the redirect is shown, and users are warned of redirects to their own
    // machine.
    async fn attack_027_a_redirect_to_the_users_own_machine(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let warned = |page: &Reply| page.text.contains("class=\"warn\"");
        for (uri, place) in [
            ("http://127.0.0.1/cb", "127.0.0.1"),
            ("http://localhost/cb", "localhost"),
            ("http://[::1]/cb", "[::1]"),
            ("https://localhost/cb", "localhost"),
            ("https://app.localhost./cb", "app.localhost."),
            ("cursor://host/cb", "cursor:"),
        ] {
            let app = App::at(&bed, &[uri]).await;
            let page = Browser::default().consent_page(&bed.server, &app.link(), "ada").await;
            assert!(warned(&page) && page.text.contains(place), "{uri}: {page:?}");
        }
        let app = App::register(&bed).await;
        let page = Browser::default().consent_page(&bed.server, &app.link(), "ada").await;
        assert!(!warned(&page) && page.text.contains("app.example"), "{page:?}");
    }

    // RFC 9700 section 4.12: no status 307 after a form with credentials;
    // 303 it is, so that no browser sends one again.
    async fn attack_028_every_redirect_is_see_other(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let shown = browser.get(&bed.server, &app.link()).await;
        let signed_in = browser.submit(&bed.server, &shown, &[("username", "ada"), ("password", "adaada")]).await;
        let page = browser.get(&bed.server, signed_in.header("location")).await;
        let denied = browser.submit(&bed.server, &page, &[("decision", "deny")]).await;
        let page = browser.get(&bed.server, &app.link()).await;
        let given = browser.submit(&bed.server, &page, CONSENT).await;
        let remembered = browser.get(&bed.server, &app.link()).await;
        let refused = browser.get(&bed.server, &app.link_with(&[("response_type", "token")])).await;
        let page = browser.get(&bed.server, &app.link_with(&[("prompt", "consent")])).await;
        let out = browser.submit(&bed.server, &page, &[("switch_user", "yes")]).await;
        for answer in [&signed_in, &denied, &given, &remembered, &refused, &out] {
            assert_eq!(answer.status, 303, "{answer:?}");
            assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
            assert!(answer.text.is_empty() && !answer.header("location").contains("adaada"), "{answer:?}");
        }
        // Within the server, a redirect is a path of the server: the link's parameters cannot make it another host's.
        for answer in [&signed_in, &out] {
            assert!(answer.header("location").starts_with("/authorize?"), "{answer:?}");
        }
    }

    // RFC 9700 section 4.2: nothing of the request is in a Referer, and nobody else is asked for anything.
    async fn attack_029_nothing_leaks_from_the_page(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let sign_in = browser.get(&bed.server, &app.link()).await;
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let answer = browser.submit(&bed.server, &page, CONSENT).await;
        for answer in [&sign_in, &page, &answer] {
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{answer:?}");
            for loads in ["src=", "<link", "<iframe", "@import", "url(", "http-equiv", "<object", "<base", "ping="] {
                assert!(!answer.text.contains(loads), "{loads}: {answer:?}");
            }
        }
    }
}
