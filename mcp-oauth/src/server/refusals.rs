//! Requests that a limit has refused: each is counted, and the audit is told once a minute, so that nobody fills it.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::audit::{Event, EventKind};
use super::engine::Engine;
use super::error::OAuthError;
use super::limits::{Limit, Refused};
use crate::types::Timestamp;

/// How long nothing more is said of a limit.
const QUIET: Duration = Duration::from_secs(60);

/// What was said of each limit.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<[Said; Limit::ALL.len()]>);

#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// When something was said last.
    at: Option<Timestamp>,
    /// How many there were since.
    untold: u64,
}

impl Said {
    /// What is to be said now, if it is time to.
    fn due(&mut self, now: Timestamp) -> Option<u64> {
        // A clock that was put back does not keep quiet until it is where it was.
        let quiet = self.at.is_some_and(|at| at <= now && !at.after(QUIET).is_over(now));
        if self.untold == 0 || quiet {
            return None;
        }
        self.at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Refusals {
    /// Counts one, and gives how many are to be told of now.
    fn count(&self, limit: Limit, now: Timestamp) -> Option<u64> {
        let mut all = self.lock();
        let said = all.get_mut(limit as usize)?;
        said.untold = said.untold.saturating_add(1);
        said.due(now)
    }

    /// Those that nobody has been told of for a minute.
    fn due(&self, now: Timestamp) -> Vec<(Limit, u64)> {
        let mut all = self.lock();
        let due = Limit::ALL.into_iter().zip(all.iter_mut());
        due.filter_map(|(limit, said)| said.due(now).map(|count| (limit, count))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, [Said; Limit::ALL.len()]> {
        // Whoever panicked left it whole: each change is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// A limit has refused a request from this address.
    pub(crate) fn refused(&self, limit: Limit, address: Option<IpAddr>) {
        self.parts.audit.refused(limit);
        let now = self.now();
        if let Some(count) = self.refusals.count(limit, now) {
            self.record(Event::new(EventKind::Limited(limit), now).from(address).times(count));
        }
    }

    /// What a limit has said, as an answer: 429 where it is reached, 503 where the store cannot tell.
    pub(crate) fn heard<T>(&self, said: Result<T, Refused>, address: Option<IpAddr>) -> Result<T, OAuthError> {
        said.map_err(|refused| match refused {
            Refused::Reached(limit, retry_after) => {
                self.refused(limit, address);
                OAuthError::too_many(retry_after)
            }
            Refused::Store(error) => error.into(),
        })
    }

    /// Tells of what was refused since it was last told of: for when nothing comes any more.
    pub(crate) fn tell_refusals(&self) {
        let now = self.now();
        for (limit, count) in self.refusals.due(now) {
            self.record(Event::new(EventKind::Limited(limit), now).times(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1000 + seconds)
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_once_a_minute() {
        let refusals = Refusals::default();
        assert_eq!(refusals.count(Limit::Request, seconds(0)), Some(1));
        for _ in 0..1000 {
            assert_eq!(refusals.count(Limit::Request, seconds(59)), None);
        }
        assert_eq!(refusals.count(Limit::Work, seconds(59)), Some(1), "each limit for itself");
        assert_eq!(refusals.count(Limit::Request, seconds(60)), Some(1001));
        assert_eq!(refusals.count(Limit::Request, seconds(61)), None);
        assert_eq!(refusals.due(seconds(119)), [], "not before the minute is over");
        assert_eq!(refusals.due(seconds(120)), [(Limit::Request, 1)]);
        assert_eq!(refusals.due(seconds(1000)), [], "nothing is told twice");
    }

    #[test]
    fn a_clock_that_was_put_back_is_not_waited_for() {
        let refusals = Refusals::default();
        assert_eq!(refusals.count(Limit::Request, seconds(1000)), Some(1));
        assert_eq!(refusals.count(Limit::Request, seconds(0)), Some(1));
        assert_eq!(refusals.count(Limit::Request, seconds(1)), None);
    }

    #[test]
    fn each_limit_has_its_place() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place, "{}", limit.as_str());
        }
    }
}
