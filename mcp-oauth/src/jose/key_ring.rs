//! A key set, ready for use: who signs, who verifies, what is published.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use thiserror::Error;

use super::algorithm::Algorithm;
use super::encoding::encode;
use super::key_set::{KeySet, KeyState, time};
use super::signing_key::SigningKey;
use super::verifying_keys::VerifyingKeys;

/// A key set in which no key signs: its plan was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no key of the set signs")]
#[non_exhaustive]
pub struct NoActiveKey;

/// The view of a key set that requests are served with. It never changes: a new key set makes a new ring, and whoever holds
/// the ring swaps the `Arc`. A clone counts references, and no look-up takes a lock.
#[derive(Clone)]
pub struct KeyRing(Arc<Inner>);

struct Inner {
    default: SigningKey,
    /// The active keys, one for each algorithm.
    signers: Vec<SigningKey>,
    verifiers: VerifyingKeys,
    jwks: Jwks,
}

impl KeyRing {
    /// The view of `set`. Where nothing asks for another algorithm, `default` signs; while it has no active key, another
    /// algorithm that has one does.
    ///
    /// # Errors
    ///
    /// No key of the set signs.
    pub fn new(set: &KeySet, default: Algorithm) -> Result<Self, NoActiveKey> {
        let signers: Vec<SigningKey> = Algorithm::ALL
            .into_iter()
            .filter_map(|algorithm| set.active(algorithm))
            .map(|record| record.key().clone())
            .collect();
        let preferred = signers.iter().find(|key| key.algorithm() == default);
        let default = preferred.or_else(|| signers.first()).cloned().ok_or(NoActiveKey)?;
        let verifiers = VerifyingKeys::until(set.keys().iter().map(|record| {
            let until = match record.state() {
                KeyState::Retired { until, .. } => Some(time(until)),
                KeyState::Next | KeyState::Active { .. } => None,
            };
            (record.key().verifying_key().clone(), until)
        }));
        // Neither of its errors can be: a key set is as short as a ring, and its ids are thumbprints of distinct keys.
        let verifiers = verifiers.map_err(|_| NoActiveKey)?;
        Ok(Self(Arc::new(Inner { default, signers, verifiers, jwks: Jwks::new(set) })))
    }

    /// The key to sign with where nothing asks for another algorithm.
    #[must_use]
    pub fn signer(&self) -> &SigningKey {
        &self.0.default
    }

    /// The key to sign with for a reader that knows one algorithm only.
    #[must_use]
    pub fn signer_for(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        self.0.signers.iter().find(|key| key.algorithm() == algorithm)
    }

    /// All keys that verify: next, active, and retired ones until their time is over.
    #[must_use]
    pub fn verifiers(&self) -> &VerifyingKeys {
        &self.0.verifiers
    }

    /// What is published.
    #[must_use]
    pub fn jwks(&self) -> &Jwks {
        &self.0.jwks
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("default", &self.0.default).field("verifiers", &self.0.verifiers).finish()
    }
}

/// The public keys as a JWK Set (RFC 7517 section 5), ready to be served. A clone counts references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwks {
    body: Bytes,
    etag: Arc<str>,
}

impl Jwks {
    fn new(set: &KeySet) -> Self {
        let keys: Vec<Value> = set.keys().iter().map(|record| Value::Object(record.key().public_jwk())).collect();
        let body = Bytes::from(json!({ "keys": keys }).to_string());
        let etag = format!("\"{}\"", encode(digest(&SHA256, &body))).into();
        Self { body, etag }
    }

    /// The document. Its media type is `application/jwk-set+json`.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// A strong entity tag of the document, in its quotes (RFC 9110 section 8.8.3). Nodes with the same key set say the
    /// same.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

#[cfg(test)]
mod tests;
