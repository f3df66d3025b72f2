//! The rules of [`GrantStore`](crate::store::GrantStore) for each grant. Those for all grants of somebody are in
//! [`owners`](super::owners).

use std::collections::BTreeSet;
use std::time::Duration;

use super::samples::{IDLE, ROTATION, client_id, code, digest, full_grant, grant, grant_id, millis, seconds, subject};
use super::{Answer as _, CALLS, Handles, ROUNDS, count, race};
use crate::store::{Advance, By, Redeem, Rotation, Stores, rules};
use crate::types::{CodeRecord, EndReason, Grant, GrantId, GrantView, Timestamp};

/// Takes it in and gives how it stands.
pub(super) async fn created(stores: &Stores, grant: Grant, code: Option<CodeRecord>) -> GrantView {
    stores.grants.create(grant.clone(), code.clone(), IDLE).await.answered();
    rules::created(grant, code, IDLE)
}

pub(super) async fn peek(stores: &Stores, id: GrantId, now: Timestamp) -> Option<GrantView> {
    stores.grants.peek(id, now).await.answered()
}

async fn advance(stores: &Stores, id: GrantId, presented: u32, now: Timestamp) -> Advance {
    stores.grants.advance(id, presented, now, ROTATION).await.answered()
}

/// All live grants of `by`, page by page.
pub(super) async fn all(stores: &Stores, by: Option<&By>, limit: u16, now: Timestamp) -> Vec<GrantView> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = stores.grants.page(by, after, limit, now).await.answered();
        assert!(page.items.len() <= usize::from(limit), "{} on a page of {limit}", page.items.len());
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

pub(super) fn ids(views: &[GrantView]) -> BTreeSet<GrantId> {
    let ids: BTreeSet<_> = views.iter().map(|view| view.grant.id).collect();
    assert_eq!(ids.len(), views.len(), "each comes once");
    ids
}

/// A grant comes out as it went in, over both handles, and with what has happened to it.
pub async fn every_field_survives(handles: Handles) {
    let mut endless = full_grant();
    endless.claims.insert("long".to_owned(), "x".repeat(100_000).into());
    for (given, code) in [(grant("ada", "c"), Some(code("code"))), (full_grant(), None), (endless, Some(code("code")))]
    {
        let mut view = created(&handles.one, given, code).await;
        let id = view.grant.id;
        let now = view.grant.created_at;
        for stores in handles.both() {
            assert_eq!(peek(stores, id, now).await, Some(view.clone()));
        }
        if view.code.is_some() {
            let (expected, _) = rules::redeem(&mut view, &digest("code"), now);
            assert_eq!(handles.two.grants.redeem_code(id, &digest("code"), now).await.answered(), expected);
        }
        let later = now.after(Duration::from_millis(1));
        for presented in [1, 1] {
            let (expected, _) = rules::advance(&mut view, presented, later, ROTATION);
            assert_eq!(advance(&handles.one, id, presented, later).await, expected);
            assert_eq!(peek(&handles.two, id, later).await, Some(view.clone()));
        }
        assert_eq!(all(&handles.two, Some(&By::Subject(view.grant.identity.subject.clone())), 1, later).await, [view]);
        assert!(handles.one.grants.end(id, EndReason::Withdrawn, later).await.answered());
    }
}

/// With a code in generation 0, without in generation 1, and over when nobody refreshes.
pub async fn a_new_grant_stands_where_it_should(handles: Handles) {
    let waiting = created(&handles.one, grant("ada", "c"), Some(code("code"))).await.grant.id;
    let view = peek(&handles.two, waiting, seconds(1)).await.expect("it is there");
    assert_eq!((view.generation, view.redeemed, view.replays, view.ended), (0, false, 0, None));
    assert_eq!(view.idle_until, seconds(3600));
    assert_eq!(advance(&handles.two, waiting, 1, seconds(1)).await, Advance::Absent, "its code has not been redeemed");
    let at_once = created(&handles.one, grant("ada", "c"), None).await.grant.id;
    assert_eq!(handles.one.grants.redeem_code(at_once, &digest("code"), seconds(1)).await.answered(), Redeem::Absent);
    assert_eq!(advance(&handles.two, at_once, 1, seconds(1)).await, Advance::Next(2));
    let mut short = grant("ada", "c");
    short.expires_at = seconds(10);
    let short = created(&handles.one, short, None).await.grant.id;
    assert_eq!(peek(&handles.two, short, seconds(1)).await.expect("it is there").idle_until, seconds(10));
}

