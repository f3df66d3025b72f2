use std::sync::Arc;

use super::*;
use crate::store::contract::Handles;
use crate::store::{Permit, Stores};

async fn handles() -> Handles {
    let store = Arc::new(MemoryStore::default());
    Handles::new(Stores::all_in(&store), Stores::all_in(&store))
}

crate::store_contract!(handles);

mod bounds {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::store::contract::samples::{
        START, client, client_id, consent, device, digest, grant, registered_by, seconds, subject,
    };
    use crate::store::{By, FlowKind, Quota, ReplayKind};
    use crate::types::Grant;

    fn small() -> (Arc<MemoryStore>, Stores) {
        let store = Arc::new(MemoryStore::new(MemoryLimits {
            clients: 2,
            grants: 2,
            devices: 2,
            consents: 2,
            flows: 2,
            flow_bytes: 10,
            replays: 2,
            buckets: 2,
        }));
        (Arc::clone(&store), Stores::all_in(&store))
    }

    fn made_at(created_at: Timestamp) -> Grant {
        Grant { created_at, ..grant("ada", "c") }
    }

    fn full<T>(answer: &Result<T, StoreError>) -> bool {
        matches!(answer, Err(StoreError::Full))
    }

    #[tokio::test]
    async fn clients_are_bounded_and_a_join_needs_no_room() {
        let (_, stores) = small();
        for id in ["a", "b"] {
            assert!(stores.clients.insert(client(id), Some(digest(id))).await.is_ok());
        }
        assert!(full(&stores.clients.insert(client("c"), None).await));
        assert!(stores.clients.insert(registered_by("c", "token"), Some(digest("b"))).await.is_ok());
        stores.clients.delete(&client_id("a"), None).await.unwrap();
        assert!(stores.clients.insert(client("c"), None).await.is_ok());
    }

    #[tokio::test]
    async fn grants_that_are_over_make_room_and_leave_no_trace() {
        let (store, stores) = small();
        let idle = Duration::from_secs(10);
        for _ in 0..2 {
            stores.grants.create(made_at(START), None, idle).await.unwrap();
        }
        assert!(full(&stores.grants.create(made_at(seconds(9)), None, idle).await));
        for _ in 0..2 {
            stores.grants.create(made_at(seconds(10)), None, idle).await.unwrap();
        }
        let by = By::Subject(subject("ada"));
        assert_eq!(stores.grants.page(Some(&by), None, 10, seconds(10)).await.unwrap().items.len(), 2);
        let grants = lock(&store.grants);
        assert_eq!(grants.owned.after(&by, None, 10).len(), 2);
        assert_eq!(grants.owned.after(&By::Client(client_id("c")), None, 10).len(), 2);
    }

    #[tokio::test]
    async fn many_that_are_over_are_passed_by_in_several_pages() {
        let stores = Stores::all_in(&Arc::new(MemoryStore::default()));
        for _ in 0..5000 {
            stores.grants.create(made_at(START), None, Duration::from_secs(10)).await.unwrap();
        }
        for by in [None, Some(By::Subject(subject("ada")))] {
            let (mut after, mut pages) = (None, 0);
            loop {
                let page = stores.grants.page(by.as_ref(), after, 10, seconds(10)).await.unwrap();
                assert_eq!(page.items, []);
                (after, pages) = (page.next, pages + 1);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(pages, 2, "4096 are looked at for one");
        }
    }

    #[tokio::test]
    async fn devices_that_are_forgotten_make_room() {
        let (store, stores) = small();
        for code in ["a", "b"] {
            stores.devices.create(device(code, code, "tv"), START).await.unwrap();
        }
        assert!(full(&stores.devices.create(device("c", "c", "tv"), seconds(659)).await), "they are told for a minute");
        assert!(stores.devices.create(device("c", "c", "tv"), seconds(660)).await.is_ok());
        assert_eq!(lock(&store.devices).user_codes.len(), 1);
    }

    #[tokio::test]
    async fn flows_are_bounded_in_number_and_in_bytes() {
        let (store, stores) = small();
        let put = async |key, length: usize, now| {
            let (key, value) = (digest(key), Bytes::from(vec![0; length]));
            stores.flows.put(FlowKind::SignInCode, &key, value, seconds(10), now).await
        };
        assert!(full(&put("a", 11, START).await), "more bytes than there may be");
        assert!(put("a", 6, START).await.is_ok());
        assert!(full(&put("b", 5, START).await));
        assert!(put("b", 4, START).await.is_ok());
        assert!(full(&put("c", 0, START).await), "a third");
        stores.flows.take(FlowKind::SignInCode, &digest("a"), START).await.unwrap();
        assert!(put("c", 6, START).await.is_ok());
        assert!(put("d", 10, seconds(10)).await.is_ok(), "what is over has made room");
        assert_eq!(lock(&store.flows).bytes, 10);
        let long = Bytes::from(vec![0; FlowKind::LONGEST + 1]);
        let stores = Stores::all_in(&Arc::new(MemoryStore::default()));
        assert!(full(&stores.flows.put(FlowKind::SignInCode, &digest("a"), long, seconds(10), START).await));
    }

    #[tokio::test]
    async fn ids_consents_and_buckets_are_bounded() {
        let (_, stores) = small();
        let quota = Quota { burst: NonZeroU32::MIN, period: Duration::from_secs(10) };
        for (name, now, room) in [("a", 0, true), ("b", 0, true), ("c", 9, false), ("c", 10, true)] {
            let (id, until) = (digest(name), seconds(now + 10));
            let mut given = consent("ada", name);
            (given.given_at, given.expires_at) = (seconds(now), until);
            let first = stores.replays.first_use(ReplayKind::DpopProof, &id, until, seconds(now)).await;
            assert_eq!(full(&first), !room);
            assert_eq!(full(&stores.consents.remember(given.clone()).await), !room);
            // A limiter that is full forgets, and lets nobody wait.
            let bucket = digest(&format!("{name}{now}"));
            assert_eq!(stores.limits.check(&bucket, quota, 1, seconds(now)).await.unwrap(), Permit::Allowed);
            // What takes the place of another needs no room.
            assert_eq!(full(&stores.consents.remember(given).await), !room);
        }
    }

    #[tokio::test]
    async fn a_sweep_keeps_to_its_limit() {
        let store = Arc::new(MemoryStore::default());
        let stores = Stores::all_in(&store);
        for number in 0..10 {
            stores.grants.create(made_at(START), None, Duration::from_secs(10)).await.unwrap();
            let id = digest(&number.to_string());
            stores.replays.first_use(ReplayKind::DpopProof, &id, seconds(10), START).await.unwrap();
        }
        assert_eq!(store.sweep(seconds(9), 7).await.unwrap(), 0);
        let swept = [store.sweep(seconds(10), 7).await.unwrap(), store.sweep(seconds(10), 7).await.unwrap()];
        assert_eq!(swept, [7, 7]);
        assert_eq!(store.sweep(seconds(10), u32::MAX).await.unwrap(), 6);
        assert_eq!(store.sweep(seconds(10), 0).await.unwrap(), 0);
    }
}
