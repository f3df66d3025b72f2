//! The scripts say what `store::rules` say, whatever happens in which order.

use std::num::NonZeroU32;
use std::time::Duration;

use mcp_oauth::store::{GrantStore as _, Quota, RateLimiter as _, Redeem, Rotation, rules};
use mcp_oauth::types::{Digest, EndReason, Grant, Timestamp};

use super::sample::{Dice, IDLE, START, code, grant, seconds};
use super::shared::{open, prefix, urls};

const REASONS: [EndReason; 3] = [EndReason::Revoked, EndReason::Withdrawn, EndReason::Denied];

/// One grant, and a history of random calls at random times.
async fn history(url: &str, prefix: &str, seed: u64) {
    let (store, mut dice) = (open(url, prefix), Dice::new(seed));
    let with_code = dice.roll(3) > 0;
    let mut new: Grant = grant("ada", "c");
    if dice.roll(5) == 0 {
        new.expires_at = Timestamp::NEVER;
    }
    let id = new.id;
    let idle = if dice.roll(5) == 0 { Duration::MAX } else { IDLE };
    let mut view = rules::created(new.clone(), with_code.then(code), idle);
    store.create(new, with_code.then(code), idle).await.unwrap();
    let mut now = START;
    for step in 0..40 {
        now = now.after(Duration::from_millis([0, 1, 999, 59_000, 120_000, 120_001, 3_599_999][dice.roll(7) as usize]));
        if dice.roll(60) == 0 {
            now = seconds(10_000);
        }
        // Clocks of several nodes: it may be a little earlier than before.
        let at = if dice.roll(6) == 0 { now.before(Duration::from_secs(2)) } else { now };
        let place = format!("{url} seed {seed} step {step} at {at}");
        let there = Some(&view).filter(|view| !view.over_at().is_over(at));
        assert_eq!(store.peek(id, at).await.unwrap().as_ref(), there, "{place}");
        match dice.roll(10) {
            0 | 1 => {
                let digest = if dice.roll(3) == 0 { Digest::sha256(b"other") } else { code().digest };
                let expected = rules::redeem(&mut view, &digest, at).0;
                assert_eq!(store.redeem_code(id, &digest, at).await.unwrap(), expected, "{place}");
            }
            2 if dice.roll(6) == 0 => {
                let why = REASONS[dice.roll(3) as usize];
                let expected = rules::end(&mut view, why, at);
                assert_eq!(store.end(id, why, at).await.unwrap(), expected, "{place}");
            }
            _ => {
                let rotation = Rotation {
                    grace: [Duration::ZERO, Duration::from_secs(120), Duration::MAX][dice.roll(3) as usize],
                    most_replays: [0, 3, u32::MAX][dice.roll(3) as usize],
                    idle: [IDLE, Duration::MAX, Duration::ZERO][(dice.roll(20) / 9) as usize],
                    rotate: dice.roll(8) > 0,
                };
                let presented = match dice.roll(12) {
                    0 => view.generation.saturating_add(u32::try_from(dice.roll(3)).unwrap()),
                    1 => u32::MAX,
                    2 => 0,
                    3 | 4 => view.generation.saturating_sub(u32::try_from(dice.roll(3)).unwrap()),
                    _ => view.generation,
                };
                let expected = rules::advance(&mut view, presented, at, rotation).0;
                assert_eq!(store.advance(id, presented, at, rotation).await.unwrap(), expected, "{place}");
            }
        }
    }
}

#[tokio::test]
async fn grants_follow_the_rules() {
    let prefix = prefix();
    for url in urls() {
        for seed in 0..150 {
            history(&url, &prefix, seed).await;
        }
    }
}

#[tokio::test]
async fn limits_follow_the_rules() {
    let prefix = prefix();
    for url in urls() {
        let (store, mut dice) = (open(&url, &prefix), Dice::new(1));
        for bucket in 0..20_u8 {
            let name = Digest::sha256(&[bucket]);
            let burst = NonZeroU32::new([1, 3, 7, 1000][dice.roll(4) as usize]).unwrap();
            let period =
                [Duration::from_secs(60), Duration::from_millis(10), Duration::ZERO, Duration::from_micros(7500)];
            let quota = Quota { burst, period: period[dice.roll(4) as usize] };
            let (mut full_at, mut now) = (None, START);
            for _ in 0..30 {
                now = now.after(Duration::from_millis(dice.roll(3000)));
                let cost = u32::try_from(dice.roll(5)).unwrap();
                if dice.roll(4) == 0 {
                    full_at = rules::give_back(full_at, quota, cost, now);
                    store.give_back(&name, quota, cost, now).await.unwrap();
                    continue;
                }
                let (expected, after) = rules::gcra(full_at, quota, cost, now);
                full_at = after.or(full_at);
                assert_eq!(store.check(&name, quota, cost, now).await.unwrap(), expected, "{url} {quota:?} {cost}");
            }
        }
    }
}

#[tokio::test]
async fn a_replayed_code_ends_the_grant_also_later() {
    // RFC 6749 section 4.1.2.
    for url in urls() {
        let store = open(&url, &prefix());
        let new = grant("ada", "c");
        let id = new.id;
        store.create(new, Some(code()), IDLE).await.unwrap();
        assert!(matches!(store.redeem_code(id, &code().digest, seconds(59)).await.unwrap(), Redeem::Won(_)));
        let later = store.redeem_code(id, &code().digest, seconds(3000)).await.unwrap();
        assert_eq!(later, Redeem::Replayed);
        assert_eq!(store.peek(id, seconds(3000)).await.unwrap().unwrap().ended, Some(EndReason::CodeReplayed));
    }
}
