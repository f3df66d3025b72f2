//! What the server tells a verifier in the same process.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mcp_transport::auth::Issuer;

use super::authorization_server::AuthorizationServer;
use super::engine::Engine;
use crate::jose::{AccessTokenClaims, KeyRing};
use crate::resource::{InProcessVerifier, LocalTokens, VerifierOptions};
use crate::store::StoreError;
use crate::types::Timestamp;

struct Local(Arc<Engine>);

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("issuer", &self.0.config.issuer.as_str()).finish()
    }
}

#[async_trait]
impl LocalTokens for Local {
    fn issuer(&self) -> &Issuer {
        &self.0.config.issuer
    }

    fn keys(&self) -> KeyRing {
        self.0.keychain.current().ring().clone()
    }

    async fn is_live(&self, claims: &AccessTokenClaims, now: Timestamp) -> Result<bool, StoreError> {
        self.0.is_live(claims, now).await
    }
}

impl AuthorizationServer {
    /// A verifier for a resource in this process: it asks the server's own keys and stores, and no network. A revocation is
    /// seen within five seconds. The hierarchy of scopes is the server's.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mcp_oauth::resource::Protection;
    /// use mcp_oauth::server::AuthorizationServer;
    /// use mcp_transport::auth::{ProtectedResource, WellKnownError};
    ///
    /// fn protection(server: &AuthorizationServer, mcp: ProtectedResource) -> Result<Protection, WellKnownError> {
    ///     Protection::with_verifier(Arc::new(mcp), Arc::new(server.verifier()))
    /// }
    /// ```
    #[must_use]
    pub fn verifier(&self) -> InProcessVerifier {
        let options = VerifierOptions::default().hierarchy(self.engine().config.hierarchy.clone());
        InProcessVerifier::new(Arc::new(Local(Arc::clone(self.engine()))), options)
    }
}
