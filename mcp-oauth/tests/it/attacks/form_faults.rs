//! Stores that fail while somebody sends a form of ours: check 55, and 22 with it.
//!
//! Each call of the server to its store fails in turn, before it has happened and after it. The user is told to try again, and
//! the same form does what it would have done; and it does it once.

use std::num::NonZeroU32;
use std::sync::Arc;

use http::Method;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::consent::{CONSENT, flow_of};
use super::device::Device;
use super::own_forms::cookies_of;
use crate::support::{
    App, Bed, Browser, FORM, Fault, Keeper, Tokens, Watch, encode, on_every_store, on_every_store_at_once, request,
    send_to,
};

const FAULTS: [Fault; 2] = [Fault::Before, Fault::After];

async fn watched(keeper: Keeper) -> (Bed, Arc<Watch>) {
    let watch = Watch::over(keeper.open().await);
    let stores = watch.stores();
    (Bed::with(keeper, |builder| builder.stores(stores)).await, watch)
}

on_every_store! {
    // The last word of a user counts, also after a yes that was not answered.
    async fn attack_055_a_no_after_a_yes_that_was_not_answered(keeper: Keeper) {
        let (bed, watch) = watched(keeper).await;
        for fault in FAULTS {
            for number in 0.. {
                let app = App::another(&bed, &format!("App {fault:?} {number}")).await;
                let mut browser = Browser::default();
                let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
                watch.begin(Some((number, fault)));
                let answer = browser.submit(&bed.server, &page, CONSENT).await;
                let calls = watch.calls();
                watch.begin(None);
                if number == calls.len() {
                    assert!(answer.redirected("code").is_some(), "{answer:?}");
                    break;
                }
                let no = browser.submit(&bed.server, &page, &[("decision", "deny")]).await;
                if no.redirected("error").is_some() {
                    browser.get(&bed.server, &app.link()).await.is_asked();
                } else {
                    // The yes has used the form up, and its answer alone was lost.
                    no.is_stale();
                    assert_eq!((calls[number], fault), ("flows.put", Fault::After));
                }
            }
        }
    }

    // A store that cannot look a user code up says nothing about whether it was guessed.
    async fn attack_042_a_store_that_fails_at_user_codes(keeper: Keeper) {
        let watch = Watch::over(keeper.open().await);
        let stores = watch.stores();
        let bed = Bed::with(keeper, |builder| builder.stores(stores).rate_limit(NonZeroU32::new(300))).await;
        let device = Device::new(&bed).await;
        let mut browser = Browser::default();
        browser.consent_page(&bed.server, "/device", "ada").await;
        watch.begin(None);
        device.page(&bed, &mut browser, "ada").await.is_asked();
        let looked_up = watch.calls().iter().position(|call| *call == "devices.by_user_code").unwrap();
        for _ in 0..12 {
            watch.begin(Some((looked_up, Fault::Before)));
            assert_eq!(device.page(&bed, &mut browser, "ada").await.status, 503);
        }
        watch.begin(None);
        device.page(&bed, &mut browser, "ada").await.is_asked();
    }

    async fn attack_055_a_fault_while_a_user_consents(keeper: Keeper) {
        let (bed, watch) = watched(keeper).await;
        let app = App::register(&bed).await;
        for fault in FAULTS {
            for number in 0.. {
                let mut browser = Browser::default();
                let page = browser.consent_page(&bed.server, &app.link_with(&[("prompt", "consent")]), "ada").await;
                watch.begin(Some((number, fault)));
                let answer = browser.submit(&bed.server, &page, CONSENT).await;
                let calls = watch.calls();
                watch.begin(None);
                let at = format!("{fault:?} {number} of {calls:?}");
                if number == calls.len() {
                    let steps = ["grants.create", "consents.remember", "flows.put"];
                    assert!(calls.ends_with(&steps), "{at}");
                    assert!(answer.redirected("code").is_some(), "{at}: {answer:?}");
                    break;
                }
                answer.is_refused_here(503, "temporarily_unavailable");
                let answer = browser.submit(&bed.server, &page, CONSENT).await;
                if (calls[number], fault) == ("flows.put", Fault::After) {
                    // Nobody knows who was first: on the safe side, nobody.
                    answer.is_stale();
                } else {
                    let code = answer.redirected("code").unwrap_or_else(|| panic!("{at}: {answer:?}"));
                    Tokens::of(&app.redeem(&bed, &code).await);
                }
                // Check 22: once.
                browser.submit(&bed.server, &page, CONSENT).await.is_stale();
                browser.submit(&bed.server, &page, &[("decision", "deny")]).await.is_stale();
            }
        }
    }

    async fn attack_055_a_fault_while_a_user_refuses(keeper: Keeper) {
        let (bed, watch) = watched(keeper).await;
        let app = App::register(&bed).await;
        for number in 0.. {
            let mut browser = Browser::default();
            let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
            watch.begin(Some((number, Fault::Before)));
            let answer = browser.submit(&bed.server, &page, &[("decision", "deny")]).await;
            let calls = watch.calls();
            watch.begin(None);
            if number == calls.len() {
                answer.is_told("https://app.example/cb?", "access_denied");
                break;
            }
            answer.is_refused_here(503, "temporarily_unavailable");
            let again = browser.submit(&bed.server, &page, &[("decision", "deny")]).await;
            again.is_told("https://app.example/cb?", "access_denied");
            browser.submit(&bed.server, &page, CONSENT).await.is_stale();
        }
        assert_eq!(bed.grants().await, 0);
    }

    // A form that was used up makes nothing: no grant, and no consent that is remembered.
    async fn attack_022_a_form_sent_again_does_nothing(keeper: Keeper) {
        let (bed, watch) = watched(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        browser.submit(&bed.server, &page, &[("decision", "deny")]).await.is_told("https://app.example/cb?", "access_denied");
        for _ in 0..3 {
            watch.begin(None);
            browser.submit(&bed.server, &page, CONSENT).await.is_stale();
            assert!(watch.calls().ends_with(&["flows.peek"]), "{:?}", watch.calls());
        }
        assert_eq!(bed.grants().await, 0);
        browser.get(&bed.server, &app.link()).await.is_asked();
    }

    async fn attack_055_a_fault_while_a_user_decides_about_a_device(keeper: Keeper) {
        let (bed, watch) = watched(keeper).await;
        for (decision, fault) in [("approve", Fault::Before), ("approve", Fault::After), ("deny", Fault::Before)] {
            for number in 0.. {
                let device = Device::new(&bed).await;
                let mut browser = Browser::default();
                let page = device.page(&bed, &mut browser, "ada").await;
                let form = [("decision", decision)];
                watch.begin(Some((number, fault)));
                let answer = browser.submit(&bed.server, &page, &form).await;
                let calls = watch.calls();
                watch.begin(None);
                let at = format!("{decision}, {fault:?} {number} of {calls:?}");
                let is_last = number == calls.len();
                if is_last {
                    assert_eq!(answer.status, 200, "{at}: {answer:?}");
                } else {
                    answer.is_refused_here(503, "temporarily_unavailable");
                    let decided = (calls[number], fault) == ("devices.decide", Fault::After);
                    let again = browser.submit(&bed.server, &page, &form).await;
                    // It was decided, and who asks again is told that nothing waits any more.
                    assert_eq!(again.status, if decided { 400 } else { 200 }, "{at}: {again:?}");
                }
                assert_ne!(browser.submit(&bed.server, &page, &form).await.status, 200, "{at}: once");
                match decision {
                    "approve" => drop(Tokens::of(&device.poll(&bed).await)),
                    _ => device.poll(&bed).await.assert_refused(400, "access_denied"),
                }
                if is_last {
                    break;
                }
            }
        }
    }
}

on_every_store_at_once! {
    // A yes and a no to one form at the same moment, at two processes: one of them is the answer, now and the next time.
    async fn attack_022_a_yes_and_a_no_in_a_race(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let second = bed.second().await;
        let (mut yes, mut no) = (0, 0);
        for round in 0..12 {
            let app = App::another(&bed, &format!("App {round}")).await;
            let mut browser = Browser::default();
            let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
            let barrier = Arc::new(Barrier::new(2));
            let mut tasks = JoinSet::new();
            for (server, decision) in [(bed.server.clone(), "approve"), (second.clone(), "deny")] {
                let body = encode(&[("decision", decision), ("flow", &flow_of(&page, "decision"))]);
                let (barrier, cookies) = (Arc::clone(&barrier), cookies_of(&browser));
                tasks.spawn(async move {
                    barrier.wait().await;
                    let headers = [FORM, ("cookie", cookies.as_str())];
                    (decision, send_to(&server, request(Method::POST, "/authorize", &headers, &body)).await)
                });
            }
            let mut answers: Vec<_> = tasks.join_all().await;
            answers.sort_by_key(|(decision, _)| *decision);
            let [(_, approved), (_, denied)] = answers.try_into().unwrap();
            let next = browser.get(&bed.server, &app.link()).await;
            if approved.redirected("code").is_some() {
                yes += 1;
                denied.is_stale();
                assert!(next.redirected("code").is_some(), "{next:?}");
            } else {
                no += 1;
                approved.is_stale();
                denied.is_told("https://app.example/cb?", "access_denied");
                next.is_asked();
            }
        }
        assert_eq!(yes + no, 12);
    }
}
