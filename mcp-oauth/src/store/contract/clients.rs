//! The rules of [`ClientStore`](crate::store::ClientStore).

use std::collections::BTreeSet;
use std::time::Duration;

use mcp_transport::auth::ClientId;

use super::samples::{client, client_id, digest, full_client, registered_by, seconds, strange_names};
use super::{Answer as _, CALLS, Handles, ROUNDS, abandon, count, race};
use crate::store::{Inserted, Replaced, Stores, Touched, Versioned};
use crate::types::Client;

async fn inserted(stores: &Stores, client: Client) -> Versioned<Client> {
    match stores.clients.insert(client, None).await.answered() {
        Inserted::New(versioned) => versioned,
        other => panic!("a client of a new id is new, and not {other:?}"),
    }
}

async fn get(stores: &Stores, id: &ClientId) -> Option<Versioned<Client>> {
    stores.clients.get(id).await.answered()
}

/// All clients, page by page.
async fn everybody(stores: &Stores, limit: u16) -> Vec<Versioned<Client>> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = stores.clients.page(after.as_ref(), limit).await.answered();
        assert!(page.items.len() <= usize::from(limit), "{} on a page of {limit}", page.items.len());
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// A client comes out as it went in, over both handles.
pub async fn every_field_survives(handles: Handles) {
    for given in [client("plain"), full_client("full")] {
        let new = inserted(&handles.one, given.clone()).await;
        assert_eq!(new.value, given);
        for stores in handles.both() {
            assert_eq!(get(stores, &given.id).await, Some(new.clone()));
        }
    }
    let mut changed = full_client("plain");
    changed.metadata.jwks = None;
    let version = get(&handles.two, &changed.id).await.expect("it is there").version;
    assert_eq!(handles.two.clients.replace(version, changed.clone(), true).await.answered(), Replaced::Done);
    assert_eq!(get(&handles.one, &changed.id).await.expect("it is there").value, changed);
}

/// Another client of an id that is taken changes nothing; nor does its fingerprint.
pub async fn an_id_is_taken_once(handles: Handles) {
    let first = inserted(&handles.one, client("c")).await;
    let other = handles.two.clients.insert(full_client("c"), Some(digest("f"))).await.answered();
    assert_eq!(other, Inserted::IdTaken);
    assert_eq!(get(&handles.one, &first.value.id).await, Some(first));
    let free = handles.one.clients.insert(client("d"), Some(digest("f"))).await.answered();
    assert!(matches!(free, Inserted::New(_)), "the fingerprint of one that was not taken in: {free:?}");
}

/// Of 64 inserts of one id one is new.
pub async fn one_insert_of_an_id_wins(handles: Handles) {
    for round in 0..ROUNDS {
        let id = format!("c{round}");
        let answers = race(&handles, |stores, number| {
            let client = registered_by(&id, &number.to_string());
            async move { stores.clients.insert(client, None).await }
        })
        .await;
        assert_eq!(count(&answers, &Inserted::IdTaken), CALLS - 1);
        let kept = get(&handles.one, &client_id(&id)).await.expect("it is there");
        assert_eq!(count(&answers, &Inserted::New(kept)), 1, "the one that is kept is the one that was told so");
    }
}

/// The same fingerprint: the client that is there takes in the registrant, in a new version.
pub async fn the_same_fingerprint_joins(handles: Handles) {
    let print = Some(digest("f"));
    let mut first = registered_by("c", "one");
    let Inserted::New(new) = handles.one.clients.insert(first.clone(), print).await.answered() else {
        panic!("the first is new");
    };
    let mut second = registered_by("d", "two");
    second.last_used = seconds(5);
    let Inserted::Joined(joined) = handles.two.clients.insert(second.clone(), print).await.answered() else {
        panic!("the second joins");
    };
    first.join(&second);
    assert_eq!(joined.value, first);
    assert!(joined.version > new.version);
    assert_eq!(get(&handles.one, &first.id).await, Some(joined.clone()));
    assert_eq!(get(&handles.one, &second.id).await, None, "the second was not taken in under its own id");
    // Also where the id is the same: the fingerprint is asked first.
    let again = handles.one.clients.insert(first.clone(), print).await.answered();
    assert!(matches!(again, Inserted::Joined(again) if again.version > joined.version));
    let apart = handles.one.clients.insert(client("e"), Some(digest("g"))).await.answered();
    assert!(matches!(apart, Inserted::New(_)), "another fingerprint is another client");
}

