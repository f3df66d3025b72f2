//! The rules of [`GrantStore`](crate::store::GrantStore) for all grants of a user, of a client, or of everybody.

use std::collections::BTreeSet;

use super::grants::{all, created, ids, peek};
use super::samples::{IDLE, client_id, code, grant, seconds, strange_names, subject};
use super::{Answer as _, CALLS, Handles, ROUNDS, abandon, race};
use crate::store::By;
use crate::types::EndReason;

/// Those of one user, or of one client, and of nobody else.
pub async fn all_grants_of_somebody_end(handles: Handles) {
    let (mut of_ada, mut of_c) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..120 {
        let owner = if number % 3 == 0 { "ada" } else { "bob" };
        let client = if number % 2 == 0 { "c" } else { "d" };
        let code = (number % 5 == 0).then(|| code("code"));
        let id = created(&handles.one, grant(owner, client), code).await.grant.id;
        if owner == "ada" {
            of_ada.insert(id);
        }
        if client == "c" {
            of_c.insert(id);
        }
    }
    let (ada, c) = (By::Subject(subject("ada")), By::Client(client_id("c")));
    assert_eq!(ids(&all(&handles.two, Some(&ada), 7, seconds(1)).await), of_ada);
    assert_eq!(ids(&all(&handles.two, Some(&c), 7, seconds(1)).await), of_c);
    assert_eq!(handles.one.grants.end_all(&ada, EndReason::Withdrawn, seconds(1)).await.answered(), 40);
    assert_eq!(all(&handles.two, Some(&ada), 7, seconds(1)).await, []);
    assert_eq!(all(&handles.two, None, 7, seconds(1)).await.len(), 80);
    let rest: BTreeSet<_> = of_c.difference(&of_ada).copied().collect();
    assert_eq!(ids(&all(&handles.one, Some(&c), 7, seconds(1)).await), rest);
    let ended = handles.two.grants.end_all(&c, EndReason::ClientDeleted, seconds(1)).await.answered();
    assert_eq!(ended, rest.len() as u64, "those that had ended are not counted again");
    for id in &of_c {
        let why = if of_ada.contains(id) { EndReason::Withdrawn } else { EndReason::ClientDeleted };
        assert_eq!(peek(&handles.one, *id, seconds(1)).await.expect("it is remembered").ended, Some(why));
    }
    let nobody = By::Subject(subject("c"));
    assert_eq!(handles.one.grants.end_all(&nobody, EndReason::Withdrawn, seconds(1)).await.answered(), 0);
    assert_eq!(all(&handles.one, None, 1000, seconds(1)).await.len(), 40);
}

/// Each of the grants is counted by one.
pub async fn two_who_end_all_count_each_grant_once(handles: Handles) {
    for number in 0..100 {
        let _ = created(&handles.one, grant("ada", &format!("c{number}")), None).await;
    }
    let answers = race(&handles, |stores, _| async move {
        stores.grants.end_all(&By::Subject(subject("ada")), EndReason::Withdrawn, seconds(1)).await
    })
    .await;
    assert_eq!(answers.iter().sum::<u64>(), 100);
}

/// A call that is dropped has happened as a whole or not at all: a grant that is there is found by its owners, and ends with
/// all of theirs.
pub async fn an_abandoned_create_leaves_no_half(handles: Handles) {
    for round in 0..ROUNDS {
        let owner = format!("ada{round}");
        let given: Vec<_> = (0..CALLS).map(|_| grant(&owner, "c")).collect();
        abandon(&handles, |stores, number| {
            let given = given.get(number).cloned();
            async move {
                match given {
                    Some(given) => stores.grants.create(given, None, IDLE).await,
                    None => Ok(()),
                }
            }
        })
        .await;
        let mut there = BTreeSet::new();
        for grant in &given {
            if peek(&handles.two, grant.id, seconds(1)).await.is_some() {
                there.insert(grant.id);
            }
        }
        let by = By::Subject(subject(&owner));
        assert!(there.is_subset(&ids(&all(&handles.one, Some(&by), 10, seconds(1)).await)), "one has no owner");
        let ended = handles.two.grants.end_all(&by, EndReason::Withdrawn, seconds(1)).await.answered();
        assert!(ended >= there.len() as u64);
        for id in there {
            assert_eq!(
                peek(&handles.one, id, seconds(1)).await.expect("it is remembered").ended,
                Some(EndReason::Withdrawn)
            );
        }
    }
}

/// A grant that is live all the while is on exactly one page, however many come meanwhile.
pub async fn pages_are_complete_and_without_repeats(handles: Handles) {
    let mut expected = BTreeSet::new();
    for number in 0..100 {
        let id = created(&handles.one, grant("ada", "c"), None).await.grant.id;
        if number % 4 == 0 {
            assert!(handles.two.grants.end(id, EndReason::Revoked, seconds(1)).await.answered());
        } else {
            expected.insert(id);
        }
    }
    for (by, limit) in [
        (Some(By::Subject(subject("ada"))), 1),
        (Some(By::Client(client_id("c"))), 7),
        (None, 10),
        (Some(By::Subject(subject("ada"))), u16::MAX),
    ] {
        let coming = handles.two.clone();
        let others = tokio::spawn(async move {
            for _ in 0..50 {
                let id = created(&coming, grant("ada", "c"), None).await.grant.id;
                assert!(coming.grants.end(id, EndReason::Revoked, seconds(1)).await.answered());
            }
        });
        let seen = ids(&all(&handles.one, by.as_ref(), limit, seconds(1)).await);
        others.await.expect("the others are done");
        assert!(expected.is_subset(&seen), "one is missing");
        assert_eq!(ids(&all(&handles.one, by.as_ref(), limit, seconds(1)).await), expected);
    }
}

/// Users and clients of every name are users and clients of their own, and no user is a client.
pub async fn strange_owners_do_not_meet(handles: Handles) {
    let mut owners = strange_names(1024);
    owners.extend(["ä", "a\u{308}", "ада", "\u{1F600}", "a\u{a0}b", "ﬁ"].map(str::to_owned));
    for owner in &owners {
        let _ = created(&handles.one, grant(owner, "c"), None).await;
    }
    for client in strange_names(2048) {
        let _ = created(&handles.one, grant("nobody else", &client), None).await;
    }
    for owner in &owners {
        let by = By::Subject(subject(owner));
        let of_owner = all(&handles.two, Some(&by), 1000, seconds(1)).await;
        assert!(matches!(&*of_owner, [one] if one.grant.identity.subject == subject(owner)), "{owner}");
    }
    for client in strange_names(2048).iter().rev() {
        let by = By::Client(client_id(client));
        assert_eq!(
            handles.two.grants.end_all(&by, EndReason::ClientDeleted, seconds(1)).await.answered(),
            1,
            "{client}"
        );
    }
    assert_eq!(all(&handles.one, None, 1000, seconds(1)).await.len(), owners.len());
}
