//! The signing keys of an authorization server, each in its state of life.
//!
//! ```text
//! Next       published, signs nothing yet: whoever caches the JWKS gets to know it
//! Active     signs; one for each algorithm
//! Retired    verifies what it has signed, until the last of that has expired
//! (gone)
//! ```
//!
//! A set is a value: each change gives a new one. Several nodes share it through a store that compares revisions: load,
//! [`plan`](KeySet::plan), publish if the revision is still the one that was loaded, else load again.

use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::algorithm::Algorithm;
use super::claims::seconds;
use super::error::KeyError;
use super::rotation::{Plan, RotationPolicy};
use super::signing_key::SigningKey;
use super::verifying_keys::MOST_KEYS;

/// Where a key is in its life. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Published since it was made, and not signing yet.
    Next,
    /// Signing since then.
    Active {
        /// When it began to sign.
        since: u64,
    },
    /// Signing no more.
    Retired {
        /// When it ceased to sign.
        since: u64,
        /// From then on it verifies nothing either.
        until: u64,
    },
}

/// One key of a set.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    pub(crate) key: SigningKey,
    pub(crate) created_at: u64,
    pub(crate) state: KeyState,
}

impl KeyRecord {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// When it was made or brought along, and published; in seconds since 1970.
    #[must_use]
    pub const fn created_at(&self) -> u64 {
        self.created_at
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        self.state
    }

    pub(crate) const fn is_next(&self) -> bool {
        matches!(self.state, KeyState::Next)
    }

    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.state, KeyState::Active { .. })
    }
}

/// Why a key set cannot be what it was asked to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// There is no such key.
    #[error("the key set holds no key with this id")]
    UnknownKey,
    /// The key is in the set already.
    #[error("the key set holds this key already")]
    Known,
    /// A set holds 64 keys at most. Retired ones have to go first.
    #[error("the key set is full")]
    Full,
    /// A new key could not be made.
    #[error("a key could not be made")]
    Key(#[from] KeyError),
}

/// The signing keys of an authorization server.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<KeyRecord>,
}

impl KeySet {
    /// A set without keys. Its first plan makes what the policy asks for.
    #[must_use]
    pub const fn new() -> Self {
        Self { keys: Vec::new() }
    }

    /// The keys, oldest first.
    #[must_use]
    pub fn keys(&self) -> &[KeyRecord] {
        &self.keys
    }

    /// The key that signs with `algorithm`.
    #[must_use]
    pub fn active(&self, algorithm: Algorithm) -> Option<&KeyRecord> {
        self.of(algorithm).find(|record| record.is_active())
    }

    /// The key that will sign with `algorithm` after that.
    #[must_use]
    pub fn next(&self, algorithm: Algorithm) -> Option<&KeyRecord> {
        self.of(algorithm).find(|record| record.is_next())
    }

    fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &KeyRecord> {
        self.keys.iter().filter(move |record| record.key.algorithm() == algorithm)
    }

    /// What has to be done now. Reads nothing but its arguments, and costs next to nothing: ask once a minute.
    pub fn plan(&self, now: SystemTime, policy: &RotationPolicy) -> Plan<'_> {
        Plan::new(self, seconds(now), policy)
    }

    /// Begins a rotation of `algorithm` now: its next key is published, and [`plan`](Self::plan) makes it sign as soon as
    /// everybody can know it. If one is published already, that is so without this, and the set stays as it is.
    ///
    /// # Errors
    ///
    /// The set is full, or `generate` fails.
    pub fn rotate_now(
        &self,
        algorithm: Algorithm,
        now: SystemTime,
        generate: impl FnOnce(Algorithm) -> Result<SigningKey, KeyError>,
    ) -> Result<Self, KeySetError> {
        let mut set = self.clone();
        if self.next(algorithm).is_none() {
            set.add(generate(algorithm)?, seconds(now), KeyState::Next)?;
        }
        Ok(set)
    }

    /// Takes a key that was brought along. It signs at once if its algorithm has no active key, and is published as the
    /// next one otherwise (in place of a next one that has not signed anything).
    ///
    /// A key that was dropped is taken again. A key that a configuration names is imported into an empty set only, or it
    /// would come back with each start after it was rotated away.
    ///
    /// # Errors
    ///
    /// The set is full, or holds the key already.
    pub fn import(&self, key: SigningKey, now: SystemTime) -> Result<Self, KeySetError> {
        let mut set = self.clone();
        let (algorithm, now) = (key.algorithm(), seconds(now));
        set.keys.retain(|record| !(record.is_next() && record.key.algorithm() == algorithm));
        let signs = self.active(algorithm).is_none();
        set.add(key, now, if signs { KeyState::Active { since: now } } else { KeyState::Next })?;
        Ok(set)
    }

    /// Drops a key at once, because somebody else may have it: what it has signed is refused from now on. If it was
    /// signing, the next key of its algorithm takes its place, published long enough or not, or else a new one.
    ///
    /// Verifiers that keep the old JWKS go on taking what the key signs until they load it anew.
    ///
    /// # Errors
    ///
    /// There is no such key, or `generate` fails.
    pub fn revoke(
        &self,
        key_id: &str,
        now: SystemTime,
        generate: impl FnOnce(Algorithm) -> Result<SigningKey, KeyError>,
    ) -> Result<Self, KeySetError> {
        let revoked = self.keys.iter().find(|record| record.key.key_id() == key_id).ok_or(KeySetError::UnknownKey)?;
        let mut set = self.clone();
        set.remove(key_id);
        if revoked.is_active() {
            let (algorithm, now) = (revoked.key.algorithm(), seconds(now));
            let state = KeyState::Active { since: now };
            match set.keys.iter_mut().find(|record| record.is_next() && record.key.algorithm() == algorithm) {
                Some(next) => next.state = state,
                None => set.add(generate(algorithm)?, now, state)?,
            }
        }
        Ok(set)
    }

    pub(crate) fn add(&mut self, key: SigningKey, created_at: u64, state: KeyState) -> Result<(), KeySetError> {
        if self.keys.iter().any(|record| record.key.key_id() == key.key_id()) {
            return Err(KeySetError::Known);
        }
        if self.keys.len() >= MOST_KEYS {
            return Err(KeySetError::Full);
        }
        self.keys.push(KeyRecord { key, created_at, state });
        Ok(())
    }

    pub(crate) fn remove(&mut self, key_id: &str) {
        self.keys.retain(|record| record.key.key_id() != key_id);
    }

    pub(crate) fn set_state(&mut self, key_id: &str, state: KeyState) {
        for record in self.keys.iter_mut().filter(|record| record.key.key_id() == key_id) {
            record.state = state;
        }
    }
}

/// The time that is so many seconds after 1970.
pub(crate) fn time(seconds: u64) -> SystemTime {
    // A time that the clock cannot hold never comes; a key is kept too long then, and verifies nothing that has not expired.
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
