//! A: what the user is asked, and who may answer in their name.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use crate::support::{
    App, Bed, Browser, FORM, Keeper, OTHER_RESOURCE, Reply, encode, forms, on_every_store, request, send_to,
};

const CONSENT: &[(&str, &str)] = &[("decision", "approve")];

/// The sealed field of the first form of a page that has a field of this name.
fn flow_of(page: &Reply, name: &str) -> String {
    let form = forms(&page.text).into_iter().find(|form| form.names.iter().any(|own| own == name)).unwrap();
    form.hidden.into_iter().find(|(name, _)| name == "flow").unwrap().1
}

/// Posts a form with these cookies and headers, and nothing that a browser would add.
async fn post_raw(bed: &Bed, cookies: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
    let headers: Vec<_> = [FORM, ("cookie", cookies)].iter().chain(headers).copied().collect();
    bed.send(request(Method::POST, "/authorize", &headers, &encode(form))).await
}

fn cookies_of(browser: &Browser) -> String {
    let pairs: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("; ")
}

on_every_store! {
    // MCP, security best practices, "Confused Deputy Problem": consent is asked for, whatever the link says of it.
    async fn attack_017_a_link_that_has_consented_already(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let (app, other) = (App::register(&bed).await, App::another(&bed, "Other").await);
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let flow = flow_of(&page, "decision");
        for (name, value) in [
            ("prompt", "none"), ("approved", "true"), ("switch_user", "no"), ("consent", "granted"),
            ("approval_prompt", "auto"), ("login_hint", "ada"), ("max_age", "0"), ("csrf", &flow),
        ] {
            for client in [&app, &other] {
                let link = client.link_with(&[(name, value), ("decision", "approve"), ("flow", &flow)]);
                browser.get(&bed.server, &link).await.is_asked();
            }
            // And of somebody whom nobody knows it is asked who they are.
            let page = bed.get(&app.link_with(&[(name, value)])).await;
            assert!(page.status == 200 && page.text.contains("name=\"password\""), "{page:?}");
        }
        assert_eq!(bed.grants().await, 0);
    }

    // The same with cookies that nobody has set: no session but a sealed one counts, and no cookie is a consent.
    async fn attack_017_a_forged_cookie(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let session = browser.cookies["__Host-mcp_session"].clone();
        let mut flipped = session.clone().into_bytes();
        let middle = flipped.len() / 2;
        flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        let sign_in = Browser::default().get(&bed.server, &app.link()).await;
        for cookies in [
            "__Host-mcp_session=e30".to_owned(),
            format!("__Host-mcp_session={flipped}"),
            format!("__Host-mcp_session={}", &session[..session.len() - 1]),
            // What a neighbour on another host of the domain can set has no prefix (RFC 6265bis section 4.1.3.2).
            format!("mcp_session={session}"),
            format!("__Secure-mcp_session={session}"),
            format!("__host-mcp_session={session}"),
            // Of two with one name nobody knows which is the browser's own.
            format!("__Host-mcp_session={session}; __Host-mcp_session=e30"),
            format!("__Host-mcp_session=e30; __Host-mcp_session={session}"),
            // Sealed by the server, for something else.
            format!("__Host-mcp_session={}", flow_of(&page, "decision")),
            format!("__Host-mcp_session={}", flow_of(&sign_in, "password")),
        ] {
            let headers = [("cookie", cookies.as_str())];
            let answer = bed.send(request(Method::GET, &app.link(), &headers, "")).await;
            assert!(answer.status == 200 && answer.text.contains("name=\"password\""), "{cookies}: {answer:?}");
        }
        // Consent is in no cookie at all.
        assert_eq!(browser.approve(&bed.server, &app.link(), "ada").await.status, 303);
        let other = App::another(&bed, "Other").await;
        let cookies = format!("__Host-mcp_session={session}; consent={0}; __Host-mcp_consent={0}; approved=true", other.id);
        let answer = bed.send(request(Method::GET, &other.link(), &[("cookie", cookies.as_str())], "")).await;
        answer.is_asked();
    }

    // The same, "Confused Deputy Problem": what was allowed to one client is not allowed to the next, under the same
    // name and with the same redirect URI neither.
    async fn attack_018_another_client_with_the_cookies_of_the_first(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        assert!(browser.approve(&bed.server, &app.link(), "ada").await.redirected("code").is_some());
        assert!(browser.get(&bed.server, &app.link()).await.redirected("code").is_some());
        let before = bed.grants().await;
        let evil = App::at(&bed, &["https://evil.test/cb"]).await;
        let twin = App::at(&bed, &["https://app.example/cb", "https://evil.test/cb"]).await;
        let body = json!({"client_name": "An app", "redirect_uris": ["https://app.example/cb"]});
        let secret = App::register_as(&bed, &body).await;
        for client in [&evil, &twin, &secret] {
            assert_ne!(client.id, app.id);
            for prompt in ["", "none"] {
                browser.get(&bed.server, &client.link_with(&[("prompt", prompt)])).await.is_asked();
            }
        }
        // Nor is it allowed in the name of another user on the same browser.
        assert_eq!(bed.grants().await, before);
        browser.cookies.remove("__Host-mcp_session");
        browser.consent_page(&bed.server, &app.link(), "bob").await.is_asked();
    }

    // RFC 8252 section 8.6: no answer without the user "except when the identity of the client can be assured"; nobody
    // can tell which program listens on the user's machine, over TLS neither.
    async fn attack_018_a_program_on_the_users_machine_is_never_remembered(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        for uri in [
            "http://127.0.0.1/cb", "http://localhost:8080/cb", "http://[::1]/cb", "com.example.app:/cb", "cursor://x/cb",
            "https://localhost/cb", "https://127.0.0.1:8443/cb", "https://[::1]/cb", "https://app.localhost/cb",
        ] {
            let app = App::at(&bed, &[uri]).await;
            let mut browser = Browser::default();
            assert!(browser.approve(&bed.server, &app.link(), "ada").await.redirected("code").is_some());
            browser.get(&bed.server, &app.link()).await.is_asked();
        }
    }

    // MCP, security best practices: consent is for a client and a redirect URI. RFC 7592 section 2.2 changes the latter.
    async fn attack_019_a_redirect_uri_that_was_added_after_consent(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        assert!(browser.approve(&bed.server, &app.link(), "ada").await.redirected("code").is_some());
        let body = json!({
            "client_id": app.id, "client_name": "An app", "token_endpoint_auth_method": "none",
            "redirect_uris": ["https://app.example/cb", "https://app.example/new"],
        });
        let changed = bed.manage(Method::PUT, &app.management(), &app.management_token(), &body.to_string()).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        let before = bed.grants().await;
        for changes in [
            vec![("redirect_uri", "https://app.example/new")],
            // Nor is a consent one to another resource, or to more of the same.
            vec![("resource", OTHER_RESOURCE)],
            vec![("scope", "mcp admin")],
            vec![("scope", "admin")],
        ] {
            browser.get(&bed.server, &app.link_with(&changes)).await.is_asked();
        }
        assert_eq!(bed.grants().await, before);
        assert!(browser.get(&bed.server, &app.link()).await.redirected("code").is_some());
        // Consent ends: after its time the user is asked again.
        bed.advance(91 * 24 * 3600);
        browser.consent_page(&bed.server, &app.link(), "ada").await.is_asked();
    }

    // A page that was shown is a consent to what was on it: what has changed since then is shown again.
    async fn attack_019_a_client_that_changes_under_the_users_eyes(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let put = |name: &str, uri: &str| json!({
            "client_id": app.id, "client_name": name, "token_endpoint_auth_method": "none", "redirect_uris": [uri],
        }).to_string();
        let (path, token) = (app.management(), app.management_token());
        let renamed = bed.manage(Method::PUT, &path, &token, &put("A bank", "https://app.example/cb")).await;
        assert_eq!(renamed.status, 200, "{renamed:?}");
        let answer = browser.submit(&bed.server, &page, CONSENT).await;
        answer.is_asked();
        assert!(answer.text.contains("A bank"), "{answer:?}");
        let moved = bed.manage(Method::PUT, &path, &token, &put("A bank", "https://app.example/new")).await;
        assert_eq!(moved.status, 200, "{moved:?}");
        browser.submit(&bed.server, &answer, CONSENT).await.is_refused_here(400, "invalid_request");
        let gone = bed.manage(Method::DELETE, &path, &token, "").await;
        assert_eq!(gone.status, 204, "{gone:?}");
        browser.submit(&bed.server, &answer, CONSENT).await.is_refused_here(400, "invalid_client");
        assert_eq!(bed.grants().await, 0);
    }

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
                ("x-frame-options", "DENY"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"), ("strict-transport-security", "max-age=31536000"),
                ("content-type", "text/html; charset=utf-8"),
            ] {
                assert_eq!(page.header(name), value, "{name}: {page:?}");
                assert_eq!(page.headers.get_all(name).iter().count(), 1, "{name}: {page:?}");
            }
            assert!(page.headers.get("access-control-allow-origin").is_none(), "{page:?}");
        }
    }

    // MCP, security best practices: "CSRF protection"; RFC 6749 section 10.12; Fetch Metadata.
    async fn attack_021_a_form_that_another_site_sends(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let (flow, cookies) = (flow_of(&page, "decision"), cookies_of(&browser));
        let form = [("decision", "approve"), ("flow", flow.as_str())];
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "SAME-ORIGIN")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://as.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "null")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")],
            &[("origin", "https://evil.test")],
            &[("origin", "https://as.example.evil.test")],
            &[("origin", "http://as.example")],
            &[("origin", "https://x.as.example")],
            &[("origin", "https://as.example:8443")],
        ] {
            post_raw(&bed, &cookies, headers, &form).await.is_stale();
            // Neither who is signed in, nor who will be, is another site's to say.
            let out = [("switch_user", "yes"), ("flow", flow.as_str())];
            post_raw(&bed, &cookies, headers, &out).await.is_stale();
        }
        assert_eq!(bed.grants().await, 0);
        // The form itself was good all the time.
        let answer = post_raw(&bed, &cookies, &[("sec-fetch-site", "same-origin"), ("origin", "null")], &form).await;
        assert!(answer.redirected("code").is_some(), "{answer:?}");
    }

    // The same: a form is sent by the sign-in that it was shown to, whole, in time, and in the method of a form.
    async fn attack_021_a_form_that_belongs_to_somebody_else(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let (mut ada, mut bob, mut again) = (Browser::default(), Browser::default(), Browser::default());
        let page = ada.consent_page(&bed.server, &app.link(), "ada").await;
        let bobs = bob.consent_page(&bed.server, &app.link(), "bob").await;
        let other = again.consent_page(&bed.server, &app.link(), "ada").await;
        let sign_in = Browser::default().get(&bed.server, &app.link()).await;
        let own = flow_of(&page, "decision");
        let (cut, long) = (&own[..own.len() - 2], format!("{own}A"));
        let set = ada.cookies.clone();
        for flow in [
            "", "x", cut, &long, &flow_of(&bobs, "decision"), &flow_of(&other, "decision"), &flow_of(&sign_in, "password"),
            &set["__Host-mcp_session"], &set["__Host-mcp_browser"],
        ] {
            let form = [("decision", "approve"), ("flow", flow)];
            ada.post(&bed.server, "/authorize", &form).await.is_stale();
            ada.post(&bed.server, "/authorize", &[("switch_user", "yes"), ("flow", flow)]).await.is_stale();
            ada.post(&bed.server, "/device", &form).await.is_stale();
        }
        ada.post(&bed.server, "/authorize", CONSENT).await.is_stale();
        // Without a session, and with the form of the right one.
        let form = [("decision", "approve"), ("flow", own.as_str())];
        post_raw(&bed, "", &[], &form).await.is_stale();
        // At another endpoint, in the query, as text, as JSON.
        ada.post(&bed.server, "/device", &form).await.is_stale();
        let query = format!("/authorize?{}", encode(&form));
        ada.post(&bed.server, &query, &form).await.is_refused_here(400, "invalid_request");
        let cookies = cookies_of(&ada);
        for media_type in ["text/plain", "multipart/form-data; boundary=x", "application/json", ""] {
            let headers = [("cookie", cookies.as_str()), ("content-type", media_type)];
            let answer = bed.send(request(Method::POST, "/authorize", &headers, &encode(&form))).await;
            answer.is_refused_here(400, "invalid_request");
        }
        assert_eq!(bed.grants().await, 0);
        // A page is good for ten minutes.
        bed.advance(601);
        ada.post(&bed.server, "/authorize", &form).await.is_stale();
        assert_eq!(bed.grants().await, 0);
    }

    // RFC 6819 section 4.4.1.12, login CSRF: nobody is signed in by a form that their own browser was not shown.
    async fn attack_021_a_sign_in_in_the_attackers_name(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut attacker = Browser::default();
        let page = attacker.get(&bed.server, &app.link()).await;
        let flow = flow_of(&page, "password");
        let form = [("flow", flow.as_str()), ("username", "bob"), ("password", "bobbob")];
        let mut victim = Browser::default();
        victim.post(&bed.server, "/authorize", &form).await.is_stale();
        victim.get(&bed.server, &app.link()).await;
        assert!(victim.cookies.contains_key("__Host-mcp_browser"));
        victim.post(&bed.server, "/authorize", &form).await.is_stale();
        let cookies = cookies_of(&attacker);
        for headers in [[("sec-fetch-site", "cross-site")], [("origin", "https://evil.test")]] {
            post_raw(&bed, &cookies, &headers, &form).await.is_stale();
        }
        bed.advance(601);
        attacker.post(&bed.server, "/authorize", &form).await.is_stale();
        assert!(!attacker.cookies.contains_key("__Host-mcp_session"));
    }

    // What a page was shown to is over when the user is: no consent of somebody who was shut out.
    async fn attack_021_a_user_who_was_shut_out_meanwhile(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        // While nobody can tell, nothing is decided.
        bed.people.break_down(true);
        browser.submit(&bed.server, &page, CONSENT).await.is_refused_here(503, "temporarily_unavailable");
        bed.people.break_down(false);
        bed.people.disable("ada");
        browser.submit(&bed.server, &page, CONSENT).await.is_stale();
        assert_eq!(bed.grants().await, 0);
    }

    // MCP, security best practices: a consent form is for one use. Loading the page twice harms neither.
    async fn attack_022_a_form_is_sent_once(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let first = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let second = browser.consent_page(&bed.server, &app.link(), "ada").await;
        assert_ne!(flow_of(&first, "decision"), flow_of(&second, "decision"));
        let answer = browser.submit(&bed.server, &first, CONSENT).await;
        assert!(answer.redirected("code").is_some(), "{answer:?}");
        browser.submit(&bed.server, &first, CONSENT).await.is_stale();
        assert_eq!(bed.grants().await, 1);
        // A refusal is an answer too.
        let denied = browser.submit(&bed.server, &second, &[("decision", "deny")]).await;
        denied.is_told("https://app.example/cb?", "access_denied");
        browser.submit(&bed.server, &second, CONSENT).await.is_stale();
        assert_eq!(bed.grants().await, 1);
    }

    // The same as a race, at two processes on one store.
    async fn attack_022_a_form_is_sent_once_by_whoever_comes_first(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let servers = [bed.server.clone(), bed.second().await];
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        let (flow, cookies) = (flow_of(&page, "decision"), cookies_of(&browser));
        let body: Arc<str> = encode(&[("decision", "approve"), ("flow", &flow)]).into();
        let cookies: Arc<str> = cookies.into();
        let tasks: Vec<_> = (0..32).map(|number| {
            let (server, body, cookies) = (servers[number % 2].clone(), Arc::clone(&body), Arc::clone(&cookies));
            tokio::spawn(async move {
                let headers = [FORM, ("cookie", &*cookies)];
                send_to(&server, request(Method::POST, "/authorize", &headers, &body)).await
            })
        }).collect();
        let mut codes = 0;
        for task in tasks {
            let answer = task.await.unwrap();
            match answer.redirected("code") {
                Some(_) => codes += 1,
                None => answer.is_stale(),
            }
        }
        assert_eq!((codes, bed.grants().await), (1, 1));
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
        for name in [
            "<script>alert(1)</script>", "\"onload=\"alert(1)", "'><img src=x onerror=alert(1)>", "</strong></dd><h1>Bank",
            "&lt;script&gt;", "\u{202e}knab\u{202c} \u{200b}\u{2066}", "a\u{0}b\r\n\tc", &long, "{{7*7}}", "-->",
        ] {
            let body = json!({
                "client_name": name, "redirect_uris": ["https://app.example/cb?x=\"'()!*"], "logo_uri": "https://evil.test/l.svg",
                "client_uri": "javascript:alert(1)", "tos_uri": "https://evil.test/tos", "token_endpoint_auth_method": "none",
            });
            let refused = bed.json(Method::POST, "/register", &[], &body).await;
            assert_eq!(refused.refusal(), (400, "invalid_redirect_uri".to_owned()), "{name}");
            let mut body = body.clone();
            body["redirect_uris"] = json!(["https://app.example/cb?x='()!*&amp;<b>".replace(['<', '>'], "")]);
            let app = App::register_as(&bed, &body).await;
            let mut browser = Browser::default();
            let sign_in = browser.get(&bed.server, &app.link()).await;
            let consent = browser.consent_page(&bed.server, &app.link(), "ada").await;
            consent.is_asked();
            for page in [&sign_in, &consent] {
                for evil in [
                    "<script", "<img", "onload=\"", "<h1>Bank", "javascript:", "evil.test", "\u{202e}", "\u{2066}",
                    "\u{200b}", "\0", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
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
        let error = browser.get(&bed.server, &format!("/authorize?{}", encode(&[("client_id", evil), ("error", evil)]))).await;
        assert_eq!(error.status, 400);
        for page in [&page, &failed, &consent, &device, &unknown, &error] {
            assert!(!page.text.contains("<script>") && !page.text.contains('\u{202e}'), "{page:?}");
        }
    }

    // MCP, client registration: the host of the redirect is shown, and who sends users to their own machine is warned of.
    async fn attack_027_a_redirect_to_the_users_own_machine(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let warned = |page: &Reply| page.text.contains("class=\"warn\"");
        for (uri, place) in [
            ("http://127.0.0.1/cb", "127.0.0.1"), ("http://localhost/cb", "localhost"), ("http://[::1]/cb", "[::1]"),
            ("https://localhost/cb", "localhost"), ("https://app.localhost./cb", "app.localhost."),
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

    // RFC 9700 section 4.12: "the authorization server MUST NOT use HTTP status code 307" after a form with credentials;
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
