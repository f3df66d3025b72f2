//! The authorization server.

pub mod audit;
mod authorize;
mod client_auth;
mod config;
mod engine;
mod error;
mod form;
pub mod grant;
mod http;
mod keychain;
mod limits;
mod live;
mod mint;

pub use config::{ConfigError, Lifetimes, Registration, Scope};
pub use error::{ErrorCode, OAuthError};
pub use form::{Form, FormError, Repeated};
pub use http::{Peer, Transport};
pub use keychain::KeychainError;

/// tmp
pub mod client {
    use super::OAuthError;
    use crate::jose::VerifyingKeys;
    use crate::types::{Client, Timestamp};
    use mcp_transport::auth::ClientId;
    use std::sync::Arc;
    /// tmp
    #[async_trait::async_trait]
    pub trait ClientResolver: Send + Sync + 'static {
        /// tmp
        async fn resolve(&self, id: &ClientId, now: Timestamp) -> Result<Option<Client>, OAuthError>;
        /// tmp
        async fn keys(&self, client: &Client, now: Timestamp) -> Result<Option<Arc<VerifyingKeys>>, OAuthError>;
    }
}
