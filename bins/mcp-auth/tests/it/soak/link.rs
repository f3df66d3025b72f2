//! The way of all clients to the servers, each of which is somewhere else after each start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::program::pause;
use crate::wire::Answer;

/// How long a client tries again until the test has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long it waits in between. Less than the server asks for: there is to be load.
const BETWEEN: Duration = Duration::from_millis(20);

/// What all clients share.
#[derive(Default)]
pub(super) struct Link {
    /// Where the servers are that are there, by their number.
    addresses: Mutex<BTreeMap<usize, SocketAddr>>,
    /// How often something was asked: of one server after the other.
    asked: AtomicUsize,
    /// How often a server or its store was killed.
    kills: AtomicU64,
    over: AtomicBool,
    given_up: AtomicBool,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    longest: Mutex<Duration>,
}

impl Link {
    /// The server of this number is here now.
    pub(super) fn up(&self, server: usize, address: SocketAddr) {
        lock(&self.addresses).insert(server, address);
    }

    /// It is gone. Another process may get its port.
    pub(super) fn down(&self, server: usize) {
        lock(&self.addresses).remove(&server);
    }

    fn next(&self) -> Option<SocketAddr> {
        let (asked, addresses) = (self.asked.fetch_add(1, Ordering::Relaxed), lock(&self.addresses));
        addresses.values().nth(asked.checked_rem(addresses.len())?).copied()
    }

    /// The server, or its store, was killed.
    pub(super) fn killed(&self) {
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// The clients are to come to an end.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// The test has failed: there may never be an answer any more.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
        self.end();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    /// One more of these.
    pub(super) fn count(&self, what: &'static str) {
        *lock(&self.counts).entry(what).or_default() += 1;
    }

    pub(super) fn counted(&self, what: &str) -> u64 {
        lock(&self.counts).get(what).copied().unwrap_or_default()
    }

    /// All counts.
    pub(super) fn summary(&self) -> String {
        let counts: Vec<String> = lock(&self.counts).iter().map(|(what, count)| format!("{what} {count}")).collect();
        counts.join(", ")
    }

    /// The longest that an answer has taken.
    pub(super) fn longest(&self) -> Duration {
        *lock(&self.longest)
    }

    /// Asks once. There is no answer when the server goes away before it is whole, and none when it says that it cannot
    /// tell at the moment: what was asked for has then happened or not.
    #[track_caller]
    pub(super) fn ask(&self, ask: impl FnOnce(SocketAddr) -> std::io::Result<Answer>) -> Option<Answer> {
        let address = self.next()?;
        let begun = Instant::now();
        let Ok(answer) = ask(address) else {
            self.count("unanswered");
            return None;
        };
        let mut longest = lock(&self.longest);
        *longest = longest.max(begun.elapsed());
        drop(longest);
        self.count("answered");
        if answer.status == 503 {
            self.count("answered 503");
            let retry = answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
            assert!(retry.is_some_and(|seconds| seconds > 0), "503 says when to come again: {answer:?}");
            return None;
        }
        assert!(answer.status < 500, "{answer:?}");
        Some(answer)
    }

    /// Asks again and again until there is an answer. Gives it, and whether it is that to the first time.
    #[track_caller]
    pub(super) fn insist(&self, mut ask: impl FnMut(SocketAddr) -> std::io::Result<Answer>) -> (Answer, Asked) {
        let begun = Instant::now();
        let mut asked = Asked::Once;
        loop {
            if let Some(answer) = self.ask(&mut ask) {
                if asked == Asked::Again {
                    self.count("asked again");
                }
                return (answer, asked);
            }
            asked = Asked::Again;
            assert!(!self.given_up.load(Ordering::SeqCst), "the test has failed before");
            assert!(begun.elapsed() < PATIENCE, "there is no answer");
            pause(BETWEEN);
        }
    }
}

/// Whether what is answered was asked for before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Once,
    Again,
}

/// A client that has found a fault panics, perhaps while it counts; the others still have something to say.
fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
