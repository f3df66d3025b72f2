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
#[async_trait]
pub trait RateLimiter: Send + Sync + 'static {
    /// Takes `cost` out of a bucket, if it holds that much; a denied one takes nothing. A `cost` above the burst is
    /// always denied. A `cost` of zero is a look: it takes nothing, and the answer is that of a `cost` of one.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    async fn check(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<Permit, StoreError>;
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

#[cfg(test)]
mod tests {
    use super::*;

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
