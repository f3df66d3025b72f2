//! Devices and their users: check 99 (RFC 8628).

use std::num::NonZeroU32;
use std::sync::Arc;

use http::Method;
use mcp_oauth::server::AuthorizationServerBuilder;
use mcp_oauth::server::audit::EventKind;
use mcp_oauth::store::By;
use mcp_oauth::types::EndReason;
use mcp_transport::auth::ClientId;
use serde_json::{Value, json};

use crate::support::{
    App, Bed, Browser, FORM, Heard, Keeper, Mood, Moody, OTHER_RESOURCE, Reply, Tokens, encode, on_every_store, request,
};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device with its client.
pub(super) struct Device {
    pub(super) app: App,
    code: String,
    user_code: String,
    answer: Value,
}

async fn tv(bed: &Bed, name: &str) -> App {
    let body = json!({
        "client_name": name, "token_endpoint_auth_method": "none", "grant_types": [DEVICE_CODE, "refresh_token"],
    });
    App::register_as(bed, &body).await
}

impl Device {
    async fn of(bed: &Bed, app: &App, more: &[(&str, &str)]) -> Self {
        let form = [&[("client_id", app.id.as_str())], more].concat();
        let reply = bed.post("/device_authorization", &form).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{reply:?}");
        let answer = reply.json();
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self { app: app.clone(), code: text("device_code"), user_code: text("user_code"), answer }
    }

    pub(super) async fn new(bed: &Bed) -> Self {
        let app = tv(bed, "TV").await;
        Self::of(bed, &app, &[]).await
    }

    pub(super) fn form(&self) -> Vec<(&str, &str)> {
        vec![("grant_type", DEVICE_CODE), ("client_id", &self.app.id), ("device_code", &self.code)]
    }

    pub(super) async fn poll(&self, bed: &Bed) -> Reply {
        bed.post("/token", &self.form()).await
    }

    /// As far as the page on which a user decides about it.
    pub(super) async fn page(&self, bed: &Bed, browser: &mut Browser, user: &str) -> Reply {
        let page = browser.consent_page(&bed.server, "/device", user).await;
        browser.submit(&bed.server, &page, &[("user_code", &self.user_code)]).await
    }

    pub(super) async fn decide(&self, bed: &Bed, decision: &str) -> Reply {
        let mut browser = Browser::default();
        let page = self.page(bed, &mut browser, "ada").await;
        browser.submit(&bed.server, &page, &[("decision", decision)]).await
    }
}

