//! A verifier in the same process as the authorization server.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use mcp_transport::auth::{Issuer, Presented, Principal, Rejection, ResourceId, ScopeHierarchy, Verifier};

use super::cached::Cached;
use super::judge::{Judge, Judged, Standing, UNAVAILABLE};
use super::jwt::{self, KeyUsed};
use super::options::VerifierOptions;
use crate::jose::{AccessTokenClaims, KeyRing};
use crate::store::StoreError;
use crate::types::Timestamp;
use mcp_transport::Chain;

/// What an authorization server tells a verifier in its process.
#[async_trait]
pub trait LocalTokens: Send + Sync + fmt::Debug + 'static {
    /// The issuer of its tokens.
    fn issuer(&self) -> &Issuer;

    /// The keys of the moment. Asked for at each judgement, so it should only count references.
    fn keys(&self) -> KeyRing;

    /// Whether a token that is right in itself has not been revoked: its grant has not ended.
    ///
    /// Called when a token is first seen, and every few seconds while it is in use. The claims are complete but for
    /// [`extra`](AccessTokenClaims::extra).
    ///
    /// # Errors
    ///
    /// The store could not be asked. That says nothing about the token.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; it only reads.
    async fn is_live(&self, claims: &AccessTokenClaims, now: Timestamp) -> Result<bool, StoreError>;
}

/// Verifies the tokens of an authorization server in this process: signature and claims by its keys, revocation by its
/// store, seen within five seconds. A clone shares everything.
#[derive(Clone, Debug)]
pub struct InProcessVerifier(Cached<Local>);

#[derive(Debug)]
struct Local {
    tokens: Arc<dyn LocalTokens>,
    hierarchy: ScopeHierarchy,
}

impl InProcessVerifier {
    /// A verifier of these tokens.
    #[must_use]
    pub fn new(tokens: Arc<dyn LocalTokens>, options: VerifierOptions) -> Self {
        Self(Cached::new(Local { tokens, hierarchy: options.hierarchy.clone() }, options))
    }

    #[cfg(test)]
    pub(super) const fn cached(&self) -> &Cached<impl Judge> {
        &self.0
    }
}

#[async_trait]
impl Verifier for InProcessVerifier {
    /// # Cancel safety
    ///
    /// Nothing is left half done.
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        self.0.verify(presented).await
    }
}

impl Local {
    async fn live(&self, claims: &AccessTokenClaims, now: SystemTime) -> Result<(), Rejection> {
        match self.tokens.is_live(claims, now.into()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Rejection::Revoked),
            Err(error) => {
                tracing::warn!("whether a token was revoked is not known: {}", Chain(&error));
                Err(UNAVAILABLE)
            }
        }
    }
}

#[async_trait]
impl Judge for Local {
    type Ticket = (AccessTokenClaims, KeyUsed);

    async fn judge(
        &self,
        token: &str,
        resource: &ResourceId,
        now: SystemTime,
    ) -> Result<Judged<Self::Ticket>, Rejection> {
        let keys = self.tokens.keys();
        let (mut claims, key) = jwt::verify(token, self.tokens.issuer(), resource, keys.verifiers(), now)?;
        let principal = jwt::principal(&mut claims, &self.hierarchy);
        self.live(&claims, now).await?;
        Ok(Judged { principal, ticket: (claims, key) })
    }

    async fn again(&self, (claims, key): &Self::Ticket, now: SystemTime) -> Result<Standing, Rejection> {
        key.is_still_in(self.tokens.keys().verifiers(), now)?;
        self.live(claims, now).await?;
        Ok(Standing::Same)
    }
}

#[cfg(test)]
mod tests;
