//! How long a document is good: what HTTP says, within bounds of our own.

use std::time::Duration;

use crate::caching::{Caching, Storage};

/// Bounds on how long a document is used without asking for it again.
///
/// The draft (section 4.3) asks to respect the fields of HTTP, and lets the server set bounds of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// At least so long, whatever the fields say: 60 s. From the authorization request to the consent it is one document.
    pub shortest: Duration,
    /// At most so long: 24 h.
    pub longest: Duration,
    /// So long when no field says anything: 1 h.
    pub unspecified: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(24 * 60 * 60),
            unspecified: Duration::from_secs(60 * 60),
        }
    }
}

/// What may be done with a document that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// How long it is fresh.
    pub(super) fresh: Duration,
    /// Whether it may be kept for longer than that.
    pub(super) kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// As the last good copy, for times when its host cannot be reached.
    AfterFreshness,
    /// Not after it: `no-store`.
    WhileFresh,
}

impl Freshness {
    /// What an answer allows that says this of itself.
    pub(super) fn of(&self, caching: Caching) -> Lifetime {
        let fresh = caching.fresh.unwrap_or(self.unspecified).min(self.longest).max(self.shortest);
        let kept = match caching.storage {
            Storage::Allowed => Kept::AfterFreshness,
            Storage::Forbidden => Kept::WhileFresh,
        };
        Lifetime { fresh, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn lifetime(fresh: Option<u64>, storage: Storage) -> Lifetime {
        Freshness::default().of(Caching { fresh: fresh.map(Duration::from_secs), storage })
    }

    #[test]
    fn within_our_bounds() {
        for (says, fresh) in [(None, HOUR), (Some(0), 60), (Some(600), 600), (Some(u64::MAX), 24 * HOUR)] {
            assert_eq!(lifetime(says, Storage::Allowed).fresh.as_secs(), fresh, "{says:?}");
        }
    }

    #[test]
    fn what_must_not_be_stored_is_kept_for_the_shortest_time() {
        let lifetime = lifetime(Some(0), Storage::Forbidden);
        assert_eq!((lifetime.fresh.as_secs(), lifetime.kept), (60, Kept::WhileFresh));
        assert_eq!(self::lifetime(Some(0), Storage::Allowed).kept, Kept::AfterFreshness);
    }
}