/// RFC 6749 section 4.1.2: one of 64 that present a code gets tokens, and all others learn that it was used. The tokens
/// are ended in the same step.
pub async fn attack_035_a_code_is_redeemed_once(handles: Handles) {
    for _ in 0..ROUNDS {
        let mut view = created(&handles.one, grant("ada", "c"), Some(code("code"))).await;
        let id = view.grant.id;
        let answers =
            race(&handles, |stores, _| async move { stores.grants.redeem_code(id, &digest("code"), seconds(1)).await })
                .await;
        let (won, _) = rules::redeem(&mut view, &digest("code"), seconds(1));
        assert_eq!(count(&answers, &won), 1);
        assert_eq!(count(&answers, &Redeem::Replayed), CALLS - 1);
        view.ended = Some(EndReason::CodeReplayed);
        assert_eq!(peek(&handles.two, id, seconds(1)).await, Some(view));
        assert_eq!(advance(&handles.one, id, 1, seconds(1)).await, Advance::Ended(EndReason::CodeReplayed));
    }
}

/// Who has a wrong code, or comes with the id alone, neither gets something nor takes it from the right one.
pub async fn a_wrong_code_changes_nothing(handles: Handles) {
    for _ in 0..ROUNDS {
        let view = created(&handles.one, grant("ada", "c"), Some(code("code"))).await;
        let id = view.grant.id;
        let answers = race(&handles, |stores, number| async move {
            let text = if number == CALLS / 2 { "code".to_owned() } else { format!("guess {number}") };
            stores.grants.redeem_code(id, &digest(&text), seconds(1)).await
        })
        .await;
        assert_eq!(count(&answers, &Redeem::Absent), CALLS - 1);
        assert!(matches!(answers.get(CALLS / 2), Some(Redeem::Won(_))));
        let view = peek(&handles.two, id, seconds(1)).await.expect("it is there");
        assert!(view.redeemed && view.is_live(seconds(1)));
    }
}

/// 64 refreshes with one token at the same time: one is the first, all others are handed its successor, nothing ends, and
/// the lineage has one end.
pub async fn attack_050_parallel_refreshes_get_one_successor(handles: Handles) {
    let id = created(&handles.one, grant("ada", "c"), None).await.grant.id;
    let rotation = Rotation { most_replays: 64, ..ROTATION };
    for generation in 1..=ROUNDS as u32 {
        let answers =
            race(
                &handles,
                |stores, _| async move { stores.grants.advance(id, generation, seconds(1), rotation).await },
            )
            .await;
        assert_eq!(count(&answers, &Advance::Next(generation + 1)), 1);
        assert_eq!(count(&answers, &Advance::Again(generation + 1)), CALLS - 1);
        let view = peek(&handles.two, id, seconds(1)).await.expect("it is there");
        assert_eq!((view.generation, view.replays, view.ended), (generation + 1, 63, None));
    }
}

/// The bound on replays holds for both handles together. What is beyond it is told to wait, and nothing ends; without any
/// replays it is a reuse, which one is told of.
pub async fn replays_are_counted_across_handles(handles: Handles) {
    for most in [1, 10] {
        let id = created(&handles.one, grant("ada", "c"), None).await.grant.id;
        let rotation = Rotation { most_replays: most, ..ROTATION };
        let answers =
            race(&handles, |stores, _| async move { stores.grants.advance(id, 1, seconds(1), rotation).await }).await;
        let replays = usize::try_from(most).unwrap_or_default();
        assert_eq!(count(&answers, &Advance::Next(2)), 1);
        assert_eq!(count(&answers, &Advance::Again(2)), replays);
        assert_eq!(count(&answers, &Advance::Crowded), CALLS - replays - 1);
        let view = peek(&handles.two, id, seconds(1)).await.expect("it is there");
        assert_eq!((view.generation, view.replays, view.ended), (2, most, None));
        assert_eq!(handles.one.grants.advance(id, 2, seconds(1), rotation).await.answered(), Advance::Next(3));
    }
    let id = created(&handles.one, grant("ada", "c"), None).await.grant.id;
    let rotation = Rotation { most_replays: 0, ..ROTATION };
    let answers =
        race(&handles, |stores, _| async move { stores.grants.advance(id, 1, seconds(1), rotation).await }).await;
    assert_eq!(count(&answers, &Advance::Next(2)), 1);
    assert_eq!(count(&answers, &Advance::Reused), 1);
    assert_eq!(count(&answers, &Advance::Ended(EndReason::RefreshReused)), CALLS - 2);
}

