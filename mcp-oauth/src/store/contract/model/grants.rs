//! Grants: their codes, generations and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{SEEDS, STEPS, either};
use crate::store::contract::random::Random;
use crate::store::contract::samples::{IDLE, START, client_id, code, digest, grant, subject};
use crate::store::contract::{Answer as _, Handles};
use crate::store::{Advance, By, Redeem, Rotation, rules};
use crate::types::{EndReason, GrantId, GrantView, Timestamp};

/// Whether a grant is over, so that a store may have forgotten it.
fn over(view: &GrantView, now: Timestamp) -> bool {
    view.over_at().is_over(now)
}

fn is_of(view: &GrantView, by: &By) -> bool {
    match by {
        By::Subject(owner) => view.grant.identity.subject == *owner,
        By::Client(client) => view.grant.client.id == *client,
    }
}

/// Grants that are redeemed, refreshed, ended, and grow old.
pub async fn grants_do_as_the_rules_say(handles: Handles) {
    for seed in SEEDS {
        let (mut random, mut now) = (Random::seeded(seed), START);
        let mut model: BTreeMap<GrantId, GrantView> = BTreeMap::new();
        let mut newest: Vec<GrantId> = Vec::new();
        for step in 0..STEPS {
            let context = format!("seed {seed}, step {step}");
            let stores = either(&handles, &mut random);
            now = now.after(Duration::from_secs(random.of(&[0, 0, 1, 10, 60, 600])));
            let (owner, of_client) = (random.of(&["ada", "bob"]), random.of(&["c", "d"]));
            if newest.is_empty() || random.one_in(12) {
                let mut given = grant(&format!("{owner}{seed}"), &format!("{of_client}{seed}"));
                given.created_at = now;
                given.expires_at = now.after(Duration::from_secs(random.of(&[2000, 8000])));
                let mut record = code("code");
                record.expires_at = now.after(Duration::from_secs(60));
                let record = random.one_in(2).then_some(record);
                stores.grants.create(given.clone(), record.clone(), IDLE).await.answered();
                newest.push(given.id);
                model.insert(given.id, rules::created(given, record, IDLE));
                continue;
            }
            let recent = newest.get(newest.len().saturating_sub(3)..).unwrap_or(&newest);
            let id = random.of(recent);
            let view = model.get_mut(&id).expect("each has been created");
            let gone = over(view, now);
            match random.below(12) {
                0..2 => {
                    let text = if random.one_in(4) { "guess" } else { "code" };
                    let answer = stores.grants.redeem_code(id, &digest(text), now).await.answered();
                    let (expected, _) = rules::redeem(view, &digest(text), now);
                    assert!(answer == expected || (gone && answer == Redeem::Absent), "{context}: {answer:?}");
                }
                2..7 => {
                    let presented = match random.below(8) {
                        0..5 => view.generation,
                        5 | 6 => view.generation.saturating_sub(1),
                        _ => u32::try_from(random.below(8)).unwrap_or_default(),
                    };
                    let rotation = Rotation {
                        grace: Duration::from_secs(random.of(&[0, 30, 120])),
                        most_replays: random.of(&[0, 2, 32]),
                        idle: random.of(&[IDLE, Duration::from_secs(600)]),
                        rotate: !random.one_in(6),
                    };
                    let answer = stores.grants.advance(id, presented, now, rotation).await.answered();
                    let (expected, _) = rules::advance(view, presented, now, rotation);
                    let forgotten = gone && answer == Advance::Absent;
                    assert!(answer == expected || forgotten, "{context}: {answer:?} and not {expected:?}");
                }
                7 if random.one_in(3) => {
                    let why = random.of(&[EndReason::Revoked, EndReason::Withdrawn, EndReason::Denied]);
                    let live = stores.grants.end(id, why, now).await.answered();
                    let expected = rules::end(view, why, now);
                    assert!(live == expected || (gone && !live), "{context}: {live}");
                }
                8 => {
                    let by = match random.below(2) {
                        0 => By::Subject(subject(&format!("{owner}{seed}"))),
                        _ => By::Client(client_id(&format!("{of_client}{seed}"))),
                    };
                    if random.one_in(6) {
                        let ended = stores.grants.end_all(&by, EndReason::Denied, now).await.answered();
                        let theirs = model.values_mut().filter(|view| is_of(view, &by));
                        let (mut least, mut most) = (0, 0);
                        for view in theirs {
                            let gone = over(view, now);
                            let open = u64::from(rules::end(view, EndReason::Denied, now));
                            (least, most) = (least + if gone { 0 } else { open }, most + open);
                        }
                        assert!((least..=most).contains(&ended), "{context}: {ended}, not {least} to {most}");
                        continue;
                    }
                    let (mut after, mut seen) = (None, BTreeMap::new());
                    loop {
                        let page = stores.grants.page(Some(&by), after, 2, now).await.answered();
                        seen.extend(page.items.into_iter().map(|view| (view.grant.id, view)));
                        after = page.next;
                        if after.is_none() {
                            break;
                        }
                    }
                    let live = model.iter().filter(|(_, view)| is_of(view, &by) && view.is_live(now));
                    let expected: BTreeMap<_, _> = live.map(|(id, view)| (*id, view.clone())).collect();
                    assert!(seen == expected, "{context}: the page is another one");
                }
                9 => {
                    for maintenance in &stores.maintenance {
                        let _ = maintenance.sweep(now, 3).await.answered();
                    }
                }
                _ => {
                    let expected = (!gone).then(|| view.clone());
                    assert!(stores.grants.peek(id, now).await.answered() == expected, "{context}: another view");
                }
            }
        }
    }
}
