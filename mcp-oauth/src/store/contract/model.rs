//! Random sequences of calls, over both handles in turn, held against the rules on plain records.
//!
//! The sequences are the same each time. Few records and few moments: calls meet often.

mod clients;
mod grants;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;

pub use self::clients::clients_do_as_the_rules_say;
pub use self::grants::grants_do_as_the_rules_say;
use super::random::Random;
use super::samples::{START, client_id, consent, device, digest, grant_id, seconds, subject};
use super::{Answer as _, Handles};
use crate::store::{
    ConsentRecord, ConsentsOf, Decided, Decision, DeviceCreated, DeviceState, FlowKind, Permit, Poll, Quota,
    ReplayKind, Stored, Stores, rules,
};
use crate::types::{Digest, Timestamp};

/// How many calls a sequence has.
const STEPS: u64 = 400;
/// The sequences.
const SEEDS: [u64; 2] = [1, 2];

/// One of both handles.
fn either<'a>(handles: &'a Handles, random: &mut Random) -> &'a Stores {
    if random.one_in(2) { &handles.one } else { &handles.two }
}

/// Devices that are decided, poll, and are too late.
pub async fn devices_do_as_the_rules_say(handles: Handles) {
    for seed in SEEDS {
        let (mut random, mut now) = (Random::seeded(seed), START);
        // In the order in which they were made: of those with one user code the last is the one that counts.
        let mut model: Vec<DeviceState> = Vec::new();
        for step in 0..STEPS {
            let context = format!("seed {seed}, step {step}");
            let stores = either(&handles, &mut random);
            now = now.after(Duration::from_millis(random.of(&[0, 1, 4999, 5000, 30_000])));
            let user = format!("{seed}{}", random.of(&["u", "v"]));
            if model.is_empty() || random.one_in(10) {
                let mut record = device(&format!("{seed}.{step}"), &user, random.of(&["tv", "radio"]));
                record.expires_at = now.after(Duration::from_secs(60));
                let taken = model
                    .iter()
                    .any(|state| state.record.user_code == record.user_code && !state.record.expires_at.is_over(now));
                let expected = if taken { DeviceCreated::UserCodeTaken } else { DeviceCreated::Done };
                assert_eq!(stores.devices.create(record.clone(), now).await.answered(), expected, "{context}");
                if !taken {
                    model.push(DeviceState::new(record));
                }
                continue;
            }
            let by_user = model.iter().rposition(|state| state.record.user_code == digest(&user));
            match random.below(6) {
                0 => {
                    let expected = by_user.and_then(|index| model.get(index)).filter(|state| state.waits(now));
                    let answer = stores.devices.by_user_code(&digest(&user), now).await.answered();
                    assert_eq!(answer.as_ref(), expected.map(|state| &state.record), "{context}");
                }
                1 => {
                    let decision = if random.one_in(2) { Decision::Denied } else { Decision::Approved(grant_id()) };
                    let answer = stores.devices.decide(&digest(&user), decision, now).await.answered();
                    let expected = match by_user.and_then(|index| model.get_mut(index)) {
                        Some(state) => rules::decide(state, decision, now),
                        None => Decided::TooLate,
                    };
                    assert_eq!(answer, expected, "{context}");
                }
                _ => {
                    let first = model.len().saturating_sub(3) as u64;
                    let index = usize::try_from(first + random.below(model.len() as u64 - first)).unwrap_or_default();
                    let client = client_id(random.of(&["tv", "tv", "radio"]));
                    let state = model.get_mut(index).expect("an index below the length");
                    let forgotten = state.forgotten_at().is_over(now);
                    let answer = stores.devices.poll(&state.record.device_code, &client, now).await.answered();
                    let (expected, _) = rules::poll(state, &client, now);
                    assert!(answer == expected || (forgotten && answer == Poll::Absent), "{context}: {answer:?}");
                    if !forgotten && random.one_in(2) {
                        let attempt = digest(random.of(&["one", "two"]));
                        let code = state.record.device_code;
                        let told = stores.devices.redeem(&code, &client, &attempt, now).await.answered();
                        assert_eq!(told, rules::redeem_device(state, &client, &attempt, now).0, "{context}");
                    }
                }
            }
        }
    }
}

