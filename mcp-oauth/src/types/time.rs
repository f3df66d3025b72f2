//! Points in time, and where they come from.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
///
/// Logic and stores never read a clock: they are given the time. So every node judges by the time of the
/// one that serves the request, and tests choose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The end of time, for what does not expire.
    pub const NEVER: Self = Self(u64::MAX);

    /// This many milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// This many seconds after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: the form of `iat` and `exp` (RFC 7519 section 2, NumericDate).
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The time after `duration`, at most [`NEVER`](Self::NEVER).
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The time before `duration`, at least the epoch.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long ago `earlier` was; nothing if it was later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether something that ends at this time is over at `now`: at the very instant it is (RFC 7519 section 4.1.4).
    #[must_use]
    pub const fn is_over(self, now: Self) -> bool {
        now.0 >= self.0
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<SystemTime> for Timestamp {
    /// Times before the epoch become the epoch.
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, millis))
    }
}

impl From<Timestamp> for SystemTime {
    /// A time beyond what the system can tell becomes the last that it can, to the second.
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH
            .checked_add(Duration::from_millis(time.0))
            .unwrap_or_else(|| UNIX_EPOCH + Duration::from_secs(i32::MAX.unsigned_abs().into()))
    }
}

impl fmt::Display for Timestamp {
    /// Seconds since the epoch with three decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no state")]
pub struct SystemClock;

impl SystemClock {
    /// The time now, for those who have no [`Clock`] at hand.
    #[must_use]
    pub fn now(self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Self::now(*self)
    }
}

/// A clock that goes when it is told to: for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at this time.
    #[must_use]
    pub const fn at(time: Timestamp) -> Self {
        Self(AtomicU64::new(time.0))
    }

    /// Moves it on.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(millis(duration), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stays_within_time() {
        let time = Timestamp::from_secs(10);
        assert_eq!(time.after(Duration::from_millis(5)).as_millis(), 10_005);
        assert_eq!(Timestamp::NEVER.after(Duration::MAX), Timestamp::NEVER);
        assert_eq!(time.before(Duration::from_secs(11)), Timestamp::default());
        assert_eq!(time.since(Timestamp::from_secs(11)), Duration::ZERO);
        assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::NEVER);
    }

    #[test]
    fn over_at_the_very_instant() {
        let end = Timestamp::from_secs(10);
        assert!(!end.is_over(Timestamp::from_millis(9_999)));
        assert!(end.is_over(end));
        assert!(!Timestamp::NEVER.is_over(Timestamp::from_secs(u64::from(u32::MAX))));
    }

    #[test]
    fn both_ways_to_system_time() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        let _ = SystemTime::from(Timestamp::NEVER);
    }

    #[test]
    fn a_manual_clock_stands_still() {
        let clock = ManualClock::at(Timestamp::from_secs(1));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::from_secs(3));
    }
}
