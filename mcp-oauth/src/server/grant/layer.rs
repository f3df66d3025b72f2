//! What stands before every grant: it sees the request first, and the plan last.

use std::sync::Arc;

use async_trait::async_trait;

use super::{GrantContext, GrantHandler, TokenPlan};
use crate::server::error::OAuthError;

/// Stands before all grants, the server's own among them: for what belongs to the request and not to one kind of grant, such as
/// a proof that the client holds a key (RFC 9449 section 5), or the certificate of its connection (RFC 8705).
///
/// What it refuses, it refuses before the grant is asked: nothing has been consumed then. What it does with a plan comes too late
/// for that, so it judges first. The plan says to which grant and generation the tokens belong.
///
/// ```
/// use async_trait::async_trait;
/// use mcp_oauth::server::grant::{GrantContext, GrantHandler, GrantLayer, TokenPlan};
/// use mcp_oauth::server::{ErrorCode, OAuthError};
///
/// /// A certificate of the connection, as whoever accepts connections puts it into a request.
/// #[derive(Clone, Debug)]
/// struct Certified;
///
/// /// Nobody gets a token without one.
/// #[derive(Debug)]
/// struct CertifiedOnly;
///
/// #[async_trait]
/// impl GrantLayer for CertifiedOnly {
///     async fn plan(&self, cx: &GrantContext<'_>, grant: &dyn GrantHandler) -> Result<TokenPlan, OAuthError> {
///         if cx.extensions().get::<Certified>().is_none() {
///             return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "come with a certificate"));
///         }
///         grant.plan(cx).await
///     }
/// }
/// ```
#[async_trait]
pub trait GrantLayer: Send + Sync + 'static {
    /// What token to issue: what `grant` plans, asked by this, or an error.
    ///
    /// # Errors
    ///
    /// Why none is issued.
    ///
    /// # Cancel safety
    ///
    /// As [`GrantHandler::plan`].
    async fn plan(&self, cx: &GrantContext<'_>, grant: &dyn GrantHandler) -> Result<TokenPlan, OAuthError>;
}

/// A grant behind a layer. In all else it is the grant.
pub(crate) struct Layered {
    pub(crate) layer: Arc<dyn GrantLayer>,
    pub(crate) grant: Arc<dyn GrantHandler>,
}

#[async_trait]
impl GrantHandler for Layered {
    fn grant_type(&self) -> &str {
        self.grant.grant_type()
    }

    fn is_for_strangers(&self) -> bool {
        self.grant.is_for_strangers()
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        self.layer.plan(cx, self.grant.as_ref()).await
    }
}
