//! Stores that fail in the middle of a request: check 55.
//!
//! Each call of the server to its store fails in turn, before it has happened and after it. Whatever fails, the client is told
//! to try again, and when it does, it gets what it would have got.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use mcp_oauth::server::Lifetimes;
use mcp_oauth::server::audit::EventKind;
use mcp_oauth::types::{ClientAuthMethod, EndReason};
use serde_json::json;
use tokio::task::JoinSet;

use super::device::Device;
use crate::support::{
    App, Bed, FORM, Fault, Heard, Keeper, READER, Reply, Tokens, Watch, basic, confidential, encode, on_every_store,
    request, send_to,
};

const LIMIT: Option<std::num::NonZeroU32> = std::num::NonZeroU32::new(1_000_000);

/// A server whose store is watched. Its limits are far off, but counted.
async fn watched(keeper: Keeper, lifetimes: Lifetimes) -> (Bed, Arc<Watch>) {
    let watch = Watch::over(keeper.open().await);
    let stores = watch.stores();
    let bed = Bed::with(keeper, |builder| builder.stores(stores).lifetimes(lifetimes).rate_limit(LIMIT)).await;
    (bed, watch)
}

/// That the client is told to try again, and nothing about what it asked for.
#[track_caller]
fn assert_down(reply: &Reply) {
    reply.assert_refused(503, "temporarily_unavailable");
    assert!(reply.header("retry-after").parse::<u64>().unwrap() > 0);
    assert!(!reply.text.contains("as the test wants it"), "causes are for the log");
}

/// What is lost before the rotation has taken place costs nothing, however long the store is away.
async fn away(keeper: Keeper, grace: Duration) {
    let mut lifetimes = Lifetimes::default();
    lifetimes.refresh_grace = grace;
    let (bed, watch) = watched(keeper, lifetimes).await;
    let app = App::register(&bed).await;
    for number in 0.. {
        let first = app.tokens(&bed).await;
        watch.begin(Some((number, Fault::Before)));
        let reply = app.refresh(&bed, &first.refresh).await;
        let calls = watch.calls();
        watch.begin(None);
        if number == calls.len() {
            assert_eq!(reply.status, 200);
            break;
        }
        assert_down(&reply);
        bed.advance(3600);
        let again = app.refresh(&bed, &first.refresh).await;
        assert_eq!(again.status, 200, "{} of {calls:?}: {again:?}", calls[number]);
    }
}

const FAULTS: [Fault; 2] = [Fault::Before, Fault::After];

