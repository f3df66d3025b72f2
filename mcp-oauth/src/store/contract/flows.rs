//! The rules of [`FlowStore`](crate::store::FlowStore).

use bytes::Bytes;

use super::samples::{digest, millis, seconds};
use super::{Answer as _, CALLS, Handles, ROUNDS, count, race};
use crate::store::{FlowKind, Stored, Stores};
use crate::types::Timestamp;

const KINDS: [FlowKind; 6] = [
    FlowKind::UpstreamState,
    FlowKind::PushedRequest,
    FlowKind::RevokedToken,
    FlowKind::SignInCode,
    FlowKind::SessionsEnded,
    FlowKind::ConsentForm,
];

async fn put(stores: &Stores, kind: FlowKind, key: &str, value: &[u8], now: Timestamp) -> Stored {
    stores.flows.put(kind, &digest(key), Bytes::copy_from_slice(value), seconds(60), now).await.answered()
}

async fn peek(stores: &Stores, kind: FlowKind, key: &str, now: Timestamp) -> Option<Bytes> {
    stores.flows.peek(kind, &digest(key), now).await.answered()
}

async fn take(stores: &Stores, kind: FlowKind, key: &str, now: Timestamp) -> Option<Bytes> {
    stores.flows.take(kind, &digest(key), now).await.answered()
}

/// Of 64 that put something under one key one does, and that is what is there.
pub async fn one_put_wins(handles: Handles) {
    for round in 0..ROUNDS {
        let key = digest(&format!("k{round}"));
        let answers = race(&handles, |stores, number| async move {
            let value = Bytes::from(number.to_string());
            stores.flows.put(FlowKind::PushedRequest, &key, value, seconds(60), seconds(1)).await
        })
        .await;
        assert_eq!(count(&answers, &Stored::New), 1);
        assert_eq!(count(&answers, &Stored::Exists), CALLS - 1);
        let winner = answers.iter().position(|answer| *answer == Stored::New).expect("one");
        let kept = peek(&handles.two, FlowKind::PushedRequest, &format!("k{round}"), seconds(1)).await;
        assert_eq!(kept, Some(Bytes::from(winner.to_string())));
    }
}

/// Of 64 that take it one has it.
pub async fn one_take_wins(handles: Handles) {
    for round in 0..ROUNDS {
        for kind in KINDS {
            let key = format!("k{round}");
            assert_eq!(put(&handles.one, kind, &key, b"state", seconds(0)).await, Stored::New);
            let digest = digest(&key);
            let answers =
                race(&handles, |stores, _| async move { stores.flows.take(kind, &digest, seconds(1)).await }).await;
            assert_eq!(count(&answers, &Some(Bytes::from_static(b"state"))), 1);
            assert_eq!(count(&answers, &None), CALLS - 1);
            assert_eq!(peek(&handles.two, kind, &key, seconds(1)).await, None);
        }
    }
}

/// The same key under another kind is another thing.
pub async fn kinds_do_not_meet(handles: Handles) {
    for kind in KINDS {
        assert_eq!(put(&handles.one, kind, "k", kind.as_str().as_bytes(), seconds(0)).await, Stored::New);
    }
    for (left, kind) in KINDS.into_iter().enumerate() {
        let own = Some(Bytes::from(kind.as_str()));
        assert_eq!(peek(&handles.two, kind, "k", seconds(1)).await, own);
        assert_eq!(take(&handles.two, kind, "k", seconds(1)).await, own);
        for (number, other) in KINDS.into_iter().enumerate() {
            assert_eq!(peek(&handles.one, other, "k", seconds(1)).await.is_some(), number > left);
        }
    }
}

/// At the very instant, whether it was swept or not; then there is room for another.
pub async fn what_is_over_is_absent(handles: Handles) {
    for (number, swept) in [false, true].into_iter().enumerate() {
        let (kind, key, over) = (FlowKind::SignInCode, number.to_string(), millis(60_000));
        assert_eq!(put(&handles.one, kind, &key, b"one", seconds(0)).await, Stored::New);
        assert_eq!(put(&handles.two, kind, &key, b"two", millis(59_999)).await, Stored::Exists);
        assert_eq!(peek(&handles.two, kind, &key, millis(59_999)).await, Some(Bytes::from_static(b"one")));
        if swept {
            for maintenance in &handles.two.maintenance {
                let _ = maintenance.sweep(over, 1000).await.answered();
            }
        }
        assert_eq!(peek(&handles.two, kind, &key, over).await, None);
        assert_eq!(take(&handles.one, kind, &key, over).await, None);
        let later = handles.two.flows.put(kind, &digest(&key), Bytes::from_static(b"three"), seconds(61), over).await;
        assert_eq!(later.answered(), Stored::New);
        assert_eq!(take(&handles.one, kind, &key, over).await, Some(Bytes::from_static(b"three")));
    }
}

/// Nothing, every byte, and as much as there may be.
pub async fn values_are_kept_byte_for_byte(handles: Handles) {
    let every: Vec<u8> = (0..=255).collect();
    for (number, value) in [Vec::new(), every.clone(), every.repeat(256)].into_iter().enumerate() {
        let key = number.to_string();
        assert_eq!(put(&handles.one, FlowKind::UpstreamState, &key, &value, seconds(0)).await, Stored::New);
        for stores in handles.both() {
            assert_eq!(peek(stores, FlowKind::UpstreamState, &key, seconds(1)).await, Some(Bytes::from(value.clone())));
        }
        assert_eq!(take(&handles.two, FlowKind::UpstreamState, &key, seconds(1)).await, Some(Bytes::from(value)));
    }
}

/// Of 64 that raise it the one that ends last is what is there, and an earlier end changes nothing.
pub async fn what_ends_last_is_kept(handles: Handles) {
    let kind = FlowKind::SessionsEnded;
    let text = |number: u64| Bytes::from(number.to_string());
    for round in 0..ROUNDS {
        let key = digest(&format!("k{round}"));
        race(&handles, |stores, number| async move {
            // In another order each time.
            let end = ((number * 29 + round) % CALLS) as u64;
            stores.flows.raise(kind, &key, text(end), seconds(60 + end), seconds(1)).await
        })
        .await;
        let last = CALLS as u64 - 1;
        let kept = || async { handles.two.flows.peek(kind, &key, seconds(60)).await.answered() };
        assert_eq!(kept().await, Some(text(last)));
        for end in [30, 60 + last] {
            handles.one.flows.raise(kind, &key, text(1000), seconds(end), seconds(2)).await.answered();
            assert_eq!(kept().await, Some(text(last)));
        }
        let put = handles.one.flows.put(kind, &key, text(1000), seconds(500), seconds(2)).await.answered();
        assert_eq!(put, Stored::Exists);
        handles.one.flows.raise(kind, &key, text(1000), seconds(500), seconds(2)).await.answered();
        assert_eq!(kept().await, Some(text(1000)));
        assert_eq!(
            handles.two.flows.peek(kind, &key, seconds(500)).await.answered(),
            None,
            "at its new end it is over"
        );
        assert_eq!(handles.one.flows.take(kind, &key, seconds(499)).await.answered(), Some(text(1000)));
        assert_eq!(kept().await, None);
        // What was taken out, or is over, is not in the way.
        handles.two.flows.raise(kind, &key, text(1), seconds(90), seconds(2)).await.answered();
        assert_eq!(kept().await, Some(text(1)));
        handles.one.flows.raise(kind, &key, text(2), seconds(99), seconds(95)).await.answered();
        assert_eq!(handles.two.flows.peek(kind, &key, seconds(95)).await.answered(), Some(text(2)));
    }
}
