//! A, the third part: what the user is asked, and what is taken for their answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::Method;
use mcp_oauth::identity::{Access, AccessPolicy, Allowed, Decision, PolicyError, Reason};
use mcp_transport::auth::{ScopeSet, Subject};
use serde_json::json;

use crate::support::{App, Bed, Browser, Keeper, OTHER_RESOURCE, Reply, Tokens, forms, on_every_store, request};

pub(super) const CONSENT: &[(&str, &str)] = &[("decision", "approve")];

/// The sealed field of the first form of a page that has a field of this name.
pub(super) fn flow_of(page: &Reply, name: &str) -> String {
    let form = forms(&page.text).into_iter().find(|form| form.names.iter().any(|own| own == name)).unwrap();
    form.hidden.into_iter().find(|(name, _)| name == "flow").unwrap().1
}

/// A policy whose mind can be changed.
#[derive(Debug)]
struct Minded(Mutex<Mind>);

#[derive(Clone, Debug)]
enum Mind {
    Allows(ScopeSet),
    Denies,
    CannotTell,
}

impl Minded {
    async fn bed(keeper: Keeper, mind: Mind) -> (Bed, Arc<Self>) {
        let policy = Arc::new(Self(Mutex::new(mind)));
        let bed = Bed::with(keeper, |builder| builder.policy(Arc::clone(&policy) as _)).await;
        (bed, policy)
    }

    fn changes_to(&self, mind: Mind) {
        *self.0.lock().unwrap() = mind;
    }
}

#[async_trait]
impl AccessPolicy for Minded {
    async fn decide(&self, _: &Access<'_>) -> Result<Decision, PolicyError> {
        match self.0.lock().unwrap().clone() {
            Mind::Allows(scopes) => Ok(Decision::Allow(Allowed::new(scopes))),
            Mind::Denies => Ok(Decision::Deny(Reason::fixed("not today"))),
            Mind::CannotTell => Err(PolicyError::Unavailable("broken".into())),
        }
    }
}

