//! The rules of [`ConsentStore`](crate::store::ConsentStore).

use std::collections::BTreeSet;

use mcp_transport::auth::ScopeSet;

use super::samples::{client_id, consent, digest, millis, seconds, strange_names, subject};
use super::{Answer as _, Handles};
use crate::store::{ConsentRecord, Stores};
use crate::types::{Digest, Timestamp};

async fn consented(stores: &Stores, key: &Digest, now: Timestamp) -> Option<ConsentRecord> {
    stores.consents.consent(key, now).await.answered()
}

/// What was allowed comes out as it went in, over both handles.
pub async fn every_field_survives(handles: Handles) {
    let mut given = consent("адa", client_id("https://app.example/client.json").as_str());
    given.client_name = Some("name {x} \u{1F600} \u{0}".to_owned());
    given.scopes = "b a:b".parse().expect("scopes");
    given.given_at = millis(1);
    given.expires_at = Timestamp::NEVER;
    for given in [given, consent("ada", "c")] {
        handles.one.consents.remember(given.clone()).await.answered();
        for stores in handles.both() {
            assert_eq!(consented(stores, &given.key(), seconds(1)).await, Some(given.clone()));
            let of_subject = stores.consents.of_subject(&given.subject, seconds(1)).await.answered();
            assert_eq!(of_subject, std::slice::from_ref(&given));
        }
    }
    assert_eq!(consented(&handles.one, &digest("another"), seconds(1)).await, None);
}

/// A consent with the same key takes the place of the older one, also when that one would have lasted longer.
pub async fn the_newest_takes_the_place(handles: Handles) {
    let older = consent("ada", "c");
    let newer = ConsentRecord { scopes: ScopeSet::EMPTY, expires_at: seconds(10), ..older.clone() };
    for given in [&older, &newer] {
        handles.one.consents.remember(given.clone()).await.answered();
        assert_eq!(consented(&handles.two, &given.key(), seconds(1)).await.as_ref(), Some(given));
    }
    assert_eq!(handles.one.consents.of_subject(&older.subject, seconds(1)).await.answered(), [newer]);
    assert_eq!(consented(&handles.two, &older.key(), seconds(10)).await, None);
    handles.two.consents.remember(older.clone()).await.answered();
    assert_eq!(consented(&handles.one, &older.key(), seconds(10)).await, Some(older.clone()));
    assert!(handles.one.consents.forget(&older.key()).await.answered());
    assert!(!handles.two.consents.forget(&older.key()).await.answered());
    assert_eq!(consented(&handles.one, &older.key(), seconds(10)).await, None);
    assert_eq!(handles.two.consents.of_subject(&older.subject, seconds(10)).await.answered(), []);
}

/// At the very instant, whether it was swept or not.
pub async fn what_is_over_is_absent(handles: Handles) {
    for swept in [false, true] {
        let given = consent("ada", "c");
        handles.one.consents.remember(given.clone()).await.answered();
        assert_eq!(consented(&handles.two, &given.key(), millis(3_599_999)).await, Some(given.clone()));
        let over = millis(3_600_000);
        if swept {
            for maintenance in &handles.two.maintenance {
                let _ = maintenance.sweep(over, 1000).await.answered();
            }
        }
        assert_eq!(consented(&handles.two, &given.key(), over).await, None);
        assert_eq!(handles.one.consents.of_subject(&given.subject, over).await.answered(), []);
    }
}

/// Users of every name have consents of their own, and so has each client of theirs.
pub async fn users_do_not_meet(handles: Handles) {
    let names = strange_names(1024);
    for name in &names {
        handles.one.consents.remember(consent(name, name)).await.answered();
        handles.one.consents.remember(consent("nobody else", name)).await.answered();
    }
    for name in &names {
        let own = handles.two.consents.of_subject(&subject(name), seconds(1)).await.answered();
        assert_eq!(own, [consent(name, name)]);
        assert!(handles.two.consents.forget(&consent(name, name).key()).await.answered());
    }
    let rest = handles.one.consents.of_subject(&subject("nobody else"), seconds(1)).await.answered();
    let clients: BTreeSet<_> = rest.iter().map(|record| record.client_id.as_str()).collect();
    assert_eq!((rest.len(), clients), (names.len(), names.iter().map(String::as_str).collect()));
}

/// The list has a thousand at most, and as many if there are more.
pub async fn the_list_has_an_end(handles: Handles) {
    let stores = &handles.one;
    let remembered = (0..1010).map(|number| {
        let (stores, given) = (stores.clone(), consent("ada", &number.to_string()));
        tokio::spawn(async move { stores.consents.remember(given).await })
    });
    for task in remembered.collect::<Vec<_>>() {
        task.await.expect("no call panics").answered();
    }
    let list = handles.two.consents.of_subject(&subject("ada"), seconds(1)).await.answered();
    let different: BTreeSet<_> = list.iter().map(ConsentRecord::key).collect();
    assert_eq!((list.len(), different.len()), (1000, 1000));
}