on_every_store! {
    async fn attack_055_a_fault_in_a_refresh(keeper: Keeper) {
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        let app = App::register(&bed).await;
        for fault in FAULTS {
            for number in 0.. {
                let first = app.tokens(&bed).await;
                watch.begin(Some((number, fault)));
                let reply = app.refresh(&bed, &first.refresh).await;
                let calls = watch.calls();
                watch.begin(None);
                if number == calls.len() {
                    assert_eq!(reply.status, 200);
                    assert!(calls.contains(&"grants.advance") && calls.contains(&"limits.check"), "{calls:?}");
                    break;
                }
                assert_down(&reply);
                let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
                let view = bed.grant_of(&second.refresh).await;
                assert_eq!((view.generation, view.ended), (2, None), "{fault:?} {}", calls[number]);
                assert!(bed.is_active(&second.access).await);
            }
        }
    }

    async fn attack_055_a_fault_that_lasts_longer_than_the_grace(keeper: Keeper) {
        away(keeper, Duration::from_secs(120)).await;
    }

    async fn attack_055_a_fault_where_there_is_no_grace(keeper: Keeper) {
        away(keeper, Duration::ZERO).await;
    }

    async fn attack_055_a_rotation_that_the_store_forgets(keeper: Keeper) {
        // The client has the newest token, and the store has failed over to one that does not know of it.
        let heard = Arc::new(Heard::default());
        let watch = Watch::over(keeper.open().await);
        let stores = watch.stores();
        let bed = Bed::with(keeper, |builder| builder.stores(stores).audit(Arc::clone(&heard) as _)).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        watch.begin(Some((0, Fault::Forgotten)));
        let second = Tokens::of(&app.refresh(&bed, &first.refresh).await);
        watch.begin(None);
        assert_eq!(bed.grant_of(&second.refresh).await.generation, 1);
        bed.advance(3600);
        heard.since();
        let third = Tokens::of(&app.refresh(&bed, &second.refresh).await);
        assert_eq!(heard.since(), [EventKind::RefreshResynced]);
        assert!(bed.is_active(&third.access).await);
        Tokens::of(&app.refresh(&bed, &third.refresh).await);
        // What was replaced on the way is as used as ever.
        app.refresh(&bed, &first.refresh).await.assert_refused(400, "invalid_grant");
        assert_eq!(bed.grant_of(&third.refresh).await.ended, Some(EndReason::RefreshReused));
    }

    async fn attack_055_a_fault_in_a_redemption(keeper: Keeper) {
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        let app = App::register(&bed).await;
        for fault in FAULTS {
            for number in 0.. {
                let code = app.code(&bed).await;
                watch.begin(Some((number, fault)));
                let reply = app.redeem(&bed, &code).await;
                let calls = watch.calls();
                watch.begin(None);
                if number == calls.len() {
                    assert_eq!(reply.status, 200);
                    break;
                }
                assert_down(&reply);
                let again = app.redeem(&bed, &code).await;
                if (calls[number], fault) == ("grants.redeem_code", Fault::After) {
                    // Nobody knows who was first: the code is over, and what it may have given with it. This one way to lose is
                    // on the safe side, and the user has only just signed in.
                    again.assert_refused(400, "invalid_grant");
                    assert_eq!(bed.grant_of(&code).await.ended, Some(EndReason::CodeReplayed));
                } else {
                    assert_eq!(again.status, 200, "{fault:?} {} of {calls:?}: {again:?}", calls[number]);
                }
            }
        }
    }

    async fn attack_055_a_fault_while_a_user_is_shut_out(keeper: Keeper) {
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        let app = App::register(&bed).await;
        let first = app.tokens(&bed).await;
        bed.people.disable("ada");
        for number in 0.. {
            watch.begin(Some((number, Fault::Before)));
            let reply = app.refresh(&bed, &first.refresh).await;
            let calls = watch.calls();
            watch.begin(None);
            if number == calls.len() {
                reply.assert_refused(400, "invalid_grant");
                assert!(calls.contains(&"grants.end"));
                break;
            }
            assert_down(&reply);
            let view = bed.grant_of(&first.refresh).await;
            assert_eq!((view.generation, view.ended), (1, None), "{}", calls[number]);
        }
        assert_eq!(bed.grant_of(&first.refresh).await.ended, Some(EndReason::Denied));
    }

    async fn attack_055_a_fault_in_a_revocation(keeper: Keeper) {
        // RFC 7009 section 2.2.1: "If the server responds with HTTP status code 503, the client must assume the token still
        // exists".
        let daemon = ("daemon", "a-secret-of-the-daemon");
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        bed.add(confidential(daemon, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
        let app = App::register(&bed).await;
        let (authorization, public) = (basic(daemon), basic(READER));
        assert!(!bed.is_active("anything").await, "the reader is there");
        for fault in FAULTS {
            for kind in ["refresh", "access", "own"] {
                for number in 0.. {
                    let tokens = app.tokens(&bed).await;
                    let form = [("grant_type", "client_credentials")];
                    let own = Tokens::of(&bed.post_with("/token", &[("authorization", &authorization)], &form).await);
                    let (token, headers) = match kind {
                        "refresh" => (&tokens.refresh, vec![]),
                        "access" => (&tokens.access, vec![]),
                        _ => (&own.access, vec![("authorization", authorization.as_str())]),
                    };
                    let read = if kind == "refresh" { &tokens.access } else { token };
                    let mut form = vec![("token", token.as_str())];
                    if kind != "own" {
                        form.push(("client_id", &app.id));
                    }
                    watch.begin(Some((number, fault)));
                    let reply = bed.post_with("/revoke", &headers, &form).await;
                    let calls = watch.calls();
                    watch.begin(Some((number, fault)));
                    let asked = bed.post_with("/introspect", &[("authorization", &public)], &[("token", read)]).await;
                    let asking = watch.calls();
                    watch.begin(None);
                    if number >= calls.len() && number >= asking.len() {
                        assert_eq!(reply.status, 200);
                        break;
                    }
                    if number < calls.len() {
                        assert_down(&reply);
                        assert_eq!(bed.post_with("/revoke", &headers, &form).await.status, 200);
                    }
                    if number < asking.len() {
                        assert_down(&asked);
                    }
                    assert!(!bed.is_active(read).await, "{kind} {fault:?} {calls:?}");
                }
            }
        }
    }

    async fn attack_055_a_fault_in_a_deletion(keeper: Keeper) {
        // RFC 7592 section 2.3: "the authorization server [..] SHOULD immediately invalidate all existing authorization grants
        // and currently active access tokens".
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        assert!(!bed.is_active("anything").await, "the reader is there");
        for fault in FAULTS {
            for number in 0.. {
                let app = App::register_as(&bed, &json!({
                    "client_name": format!("App {fault:?} {number}"), "redirect_uris": ["https://app.test/callback"],
                    "token_endpoint_auth_method": "none",
                    "grant_types": ["authorization_code", "refresh_token"],
                })).await;
                let tokens = app.tokens(&bed).await;
                let (path, token) = (app.management(), app.management_token());
                watch.begin(Some((number, fault)));
                let reply = bed.manage(Method::DELETE, &path, &token, "").await;
                let calls = watch.calls();
                watch.begin(None);
                if number < calls.len() {
                    assert_down(&reply);
                    let again = bed.manage(Method::DELETE, &path, &token, "").await;
                    // 401 where the client is gone, and nobody was told.
                    assert!(again.status == 204 || again.status == 401, "{again:?}");
                } else {
                    assert_eq!(reply.status, 204);
                }
                assert!(!bed.is_active(&tokens.access).await, "{fault:?} {number} of {calls:?}");
                app.refresh(&bed, &tokens.refresh).await.assert_refused(401, "invalid_client");
                if number >= calls.len() {
                    break;
                }
            }
        }
    }

    async fn attack_055_a_fault_when_a_device_asks_for_its_code(keeper: Keeper) {
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        let device = Device::new(&bed).await;
        for fault in FAULTS {
            for number in 0.. {
                watch.begin(Some((number, fault)));
                let reply = bed.post("/device_authorization", &[("client_id", &device.app.id)]).await;
                let calls = watch.calls();
                watch.begin(None);
                if number == calls.len() {
                    assert_eq!(reply.status, 200);
                    break;
                }
                assert_down(&reply);
            }
        }
    }

    async fn attack_055_a_fault_when_a_device_polls(keeper: Keeper) {
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        for (decision, fault) in [("approve", FAULTS[0]), ("approve", FAULTS[1]), ("deny", FAULTS[0]), ("deny", FAULTS[1])] {
            for number in 0.. {
                let device = Device::new(&bed).await;
                device.decide(&bed, decision).await;
                watch.begin(Some((number, fault)));
                let reply = device.poll(&bed).await;
                let calls = watch.calls();
                watch.begin(None);
                let told = if number == calls.len() {
                    assert!(calls.contains(&"devices.redeem"), "{calls:?}");
                    reply
                } else {
                    assert_down(&reply);
                    // The same poll again: the device is told what it would have been told.
                    device.poll(&bed).await
                };
                if decision == "approve" {
                    assert!(bed.is_active(&Tokens::of(&told).access).await, "{fault:?} {number} of {calls:?}");
                } else {
                    told.assert_refused(400, "access_denied");
                }
                // And once: whoever has the device code gets nothing by it any more.
                for _ in 0..2 {
                    device.poll(&bed).await.assert_refused(400, "invalid_grant");
                }
                if number == calls.len() {
                    break;
                }
            }
        }
    }

    async fn attack_055_faults_in_a_row_when_a_device_polls(keeper: Keeper) {
        let (bed, watch) = watched(keeper, Lifetimes::default()).await;
        let device = Device::new(&bed).await;
        device.decide(&bed, "approve").await;
        watch.begin(None);
        let pending = Device::new(&bed).await;
        pending.poll(&bed).await.assert_refused(400, "authorization_pending");
        for fault in [Fault::Before, Fault::After, Fault::Before, Fault::After] {
            // The last of the calls: it uses the code up.
            watch.begin(Some((redeems_at(&bed, &watch).await, fault)));
            assert_down(&device.poll(&bed).await);
            assert_eq!(watch.calls().last(), Some(&"devices.redeem"));
            watch.begin(None);
        }
        // The store is back, and all come at once: one of them goes on where the last one ended.
        let (won, lost) = at_once(&bed, &device).await;
        assert_eq!(won.len(), 1);
        for reply in lost {
            reply.assert_refused(400, "invalid_grant");
        }
        assert!(bed.is_active(&Tokens::of(&won[0]).access).await);
        assert_eq!(bed.grant_of(&Tokens::of(&won[0]).refresh).await.ended, None);
    }
}

/// At which of its calls a poll uses its code up.
async fn redeems_at(bed: &Bed, watch: &Watch) -> usize {
    let device = Device::new(bed).await;
    device.decide(bed, "approve").await;
    watch.begin(None);
    Tokens::of(&device.poll(bed).await);
    watch.calls().iter().position(|call| *call == "devices.redeem").unwrap()
}

/// Sixty-four polls of one device at once: those that got tokens, and those that did not.
async fn at_once(bed: &Bed, device: &Device) -> (Vec<Reply>, Vec<Reply>) {
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (server, form) = (bed.server.clone(), encode(&device.form()));
        tasks.spawn(async move { send_to(&server, request(Method::POST, "/token", &[FORM], &form)).await });
    }
    tasks.join_all().await.into_iter().partition(|reply| reply.status == 200)
}
