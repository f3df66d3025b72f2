//! A, the fourth part: who may send the forms of our pages.

use std::sync::Arc;

use http::Method;

use super::consent::{CONSENT, flow_of};
use crate::support::{App, Bed, Browser, FORM, Keeper, Reply, encode, on_every_store, request, send_to};

/// Posts a form with these cookies and headers, and nothing that a browser would add.
async fn post_raw(bed: &Bed, cookies: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
    let headers: Vec<_> = [("cookie", cookies)].iter().chain(headers).copied().collect();
    bed.post_with("/authorize", &headers, form).await
}

pub(super) fn cookies_of(browser: &Browser) -> String {
    let pairs: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("; ")
}

on_every_store! {
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
            "",
            "x",
            cut,
            &long,
            &flow_of(&bobs, "decision"),
            &flow_of(&other, "decision"),
            &flow_of(&sign_in, "password"),
            &set["__Host-mcp_session"],
            &set["__Host-mcp_browser"],
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
        let tasks: Vec<_> = (0..32)
            .map(|number| {
                let (server, body, cookies) = (servers[number % 2].clone(), Arc::clone(&body), Arc::clone(&cookies));
                tokio::spawn(async move {
                    let headers = [FORM, ("cookie", &*cookies)];
                    send_to(&server, request(Method::POST, "/authorize", &headers, &body)).await
                })
            })
            .collect();
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
}
