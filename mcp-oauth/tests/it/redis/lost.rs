//! The answer of a script is lost on the way, and the call is sent again: it is not the replay of itself.

use std::num::NonZeroU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use mcp_oauth::store::{
    Advance, ClientStore as _, Decided, Decision, DeviceCreated, DeviceRecord, FlowKind, Inserted, KeyStore as _,
    Permit, Poll, Published, Quota, RateLimiter as _, Redeem, Replaced, ReplayCache as _, ReplayKind, Rotation, Stored,
};
use mcp_oauth::types::{ClientSnapshot, Digest, EndReason, GrantId};
use mcp_transport::auth::{ResourceId, ScopeSet};

use super::fault::impatient;
use super::proxy::Wire;
use super::sample::{IDLE, RULES, client, code, grant, seconds};
use super::server::Server;
use super::shared::{open, prefix};

/// Makes a call whose first answer is lost on the way.
macro_rules! lost {
    ($wire:expr, $call:expr) => {{
        $wire.answers.store(1, Ordering::SeqCst);
        let answer = $call.await.unwrap();
        assert!($wire.answers.load(Ordering::SeqCst) <= 0, "the answer was not lost");
        answer
    }};
}

#[tokio::test]
async fn attack_055_a_refresh_is_not_the_replay_of_itself() {
    use mcp_oauth::store::GrantStore as _;

    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let store = impatient(&wire.url());
    // A rotation without grace: a second caller would be told that the token was reused.
    let strict = Rotation { grace: Duration::ZERO, most_replays: 0, ..RULES };
    let new = grant("ada", "c");
    let id = new.id;
    lost!(wire, store.create(new, Some(code()), IDLE));
    assert!(matches!(lost!(wire, store.redeem_code(id, &code().digest, seconds(1))), Redeem::Won(_)));
    assert_eq!(lost!(wire, store.advance(id, 1, seconds(2), strict)), Advance::Next(2));
    assert_eq!(lost!(wire, store.advance(id, 2, seconds(3), strict)), Advance::Next(3));
    assert_eq!(lost!(wire, store.advance(id, 5, seconds(3), strict)), Advance::Resynced(6));
    let once = Rotation { most_replays: 1, ..RULES };
    assert_eq!(lost!(wire, store.advance(id, 5, seconds(4), once)), Advance::Again(6));
    assert_eq!(store.peek(id, seconds(4)).await.unwrap().unwrap().replays, 1);
    assert!(lost!(wire, store.end(id, EndReason::Withdrawn, seconds(5))));
    assert_eq!(store.redeem_code(id, &code().digest, seconds(5)).await.unwrap(), Redeem::Replayed);
    let second = grant("ada", "c");
    let id = second.id;
    store.create(second, None, IDLE).await.unwrap();
    store.advance(id, 1, seconds(1), strict).await.unwrap();
    assert_eq!(lost!(wire, store.advance(id, 1, seconds(1), strict)), Advance::Reused);
    assert_eq!(store.advance(id, 1, seconds(1), strict).await.unwrap(), Advance::Ended(EndReason::RefreshReused));
}

#[tokio::test]
async fn what_is_used_once_is_not_used_up_by_a_lost_answer() {
    use mcp_oauth::store::FlowStore as _;

    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let store = impatient(&wire.url());
    let (kind, key) = (FlowKind::PushedRequest, Digest::sha256(b"flow"));
    let value = Bytes::from_static(b"value");
    assert_eq!(lost!(wire, store.put(kind, &key, value.clone(), seconds(60), seconds(0))), Stored::New);
    assert_eq!(store.put(kind, &key, value.clone(), seconds(60), seconds(0)).await.unwrap(), Stored::Exists);
    assert_eq!(lost!(wire, store.take(kind, &key, seconds(1))), Some(value));
    assert_eq!(store.take(kind, &key, seconds(1)).await.unwrap(), None);
    let kind = FlowKind::SessionsEnded;
    lost!(wire, store.raise(kind, &key, Bytes::from_static(b"epoch"), seconds(60), seconds(0)));
    assert_eq!(store.peek(kind, &key, seconds(1)).await.unwrap(), Some(Bytes::from_static(b"epoch")));
    let kind = ReplayKind::DpopProof;
    assert!(lost!(wire, store.first_use(kind, &key, seconds(60), seconds(0))));
    assert!(!store.first_use(kind, &key, seconds(60), seconds(0)).await.unwrap());
    assert_eq!(lost!(wire, store.publish(None, Bytes::from_static(b"sealed"))), Published::Done(1));
    assert_eq!(lost!(wire, store.publish(Some(1), Bytes::from_static(b"sealed"))), Published::Done(2));
    let quota = Quota { burst: NonZeroU32::new(2).unwrap(), period: Duration::from_secs(60) };
    assert_eq!(lost!(wire, store.check(&key, quota, 1, seconds(0))), Permit::Allowed);
    // Both calls took; what is given back twice would be a failure that is forgotten.
    lost!(wire, store.give_back(&key, quota, 1, seconds(0)));
    assert_eq!(store.check(&key, quota, 1, seconds(0)).await.unwrap(), Permit::Allowed);
    assert!(matches!(store.check(&key, quota, 1, seconds(0)).await.unwrap(), Permit::Denied { .. }));
}

