//! Nothing is lost: clients as real ones are, and servers that are killed under them, or whose Redis is gone for a while.
//!
//! Each client keeps what it was answered, and asks again what was not answered. What it was answered has to hold after each
//! kill: registrations and their changes, consents, codes of apps and of devices, rotations, and what was ended. Nobody is
//! told a verdict that is not so.
//!
//! The tests of every day are short. `scripts/soak` runs the long ones, which are ignored otherwise. The seed decides what
//! the clients do and when something is killed; what the machine does in between it does not.
//!
//! | file | what it holds |
//! |---|---|
//! | `link` | the way to servers that come and go, and what is counted |
//! | `calls` | the requests |
//! | `ledger` | what a client was answered |
//! | `software` | what clients say of themselves |
//! | `actor` | what a client does: codes, refreshes, revocations |
//! | `management` | how it registers, changes and goes |
//! | `device` | clients on devices |
//! | `service` | clients that act for themselves |
//! | `check` | whether what it was answered holds |
//! | `site` | the servers, their Redis, and how they are killed |
//! | `outage` | Redis stops, and goes on |

mod actor;
mod calls;
mod check;
mod device;
mod ledger;
mod link;
mod management;
mod outage;
mod random;
mod service;
mod site;
mod software;

use mcp_oauth::types::SystemClock;

use link::Link;
use random::Random;
use site::{Kept, Site};

use crate::program::until;

/// What the long tests are told.
const KILLS: &str = "MCP_AUTH_SOAK_KILLS";
const SEED: &str = "MCP_AUTH_SOAK_SEED";
const SECONDS: &str = "MCP_AUTH_SOAK_SECONDS";

/// How many there are.
const CLIENTS: u64 = 6;

/// A number in the environment.
fn told(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

fn seed() -> u64 {
    told(SEED).unwrap_or_else(|| SystemClock.now().as_millis())
}

/// What is done in the short tests too.
const OFTEN: [&str; 12] = [
    "asked again",
    "assertions replayed",
    "deletions",
    "device codes replayed",
    "device grants",
    "grants",
    "own revocations",
    "own tokens",
    "refreshes",
    "refreshes together",
    "revocations",
    "updates",
];

/// What is done in the long ones besides.
const SELDOM: [&str; 10] = [
    "assertions raced for",
    "codes raced for",
    "codes replayed",
    "deletions while updated",
    "device codes raced for",
    "devices denied",
    "refreshes late",
    "reuses",
    "updates in use",
    "updates together",
];

/// Kills, again and again; `kept` says what. Goes on until all this was done, and prints what happened.
fn killed(kept: Kept, kills: u64, done: &[&str]) -> Link {
    let seed = seed();
    println!("soak: {kept:?}, {kills} kills, {SEED}={seed}");
    let mut site = Site::new(kept);
    let mut random = Random::new(seed, 0);
    site.under_load(seed, CLIENTS, |site, load| {
        for _ in 0..kills {
            if load.has_failed() {
                break;
            }
            site.kill_something(&mut random);
        }
        // How much that is, the machine decides.
        until("everything is done that clients do", || {
            (load.has_failed() || done.iter().all(|what| site.link.counted(what) > 0)).then_some(())
        });
    });
    let link = site.end();
    println!("soak: {kept:?}: {}; longest answer {:.1?}", link.summary(), link.longest());
    link
}

/// The same for long enough that everything was killed too.
fn killed_for_long(kept: Kept) {
    let link = killed(kept, told(KILLS).unwrap_or(200), &[&OFTEN[..], &SELDOM].concat());
    let killed = ["servers killed at their start", "Redis killed"];
    for what in killed.into_iter().take(if kept == Kept::Redis { 2 } else { 1 }) {
        assert!(link.counted(what) > 0, "{what}: {}", link.summary());
    }
}

#[test]
fn attack_055_kill_9_under_load_loses_nothing_of_a_file() {
    killed(Kept::File, 5, &OFTEN);
}

#[test]
fn attack_055_kill_9_under_load_loses_nothing_of_redis() {
    killed(Kept::Redis, 5, &OFTEN);
}

#[test]
#[ignore = "long; scripts/soak runs it"]
fn long_kill_9_under_load_loses_nothing_of_a_file() {
    killed_for_long(Kept::File);
}

#[test]
#[ignore = "long; scripts/soak runs it"]
fn long_kill_9_under_load_loses_nothing_of_redis() {
    killed_for_long(Kept::Redis);
}
