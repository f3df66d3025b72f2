//! What a durable back-end answered is there when it is opened again. Others pass these by.

use std::time::Duration;

use bytes::Bytes;

use super::samples::{
    IDLE, ROTATION, client, client_id, code, consent, device, digest, full_client, full_grant, grant, seconds,
};
use super::{Answer as _, Handles};
use crate::store::{
    Advance, By, Decided, Decision, DeviceCreated, FlowKind, Inserted, Poll, Published, Redeem, Replaced, ReplayKind,
    Stored, rules,
};
use crate::types::EndReason;

/// One record of each kind, with all that has happened to it.
pub async fn what_was_answered_is_there_again(handles: Handles) {
    let Handles { one, two, reopen } = handles;
    let Inserted::New(inserted) = one.clients.insert(full_client("c"), Some(digest("f"))).await.answered() else {
        panic!("the client is new");
    };
    let coded = grant("ada", "c");
    one.grants.create(coded.clone(), Some(code("code")), IDLE).await.answered();
    assert!(matches!(two.grants.redeem_code(coded.id, &digest("code"), seconds(1)).await.answered(), Redeem::Won(_)));
    assert_eq!(one.grants.advance(coded.id, 1, seconds(2), ROTATION).await.answered(), Advance::Next(2));
    let full = full_grant();
    one.grants.create(full.clone(), None, IDLE).await.answered();
    let ended = grant("ada", "d");
    one.grants.create(ended.clone(), None, IDLE).await.answered();
    assert!(two.grants.end(ended.id, EndReason::Denied, seconds(1)).await.answered());
    assert_eq!(one.devices.create(device("d", "u", "tv"), seconds(0)).await.answered(), DeviceCreated::Done);
    assert_eq!(two.devices.poll(&digest("d"), &client_id("tv"), seconds(1)).await.answered(), Poll::Pending);
    assert_eq!(one.devices.create(device("e", "v", "tv"), seconds(0)).await.answered(), DeviceCreated::Done);
    let approved = Decision::Approved(coded.id);
    assert_eq!(two.devices.decide(&digest("v"), approved, seconds(1)).await.answered(), Decided::Done);
    one.consents.remember(consent("ada", "c")).await.answered();
    let value = Bytes::from(vec![7; 65_536]);
    let put = one.flows.put(FlowKind::PushedRequest, &digest("k"), value.clone(), seconds(60), seconds(0)).await;
    assert_eq!(put.answered(), Stored::New);
    assert!(one.replays.first_use(ReplayKind::DpopProof, &digest("j"), seconds(60), seconds(0)).await.answered());
    assert_eq!(one.keys.publish(None, Bytes::from_static(b"sealed")).await.answered(), Published::Done(1));
    drop((one, two));

    let Some(mut reopen) = reopen else { return };
    let stores = reopen().await;
    assert_eq!(stores.clients.get(&client_id("c")).await.answered(), Some(inserted));
    let joined = stores.clients.insert(client("e"), Some(digest("f"))).await.answered();
    assert!(matches!(joined, Inserted::Joined(_)), "{joined:?}");
    assert_eq!(stores.grants.peek(full.id, full.created_at).await.answered(), Some(rules::created(full, None, IDLE)));
    assert_eq!(stores.grants.advance(coded.id, 1, seconds(3), ROTATION).await.answered(), Advance::Again(2));
    assert_eq!(stores.grants.redeem_code(coded.id, &digest("code"), seconds(3)).await.answered(), Redeem::Replayed);
    let told = stores.grants.advance(ended.id, 1, seconds(3), ROTATION).await.answered();
    assert_eq!(told, Advance::Ended(EndReason::Denied));
    assert_eq!(stores.devices.poll(&digest("d"), &client_id("tv"), seconds(2)).await.answered(), Poll::SlowDown);
    assert_eq!(
        stores.devices.poll(&digest("e"), &client_id("tv"), seconds(2)).await.answered(),
        Poll::Approved(coded.id)
    );
    let ada = consent("ada", "c");
    assert_eq!(stores.consents.of_subject(&ada.subject, seconds(1)).await.answered(), [ada]);
    assert_eq!(stores.flows.take(FlowKind::PushedRequest, &digest("k"), seconds(1)).await.answered(), Some(value));
    let second =
        stores.replays.first_use(ReplayKind::DpopProof, &digest("j"), seconds(60), seconds(1)).await.answered();
    assert!(!second);
    let document = stores.keys.load().await.answered().expect("it is there");
    assert_eq!((document.revision, &*document.document), (1, &b"sealed"[..]));
}

