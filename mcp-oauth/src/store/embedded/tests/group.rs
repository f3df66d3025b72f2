//! Group commit: what shares a transaction, and what does not share a failure.

use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use redb::ReadableTableMetadata as _;

use super::super::tables::{
    CONSENTS, CONSENTS_OF_SUBJECT, DEVICES, EXPIRY, FLOWS, GRANTS, GRANTS_OF_CLIENT, GRANTS_OF_SUBJECT, REPLAYS,
    USER_CODES,
};
use super::*;
use crate::store::contract::samples::{
    IDLE, ROTATION, START, client, client_id, code, consent, device, digest, grant, seconds,
};
use crate::store::{Advance, ClientStore as _, Decision, FlowKind, Inserted, ReplayKind};

/// Occupies the writer until it is told to go on.
fn occupy(store: &Arc<EmbeddedStore>) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (began, begins) = mpsc::channel();
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let occupied = store.write(move |_| {
            began.send(()).unwrap();
            let _ = wait.recv();
            Ok(())
        });
        occupied.await.unwrap();
    });
    // The runtime has another thread to start it on.
    begins.recv().unwrap();
    go
}

async fn is_there(store: &EmbeddedStore, id: &str) -> bool {
    store.get(&client_id(id)).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_together_are_written_together() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let go = occupy(&store);
    let inserts: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.insert(client(&format!("c{number}")), None).await })
        })
        .collect();
    // They are all in the queue when each has got its place in it.
    while store.writer.queued() < 101 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    for insert in inserts {
        assert!(matches!(insert.await.unwrap().unwrap(), Inserted::New(_)));
    }
    let EmbeddedCounts { calls, transactions } = store.counts();
    assert_eq!((calls, transactions), (101, 1), "the first has written nothing, and the others together");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_fails_alone_and_what_is_half_done_is_undone() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    store.write(|tables| Ok(tables.clients.insert("bad", &b"\x09"[..])?)).await.unwrap();
    let queue = async |half: bool| {
        let go = occupy(&store);
        let names = if half { ["a", "bad", "half", "b"] } else { ["c", "bad", "whole", "d"] };
        let works: Vec<_> = names
            .into_iter()
            .map(|name| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    match name {
                        "half" => {
                            let work = |tables: &mut Tables<'_>| {
                                tables.clients.insert("left", &b"\x01"[..])?;
                                Err(Failure::Corrupt("in the middle"))
                            };
                            store.write::<(), _>(work).await
                        }
                        "bad" => store.replace(1, client("bad"), true).await.map(drop),
                        name => store.insert(client(name), None).await.map(drop),
                    }
                })
            })
            .collect();
        while store.writer.queued() < 5 {
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
        let mut answers = Vec::new();
        for work in works {
            answers.push(work.await.unwrap());
        }
        answers
    };
    let answers = queue(false).await;
    assert!(matches!(&*answers, [Ok(()), Err(StoreError::Corrupt(_)), Ok(()), Ok(())]), "{answers:?}");
    let answers = queue(true).await;
    let [a, bad, half, b] = &*answers else { panic!("four") };
    // It fails by itself, or with the transaction, whichever was written first.
    assert!(matches!(bad, Err(StoreError::Corrupt(_) | StoreError::Unavailable(_))), "{bad:?}");
    assert!(matches!(half, Err(StoreError::Corrupt("in the middle"))), "{half:?}");
    for other in [a, b] {
        assert!(matches!(other, Err(StoreError::Unavailable(_))), "{other:?}");
    }
    for (id, there) in [("a", false), ("b", false), ("c", true), ("whole", true)] {
        assert_eq!(is_there(&store, id).await, there, "{id}");
    }
    assert!(!store.write(|tables| Ok(tables.clients.get("left")?.is_some())).await.unwrap());
    assert!(store.insert(client("a"), None).await.is_ok(), "it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_has_happened_or_not() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    drop(store.insert(client("never polled"), None));
    let go = occupy(&store);
    let mut queued = store.insert(client("queued"), None);
    assert!(futures_poll(&mut queued).is_pending());
    drop(queued);
    go.send(()).unwrap();
    // Dropping the last handle waits for what is queued. The one that occupied the writer has another until it is done.
    let mut last = store;
    let store = loop {
        match Arc::try_unwrap(last) {
            Ok(store) => break store,
            Err(shared) => last = shared,
        }
        tokio::task::yield_now().await;
    };
    drop(store);
    let store = folder.open();
    assert!(is_there(&store, "queued").await);
    assert!(!is_there(&store, "never polled").await);
}

/// Polls once.
fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context)
}

#[tokio::test]
async fn nothing_is_left_of_what_is_over() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let stores = Stores::all_in(&store);
    for number in 0..20 {
        let name = number.to_string();
        let given = grant("ada", &name);
        stores.grants.create(given.clone(), Some(code("code")), IDLE).await.unwrap();
        let _ = stores.grants.redeem_code(given.id, &digest("code"), seconds(1)).await.unwrap();
        if number % 2 == 0 {
            assert_eq!(stores.grants.advance(given.id, 1, seconds(2), ROTATION).await.unwrap(), Advance::Next(2));
        }
        let shorter = crate::store::Rotation { idle: Duration::from_secs(5), ..ROTATION };
        let _ = stores.grants.advance(given.id, 2, seconds(3), shorter).await.unwrap();
        stores.devices.create(device(&name, &name, "tv"), START).await.unwrap();
        if number % 3 == 0 {
            stores.devices.decide(&digest(&name), Decision::Denied, START).await.unwrap();
            stores.devices.poll(&digest(&name), &client_id("tv"), START).await.unwrap();
        }
        let key = digest(&name);
        stores.flows.put(FlowKind::PushedRequest, &key, Bytes::new(), seconds(60), START).await.unwrap();
        if number % 3 == 1 {
            stores.flows.take(FlowKind::PushedRequest, &digest(&name), START).await.unwrap();
        }
        for until in [60, 200] {
            let at = seconds(until - 60);
            stores.replays.first_use(ReplayKind::DpopProof, &digest(&name), seconds(until), at).await.unwrap();
        }
        for end in [9000, 200, 500] {
            let mut given = consent("ada", &name);
            given.expires_at = seconds(end);
            stores.consents.remember(given.clone()).await.unwrap();
            if number % 4 == 0 {
                stores.consents.forget(&given.key()).await.unwrap();
            }
        }
    }
    let mut limits = [1, 7, u32::MAX].into_iter().cycle();
    for time in [3, 61, 300, 700, 4000, 10_000, 100_000] {
        while store.sweep(seconds(time), limits.next().unwrap()).await.unwrap() > 0 {}
    }
    let left = store
        .read(|transaction| {
            Ok([
                transaction.open_table(EXPIRY)?.len()?,
                transaction.open_table(GRANTS)?.len()?,
                transaction.open_table(GRANTS_OF_SUBJECT)?.len()?,
                transaction.open_table(GRANTS_OF_CLIENT)?.len()?,
                transaction.open_table(DEVICES)?.len()?,
                transaction.open_table(USER_CODES)?.len()?,
                transaction.open_table(FLOWS)?.len()?,
                transaction.open_table(REPLAYS)?.len()?,
                transaction.open_table(CONSENTS)?.len()?,
                transaction.open_table(CONSENTS_OF_SUBJECT)?.len()?,
            ])
        })
        .unwrap();
    assert_eq!(left, [0; 10]);
}