/// A token that is newer than what the store knows carries the lineage on, for all that present it.
pub async fn what_was_lost_is_taken_up_once(handles: Handles) {
    let id = created(&handles.one, grant("ada", "c"), None).await.grant.id;
    let rotation = Rotation { most_replays: 64, ..ROTATION };
    let answers =
        race(&handles, |stores, _| async move { stores.grants.advance(id, 5, seconds(1), rotation).await }).await;
    assert_eq!(count(&answers, &Advance::Resynced(6)), 1);
    assert_eq!(count(&answers, &Advance::Again(6)), CALLS - 1);
    let last = handles.two.grants.advance(id, u32::MAX, seconds(2), rotation).await.answered();
    assert_eq!(last, Advance::Resynced(u32::MAX), "there is no generation after the last");
    assert_eq!(advance(&handles.one, id, u32::MAX, seconds(2)).await, Advance::Next(u32::MAX));
}

/// At the very instant, for the code, the idle time and the grant, whether it was swept or not.
pub async fn what_is_over_is_absent(handles: Handles) {
    for (owner, swept) in [("ada", false), ("bob", true)] {
        let coded = created(&handles.one, grant(owner, "c"), Some(code("code"))).await.grant.id;
        let late = handles.two.grants.redeem_code(coded, &digest("code"), millis(60_000)).await.answered();
        assert_eq!(late, Redeem::Expired);
        let first = handles.two.grants.redeem_code(coded, &digest("code"), millis(59_999)).await.answered();
        assert!(matches!(first, Redeem::Won(_)), "a late one has not used it up: {first:?}");
        let idle = created(&handles.one, grant(owner, "c"), None).await.grant.id;
        let mut short = grant(owner, "c");
        short.expires_at = seconds(3600);
        let ended = created(&handles.two, short, None).await.grant.id;
        assert_eq!(advance(&handles.two, ended, 1, millis(3_000_000)).await, Advance::Next(2));
        assert!(handles.one.grants.end(ended, EndReason::Revoked, millis(3_000_000)).await.answered());
        for id in [coded, idle, ended] {
            assert!(peek(&handles.two, id, millis(3_599_999)).await.is_some());
        }
        let over = millis(3_600_000);
        let by = By::Subject(subject(owner));
        assert_eq!(ids(&all(&handles.one, Some(&by), 10, millis(3_599_999)).await), BTreeSet::from([coded, idle]));
        if swept {
            for maintenance in &handles.two.maintenance {
                let _ = maintenance.sweep(over, 1000).await.answered();
            }
        }
        for (id, generation) in [(coded, 1), (idle, 1), (ended, 2)] {
            assert_eq!(peek(&handles.one, id, over).await, None);
            let answer = advance(&handles.two, id, generation, over).await;
            // As long as it is remembered the answer may say why.
            assert!(matches!(answer, Advance::Expired | Advance::Ended(_) | Advance::Absent), "{answer:?}");
            assert!(!handles.one.grants.end(id, EndReason::Withdrawn, over).await.answered());
        }
        for by in [Some(&by), Some(&By::Client(client_id("c"))), None] {
            assert_eq!(all(&handles.one, by, 10, over).await, []);
        }
        assert_eq!(handles.one.grants.end_all(&by, EndReason::Withdrawn, over).await.answered(), 0);
    }
}

/// A code that nobody redeems takes its grant with it: nothing is live of a sign-in that was given up. One that is redeemed
/// in time lives as any other.
pub async fn a_code_that_nobody_redeems_ends_with_its_time(handles: Handles) {
    for (owner, swept) in [("ada", false), ("bob", true)] {
        let given_up = created(&handles.one, grant(owner, owner), Some(code("code"))).await.grant.id;
        let redeemed = created(&handles.one, grant(owner, owner), Some(code("code"))).await.grant.id;
        let (by, of_client) = (By::Subject(subject(owner)), By::Client(client_id(owner)));
        let last = millis(59_999);
        assert!(peek(&handles.two, given_up, last).await.is_some());
        assert_eq!(ids(&all(&handles.two, Some(&by), 10, last).await), BTreeSet::from([given_up, redeemed]));
        let won = handles.two.grants.redeem_code(redeemed, &digest("code"), last).await.answered();
        assert!(matches!(won, Redeem::Won(won) if won.idle_until == seconds(3600)));
        let over = seconds(60);
        if swept {
            for maintenance in &handles.two.maintenance {
                while maintenance.sweep(over, 10).await.answered() > 0 {}
            }
        }
        assert_eq!(peek(&handles.one, given_up, over).await, None);
        for by in [&by, &of_client] {
            assert_eq!(ids(&all(&handles.one, Some(by), 10, over).await), BTreeSet::from([redeemed]));
        }
        let late = handles.one.grants.redeem_code(given_up, &digest("code"), over).await.answered();
        assert!(matches!(late, Redeem::Expired | Redeem::Absent), "{late:?}");
        // As long as it is remembered it can be ended.
        let _ = handles.one.grants.end(given_up, EndReason::Withdrawn, over).await.answered();
        // The other is there to its own end, whatever is swept.
        let last = millis(3_599_999);
        if swept {
            for maintenance in &handles.one.maintenance {
                while maintenance.sweep(last, 10).await.answered() > 0 {}
            }
        }
        assert!(peek(&handles.two, redeemed, last).await.is_some_and(|view| view.is_live(last)));
        assert_eq!(handles.two.grants.end_all(&of_client, EndReason::Withdrawn, last).await.answered(), 1);
    }
}