/// Of 64 inserts with one fingerprint one is new, and it takes in all the others.
pub async fn one_insert_with_a_fingerprint_wins(handles: Handles) {
    for round in 0..ROUNDS {
        let print = digest(&format!("f{round}"));
        let answers = race(&handles, |stores, number| {
            let client = registered_by(&format!("c{round}.{number}"), &format!("{round}.{number}"));
            async move { stores.clients.insert(client, Some(print)).await }
        })
        .await;
        let (mut new, mut versions) = (Vec::new(), BTreeSet::new());
        for answer in answers {
            match answer {
                Inserted::New(versioned) => {
                    assert!(versions.insert(versioned.version));
                    new.push(versioned.value.id);
                }
                Inserted::Joined(versioned) => {
                    assert!(versions.insert(versioned.version), "each join is a new version")
                }
                Inserted::IdTaken => panic!("the ids are different"),
            }
        }
        assert_eq!(new.len(), 1);
        let id = new.first().expect("one");
        let kept = get(&handles.two, id).await.expect("it is there");
        assert_eq!(Some(&kept.version), versions.last());
        let known: BTreeSet<_> = (0..CALLS).map(|number| digest(&format!("{round}.{number}"))).collect();
        let registrants: BTreeSet<_> = kept.value.management.iter().copied().collect();
        assert_eq!(registrants.len(), Client::MOST_REGISTRANTS, "as many as are remembered, and each once");
        assert!(registrants.is_subset(&known) && kept.value.widely_shared);
    }
}

/// Once its client is gone, a fingerprint is new again.
pub async fn a_fingerprint_is_forgotten_with_its_client(handles: Handles) {
    let print = Some(digest("f"));
    for id in ["c", "d", "c"] {
        let answer = handles.one.clients.insert(client(id), print).await.answered();
        assert!(matches!(answer, Inserted::New(_)), "{answer:?}");
        assert_eq!(handles.two.clients.delete(&client_id(id), None).await.answered(), Replaced::Done);
    }
    // A client of the same id, without the fingerprint, has not inherited it.
    let _ = inserted(&handles.one, client("c")).await;
    let answer = handles.one.clients.insert(client("d"), print).await.answered();
    assert!(matches!(answer, Inserted::New(_)), "{answer:?}");
}

/// `keep_fingerprint` decides.
pub async fn a_replaced_client_keeps_its_fingerprint_only_if_told(handles: Handles) {
    let print = Some(digest("f"));
    let Inserted::New(new) = handles.one.clients.insert(client("c"), print).await.answered() else {
        panic!("the first is new");
    };
    assert_eq!(handles.two.clients.replace(new.version, client("c"), true).await.answered(), Replaced::Done);
    let Inserted::Joined(joined) = handles.one.clients.insert(client("d"), print).await.answered() else {
        panic!("it was kept");
    };
    assert_eq!(handles.two.clients.replace(joined.version, client("c"), false).await.answered(), Replaced::Done);
    let answer = handles.one.clients.insert(client("d"), print).await.answered();
    assert!(matches!(answer, Inserted::New(_)), "it was dropped: {answer:?}");
    // What is deleted now must not take the fingerprint of the other one with it.
    assert_eq!(handles.one.clients.delete(&client_id("c"), None).await.answered(), Replaced::Done);
    let answer = handles.one.clients.insert(client("e"), print).await.answered();
    assert!(matches!(answer, Inserted::Joined(_)), "it belongs to the other one by now: {answer:?}");
}

/// Inserts with one fingerprint race with deletes: whoever is told of a client was told of one that was there, and the
/// fingerprint never points at nothing.
pub async fn joins_and_deletes_leave_no_loose_end(handles: Handles) {
    for round in 0..ROUNDS {
        let print = digest(&format!("f{round}"));
        let id = format!("c{round}");
        let answers = race(&handles, |stores, number| {
            let client = client(&id);
            async move {
                if number % 4 == 3 {
                    return stores.clients.delete(&client.id, None).await.map(|deleted| (None, Some(deleted)));
                }
                stores.clients.insert(client, Some(print)).await.map(|inserted| (Some(inserted), None))
            }
        })
        .await;
        let new = answers.iter().filter(|(inserted, _)| matches!(inserted, Some(Inserted::New(_)))).count();
        let gone = answers.iter().filter(|(_, deleted)| *deleted == Some(Replaced::Done)).count();
        assert_eq!(count(&answers, &(Some(Inserted::IdTaken), None)), 0, "the one of that id has that fingerprint");
        let kept = get(&handles.one, &client_id(&id)).await;
        assert_eq!(new - gone, usize::from(kept.is_some()), "{new} were new and {gone} are gone");
        match handles.two.clients.insert(client(&id), Some(print)).await.answered() {
            Inserted::New(_) => assert!(kept.is_none()),
            Inserted::Joined(joined) => assert!(kept.is_some_and(|kept| joined.version > kept.version)),
            Inserted::IdTaken => panic!("it has lost its fingerprint"),
        }
    }
}

