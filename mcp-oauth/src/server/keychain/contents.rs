//! The document with all keys: what it says, and what becomes of it in time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcp_transport::seal::{Seal, SealKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{KeychainError, Keys, TAKEN_OVER};
use crate::jose::{Algorithm, KeyRing, KeySet, KeySetError, RotationPolicy, SigningKey};
use crate::types::token::RefreshKey;
use crate::types::{RandomError, Timestamp, random};

/// What the document is bound to, so that no other sealed text can take its place.
const BOUND_TO: &[u8] = b"mcp-oauth server keys";
/// How long a key makes refresh tokens, or seals, before a new one does.
const ROTATE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How many of the keys that were brought along are remembered.
const MOST_IMPORTED: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    signing: Box<RawValue>,
    refresh: Vec<Symmetric>,
    pages: Vec<Symmetric>,
    /// The ids of the signing keys that were brought along, in the order in which they came.
    #[serde(default)]
    imported: Vec<String>,
}

/// A key of 32 bytes, newest first in its list.
#[derive(Clone, Serialize, Deserialize)]
struct Symmetric {
    created_at: Timestamp,
    key: Zeroizing<[u8; 32]>,
}

impl Symmetric {
    fn new(now: Timestamp) -> Result<Self, RandomError> {
        Ok(Self { created_at: now, key: Zeroizing::new(random()?) })
    }
}

/// The document, opened.
#[derive(Clone)]
pub(super) struct Contents {
    pub(super) set: KeySet,
    refresh: Vec<Symmetric>,
    pages: Vec<Symmetric>,
    imported: Vec<String>,
}

impl Contents {
    pub(super) const fn empty() -> Self {
        Self { set: KeySet::new(), refresh: Vec::new(), pages: Vec::new(), imported: Vec::new() }
    }

    /// The same with these signing keys.
    pub(super) fn with(&self, set: KeySet) -> Self {
        Self { set, ..self.clone() }
    }

    /// Takes a signing key that was brought along, once: one that has been retired since, or revoked, must not come back
    /// because a configuration still names it. Gives whether that changed anything.
    pub(super) fn import(&mut self, key: &SigningKey, now: Timestamp) -> Result<bool, KeySetError> {
        let id = key.key_id();
        if self.imported.iter().any(|known| known == id) {
            return Ok(false);
        }
        if !self.set.keys().iter().any(|known| known.key().key_id() == id) {
            self.set = self.set.import(key.clone(), now.into())?;
        }
        self.imported.push(id.to_owned());
        let surplus = self.imported.len().saturating_sub(MOST_IMPORTED);
        self.imported.drain(..surplus);
        Ok(true)
    }

    /// What it becomes by rule; `None` where there is nothing to do.
    pub(super) fn tended(
        &self,
        now: Timestamp,
        policy: &RotationPolicy,
        keep: Duration,
    ) -> Result<Option<Self>, KeychainError> {
        let mut next = self.clone();
        let plan = self.set.plan(now.into(), policy);
        let mut changed = !plan.is_empty();
        if changed {
            next.set = plan.apply(SigningKey::generate)?;
        }
        for (keys, kept) in [(&mut next.refresh, keep), (&mut next.pages, ROTATE)] {
            if keys.first().is_none_or(|newest| newest.created_at.after(ROTATE).is_over(now)) {
                keys.insert(0, Symmetric::new(now)?);
                changed = true;
            }
            // This one ceased to be used when the one after it had been taken over.
            let mut replaced_at = Timestamp::NEVER;
            let before = keys.len();
            keys.retain(|key| {
                let stays =
                    replaced_at == Timestamp::NEVER || !replaced_at.after(TAKEN_OVER.saturating_add(kept)).is_over(now);
                replaced_at = key.created_at;
                stays
            });
            changed |= keys.len() != before;
        }
        Ok(changed.then_some(next))
    }

    pub(super) fn write(&self, master: &Seal) -> Result<Bytes, KeychainError> {
        let set = self.set.to_document();
        let signing = serde_json::from_slice(&set).map_err(|_| KeychainError::Document)?;
        let (refresh, pages, imported) = (self.refresh.clone(), self.pages.clone(), self.imported.clone());
        let document = Document { version: 1, signing, refresh, pages, imported };
        let text = Zeroizing::new(serde_json::to_vec(&document).map_err(|_| KeychainError::Document)?);
        let sealed = master.seal(&text, BOUND_TO).map_err(|_| KeychainError::Document)?;
        Ok(sealed.into_bytes().into())
    }

    pub(super) fn read(document: &[u8], master: &Seal) -> Result<Self, KeychainError> {
        let sealed = std::str::from_utf8(document).map_err(|_| KeychainError::Document)?;
        let text = Zeroizing::new(master.open(sealed, BOUND_TO).map_err(|_| KeychainError::Sealed)?);
        let document: Document = serde_json::from_slice(&text).map_err(|_| KeychainError::Document)?;
        if document.version != 1 {
            return Err(KeychainError::Document);
        }
        let set = KeySet::from_document(document.signing.get().as_bytes()).map_err(|_| KeychainError::Document)?;
        Ok(Self { set, refresh: document.refresh, pages: document.pages, imported: document.imported })
    }

    pub(super) fn keys(&self, revision: u64, document: Bytes, default: Algorithm) -> Result<Keys, KeychainError> {
        let ring = KeyRing::new(&self.set, default).map_err(|_| KeychainError::NoSigner)?;
        let seal = |key: &Symmetric| SealKey::from_bytes(*key.key);
        let seals = self.pages.iter().enumerate().map(|(index, key)| {
            let others = self.pages.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, key)| seal(key));
            (key.created_at, Arc::new(Seal::with_keys(seal(key), others)))
        });
        let seals: Vec<_> = seals.collect();
        if seals.is_empty() {
            return Err(KeychainError::Document);
        }
        Ok(Keys {
            revision,
            document,
            set: self.set.clone(),
            ring,
            refresh: self.refresh.iter().map(|key| (key.created_at, Arc::new(RefreshKey::new(&key.key)))).collect(),
            seals,
        })
    }
}
