//! What is remembered of tokens that were judged, and which are being judged right now.
//!
//! A key is the digest of the token, the resource and the scheme, so that a verdict for one resource is none for another. The
//! key that a token is bound to is part of its verdict (the principal's confirmation), and compared with every proof. No
//! token is kept here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use mcp_transport::auth::{Ended, Presented, Principal, Rejection};
use tokio::sync::OnceCell;

use super::options::CacheLimits;
use super::slots::{Full, Slots};
use crate::types::Digest;

/// How long a good verdict serves before the token is asked about again. The rest of the five seconds is for the asking.
pub(super) const FRESH: Duration = Duration::from_secs(3);

/// How old a verdict becomes before a token is asked about between requests, because somebody has a stream open with it.
///
/// It is a second older at most when the token is asked about; the answer takes two at most, and what is open looks at its
/// principal a second later: five in all. An answer that was decided just before the revocation, and is two seconds on its
/// way, leaves a verdict that is old enough when it comes.
const WATCHED: Duration = Duration::from_secs(1);

/// How long a refusal is remembered: enough to make a flood of one bad token cheap, little enough for a key that has just
/// been published.
const REFUSED: Duration = Duration::from_secs(2);

/// How long a good token that is not in use is remembered. Only the work of verifying a signature would be saved.
const IDLE: Duration = Duration::from_secs(60);

/// Under how many locks the entries are.
const SHARDS: usize = 16;

/// The verdict that several requests with one token wait for. Whoever is first judges; if that one goes away, the next does.
pub(super) type Flight = OnceCell<Result<Arc<Principal>, Rejection>>;

/// What a verdict is found by.
pub(super) fn key_of(presented: &Presented<'_>) -> Digest {
    let resource = presented.resource.id().as_str().as_bytes();
    Digest::of("verdict", &[presented.token.as_bytes(), resource, presented.scheme.as_str().as_bytes()])
}

/// Verdicts, all bounded, behind locks that nobody waits under.
#[derive(Debug)]
pub(super) struct Verdicts<T>(Box<[Mutex<Shard<T>>]>);

#[derive(Debug)]
struct Shard<T> {
    good: Slots<Good<T>>,
    refused: Slots<Refused>,
    flights: HashMap<Digest, Arc<Flight>>,
}

/// A token that was good.
#[derive(Debug)]
pub(super) struct Good<T> {
    pub(super) principal: Arc<Principal>,
    pub(super) ticket: Arc<T>,
    /// When it was last known to be.
    pub(super) seen: SystemTime,
    /// Whether it was due to be asked about after that.
    pub(super) due: bool,
}

impl<T> Clone for Good<T> {
    fn clone(&self) -> Self {
        let (principal, ticket) = (Arc::clone(&self.principal), Arc::clone(&self.ticket));
        Self { principal, ticket, seen: self.seen, due: self.due }
    }
}

impl<T> Good<T> {
    /// Whether somebody else holds the principal: a request that is answered, a stream that is open.
    fn is_held(&self) -> bool {
        Arc::strong_count(&self.principal) > 1
    }
}

#[derive(Debug)]
struct Refused {
    rejection: Rejection,
    since: SystemTime,
}

/// What is known of a token.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// It was good a moment ago.
    Fresh(Arc<Principal>),
    /// It was good, and has to be asked about again.
    Stale(Good<T>),
    /// It was refused a moment ago, or its time is over.
    Refused(Rejection),
    Nothing,
}

/// How far apart two times are. A clock that was set back makes no verdict last longer.
pub(super) fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

impl<T> Verdicts<T> {
    pub(super) fn new(limits: &CacheLimits) -> Self {
        let shards = SHARDS.min(limits.tokens.get()).min(limits.refused.get());
        let shard = |_| {
            Mutex::new(Shard {
                good: Slots::new(limits.tokens.get().div_ceil(shards)),
                refused: Slots::new(limits.refused.get().div_ceil(shards)),
                flights: HashMap::new(),
            })
        };
        Self((0..shards).map(shard).collect())
    }

    /// The part that has this key. A thread that panicked under the lock has left nothing half done: each step is one call.
    fn shard(&self, key: &Digest) -> Option<MutexGuard<'_, Shard<T>>> {
        let first = key.as_bytes().first().copied().unwrap_or_default();
        let shard = self.0.get(usize::from(first).checked_rem(self.0.len())?)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn look(&self, key: &Digest, now: SystemTime) -> Found<T> {
        let Some(mut shard) = self.shard(key) else { return Found::Nothing };
        if let Some(good) = shard.good.find(key) {
            return match good.principal.ended(now) {
                None if apart(good.seen, now) < FRESH => Found::Fresh(Arc::clone(&good.principal)),
                None => Found::Stale(good.clone()),
                Some(Ended::Expired) => Found::Refused(Rejection::Expired),
                Some(_) => Found::Refused(Rejection::Revoked),
            };
        }
        match shard.refused.find(key) {
            Some(refused) if apart(refused.since, now) < REFUSED => Found::Refused(refused.rejection.clone()),
            _ => Found::Nothing,
        }
    }