#[tokio::test]
async fn what_others_give_back_meanwhile_is_not_given_back_again() {
    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let prefix = prefix();
    let (store, other) = (open(&wire.url(), &prefix), open(&server.url(), &prefix));
    let (key, quota) =
        (Digest::sha256(b"b"), Quota { burst: NonZeroU32::new(9).unwrap(), period: Duration::from_secs(90) });
    assert_eq!(store.check(&key, quota, 9, seconds(0)).await.unwrap(), Permit::Allowed);
    // The first has been carried out, and comes again when three others have given back.
    let gate = wire.gate.lock().await;
    wire.answers.store(1, Ordering::SeqCst);
    let others = async {
        while wire.answers.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            other.give_back(&key, quota, 1, seconds(0)).await.unwrap();
        }
        drop(gate);
    };
    let (first, ()) = tokio::join!(store.give_back(&key, quota, 1, seconds(0)), others);
    first.unwrap();
    assert_eq!(store.check(&key, quota, 4, seconds(0)).await.unwrap(), Permit::Allowed);
    assert!(matches!(store.check(&key, quota, 1, seconds(0)).await.unwrap(), Permit::Denied { .. }));
}

#[tokio::test]
async fn a_device_is_told_though_the_answer_was_lost() {
    use mcp_oauth::store::DeviceStore as _;

    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    let store = impatient(&wire.url());
    let codes = (Digest::sha256(b"device"), Digest::sha256(b"user"));
    let tv = client("tv");
    let resource = ResourceId::parse("https://h/mcp").unwrap();
    let snapshot = ClientSnapshot::of(&tv);
    let record = DeviceRecord::new(codes, snapshot, resource, ScopeSet::EMPTY, seconds(600), Duration::from_secs(5));
    assert_eq!(lost!(wire, store.create(record, seconds(0))), DeviceCreated::Done);
    let decision = Decision::Approved(GrantId::from_bytes([7; 16]));
    assert_eq!(lost!(wire, store.decide(&codes.1, decision, seconds(1))), Decided::Done);
    assert_eq!(store.decide(&codes.1, decision, seconds(1)).await.unwrap(), Decided::TooLate);
    let told = lost!(wire, store.poll(&codes.0, &tv.id, seconds(2)));
    assert_eq!(told, Poll::Approved(GrantId::from_bytes([7; 16])));
    let (first, second) = (Digest::sha256(b"first"), Digest::sha256(b"second"));
    assert!(lost!(wire, store.redeem(&codes.0, &tv.id, &first, seconds(2))));
    assert!(!store.redeem(&codes.0, &tv.id, &second, seconds(2)).await.unwrap());
    assert!(store.redeem(&codes.0, &tv.id, &first, seconds(2)).await.unwrap());
}

#[tokio::test]
async fn each_answer_of_an_insertion_may_be_lost() {
    let server = Server::start(&[]);
    let wire = Wire::to(server.port).await;
    for lost in 1..12 {
        let store = impatient(&wire.url());
        let fingerprint = Some(Digest::sha256(b"f"));
        let mut first = client("a");
        first.management.push(Digest::sha256(b"a"));
        wire.answers.store(lost, Ordering::SeqCst);
        let inserted = store.insert(first.clone(), fingerprint).await.unwrap();
        let Inserted::New(inserted) = inserted else { panic!("{lost}: {inserted:?}") };
        assert_eq!(inserted.value, first);
        let mut second = client("b");
        second.management.push(Digest::sha256(b"b"));
        let joined = store.insert(second, fingerprint).await.unwrap();
        let Inserted::Joined(joined) = joined else { panic!("{lost}: {joined:?}") };
        assert_eq!(joined.value.management.len(), 2, "{lost}: each registrant once");
        let replaced = store.replace(joined.version, first.clone(), true).await.unwrap();
        assert_eq!(replaced, Replaced::Done, "{lost}");
        assert_eq!(store.delete(&first.id, None).await.unwrap(), Replaced::Done, "{lost}");
        assert_eq!(store.get(&first.id).await.unwrap(), None);
        assert!(wire.answers.load(Ordering::SeqCst) <= 0, "{lost}: there are fewer answers by now");
    }
}
