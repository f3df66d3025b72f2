//! Keys to verify with.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, RS256};
use mcp_transport::auth::JwkThumbprint;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::encoding::object;
use super::error::{JwkError, TokenError};
use super::jwk::PublicJwk;

/// The longest JWK that is read, in bytes. Certificates in it make it long, and are passed over.
const LONGEST: usize = 32 << 10;

/// A public key that is ready to verify with one algorithm. A clone counts a reference.
///
/// Making one costs more than a verification with it (about 100 µs): make it once and keep it.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    public: PublicJwk,
    thumbprint: JwkThumbprint,
    verifier: Box<dyn JwsVerifier>,
}

impl VerifyingKey {
    /// Reads a foreign key: a client's, another issuer's, the one in a DPoP proof.
    ///
    /// The algorithm is what `alg` says, or follows from the kind of key: ES256, RS256, EdDSA.
    ///
    /// # Errors
    ///
    /// The key is malformed, not for verifying, of a kind that is not spoken, weak, or holds its private half.
    pub fn from_jwk(json: impl Into<Bytes>) -> Result<Self, JwkError> {
        let json = json.into();
        if json.len() > LONGEST {
            return Err(JwkError::Json);
        }
        Self::from_members(&object(json).ok_or(JwkError::Json)?)
    }

    /// As [`from_jwk`](Self::from_jwk), for a key that is part of something that was read. Whether members were named
    /// twice cannot be seen any more here: whoever read it must have refused that.
    ///
    /// # Errors
    ///
    /// As [`from_jwk`](Self::from_jwk).
    pub fn from_members(members: &Map<String, Value>) -> Result<Self, JwkError> {
        Self::new(PublicJwk::read(members)?)
    }

    pub(crate) fn new(public: PublicJwk) -> Result<Self, JwkError> {
        let jwk = Jwk::from_map(public.bare()).map_err(|_| JwkError::Weak)?;
        let verifier: Box<dyn JwsVerifier> = match public.algorithm {
            Algorithm::Es256 => Box::new(ES256.verifier_from_jwk(&jwk).map_err(|_| JwkError::Weak)?),
            Algorithm::Rs256 => Box::new(RS256.verifier_from_jwk(&jwk).map_err(|_| JwkError::Weak)?),
            Algorithm::EdDsa => Box::new(EdDSA.verifier_from_jwk(&jwk).map_err(|_| JwkError::Weak)?),
        };
        let thumbprint = public.thumbprint().ok_or(JwkError::Weak)?;
        Ok(Self(Arc::new(Inner { public, thumbprint, verifier })))
    }

    /// The one algorithm that this key verifies with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.public.algorithm
    }

    /// The `kid` that the key came with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.public.key_id.as_deref()
    }

    /// The key's thumbprint with SHA-256 (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> &JwkThumbprint {
        &self.0.thumbprint
    }

    /// The key as a JWKS publishes it: with `kid` (its own, or the thumbprint), `alg` and `use`.
    #[must_use]
    pub fn public_jwk(&self) -> Map<String, Value> {
        self.0.public.published(self.key_id().unwrap_or(self.0.thumbprint.as_str()))
    }

    /// Verifies a signature over `input`. Costs about 15 µs with RS256, 50 with ES256, 60 with EdDSA.
    ///
    /// # Errors
    ///
    /// [`TokenError::Signature`], whatever is wrong with it.
    pub fn verify(&self, input: &[u8], signature: &[u8]) -> Result<(), TokenError> {
        self.0.verifier.verify(input, signature).map_err(|_| TokenError::Signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({} {})", self.algorithm(), self.0.thumbprint)
    }
}

#[cfg(test)]
mod tests;
