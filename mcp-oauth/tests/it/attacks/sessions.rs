//! Sessions that are over before their time: check 23.

use std::sync::Arc;
use std::time::Duration;

use mcp_oauth::server::AuthorizationServer;
use mcp_oauth::server::audit::EventKind;
use mcp_oauth::types::{Clock as _, ManualClock};
use mcp_transport::auth::Subject;

use super::consent::CONSENT;
use crate::support::{App, Bed, Browser, Fault, Heard, Keeper, Reply, Watch, on_every_store};

const OUT: &[(&str, &str)] = &[("switch_user", "yes")];

/// Somebody who is signed in, with a page of consent open.
async fn signed_in(server: &AuthorizationServer, app: &App, user: &str) -> (Browser, Reply) {
    let mut browser = Browser::default();
    let page = browser.consent_page(server, &app.link(), user).await;
    page.is_asked();
    (browser, page)
}

/// Whether a browser has a session that is good: on the page of a client, and with a form that was open.
async fn is_good(server: &AuthorizationServer, app: &App, browser: &Browser) -> bool {
    let answer = browser.clone().get(server, &app.link()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked = answer.text.contains("name=\"decision\"");
    assert_ne!(asked, answer.text.contains("name=\"password\""), "{answer:?}");
    asked
}

on_every_store! {
    // OWASP, "Session Management": signing out ends the session on the server. A copy of the cookie is worth nothing then, on
    // no node, and neither is a form that was open.
    async fn attack_023_a_copy_of_a_session_that_was_signed_out(keeper: Keeper) {
        let heard = Arc::new(Heard::default());
        let bed = Bed::with(keeper, |builder| builder.audit(Arc::clone(&heard) as _)).await;
        let (second, app) = (bed.second().await, App::register(&bed).await);
        let (mut browser, page) = signed_in(&bed.server, &app, "ada").await;
        let (mut other, others) = signed_in(&bed.server, &app, "ada").await;
        let (bob, _) = signed_in(&bed.server, &app, "bob").await;
        let mut thief = browser.clone();
        assert!(is_good(&second, &app, &thief).await);
        heard.since();
        assert_eq!(browser.submit(&bed.server, &page, OUT).await.status, 303);
        assert_eq!(heard.since(), [EventKind::SignedOut]);
        for server in [&bed.server, &second] {
            assert!(!is_good(server, &app, &thief).await);
            // Whatever the user has open elsewhere too: who signs out because of a thief is rid of them.
            assert!(!is_good(server, &app, &other).await);
            thief.submit(server, &page, CONSENT).await.is_stale();
            thief.submit(server, &page, OUT).await.is_stale();
            other.submit(server, &others, CONSENT).await.is_stale();
            assert!(is_good(server, &app, &bob).await, "nobody else is signed out");
        }
        assert_eq!(bed.grants().await, 0);
        // At the very same moment the user can sign in again; what was over stays so, as long as it would have lasted.
        let (again, _) = signed_in(&bed.server, &app, "ada").await;
        for wait in [0, 3600, 4 * 3600, 3600] {
            bed.advance(wait);
            assert!(is_good(&second, &app, &again).await && !is_good(&second, &app, &thief).await);
        }
    }

    // Nodes whose clocks differ: what is signed out is over on all, and whoever signs in is signed in.
    async fn attack_023_a_session_of_a_node_whose_clock_is_ahead(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let clock = Arc::new(ManualClock::at(bed.now().after(Duration::from_secs(80))));
        let ahead = bed.builder_again().await.clock(Arc::clone(&clock) as _).build().await.unwrap();
        let app = App::register(&bed).await;
        let (mut browser, page) = signed_in(&ahead, &app, "ada").await;
        let thief = browser.clone();
        assert_eq!(browser.submit(&bed.server, &page, OUT).await.status, 303);
        for server in [&ahead, &bed.server] {
            assert!(!is_good(server, &app, &thief).await);
        }
        let (again, _) = signed_in(&bed.server, &app, "ada").await;
        for server in [&ahead, &bed.server] {
            assert!(is_good(server, &app, &again).await);
        }
        assert!(clock.now() > bed.now());
    }

    // Two who sign out in any order: the later end counts.
    async fn attack_023_several_who_sign_out(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let (mut first, page) = signed_in(&bed.server, &app, "ada").await;
        let copy = first.clone();
        first.submit(&bed.server, &page, OUT).await;
        bed.advance(10);
        let (mut second, page) = signed_in(&bed.server, &app, "ada").await;
        let later = second.clone();
        second.submit(&bed.server, &page, OUT).await;
        assert!(!is_good(&bed.server, &app, &copy).await && !is_good(&bed.server, &app, &later).await);
        bed.advance(10);
        let (third, _) = signed_in(&bed.server, &app, "ada").await;
        assert!(is_good(&bed.server, &app, &third).await);
        // So does the operator's word.
        bed.server.end_sessions(&Subject::parse("people:ada").unwrap()).await.unwrap();
        assert!(!is_good(&bed.server, &app, &third).await);
        let (fourth, _) = signed_in(&bed.server, &app, "ada").await;
        assert!(is_good(&bed.server, &app, &fourth).await);
    }

    // A password that is set anew ends what the old one began; and nobody else's sessions.
    async fn attack_023_another_password(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let app = App::register(&bed).await;
        let ((mut ada, page), (bob, _)) = (signed_in(&bed.server, &app, "ada").await, signed_in(&bed.server, &app, "bob").await);
        bed.people.set_password("ada");
        assert!(!is_good(&bed.server, &app, &ada).await && is_good(&bed.server, &app, &bob).await);
        ada.submit(&bed.server, &page, CONSENT).await.is_stale();
        let (again, _) = signed_in(&bed.server, &app, "ada").await;
        assert!(is_good(&bed.server, &app, &again).await);
    }

    // A store that cannot tell says nothing about a session, and who was not signed out is told so.
    async fn attack_023_a_store_that_fails_at_a_sign_out(keeper: Keeper) {
        let watch = Watch::over(keeper.open().await);
        let stores = watch.stores();
        let bed = Bed::with(keeper, |builder| builder.stores(stores)).await;
        let app = App::register(&bed).await;
        for fault in [Fault::Before, Fault::After] {
            for number in 0.. {
                let (mut browser, page) = signed_in(&bed.server, &app, "ada").await;
                let copy = browser.clone();
                watch.begin(Some((number, fault)));
                let answer = browser.submit(&bed.server, &page, OUT).await;
                let calls = watch.calls();
                watch.begin(None);
                let at = format!("{fault:?} {number} of {calls:?}");
                if number == calls.len() {
                    assert_eq!(calls, ["flows.peek", "flows.raise"]);
                    assert_eq!(answer.status, 303, "{at}: {answer:?}");
                    break;
                }
                answer.is_refused_here(503, "temporarily_unavailable");
                let ended = (calls[number], fault) == ("flows.raise", Fault::After);
                assert_ne!(is_good(&bed.server, &app, &copy).await, ended, "{at}");
                let again = browser.submit(&bed.server, &page, OUT).await;
                if ended { again.is_stale() } else { assert_eq!(again.status, 303, "{at}") }
                assert!(!is_good(&bed.server, &app, &copy).await, "{at}");
            }
        }
    }

    // The operator's word counts from now on, though the user's session began by a clock that is ahead.
    async fn attack_023_sessions_are_ended_by_a_clock_behind(keeper: Keeper) {
        let bed = Bed::new(keeper).await;
        let clock = Arc::new(ManualClock::at(bed.now().after(Duration::from_secs(80))));
        let ahead = bed.builder_again().await.clock(Arc::clone(&clock) as _).build().await.unwrap();
        let app = App::register(&bed).await;
        let (mut browser, page) = signed_in(&ahead, &app, "ada").await;
        assert_eq!(browser.submit(&ahead, &page, OUT).await.status, 303);
        bed.advance(5);
        let (again, _) = signed_in(&bed.server, &app, "ada").await;
        bed.server.end_sessions(&Subject::parse("people:ada").unwrap()).await.unwrap();
        assert!(!is_good(&bed.server, &app, &again).await);
    }
}