on_every_store! {
    async fn attack_099_a_device_and_its_user(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = tv(&bed, "TV").await;
        let device = Device::of(&bed, &app, &[("scope", "admin"), ("resource", OTHER_RESOURCE)]).await;
        let members = &device.answer;
        assert_eq!((&members["expires_in"], &members["interval"]), (&json!(600), &json!(5)));
        assert_eq!(members["verification_uri"], "https://as.example/device");
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
        let mut browser = Browser::default();
        let page = device.page(&bed, &mut browser, "ada").await;
        // RFC 8628 section 5.4: the user is told which device and what for, and compares the code.
        for shown in ["TV", OTHER_RESOURCE, "Rule it", &device.user_code] {
            assert!(page.text.contains(shown), "{shown}: {page:?}");
        }
        assert_eq!(browser.submit(&bed.server, &page, &[("decision", "approve")]).await.status, 200);
        let tokens = Tokens::of(&device.poll(&bed).await);
        let claims = tokens.claims();
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!("people:ada"), &json!(OTHER_RESOURCE)));
        assert_eq!(claims["scope"], "admin");
        // RFC 8628 section 5.1: the code is used up.
        for _ in 0..2 {
            device.poll(&bed).await.assert_refused(400, "invalid_grant");
        }
        let refreshed = Tokens::of(&app.refresh(&bed, &tokens.refresh).await);
        assert_ne!(refreshed.refresh, tokens.refresh);
    }

    async fn attack_099_polling_too_fast(keeper: Keeper) {
        // RFC 8628 section 3.5: "the interval MUST be increased by 5 seconds for this and all subsequent requests".
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
        for (wait, error) in [
            (4, "slow_down"), (9, "slow_down"), (14, "slow_down"), (20, "authorization_pending"), (19, "slow_down"),
            (24, "slow_down"), (30, "authorization_pending"),
        ] {
            bed.advance(wait);
            device.poll(&bed).await.assert_refused(400, error);
        }
        // What the user has decided is told however fast the device asks.
        device.decide(&bed, "approve").await;
        Tokens::of(&device.poll(&bed).await);
    }

    async fn attack_099_the_code_of_another_client(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        let thief = tv(&bed, "Thief").await;
        let stolen = Device { app: thief, code: device.code.clone(), user_code: String::new(), answer: Value::Null };
        for _ in 0..3 {
            // It does not slow the device down either.
            stolen.poll(&bed).await.assert_refused(400, "invalid_grant");
        }
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
        device.decide(&bed, "approve").await;
        stolen.poll(&bed).await.assert_refused(400, "invalid_grant");
        let tokens = Tokens::of(&device.poll(&bed).await);
        stolen.poll(&bed).await.assert_refused(400, "invalid_grant");
        assert!(bed.is_active(&tokens.access).await);
    }

    async fn attack_099_codes_that_are_none(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        let other = App::register(&bed).await;
        let code = other.code(&bed).await;
        for wrong in [
            &device.user_code, &device.code[..device.code.len() - 1], &device.code.to_uppercase(), &format!("{}x", device.code),
            &code, "x", "mcpo_dc_",
        ] {
            let form = [("grant_type", DEVICE_CODE), ("client_id", &device.app.id), ("device_code", wrong)];
            bed.post("/token", &form).await.assert_refused(400, "invalid_grant");
        }
        for form in [
            vec![("grant_type", DEVICE_CODE), ("client_id", device.app.id.as_str())],
            vec![("grant_type", DEVICE_CODE), ("client_id", &device.app.id), ("device_code", "")],
        ] {
            bed.post("/token", &form).await.assert_refused(400, "invalid_request");
        }
        // A device code is no authorization code, and no refresh token.
        for (grant, name) in [("authorization_code", "code"), ("refresh_token", "refresh_token")] {
            let mut form = other.redemption("");
            form.retain(|(name, _)| !["grant_type", "code"].contains(name));
            form.extend([("grant_type", grant), (name, &device.code)]);
            bed.post("/token", &form).await.assert_refused(400, "invalid_grant");
        }
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
    }

    async fn attack_099_a_user_who_refuses(keeper: Keeper) {
        let heard = Arc::new(Heard::default());
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _)).await;
        let device = Device::new(&bed).await;
        device.decide(&bed, "deny").await;
        assert!(heard.since().contains(&EventKind::Declined));
        device.poll(&bed).await.assert_refused(400, "access_denied");
        device.poll(&bed).await.assert_refused(400, "invalid_grant");
        // Anything but a yes is a no.
        let device = Device::new(&bed).await;
        device.decide(&bed, "Approve").await;
        device.poll(&bed).await.assert_refused(400, "access_denied");
    }

    async fn attack_099_a_policy_that_denies(keeper: Keeper) {
        let (policy, heard) = (Arc::new(Moody::default()), Arc::new(Heard::default()));
        let builder = |builder: AuthorizationServerBuilder| {
            builder.policy(Arc::clone(&policy) as _).audit(Arc::clone(&heard) as _)
        };
        let bed = Bed::with(keeper, builder).await;
        // When the code is typed, and when the page was open already.
        for page_first in [false, true] {
            let device = Device::new(&bed).await;
            let mut browser = Browser::default();
            policy.set(if page_first { Mood::All } else { Mood::Never });
            let mut answer = device.page(&bed, &mut browser, "ada").await;
            if page_first {
                policy.set(Mood::Never);
                answer = browser.submit(&bed.server, &answer, &[("decision", "approve")]).await;
            }
            answer.is_refused_here(403, "access_denied");
            assert!(answer.text.contains("You may not allow this") && answer.text.contains("not for you"), "{answer:?}");
            assert!(heard.since().contains(&EventKind::Denied));
            device.poll(&bed).await.assert_refused(400, "access_denied");
        }
        assert_eq!(bed.grants().await, 0);
    }

    async fn attack_099_a_code_after_its_time(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let (device, late) = (Device::new(&bed).await, Device::new(&bed).await);
        let mut browser = Browser::default();
        let page = device.page(&bed, &mut browser, "ada").await;
        bed.clock.advance(std::time::Duration::from_millis(599_999));
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
        bed.clock.advance(std::time::Duration::from_millis(1));
        device.poll(&bed).await.assert_refused(400, "expired_token");
        // Too late for the user as well, wherever they are.
        let answer = browser.submit(&bed.server, &page, &[("decision", "approve")]).await;
        assert_ne!(answer.status, 200, "{answer:?}");
        let page = late.page(&bed, &mut Browser::default(), "ada").await;
        assert_eq!(page.status, 400);
        late.poll(&bed).await.assert_refused(400, "expired_token");
    }

    async fn attack_099_wrong_user_codes(keeper: Keeper) {
        // RFC 8628 section 5.1: "the authorization server SHOULD rate-limit user code attempts".
        let bed = Bed::with(keeper, |builder| builder.rate_limit(NonZeroU32::new(1_000_000))).await;
        let device = Device::new(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, "/device", "bob").await;
        let mut told = Vec::new();
        // Right ones are not counted.
        for _ in 0..20 {
            let answer = browser.submit(&bed.server, &page, &[("user_code", &device.user_code)]).await;
            assert!(answer.text.contains("name=\"decision\""), "{answer:?}");
        }
        for number in 0..20_u8 {
            let code = format!("BCDF-GHJ{}", char::from(b'K' + number % 4));
            let answer = browser.submit(&bed.server, &page, &[("user_code", &code)]).await;
            assert!(!answer.text.contains("name=\"decision\""));
            told.push(answer.status);
        }
        assert_eq!(told, [[400; 10], [429; 10]].concat());
        // Locked out means for the right one too; from elsewhere as well, for it is the user who is counted.
        let mut elsewhere = Browser::default();
        for browser in [&mut browser, &mut elsewhere] {
            let answer = device.page(&bed, browser, "bob").await;
            assert_eq!(answer.status, 429);
            assert!(!answer.text.contains("name=\"decision\""));
        }
        // But not for another user.
        let answer = device.page(&bed, &mut Browser::default(), "ada").await;
        assert!(answer.text.contains("name=\"decision\""), "{answer:?}");
        bed.advance(600);
        let late = Device::of(&bed, &device.app, &[]).await;
        let answer = late.page(&bed, &mut elsewhere, "bob").await;
        assert!(answer.text.contains("name=\"decision\""), "{answer:?}");
    }

    async fn attack_099_a_link_decides_nothing(keeper: Keeper) {
        // RFC 8628 sections 3.3.1 and 5.4: whoever follows a link with a code in it is shown it and asked.
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        let mut browser = Browser::default();
        browser.approve(&bed.server, &App::register(&bed).await.link(), "ada").await;
        for more in ["", "&decision=approve", "&decision=approve&flow=x"] {
            let link = format!("/device?user_code={}{more}", device.user_code);
            let page = browser.get(&bed.server, &link).await;
            assert_eq!(page.status, 200);
            assert!(!page.text.contains("name=\"decision\"") && page.text.contains(&device.user_code));
        }
        // Nor does a form that no page of ours has made.
        for form in [
            vec![("decision", "approve"), ("user_code", device.user_code.as_str())],
            vec![("decision", "approve"), ("user_code", &device.user_code), ("flow", "x")],
            vec![("decision", "approve")],
        ] {
            assert_eq!(browser.post(&bed.server, "/device", &form).await.status, 403);
        }
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
    }

    async fn attack_099_forms_of_others(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        let (mut ada, mut bob) = (Browser::default(), Browser::default());
        let page = device.page(&bed, &mut ada, "ada").await;
        bob.consent_page(&bed.server, "/device", "bob").await;
        // Another user's form; another site's; nobody's.
        let stolen = bob.submit(&bed.server, &page, &[("decision", "approve")]).await;
        assert_eq!(stolen.status, 403);
        let flow = crate::support::forms(&page.text)
            .into_iter()
            .flat_map(|form| form.hidden)
            .find_map(|(name, value)| (name == "flow").then_some(value))
            .unwrap();
        let form = encode(&[("decision", "approve"), ("flow", &flow)]);
        let cookies: Vec<String> = ada.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        for (site, origin) in [("cross-site", "https://evil.test"), ("same-site", "null"), ("same-origin", "https://evil.test")] {
            let headers = [FORM, ("cookie", &cookies), ("sec-fetch-site", site), ("origin", origin)];
            assert_eq!(bed.send(request(Method::POST, "/device", &headers, &form)).await.status, 403, "{site} {origin}");
        }
        assert_eq!(bed.send(request(Method::POST, "/device", &[FORM], &form)).await.status, 403);
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
        // The form of a device is none of the authorization endpoint, nor the other way round.
        let headers = [FORM, ("cookie", cookies.as_str())];
        let reply = bed.send(request(Method::POST, "/authorize", &headers, &form)).await;
        assert_eq!((reply.status, reply.redirected("code")), (403, None));
        let app = App::register(&bed).await;
        let page = ada.get(&bed.server, &app.link()).await;
        let flow = crate::support::forms(&page.text)[0].hidden.iter().find(|(name, _)| name == "flow").unwrap().1.clone();
        let form = [("decision", "approve"), ("flow", flow.as_str()), ("user_code", &device.user_code)];
        assert_eq!(ada.post(&bed.server, "/device", &form).await.status, 403);
        bed.advance(5);
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
    }

    async fn attack_099_a_form_twice(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        let mut browser = Browser::default();
        let (page, again) = (device.page(&bed, &mut browser, "ada").await, device.page(&bed, &mut browser, "ada").await);
        assert_eq!(browser.submit(&bed.server, &page, &[("decision", "approve")]).await.status, 200);
        // The same form, and another page that was open: it has been decided.
        for page in [&page, &again] {
            for decision in ["approve", "deny"] {
                assert_ne!(browser.submit(&bed.server, page, &[("decision", decision)]).await.status, 200);
            }
        }
        let tokens = Tokens::of(&device.poll(&bed).await);
        assert!(bed.is_active(&tokens.access).await);
    }

    async fn attack_099_what_is_typed_is_shown_as_text(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, "/device", "ada").await;
        for typed in ["\"><script>alert(1)</script>", "' onfocus='alert(1)", "</title><script>", "&lt;script&gt;", "\u{202e}BCDF"] {
            let link = format!("/device?{}", encode(&[("user_code", typed)]));
            let shown = browser.get(&bed.server, &link).await;
            let answer = browser.submit(&bed.server, &page, &[("user_code", typed)]).await;
            for page in [shown, answer] {
                assert!(!page.text.contains("<script") && !page.text.contains('\u{202e}'), "{typed}: {page:?}");
                let names: Vec<String> = crate::support::forms(&page.text).into_iter().flat_map(|form| form.names).collect();
                assert!(names.iter().all(|name| ["user_code", "flow"].contains(&name.as_str())), "{names:?}");
                assert!(page.header("content-security-policy").contains("default-src 'none'"));
            }
        }
        // As the device shows it, or as people type it.
        let device = Device::new(&bed).await;
        for typed in [device.user_code.to_lowercase(), device.user_code.replace('-', ""), device.user_code.replace('-', " ")] {
            let answer = browser.submit(&bed.server, &page, &[("user_code", &typed)]).await;
            assert!(answer.text.contains("name=\"decision\""), "{typed}");
        }
    }

    async fn attack_099_a_client_or_user_that_is_gone(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        device.decide(&bed, "approve").await;
        let token = device.app.registration["registration_access_token"].as_str().unwrap();
        let headers = [("authorization", format!("Bearer {token}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let path = format!("/register/{}", device.app.id);
        assert_eq!(bed.send(request(Method::DELETE, &path, &headers, "")).await.status, 204);
        device.poll(&bed).await.assert_refused(401, "invalid_client");
        let device = Device::of(&bed, &tv(&bed, "Another TV").await, &[]).await;
        let mut browser = Browser::default();
        let page = device.page(&bed, &mut browser, "ada").await;
        bed.people.disable("ada");
        assert_eq!(browser.submit(&bed.server, &page, &[("decision", "approve")]).await.status, 403);
        device.poll(&bed).await.assert_refused(400, "authorization_pending");
    }

    async fn attack_099_a_grant_that_ended_before_the_device_asked(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let device = Device::new(&bed).await;
        device.decide(&bed, "approve").await;
        let by = By::Client(ClientId::parse(&device.app.id).unwrap());
        assert_eq!(bed.stores.grants.end_all(&by, EndReason::Withdrawn, bed.now()).await.unwrap(), 1);
        device.poll(&bed).await.assert_refused(400, "invalid_grant");
    }

    async fn attack_099_what_a_device_may_ask_for(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = tv(&bed, "TV").await;
        for (name, value, error) in [
            ("resource", "https://evil.test/mcp", "invalid_target"),
            ("scope", "unheard-of", "invalid_scope"),
            ("scope", "\"", "invalid_scope"),
        ] {
            let form = [("client_id", app.id.as_str()), (name, value)];
            bed.post("/device_authorization", &form).await.assert_refused(400, error);
        }
        bed.post("/device_authorization", &[("client_id", "nobody")]).await.assert_refused(401, "invalid_client");
        bed.post("/device_authorization", &[("scope", "mcp")]).await.assert_refused(401, "invalid_client");
    }
}