/// What was taken, told, forgotten, deleted or swept does not come back.
pub async fn what_was_removed_stays_away(handles: Handles) {
    let Handles { one, two, reopen } = handles;
    assert!(matches!(one.clients.insert(client("c"), Some(digest("f"))).await.answered(), Inserted::New(_)));
    assert_eq!(two.clients.delete(&client_id("c"), None).await.answered(), Replaced::Done);
    let put = one.flows.put(FlowKind::SignInCode, &digest("k"), Bytes::new(), seconds(60), seconds(0)).await;
    assert_eq!(put.answered(), Stored::New);
    assert!(two.flows.take(FlowKind::SignInCode, &digest("k"), seconds(1)).await.answered().is_some());
    assert_eq!(one.devices.create(device("d", "u", "tv"), seconds(0)).await.answered(), DeviceCreated::Done);
    assert_eq!(two.devices.decide(&digest("u"), Decision::Denied, seconds(1)).await.answered(), Decided::Done);
    assert_eq!(one.devices.poll(&digest("d"), &client_id("tv"), seconds(1)).await.answered(), Poll::Denied);
    let told = one.devices.redeem(&digest("d"), &client_id("tv"), &digest("attempt"), seconds(1)).await;
    assert!(told.answered());
    one.consents.remember(consent("ada", "c")).await.answered();
    assert!(two.consents.forget(&consent("ada", "c").key()).await.answered());
    let short = grant("ada", "c");
    one.grants.create(short.clone(), None, Duration::from_secs(1)).await.answered();
    for maintenance in &one.maintenance {
        let _ = maintenance.sweep(seconds(2), 10).await.answered();
    }
    drop((one, two));

    let Some(mut reopen) = reopen else { return };
    let stores = reopen().await;
    assert_eq!(stores.clients.get(&client_id("c")).await.answered(), None);
    assert!(matches!(stores.clients.insert(client("d"), Some(digest("f"))).await.answered(), Inserted::New(_)));
    assert_eq!(stores.flows.take(FlowKind::SignInCode, &digest("k"), seconds(1)).await.answered(), None);
    let again = stores.devices.redeem(&digest("d"), &client_id("tv"), &digest("another"), seconds(1)).await;
    assert!(!again.answered(), "it was told");
    assert_eq!(stores.devices.create(device("d", "u", "tv"), seconds(1)).await.answered(), DeviceCreated::Done);
    assert_eq!(stores.consents.consent(&consent("ada", "c").key(), seconds(1)).await.answered(), None);
    assert_eq!(stores.grants.peek(short.id, seconds(2)).await.answered(), None);
    let by = By::Subject(short.identity.subject);
    assert_eq!(stores.grants.page(Some(&by), None, 10, seconds(2)).await.answered().items, []);
}

/// Versions are not used again after the store was opened again, also when the newest client was deleted before.
pub async fn versions_go_on(handles: Handles) {
    let Handles { one: mut stores, two, reopen } = handles;
    drop(two);
    let Some(mut reopen) = reopen else { return };
    let mut newest = 0;
    for _ in 0..3 {
        let Inserted::New(new) = stores.clients.insert(client("c"), None).await.answered() else {
            panic!("the client is new");
        };
        assert!(new.version > newest, "{} after {newest}", new.version);
        newest = new.version;
        assert_eq!(stores.clients.delete(&client_id("c"), None).await.answered(), Replaced::Done);
        drop(stores);
        stores = reopen().await;
    }
}