/// Where the clock of whoever withdraws a grant is ahead, its code is over there and still good for others: the withdrawal
/// holds for them.
pub async fn a_withdrawal_holds_whatever_the_clock_says_of_the_code(handles: Handles) {
    let (over, before) = (seconds(60), millis(59_999));
    let withdraw = async |by: Option<By>, id| match by {
        Some(by) => handles.one.grants.end_all(&by, EndReason::Withdrawn, over).await.answered() == 1,
        None => handles.one.grants.end(id, EndReason::Withdrawn, over).await.answered(),
    };
    for by in [None, Some(By::Subject(subject("ada"))), Some(By::Client(client_id("c")))] {
        let id = created(&handles.one, grant("ada", "c"), Some(code("code"))).await.grant.id;
        assert!(withdraw(by.clone(), id).await, "{by:?}");
        let late = handles.two.grants.redeem_code(id, &digest("code"), before).await.answered();
        assert_eq!(late, Redeem::Absent, "{by:?}");
        let view = peek(&handles.two, id, before).await.expect("it is remembered");
        assert_eq!((view.ended, view.redeemed), (Some(EndReason::Withdrawn), false), "{by:?}");
    }
}

/// Of 64 that end it one is told that it was live, and its reason stays. It is remembered.
pub async fn a_grant_ends_once(handles: Handles) {
    for _ in 0..ROUNDS {
        let id = created(&handles.one, grant("ada", "c"), None).await.grant.id;
        let answers = race(&handles, |stores, number| async move {
            let why = if number % 2 == 0 { EndReason::Revoked } else { EndReason::Withdrawn };
            stores.grants.end(id, why, seconds(1)).await
        })
        .await;
        assert_eq!(count(&answers, &true), 1);
        let winner = answers.iter().position(|won| *won).expect("one");
        let why = if winner % 2 == 0 { EndReason::Revoked } else { EndReason::Withdrawn };
        assert_eq!(peek(&handles.two, id, seconds(1)).await.expect("it is remembered").ended, Some(why));
        assert_eq!(advance(&handles.one, id, 1, seconds(1)).await, Advance::Ended(why));
    }
}

/// Whatever the order, the grant has ended afterwards.
pub async fn an_end_and_a_redemption_leave_it_ended(handles: Handles) {
    for _ in 0..ROUNDS {
        let id = created(&handles.one, grant("ada", "c"), Some(code("code"))).await.grant.id;
        let answers = race(&handles, |stores, number| async move {
            if number == 0 {
                stores.grants.redeem_code(id, &digest("code"), seconds(1)).await.map(|redeemed| (Some(redeemed), None))
            } else {
                stores.grants.end(id, EndReason::Withdrawn, seconds(1)).await.map(|live| (None, Some(live)))
            }
        })
        .await;
        let redeemed = answers.first().and_then(|(redeemed, _)| redeemed.clone());
        assert!(matches!(redeemed, Some(Redeem::Won(_) | Redeem::Absent)), "{redeemed:?}");
        assert_eq!(answers.iter().filter(|(_, live)| *live == Some(true)).count(), 1);
        let view = peek(&handles.two, id, seconds(1)).await.expect("it is remembered");
        assert_eq!((view.ended, view.redeemed), (Some(EndReason::Withdrawn), matches!(redeemed, Some(Redeem::Won(_)))));
    }
}

/// What was never made is answered as such.
pub async fn unknown_grants_are_absent(handles: Handles) {
    let _ = created(&handles.one, grant("ada", "c"), Some(code("code"))).await;
    for stores in handles.both() {
        let id = grant_id();
        assert_eq!(peek(stores, id, seconds(1)).await, None);
        assert_eq!(stores.grants.redeem_code(id, &digest("code"), seconds(1)).await.answered(), Redeem::Absent);
        assert_eq!(advance(stores, id, 1, seconds(1)).await, Advance::Absent);
        assert!(!stores.grants.end(id, EndReason::Revoked, seconds(1)).await.answered());
    }
}