/// What is used once or for a while, and what was allowed before.
pub async fn small_things_do_as_the_rules_say(handles: Handles) {
    for seed in SEEDS {
        let (mut random, mut now) = (Random::seeded(seed), START);
        let mut flows: BTreeMap<(&str, Digest), (Bytes, Timestamp)> = BTreeMap::new();
        let mut replays: BTreeMap<(&str, Digest), Timestamp> = BTreeMap::new();
        let mut consents: BTreeMap<Digest, ConsentRecord> = BTreeMap::new();
        for step in 0..STEPS {
            let context = format!("seed {seed}, step {step}");
            let stores = either(&handles, &mut random);
            now = now.after(Duration::from_secs(random.below(10)));
            let until = now.after(Duration::from_secs(1 + random.below(60)));
            let key = digest(&format!("{seed}{}", random.of(&["k", "l", "m"])));
            let flow = random.of(&[FlowKind::PushedRequest, FlowKind::SignInCode]);
            let there =
                flows.get(&(flow.as_str(), key)).filter(|(_, until)| !until.is_over(now)).map(|(value, _)| value);
            match random.below(9) {
                8 => {
                    let value = Bytes::from(context.clone());
                    stores.flows.raise(flow, &key, value.clone(), until, now).await.answered();
                    let before = flows.get(&(flow.as_str(), key)).map(|(_, until)| *until);
                    if before.is_none_or(|before| before < until) {
                        flows.insert((flow.as_str(), key), (value, until));
                    }
                }
                0 => {
                    let value = Bytes::from(context.clone());
                    let answer = stores.flows.put(flow, &key, value.clone(), until, now).await.answered();
                    assert_eq!(answer, if there.is_some() { Stored::Exists } else { Stored::New }, "{context}");
                    if answer == Stored::New {
                        flows.insert((flow.as_str(), key), (value, until));
                    }
                }
                1 => assert_eq!(stores.flows.peek(flow, &key, now).await.answered().as_ref(), there, "{context}"),
                2 => {
                    assert_eq!(stores.flows.take(flow, &key, now).await.answered().as_ref(), there, "{context}");
                    flows.remove(&(flow.as_str(), key));
                }
                3 => {
                    let kind = random.of(&[ReplayKind::DpopProof, ReplayKind::ClientAssertion]);
                    let known = replays.get(&(kind.as_str(), key)).is_some_and(|until| !until.is_over(now));
                    let first = stores.replays.first_use(kind, &key, until, now).await.answered();
                    assert_eq!(first, !known, "{context}");
                    if first {
                        replays.insert((kind.as_str(), key), until);
                    }
                }
                4 => {
                    let mut given = consent(&format!("ada{seed}"), random.of(&["c", "d"]));
                    (given.given_at, given.expires_at) = (now, until);
                    stores.consents.remember(given.clone()).await.answered();
                    consents.insert(given.key(), given);
                }
                5 if random.one_in(3) => {
                    let key = consent(&format!("ada{seed}"), random.of(&["c", "d"])).key();
                    let answer = stores.consents.forget(&key).await.answered();
                    let known = consents.remove(&key);
                    // One that is over may be there still, or not any more.
                    assert!(known.map_or(!answer, |record| answer || record.expires_at.is_over(now)), "{context}");
                }
                5 if random.one_in(3) => {
                    let (user, client) = (subject(&format!("ada{seed}")), client_id(random.of(&["c", "d"])));
                    let of = if random.one_in(2) { ConsentsOf::Both(user, client) } else { ConsentsOf::Subject(user) };
                    let answer = stores.consents.forget_all(&of).await.answered();
                    let (mut live, mut over) = (0, 0);
                    consents.retain(|_, record| {
                        let gone = of.includes(record);
                        let count = if record.expires_at.is_over(now) { &mut over } else { &mut live };
                        *count += u64::from(gone);
                        !gone
                    });
                    assert!((live..=live + over).contains(&answer), "{context}");
                }
                6 => {
                    let list = stores.consents.of_subject(&subject(&format!("ada{seed}")), now).await.answered();
                    let seen: BTreeMap<_, _> = list.into_iter().map(|record| (record.key(), record)).collect();
                    let known = consents.iter().filter(|(_, record)| !record.expires_at.is_over(now));
                    assert_eq!(seen, known.map(|(key, record)| (*key, record.clone())).collect(), "{context}");
                }
                _ => {
                    for maintenance in &stores.maintenance {
                        let _ = maintenance.sweep(now, 3).await.answered();
                    }
                }
            }
        }
    }
}

/// Buckets that are emptied and fill again.
pub async fn limits_do_as_the_rules_say(handles: Handles) {
    for seed in SEEDS {
        let (mut random, mut now) = (Random::seeded(seed), seconds(0));
        let mut model: BTreeMap<Digest, Timestamp> = BTreeMap::new();
        for step in 0..STEPS {
            now = now.after(Duration::from_millis(random.below(1500)));
            let bucket = digest(&format!("{seed}{}", random.of(&["a", "b"])));
            let burst = NonZeroU32::new(random.of(&[3, 7])).unwrap_or(NonZeroU32::MIN);
            let quota = Quota { burst, period: Duration::from_secs(6) };
            let cost = random.of(&[1, 1, 2, 4]);
            let stores = either(&handles, &mut random);
            if random.one_in(4) {
                stores.limits.give_back(&bucket, quota, cost, now).await.answered();
                match rules::give_back(model.get(&bucket).copied(), quota, cost, now) {
                    Some(after) => model.insert(bucket, after),
                    None => model.remove(&bucket),
                };
                continue;
            }
            let answer: Permit = stores.limits.check(&bucket, quota, cost, now).await.answered();
            let (expected, after) = rules::gcra(model.get(&bucket).copied(), quota, cost, now);
            assert_eq!(answer, expected, "seed {seed}, step {step}");
            if let Some(after) = after {
                model.insert(bucket, after);
            }
        }
    }
}