/// A call that is dropped has happened as a whole or not at all: no fingerprint without its client, and no client without
/// its fingerprint.
pub async fn an_abandoned_insert_leaves_no_half(handles: Handles) {
    for round in 0..ROUNDS {
        let name = |number: usize| format!("c{round}.{number}");
        abandon(&handles, |stores, number| {
            let (client, print) = (client(&name(number)), digest(&name(number)));
            async move { stores.clients.insert(client, Some(print)).await }
        })
        .await;
        for number in 0..CALLS {
            let (client, print) = (client(&name(number)), Some(digest(&name(number))));
            let first = handles.one.clients.insert(client.clone(), print).await.answered();
            assert!(matches!(first, Inserted::New(_) | Inserted::Joined(_)), "{first:?}");
            let second = handles.two.clients.insert(client.clone(), print).await.answered();
            assert!(matches!(second, Inserted::Joined(_)), "{second:?}");
            assert!(get(&handles.one, &client.id).await.is_some());
        }
    }
}

/// Of 64 that replace one version one wins.
pub async fn one_replace_of_a_version_wins(handles: Handles) {
    let mut version = inserted(&handles.one, client("c")).await.version;
    for round in 0..ROUNDS {
        let answers = race(&handles, |stores, number| {
            let client = registered_by("c", &format!("{round}.{number}"));
            async move { stores.clients.replace(version, client, true).await }
        })
        .await;
        assert_eq!(count(&answers, &Replaced::Done), 1);
        assert_eq!(count(&answers, &Replaced::Conflict), CALLS - 1);
        let winner = answers.iter().position(|answer| *answer == Replaced::Done).expect("one");
        let kept = get(&handles.two, &client_id("c")).await.expect("it is there");
        assert_eq!(kept.value.management, [digest(&format!("{round}.{winner}"))]);
        assert!(kept.version > version);
        version = kept.version;
    }
}

/// A replace and a delete of one version: one of both.
pub async fn one_of_replace_and_delete_wins(handles: Handles) {
    for _ in 0..ROUNDS {
        let version = inserted(&handles.one, client("c")).await.version;
        let answers = race(&handles, |stores, number| async move {
            if number % 2 == 0 {
                stores.clients.delete(&client_id("c"), Some(version)).await
            } else {
                stores.clients.replace(version, client("c"), true).await
            }
        })
        .await;
        assert_eq!(count(&answers, &Replaced::Done), 1);
        let winner = answers.iter().position(|answer| *answer == Replaced::Done).expect("one");
        assert_eq!(get(&handles.two, &client_id("c")).await.is_none(), winner % 2 == 0);
        let _ = handles.one.clients.delete(&client_id("c"), None).await.answered();
    }
}

/// Of 64 deletes one finds it.
pub async fn one_delete_wins(handles: Handles) {
    for _ in 0..ROUNDS {
        let _ = inserted(&handles.one, client("c")).await;
        let answers =
            race(&handles, |stores, _| async move { stores.clients.delete(&client_id("c"), None).await }).await;
        assert_eq!(count(&answers, &Replaced::Done), 1);
        assert_eq!(count(&answers, &Replaced::Absent), CALLS - 1);
        assert_eq!(get(&handles.two, &client_id("c")).await, None);
    }
    assert_eq!(handles.one.clients.replace(1, client("c"), false).await.answered(), Replaced::Absent);
}

/// Versions go on when a client of the same id comes back: who still holds an old one changes nothing.
pub async fn a_version_is_never_used_again(handles: Handles) {
    let mut used = BTreeSet::new();
    for _ in 0..5 {
        let new = inserted(&handles.one, client("c")).await;
        assert!(used.insert(new.version));
        for old in used.iter().filter(|version| **version != new.version) {
            assert_eq!(handles.two.clients.replace(*old, client("c"), true).await.answered(), Replaced::Conflict);
            assert_eq!(handles.two.clients.delete(&new.value.id, Some(*old)).await.answered(), Replaced::Conflict);
        }
        assert_eq!(handles.two.clients.replace(new.version, client("c"), true).await.answered(), Replaced::Done);
        let replaced = get(&handles.one, &new.value.id).await.expect("it is there");
        assert!(used.insert(replaced.version));
        let deleted = handles.one.clients.delete(&new.value.id, Some(replaced.version)).await.answered();
        assert_eq!(deleted, Replaced::Done);
    }
}

