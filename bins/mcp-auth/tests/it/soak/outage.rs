//! Redis is gone for a while, under load: everybody is told to come again, and when it is back, all goes on.

use std::time::{Duration, Instant};

use super::site::{Kept, Site};
use super::{SECONDS, SEED, seed, told};
use crate::program::{PATIENCE, pause};
use crate::wire::{Answer, get};

/// How long an answer may take: the store has two seconds for each call, and a request that it fails ends there, or tries to
/// take back what it has made. The rest is for machines that do much else.
const LONGEST: Duration = Duration::from_secs(10);

/// More than there are connections to Redis: they wait for one another.
const CLIENTS: u64 = 24;

/// How Redis goes.
#[derive(Clone, Copy, Debug)]
enum Outage {
    /// It hangs.
    Stopped,
    /// It dies, and is started again.
    Killed,
}

fn outage(how: Outage, length: Duration) {
    let seed = seed();
    println!("soak: Redis {how:?} for {length:?}, {SEED}={seed}");
    let mut site = Site::new(Kept::Redis);
    let (mut told, mut recovered) = (Duration::ZERO, Duration::ZERO);
    site.under_load(seed, CLIENTS, |site, load| {
        let link = site.link;
        let refreshes = |more: u64| {
            let (before, begun) = (link.counted("refreshes"), Instant::now());
            while link.counted("refreshes") < before + more && !load.has_failed() {
                assert!(begun.elapsed() < PATIENCE, "nobody refreshes");
                pause(Duration::from_millis(10));
            }
        };
        refreshes(30);
        let redis = site.redis.as_mut().unwrap();
        let begun = Instant::now();
        redis.signal(match how {
            Outage::Stopped => "STOP",
            Outage::Killed => "KILL",
        });
        told = time_until(&site.programs[0], 503);
        while begun.elapsed() < length {
            let answer = readiness(&site.programs[0]);
            assert_eq!(answer.status, 503, "{answer:?}");
            pause(Duration::from_millis(100));
        }
        match how {
            Outage::Stopped => redis.signal("CONT"),
            Outage::Killed => redis.restart(),
        }
        recovered = time_until(&site.programs[0], 200);
        refreshes(30);
    });
    let link = site.end();
    let longest = link.longest();
    println!("soak: Redis {how:?}: /ready said 503 after {told:.1?}, 200 after {recovered:.1?}; longest {longest:.1?}");
    println!("soak: Redis {how:?}: {}", link.summary());
    assert!(longest < LONGEST, "{longest:?}");
    assert_eq!(link.counted("unanswered"), 0, "the server was there all the time");
    assert!(link.counted("answered 503") > 0, "nobody noticed");
}

/// How long it takes until /ready says so.
fn time_until(program: &crate::program::Program, status: u16) -> Duration {
    let begun = Instant::now();
    while readiness(program).status != status {
        assert!(begun.elapsed() < LONGEST, "/ready does not become {status}");
        pause(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// What /ready says; it says something within its time.
fn readiness(program: &crate::program::Program) -> Answer {
    let begun = Instant::now();
    let answer = get(program, "/ready");
    assert!(begun.elapsed() < LONGEST, "{:?}", begun.elapsed());
    assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
    answer
}

#[test]
fn attack_055_a_redis_that_hangs_under_load_costs_time_alone() {
    outage(Outage::Stopped, Duration::from_secs(3));
}

#[test]
fn attack_055_a_redis_that_dies_under_load_costs_time_alone() {
    outage(Outage::Killed, Duration::from_secs(3));
}

#[test]
#[ignore = "long; scripts/soak runs it"]
fn long_a_redis_that_hangs_under_load_costs_time_alone() {
    outage(Outage::Stopped, Duration::from_secs(told(SECONDS).unwrap_or(10)));
}

#[test]
#[ignore = "long; scripts/soak runs it"]
fn long_a_redis_that_dies_under_load_costs_time_alone() {
    outage(Outage::Killed, Duration::from_secs(told(SECONDS).unwrap_or(10)));
}