    /// Joins those who wait for the verdict on this token, or is the first.
    pub(super) fn board(&self, key: Digest) -> Boarded<'_, T> {
        let flight = match self.shard(&key) {
            Some(mut shard) => Arc::clone(shard.flights.entry(key).or_default()),
            None => Arc::default(),
        };
        Boarded { verdicts: self, key, flight }
    }

    /// Remembers a good token.
    pub(super) fn keep(&self, key: Digest, good: Good<T>) -> Result<(), Full> {
        let now = good.seen;
        let Some(mut shard) = self.shard(&key) else { return Err(Full) };
        shard.refused.remove(&key);
        shard.good.insert(key, good, |old| !old.is_held() || old.principal.ended(now).is_some())
    }

    /// Remembers that a token is still good. Says whether it is remembered at all.
    pub(super) fn confirm(&self, key: &Digest, principal: &Arc<Principal>, now: SystemTime) -> bool {
        let Some(mut shard) = self.shard(key) else { return false };
        match shard.good.find(key) {
            Some(good) if Arc::ptr_eq(&good.principal, principal) => {
                good.seen = good.seen.max(now);
                good.due = false;
                true
            }
            _ => false,
        }
    }

    /// Ends a principal for good: streams that it has open see it, and the next request with its token is judged anew.
    pub(super) fn end(&self, key: &Digest, principal: &Arc<Principal>) {
        principal.liveness().revoke();
        let Some(mut shard) = self.shard(key) else { return };
        if shard.good.find(key).is_some_and(|good| Arc::ptr_eq(&good.principal, principal)) {
            shard.good.remove(key);
        }
    }

    /// Remembers a refusal for a moment. That nobody could be asked is none.
    pub(super) fn refuse(&self, key: Digest, rejection: &Rejection, now: SystemTime) {
        if matches!(rejection, Rejection::Unavailable { .. }) {
            return;
        }
        if let Some(mut shard) = self.shard(&key) {
            let refused = Refused { rejection: rejection.clone(), since: now };
            // Any refusal may make room for the next: there is room for one at least.
            shard.refused.insert(key, refused, |_| true).unwrap_or_default();
        }
    }

    /// Forgets what is over, and gives the tokens that somebody has streams open with and that have to be asked about.
    ///
    /// Those that were due before, and about which nobody has answered for as long as `patience`, end here: with many of
    /// them it takes long until each has been asked about.
    pub(super) fn due(&self, now: SystemTime, patience: Duration) -> Vec<(Digest, Good<T>)> {
        let mut due = Vec::new();
        for shard in &self.0 {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.refused.retain(|_, refused| apart(refused.since, now) < REFUSED);
            shard.good.retain(|key, good| {
                let age = apart(good.seen, now);
                if good.principal.ended(now).is_some() {
                    return false;
                }
                if !good.is_held() {
                    return age < IDLE;
                }
                // Not at once: a clock that was set is no outage.
                if good.due && age >= patience {
                    good.principal.liveness().revoke();
                    return false;
                }
                if age >= WATCHED {
                    good.due = true;
                    due.push((*key, good.clone()));
                }
                true
            });
        }
        due
    }

    /// Whether no good token is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).good.is_empty())
    }
}

/// A place among those who wait for a verdict. The last to leave takes the flight out of the list.
#[derive(Debug)]
pub(super) struct Boarded<'a, T> {
    verdicts: &'a Verdicts<T>,
    key: Digest,
    flight: Arc<Flight>,
}

impl<T> Boarded<'_, T> {
    pub(super) fn flight(&self) -> &Flight {
        &self.flight
    }

    /// Whoever comes from now on finds the verdict among those that are remembered, or flies anew.
    pub(super) fn landed(&self) {
        self.leave(usize::MAX);
    }

    /// Takes the flight out of the list if no more than `holders` know it, the list and this place among them.
    fn leave(&self, holders: usize) {
        let Some(mut shard) = self.verdicts.shard(&self.key) else { return };
        let listed = shard.flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if listed && Arc::strong_count(&self.flight) <= holders {
            shard.flights.remove(&self.key);
        }
    }
}

impl<T> Drop for Boarded<'_, T> {
    fn drop(&mut self) {
        self.leave(2);
    }
}

#[cfg(test)]
impl<T> Verdicts<T> {
    /// How many good tokens, refused ones and flights there are.
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        self.0.iter().fold((0, 0, 0), |(good, refused, flights), shard| {
            let shard = shard.lock().unwrap();
            (good + shard.good.len(), refused + shard.refused.len(), flights + shard.flights.len())
        })
    }
}
