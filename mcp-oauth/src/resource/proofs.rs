//! The seam of DPoP: who judges proofs.

use std::fmt;

use async_trait::async_trait;
use mcp_transport::auth::{JwkThumbprint, Presented, Rejection};

/// Judges the DPoP proof of each request (RFC 9449 section 4.3). Its verdict is never remembered: a proof serves once.
///
/// The verifiers here ask it after the token was found good, so that nobody without a token can fill what it remembers.
#[async_trait]
pub trait Proofs: Send + Sync + fmt::Debug + 'static {
    /// Judges the proof of `presented`: its form, its signature by the key with the thumbprint `bound_to`, the method, the
    /// URL of the resource, the digest of the token, its time, its nonce, and that it was never seen before.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidDpopProof`] or [`Rejection::UseDpopNonce`]; [`Rejection::Unavailable`] where it cannot be known
    /// whether the proof was seen before.
    ///
    /// # Cancel safety
    ///
    /// The request's future may be dropped at any time: that a proof was used has to be one call to a store.
    async fn judge(&self, presented: &Presented<'_>, bound_to: &JwkThumbprint) -> Result<(), Rejection>;
}
