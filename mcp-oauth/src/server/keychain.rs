//! The server's keys: loaded from the store, changed by rule, ready to be used.
//!
//! One sealed document holds them all: the signing keys, the keys that refresh tokens are made with, and those that seal
//! what pages carry. Any node may change it; the revision in the store tells who was first.

mod contents;
mod look;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use mcp_transport::seal::{Seal, SealKey};
use thiserror::Error;

use self::contents::Contents;
use self::look::Turn;
use super::error::OAuthError;
use crate::jose::{KeyRing, KeySet, KeySetError, RotationPolicy, SigningKey};
use crate::store::{KeyStore, Published, Revised, StoreError};
use crate::types::token::RefreshKey;
use crate::types::{Clock, RandomError, Timestamp};

/// How often a change is tried while other nodes are faster.
const ATTEMPTS: usize = 8;
/// How long a new key for refresh tokens, or for pages, waits before it is used: until every node has taken it over,
/// however far their clocks are apart.
const TAKEN_OVER: Duration = Duration::from_secs(120);

/// The keys as requests use them. It never changes: a change makes a new one.
#[derive(Clone)]
pub(crate) struct Keys {
    revision: u64,
    /// What they were made from, sealed as it is in the store.
    document: Bytes,
    set: KeySet,
    ring: KeyRing,
    /// With the times at which they were made, newest first.
    refresh: Vec<(Timestamp, Arc<RefreshKey>)>,
    /// Likewise. Each opens what any of them has sealed.
    seals: Vec<(Timestamp, Arc<Seal>)>,
}

/// The newest that every node knows; where there is none yet, the oldest.
fn known_to_all<T>(keys: &[(Timestamp, T)], now: Timestamp) -> Option<&T> {
    let known = keys.iter().find(|(made_at, _)| made_at.after(TAKEN_OVER).is_over(now));
    known.or_else(|| keys.last()).map(|(_, key)| key)
}

impl Keys {
    /// The signing keys.
    pub(crate) const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// The signing keys with their states.
    pub(crate) const fn set(&self) -> &KeySet {
        &self.set
    }

    /// The key that refresh tokens of new grants are made with.
    pub(crate) fn refresh(&self, now: Timestamp) -> Option<&RefreshKey> {
        known_to_all(&self.refresh, now).map(AsRef::as_ref)
    }

    /// The key that a grant names.
    fn refresh_of(&self, id: &str) -> Option<Arc<RefreshKey>> {
        self.refresh.iter().map(|(_, key)| key).find(|key| key.id() == id).cloned()
    }

    /// What pages carry is sealed with, and opened, whichever of the keys it was sealed with.
    ///
    /// # Errors
    ///
    /// When there is none, which [`open`](Keychain::open) sees to.
    pub(crate) fn seal(&self, now: Timestamp) -> Result<&Seal, OAuthError> {
        let seal = known_to_all(&self.seals, now).map(AsRef::as_ref);
        seal.ok_or_else(|| OAuthError::server_error("there is no key to seal with"))
    }
}

/// Why the keys cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeychainError {
    /// The store cannot be asked.
    #[error("the store of the keys cannot be asked")]
    Store(#[source] StoreError),
    /// The document was sealed with another master key.
    #[error("the keys in the store were sealed with another master key; give the one that they were made with")]
    Sealed,
    /// The document cannot be read.
    #[error("the keys in the store cannot be read; a newer version may have written them")]
    Document,
    /// A key cannot be made.
    #[error("a key could not be made")]
    Set(#[from] KeySetError),
    /// The system gives no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Other nodes changed the keys again and again.
    #[error("the keys are being changed by other nodes; try again")]
    Busy,
    /// There is no master key, and none can be made.
    #[error("a master key could not be made")]
    NoMaster(#[source] crate::store::BoxError),
    /// No key signs.
    #[error("no key of the server signs")]
    NoSigner,
}

impl From<StoreError> for KeychainError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The signing keys in a store, as they are; `None` if there are none yet. For tools of administration: it changes nothing,
/// where a server that is built retires the keys of other algorithms than its own.
///
/// # Errors
///
/// When the store cannot be asked, or its document cannot be opened with this master key.
///
/// # Cancel safety
///
/// Asking changes nothing.
pub async fn stored_keys(store: &dyn KeyStore, master: SealKey) -> Result<Option<KeySet>, KeychainError> {
    let Some(Revised { document, .. }) = store.load().await? else { return Ok(None) };
    Ok(Some(Contents::read(&document, &Seal::with_keys(master, []))?.set))
}

/// Loads and changes the keys, and gives them out.
pub(crate) struct Keychain {
    store: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    master: Seal,
    policy: RotationPolicy,
    /// How long refresh keys are kept after they have been replaced: as long as a grant may live.
    keep_refresh: Duration,
    current: RwLock<Arc<Keys>>,
    /// Looks for keys that grants name, and that tokens name: whoever makes up the ids of the latter keeps nobody from the
    /// former.
    for_refresh: Turn,
    for_tokens: Turn,
}

impl fmt::Debug for Keychain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keychain").field("revision", &self.current().revision).finish_non_exhaustive()
    }
}

