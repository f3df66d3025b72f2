//! The rules of [`ConsentStore`](crate::store::ConsentStore).

use std::collections::BTreeSet;

use mcp_transport::auth::ScopeSet;

use super::samples::{client_id, consent, digest, millis, seconds, strange_names, subject};
use super::{Answer as _, Handles};
use crate::store::{ConsentRecord, ConsentsOf, Stores};
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

/// All of a user, all to a client, and those of one to the other: no more and no fewer.
pub async fn all_are_forgotten_by_owner(handles: Handles) {
    let (users, clients) = (["ada", "bob", "ad"], ["c", "cc", "https://app.example/client.json"]);
    let remember = async || {
        for user in users {
            for client in clients {
                handles.one.consents.remember(consent(user, client)).await.answered();
                let redirect_uri = "https://app.example/other".to_owned();
                let other = ConsentRecord { redirect_uri, ..consent(user, client) };
                handles.one.consents.remember(other).await.answered();
            }
        }
    };
    let left = async || {
        let mut left = BTreeSet::new();
        for user in users {
            let list = handles.one.consents.of_subject(&subject(user), seconds(1)).await.answered();
            left.extend(list.into_iter().map(|record| (record.subject.as_str().to_owned(), record.client_id)));
        }
        left
    };
    let all: BTreeSet<_> =
        users.iter().flat_map(|user| clients.map(|client| ((*user).to_owned(), client.to_owned()))).collect();
    let (ada, app) = ("ada", "https://app.example/client.json");
    for (of, forgotten) in [
        (ConsentsOf::Subject(subject(ada)), 2 * clients.len()),
        (ConsentsOf::Client(client_id(app)), 2 * users.len()),
        (ConsentsOf::Both(subject(ada), client_id(app)), 2),
        (ConsentsOf::Subject(subject("nobody")), 0),
        (ConsentsOf::Client(client_id("nobody")), 0),
        (ConsentsOf::Both(subject("nobody"), client_id(app)), 0),
        (ConsentsOf::Both(subject(ada), client_id("nobody")), 0),
    ] {
        remember().await;
        assert_eq!(left().await, all);
        assert_eq!(handles.two.consents.forget_all(&of).await.answered(), forgotten as u64, "{of:?}");
        let rest = all.iter().filter(|(user, client)| !of.includes(&consent(user, client))).cloned().collect();
        assert_eq!(left().await, rest, "{of:?}");
        assert_eq!(handles.one.consents.forget_all(&of).await.answered(), 0, "{of:?}");
    }
}

/// However many there are, and beside those who take one away at the same time.
pub async fn a_great_many_are_forgotten(handles: Handles) {
    let stores = &handles.one;
    let remembered = (0..2050).map(|number| {
        let (stores, given) = (stores.clone(), consent(&format!("user {}", number % 2), &number.to_string()));
        let given = ConsentRecord { client_id: "c".to_owned(), redirect_uri: format!("app:/{number}"), ..given };
        tokio::spawn(async move { stores.consents.remember(given).await })
    });
    for task in remembered.collect::<Vec<_>>() {
        task.await.expect("no call panics").answered();
    }
    assert_eq!(handles.two.consents.forget_all(&ConsentsOf::Client(client_id("c"))).await.answered(), 2050);
    for user in ["user 0", "user 1"] {
        assert_eq!(stores.consents.of_subject(&subject(user), seconds(1)).await.answered(), []);
    }
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