fn allows(scopes: &str) -> Mind {
    Mind::Allows(scopes.parse().unwrap())
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
            ("prompt", "none"),
            ("approved", "true"),
            ("switch_user", "no"),
            ("consent", "granted"),
            ("approval_prompt", "auto"),
            ("login_hint", "ada"),
            ("max_age", "0"),
            ("csrf", &flow),
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
        let cookies =
            format!("__Host-mcp_session={session}; consent={0}; __Host-mcp_consent={0}; approved=true", other.id);
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
            "http://127.0.0.1/cb",
            "http://localhost:8080/cb",
            "http://[::1]/cb",
            "com.example.app:/cb",
            "cursor://x/cb",
            "https://localhost/cb",
            "https://127.0.0.1:8443/cb",
            "https://[::1]/cb",
            "https://app.localhost/cb",
        ] {
            let app = App::at(&bed, &[uri]).await;
            let mut browser = Browser::default();
            assert!(browser.approve(&bed.server, &app.link(), "ada").await.redirected("code").is_some());
            browser.get(&bed.server, &app.link()).await.is_asked();
        }
        // Nor is anything listed that stands for nothing.
        let ada = Subject::parse("people:ada").unwrap();
        assert_eq!(bed.stores.consents.of_subject(&ada, bed.now()).await.unwrap(), []);
    }

    // MCP, security best practices: consent is for a client and a redirect URI. RFC 7592 section 2.2 lets a client
    // change the latter.
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
        let put = |name: &str, uri: &str| {
            json!({
                "client_id": app.id, "client_name": name, "token_endpoint_auth_method": "none", "redirect_uris": [uri],
            })
            .to_string()
        };
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

    // RFC 6749 section 3.3: what the user has seen is what they allow. A policy that allows more by the time of the
    // answer has the user asked again.
    async fn attack_019_a_policy_that_allows_more_than_was_shown(keeper: Keeper) {
        let (bed, policy) = Minded::bed(keeper, allows("mcp")).await;
        let app = App::register(&bed).await;
        let link = app.link_with(&[("scope", "mcp admin")]);
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &link, "ada").await;
        page.is_asked();
        assert!(!page.text.contains("Rule it"), "{page:?}");
        policy.changes_to(allows("mcp admin"));
        let again = browser.submit(&bed.server, &page, CONSENT).await;
        again.is_asked();
        assert!(again.text.contains("Rule it"), "{again:?}");
        assert_eq!(bed.grants().await, 0);
        // One that allows less by then has it its way, and one that allows nothing or cannot tell too.
        policy.changes_to(Mind::CannotTell);
        browser.submit(&bed.server, &again, CONSENT).await.is_refused_here(503, "temporarily_unavailable");
        policy.changes_to(allows("mcp"));
        let answer = browser.submit(&bed.server, &again, CONSENT).await;
        let tokens = Tokens::of(&app.redeem(&bed, &answer.redirected("code").unwrap()).await);
        assert_eq!(tokens.body["scope"], "mcp");
        // What was remembered is what was allowed.
        policy.changes_to(allows("mcp admin"));
        browser.get(&bed.server, &link).await.is_asked();
        let before = bed.grants().await;
        policy.changes_to(Mind::Denies);
        browser.submit(&bed.server, &page, CONSENT).await.is_told(&app.redirect, "access_denied");
        browser.get(&bed.server, &link).await.is_told(&app.redirect, "access_denied");
        assert_eq!(bed.grants().await, before);
    }

    // The same for a device (RFC 8628 section 3.3).
    async fn attack_019_a_policy_that_allows_a_device_more_than_was_shown(keeper: Keeper) {
        const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
        let (bed, policy) = Minded::bed(keeper, allows("mcp")).await;
        let body = json!({
            "client_name": "A device", "token_endpoint_auth_method": "none", "grant_types": [DEVICE_CODE],
            "response_types": [],
        });
        let app = App::register_as(&bed, &body).await;
        let form = [("client_id", app.id.as_str()), ("scope", "mcp admin")];
        let begun = bed.post("/device_authorization", &form).await.json();
        let (device, user) = (begun["device_code"].as_str().unwrap(), begun["user_code"].as_str().unwrap());
        let mut browser = Browser::default();
        let sign_in = browser.get(&bed.server, "/device").await;
        browser.submit(&bed.server, &sign_in, &[("username", "ada"), ("password", "adaada")]).await;
        let page = browser.post(&bed.server, "/device", &[("user_code", user)]).await;
        page.is_asked();
        assert!(!page.text.contains("Rule it"), "{page:?}");
        policy.changes_to(allows("mcp admin"));
        browser.submit(&bed.server, &page, CONSENT).await.is_stale();
        let poll = [("grant_type", DEVICE_CODE), ("client_id", app.id.as_str()), ("device_code", device)];
        assert_eq!(bed.post("/token", &poll).await.refusal(), (400, "authorization_pending".to_owned()));
        assert_eq!(bed.grants().await, 0);
        let page = browser.post(&bed.server, "/device", &[("user_code", user)]).await;
        assert!(page.text.contains("Rule it"), "{page:?}");
        assert_eq!(browser.submit(&bed.server, &page, CONSENT).await.status, 200);
        bed.advance(10);
        assert_eq!(bed.post("/token", &poll).await.json()["scope"], "admin mcp");
    }

    // OpenID Connect Core section 3.1.2.1 has `max_age` for it; here every sign-in ends.
    async fn attack_017_a_sign_in_that_is_over(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let code = browser.approve(&bed.server, &app.link(), "ada").await.redirected("code").unwrap();
        assert_eq!(app.redeem(&bed, &code).await.status, 200);
        let before = bed.grants().await;
        bed.advance(8 * 3600);
        let page = browser.get(&bed.server, &app.link()).await;
        assert!(page.status == 200 && page.text.contains("name=\"password\""), "{page:?}");
        assert_eq!(bed.grants().await, before);
    }
}