impl Keychain {
    /// Loads the keys, and makes those that are missing.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked, or its document cannot be opened with this master key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the store with the keys as they were, or as a whole new document.
    pub(crate) async fn open(
        store: Arc<dyn KeyStore>,
        master: SealKey,
        policy: RotationPolicy,
        keep_refresh: Duration,
        imported: Vec<SigningKey>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeychainError> {
        let now = clock.now();
        let master = Seal::with_keys(master, []);
        let import = |contents: &Contents| {
            let mut next = contents.clone();
            let mut changed = false;
            for key in &imported {
                changed |= next.import(key, now)?;
            }
            let tended = next.tended(now, &policy, keep_refresh)?;
            Ok(tended.or_else(|| changed.then_some(next)))
        };
        let keys = change(store.as_ref(), &master, &policy, None, import).await?;
        let (current, for_refresh, for_tokens) = (RwLock::new(Arc::new(keys)), Turn::default(), Turn::default());
        Ok(Self { store, clock, master, policy, keep_refresh, current, for_refresh, for_tokens })
    }

    /// The keys as they are now.
    pub(crate) fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what other nodes have changed, and does what time asks for. Called about once in half a minute.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked; the keys stay as they are then.
    ///
    /// # Cancel safety
    ///
    /// As [`open`](Self::open).
    pub(crate) async fn tend(&self, now: Timestamp) -> Result<(), KeychainError> {
        let rule = |contents: &Contents| contents.tended(now, &self.policy, self.keep_refresh);
        self.apply(rule).await
    }

    /// Begins a rotation of the default algorithm now. The new key signs as soon as everybody can know it.
    pub(crate) async fn rotate(&self, now: Timestamp) -> Result<(), KeychainError> {
        let algorithm = self.policy.default_algorithm();
        self.apply(|contents| {
            let set = contents.set.rotate_now(algorithm, now.into(), SigningKey::generate)?;
            let changed = set.keys().len() != contents.set.keys().len();
            Ok(changed.then(|| contents.with(set)))
        })
        .await
    }

    /// Drops a signing key at once: what it signed is refused.
    pub(crate) async fn revoke(&self, key_id: &str, now: Timestamp) -> Result<(), KeychainError> {
        self.apply(|contents| {
            let set = contents.set.revoke(key_id, now.into(), SigningKey::generate)?;
            Ok(Some(contents.with(set)))
        })
        .await
    }

    async fn apply(
        &self,
        next: impl Fn(&Contents) -> Result<Option<Contents>, KeychainError>,
    ) -> Result<(), KeychainError> {
        let seen = self.current();
        let keys = change(self.store.as_ref(), &self.master, &self.policy, Some(&seen.document), next).await?;
        self.take_over(&seen, keys);
        Ok(())
    }

    /// Takes over what the store holds. `seen` are the keys as they were before it was asked.
    fn take_over(&self, seen: &Arc<Keys>, keys: Keys) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let newer = keys.revision > current.revision;
        // Another change of this process was faster, and this may have been read before it.
        if !newer && !Arc::ptr_eq(&current, seen) {
            return;
        }
        if keys.document != current.document && !newer {
            let (held, found) = (current.revision, keys.revision);
            tracing::error!(
                held,
                found,
                "the keys in the store went back: one that was revoked may be among them again"
            );
        }
        // The store is right, whatever its number: nobody else knows a key that is not there.
        if keys.document != current.document || keys.revision != current.revision {
            *current = Arc::new(keys);
        }
    }
}

/// Loads the document, changes it as `next` says, and publishes it; once more if another node was faster. A store that has
/// lost the document gets back the one that is `held`.
async fn change(
    store: &dyn KeyStore,
    master: &Seal,
    policy: &RotationPolicy,
    held: Option<&Bytes>,
    next: impl Fn(&Contents) -> Result<Option<Contents>, KeychainError>,
) -> Result<Keys, KeychainError> {
    for _ in 0..ATTEMPTS {
        let (revision, held) = match store.load().await? {
            Some(Revised { revision, document }) => (Some(revision), Some(document)),
            None => {
                if held.is_some() {
                    tracing::error!("the keys in the store are gone; those that are held here are put back");
                }
                (None, held.cloned())
            }
        };
        let contents = held.as_deref().map_or_else(|| Ok(Contents::empty()), |held| Contents::read(held, master))?;
        let (contents, document) = match (next(&contents)?, held) {
            (Some(changed), _) => {
                let document = changed.write(master)?;
                (changed, document)
            }
            (None, Some(document)) => match revision {
                Some(revision) => return contents.keys(revision, document, policy.default_algorithm()),
                None => (contents, document),
            },
            (None, None) => return Err(KeychainError::NoSigner),
        };
        if let Published::Done(revision) = store.publish(revision, document.clone()).await? {
            return contents.keys(revision, document, policy.default_algorithm());
        }
    }
    Err(KeychainError::Busy)
}

#[cfg(test)]
mod tests;
