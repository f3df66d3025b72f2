//! The rules of [`Maintenance`](crate::store::Maintenance).

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;

use super::samples::{ROTATION, client, client_id, consent, device, digest, grant, seconds};
use super::{Answer as _, Handles};
use crate::store::{Advance, DeviceCreated, FlowKind, Inserted, Permit, Quota, ReplayKind, Stored, Stores};
use crate::types::Timestamp;

/// Sweeps until nothing is over any more, and gives how many records have gone.
async fn sweep(stores: &Stores, now: Timestamp, limit: u32) -> u32 {
    let mut gone = 0;
    for maintenance in &stores.maintenance {
        // A back-end that always finds more would keep its caller busy for ever.
        for round in 0.. {
            assert!(round < 10_000, "the sweep finds no end");
            let swept = maintenance.sweep(now, limit).await.answered();
            if swept == 0 {
                break;
            }
            gone += swept;
        }
    }
    gone
}

/// A store under test can serve.
pub async fn it_says_that_it_serves(handles: Handles) {
    for stores in handles.both() {
        assert!(!stores.maintenance.is_empty(), "each back-end is in it once");
        for maintenance in &stores.maintenance {
            maintenance.ping().await.answered();
        }
    }
}

/// Of each kind one that is over and one that is not, in steps of every size.
pub async fn a_sweep_takes_what_is_over_and_nothing_else(handles: Handles) {
    let quota = Quota { burst: NonZeroU32::MIN, period: Duration::from_secs(5000) };
    let stores = &handles.one;
    assert_eq!(sweep(stores, seconds(0), 10).await, 0, "there is nothing yet");
    for (name, end) in [("short", 1000), ("long", 9000)] {
        let inserted = stores.clients.insert(client(name), Some(digest(name))).await.answered();
        assert!(matches!(inserted, Inserted::New(_)));
        let mut given = grant("ada", "c");
        given.id = crate::types::GrantId::from_bytes([u8::from(end > 1000); 16]);
        stores.grants.create(given, None, Duration::from_secs(end)).await.answered();
        let mut asked = device(name, name, "tv");
        asked.expires_at = seconds(end);
        assert_eq!(stores.devices.create(asked, seconds(0)).await.answered(), DeviceCreated::Done);
        let flow = stores.flows.put(FlowKind::SignInCode, &digest(name), Bytes::new(), seconds(end), seconds(0)).await;
        assert_eq!(flow.answered(), Stored::New);
        let first = stores.replays.first_use(ReplayKind::DpopProof, &digest(name), seconds(end), seconds(0)).await;
        assert!(first.answered());
        let mut given = consent("ada", name);
        given.expires_at = seconds(end);
        stores.consents.remember(given).await.answered();
    }
    assert_eq!(stores.limits.check(&digest("b"), quota, 1, seconds(0)).await.answered(), Permit::Allowed);
    let now = seconds(2000);
    let gone = sweep(&handles.two, now, 1).await;
    assert!(gone <= 5, "{gone}: five are over");
    assert_eq!(sweep(&handles.one, now, 100).await, 0);
    for (name, there) in [("short", false), ("long", true)] {
        let [_, stores] = handles.both();
        let id = crate::types::GrantId::from_bytes([u8::from(there); 16]);
        assert_eq!(stores.grants.peek(id, now).await.answered().is_some(), there, "{name}");
        assert_eq!(stores.devices.by_user_code(&digest(name), now).await.answered().is_some(), there, "{name}");
        let flow = stores.flows.peek(FlowKind::SignInCode, &digest(name), now).await.answered();
        assert_eq!(flow.is_some(), there, "{name}");
        let first = stores.replays.first_use(ReplayKind::DpopProof, &digest(name), seconds(9000), now).await.answered();
        assert_eq!(first, !there, "{name}");
        let consented = stores.consents.consent(&consent("ada", name).key(), now).await.answered();
        assert_eq!(consented.is_some(), there, "{name}");
        // Clients have no end of their own: whoever judges them deletes them.
        assert!(stores.clients.get(&client_id(name)).await.answered().is_some(), "{name}");
    }
    let more = handles.one.limits.check(&digest("b"), quota, 1, now).await.answered();
    assert!(matches!(more, Permit::Denied { .. }), "a bucket is full again when it is");
}

/// A grant that was refreshed lives longer than when it was made, and a sweep at its first end leaves it.
pub async fn a_sweep_heeds_a_longer_life(handles: Handles) {
    let given = grant("ada", "c");
    handles.one.grants.create(given.clone(), None, Duration::from_secs(1000)).await.answered();
    assert_eq!(handles.one.grants.advance(given.id, 1, seconds(900), ROTATION).await.answered(), Advance::Next(2));
    let mut kept = consent("ada", "c");
    kept.expires_at = seconds(1000);
    handles.one.consents.remember(kept.clone()).await.answered();
    kept.expires_at = seconds(4000);
    handles.one.consents.remember(kept.clone()).await.answered();
    for time in [1000, 1001, 4000 - 1] {
        assert_eq!(sweep(&handles.two, seconds(time), 10).await, 0);
        assert!(handles.one.grants.peek(given.id, seconds(time)).await.answered().is_some());
        assert_eq!(handles.one.consents.consent(&kept.key(), seconds(time)).await.answered().as_ref(), Some(&kept));
    }
    assert!(sweep(&handles.two, seconds(4500), 10).await <= 2);
    assert!(handles.one.grants.peek(given.id, seconds(4500)).await.answered().is_none());
}
