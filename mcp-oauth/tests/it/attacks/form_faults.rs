//! Stores that fail while somebody sends a form of ours: check 55, and 22 with it.
//!
//! Each call of the server to its store fails in turn, before it has happened and after it. The user is told to try again, and
//! the same form does what it would have done; and it does it once.

use std::sync::Arc;

use mcp_oauth::store::By;
use mcp_transport::auth::ClientId;

use super::consent::CONSENT;
use super::device::Device;
use crate::support::{App, Bed, Browser, Fault, Keeper, Tokens, Watch, on_every_store};

const FAULTS: [Fault; 2] = [Fault::Before, Fault::After];

async fn watched(keeper: Keeper) -> (Bed, Arc<Watch>) {
    let watch = Watch::over(keeper.open().await);
    let stores = watch.stores();
    (Bed::with(keeper, |builder| builder.stores(stores)).await, watch)
}

on_every_store! {
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
                    assert!(calls.contains(&"replays.first_use") && calls.contains(&"grants.create"), "{at}");
                    assert!(answer.redirected("code").is_some(), "{at}: {answer:?}");
                    break;
                }
                let answer = match calls[number] {
                    // What cannot be remembered is asked again the next time.
                    "consents.remember" => answer,
                    _ => {
                        answer.is_refused_here(503, "temporarily_unavailable");
                        browser.submit(&bed.server, &page, CONSENT).await
                    }
                };
                if (calls[number], fault) == ("replays.first_use", Fault::After) {
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

    // What was made for a form that somebody else had used up is gone again: no grant is left of it.
    async fn attack_022_a_form_sent_twice_leaves_one_grant(keeper: Keeper) {
        let (bed, watch) = watched(keeper).await;
        let app = App::register(&bed).await;
        let mut browser = Browser::default();
        let page = browser.consent_page(&bed.server, &app.link(), "ada").await;
        assert!(browser.submit(&bed.server, &page, CONSENT).await.redirected("code").is_some());
        for _ in 0..3 {
            watch.begin(None);
            browser.submit(&bed.server, &page, CONSENT).await.is_stale();
            assert!(watch.calls().ends_with(&["grants.end"]), "{:?}", watch.calls());
        }
        let by = By::Client(ClientId::parse(&app.id).unwrap());
        let live = bed.stores.grants.page(Some(&by), None, 10, bed.now()).await.unwrap().items;
        assert_eq!(live.iter().filter(|view| view.ended.is_none()).count(), 1);
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