/// A use makes a new version, so that a delete that was decided on before does not happen. Within the hour it need not.
pub async fn a_use_is_noted_and_holds_off_a_delete(handles: Handles) {
    let id = client_id("c");
    assert_eq!(handles.one.clients.touch(&id, seconds(0)).await.answered(), Touched::Absent);
    let before = inserted(&handles.one, full_client("c")).await;
    let now = before.value.last_used.after(Duration::from_secs(3600));
    assert_eq!(handles.two.clients.touch(&id, now).await.answered(), Touched::Done);
    let after = get(&handles.one, &id).await.expect("it is there");
    assert_eq!(after.value, Client { last_used: now, ..before.value });
    assert!(after.version > before.version);
    assert_eq!(handles.one.clients.delete(&id, Some(before.version)).await.answered(), Replaced::Conflict);
    // A clock that is behind takes nothing back.
    assert_eq!(handles.one.clients.touch(&id, seconds(1)).await.answered(), Touched::Done);
    assert_eq!(get(&handles.one, &id).await.expect("it is there").value.last_used, now);
    assert_eq!(handles.one.clients.delete(&id, None).await.answered(), Replaced::Done);
    assert_eq!(handles.two.clients.touch(&id, now).await.answered(), Touched::Absent);
    assert_eq!(get(&handles.one, &id).await, None, "a use brings nobody back");
}

/// Who is there from the first page to the last is on exactly one, however many come and go meanwhile.
pub async fn pages_are_complete_and_without_repeats(handles: Handles) {
    let mut expected = BTreeSet::new();
    for number in 0..100 {
        let id = format!("stays{number}");
        let _ = inserted(&handles.one, client(&id)).await;
        expected.insert(client_id(&id));
    }
    for limit in [1, 7, 100, u16::MAX] {
        let coming = handles.two.clone();
        let others = tokio::spawn(async move {
            for number in 0..50 {
                let id = format!("comes{limit}.{number}");
                let _ = inserted(&coming, client(&id)).await;
                let _ = coming.clients.delete(&client_id(&id), None).await.answered();
            }
        });
        let mut seen = BTreeSet::new();
        for item in everybody(&handles.one, limit).await {
            assert!(seen.insert(item.value.id.clone()), "{} comes twice", item.value.id);
        }
        others.await.expect("the others are done");
        assert!(expected.is_subset(&seen), "one is missing");
    }
}

/// The client after which a page begins may be gone.
pub async fn a_page_goes_on_after_a_client_that_is_gone(handles: Handles) {
    let mut left: BTreeSet<ClientId> = BTreeSet::new();
    for number in 0..20 {
        left.insert(inserted(&handles.one, client(&format!("c{number}"))).await.value.id);
    }
    let mut after = None;
    loop {
        let page = handles.one.clients.page(after.as_ref(), 3).await.answered();
        for item in &page.items {
            assert!(left.remove(&item.value.id), "{} comes twice", item.value.id);
            assert_eq!(handles.two.clients.delete(&item.value.id, None).await.answered(), Replaced::Done);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(everybody(&handles.one, 10).await, []);
}

/// Ids of every shape are ids of their own.
pub async fn strange_ids_do_not_meet(handles: Handles) {
    let names = strange_names(2048);
    for name in &names {
        let mut client = registered_by(name, name);
        client.metadata.client_name = Some(name.clone());
        let _ = inserted(&handles.one, client).await;
    }
    for name in &names {
        let kept = get(&handles.two, &client_id(name)).await.expect("it is there");
        assert_eq!((kept.value.id.as_str(), kept.value.management), (name.as_str(), vec![digest(name)]));
    }
    assert_eq!(everybody(&handles.two, 1000).await.len(), names.len());
    for (left, name) in names.iter().enumerate().rev() {
        assert_eq!(handles.two.clients.delete(&client_id(name), None).await.answered(), Replaced::Done, "{name}");
        assert_eq!(everybody(&handles.one, 1000).await.len(), left, "{name} took another one with it");
    }
}
