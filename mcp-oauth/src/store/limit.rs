//! Who asks too often.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreError;
use crate::types::{Digest, Timestamp};

/// How often something may be done: `burst` at once, and `burst` in each `period` after that, evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair with names")]
pub struct Quota {
    /// How many at once.
    pub burst: NonZeroU32,
    /// In how long all of them come back.
    pub period: Duration,
}

impl Quota {
    /// How long one takes to come back.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.period / self.burst.get()
    }
}

/// What a limiter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permit {
    /// Go on.
    Allowed,
    /// Not now.
    Denied {
        /// When to try again.
        retry_after: Duration,
    },
}

/// Counts, with the generic cell rate algorithm: one number for each bucket.
///
/// [`rules::gcra`](super::rules::gcra) and [`rules::give_back`](super::rules::give_back) are the two calls as plain functions,
/// for whoever can hold that number while they decide.
#[async_trait]
pub trait RateLimiter: Send + Sync + 'static {
    /// Takes `cost` out of a bucket, if it holds that much; a denied one takes nothing. A `cost` above the burst is
    /// always denied. A `cost` of zero is a look: it takes nothing, and the answer is that of a `cost` of one.
    ///
    /// # Errors
    ///
    /// When the store cannot tell. The cost may have been taken all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the cost has been taken or not.
    async fn check(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<Permit, StoreError>;

    /// Puts back what a [`check`](Self::check) has taken, as far as the bucket is not full: so the caller counts failures
    /// alone, and takes before it knows that there will be one. It is for soon after the check: what has come back by itself
    /// meanwhile is given twice.
    ///
    /// # Errors
    ///
    /// When the store cannot tell. What was taken may be gone then, until it comes back by itself.
    async fn give_back(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<(), StoreError>;
}

/// The algorithm as a plain function: given when the bucket would be full again (`None`: it is), gives the answer and
/// when it will be full after it (`None`: nothing has changed).
#[must_use]
pub fn gcra(full_at: Option<Timestamp>, quota: Quota, cost: u32, now: Timestamp) -> (Permit, Option<Timestamp>) {
    let full_at = full_at.unwrap_or(now).max(now);
    let needed = quota.interval().saturating_mul(cost.max(1));
    let after = full_at.after(needed);
    let latest = now.after(quota.interval().saturating_mul(quota.burst.get()));
    if after <= latest {
        (Permit::Allowed, (cost > 0).then_some(after))
    } else {
        (Permit::Denied { retry_after: after.since(latest) }, None)
    }
}

/// What [`RateLimiter::give_back`] makes of a bucket: given when it would be full again (`None`: it is), gives when it will be
/// (`None`: it is full).
#[must_use]
pub fn give_back(full_at: Option<Timestamp>, quota: Quota, cost: u32, now: Timestamp) -> Option<Timestamp> {
    let full_at = full_at?.before(quota.interval().saturating_mul(cost));
    (full_at > now).then_some(full_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_there_and_no_more() {
        let quota = Quota { burst: NonZeroU32::new(3).unwrap(), period: Duration::from_secs(6) };
        let now = Timestamp::from_secs(100);
        let (_, taken) = gcra(None, quota, 3, now);
        assert_eq!(give_back(taken, quota, 1, now), gcra(None, quota, 2, now).1);
        assert_eq!(give_back(taken, quota, 3, now), None);
        assert_eq!(give_back(taken, quota, u32::MAX, now), None, "never more than full");
        assert_eq!(give_back(None, quota, 1, now), None);
        assert_eq!(give_back(taken, quota, 1, now.after(Duration::from_secs(4))), None);
    }

    #[test]
    fn a_burst_and_then_evenly() {
        let quota = Quota { burst: NonZeroU32::new(3).unwrap(), period: Duration::from_secs(6) };
        let mut full_at = None;
        let mut now = Timestamp::from_secs(100);
        let mut take = |now: Timestamp, cost| {
            let (permit, after) = gcra(full_at, quota, cost, now);
            full_at = after.or(full_at);
            permit
        };
        for _ in 0..3 {
            assert_eq!(take(now, 1), Permit::Allowed);
        }
        let wait = Duration::from_secs(2);
        assert_eq!(take(now, 1), Permit::Denied { retry_after: wait });
        assert_eq!(take(now, 1), Permit::Denied { retry_after: wait }, "what is denied takes nothing");
        assert_eq!(take(now, 0), Permit::Denied { retry_after: wait });
        now = now.after(wait);
        for _ in 0..5 {
            assert_eq!(take(now, 0), Permit::Allowed, "who looks takes nothing");
        }
        assert_eq!(take(now, 1), Permit::Allowed);
        assert_ne!(take(now, 1), Permit::Allowed);
        now = now.after(Duration::from_secs(60));
        assert!(matches!(take(now, 4), Permit::Denied { .. }), "more than the burst");
        assert_eq!(take(now, 3), Permit::Allowed);
    }
}
