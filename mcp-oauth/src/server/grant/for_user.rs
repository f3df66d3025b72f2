//! A grant for a user that a handler has proof of (RFC 6749 section 4.5).

use std::time::Duration;

use mcp_transport::auth::{ResourceId, ScopeSet};

use super::{GrantContext, TokenPlan};
use crate::identity::{Occasion, SignInError, Standing};
use crate::server::audit::EventKind;
use crate::server::authorize::{Session, Verdict, Wanted};
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::limits::Limit;
use crate::types::Identity;

impl GrantContext<'_> {
    /// A plan for a user, in a grant of its own: what the client gets may be revoked, listed and ended like everything
    /// that users allow, and has a refresh token where the client is registered for those.
    ///
    /// The handler vouches that this user wants it, for it has the proof; the user is asked nothing. The identity is
    /// one of a provider of this server, which says whether the account is still good, and the access policy decides
    /// ([`Occasion::Grant`]), now and at each refresh. Claims that the policy gives are in every token of the grant;
    /// those that a handler adds to the plan are in this one only.
    ///
    /// What the proof consists of is to be used up before: each call makes a grant.
    ///
    /// # Errors
    ///
    /// `invalid_grant` where the account is not good or the policy says no, `invalid_scope` where nothing is left of
    /// the scopes, `temporarily_unavailable` where somebody cannot tell. There is no grant then, but for
    /// one case: it was made, and could not be read again or its refresh key not be had. Nobody was told of that one, and it ends
    /// for want of a refresh.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the grant has been made or not. One that nobody was told of ends for want of a refresh.
    pub async fn for_user(
        &self,
        identity: Identity,
        resource: &ResourceId,
        scopes: &ScopeSet,
    ) -> Result<TokenPlan, OAuthError> {
        let identity = match self.engine.parts.providers.standing(&identity, self.now).await {
            Ok(Standing::Good(identity)) => *identity,
            Ok(Standing::Ended) => return Err(OAuthError::invalid_grant()),
            Err(SignInError::TooMany { retry_after }) => {
                self.engine.refused(Limit::Provider, self.address);
                return Err(OAuthError::too_many(retry_after));
            }
            Err(cause) => return Err(OAuthError::unavailable(cause)),
        };
        // Nobody stays signed in: it carries who the user is, and since when that is known.
        let session = Session::begin(identity.clone(), None, self.now, Duration::ZERO)?;
        let session = session.with(identity).ok_or_else(OAuthError::invalid_grant)?;
        let wanted = Wanted { client: self.client, redirect: None, resource, scopes };
        let approved = match wanted.approved(self.engine, &session, Occasion::Grant, self.now).await? {
            Verdict::Approved(approved) => approved,
            Verdict::Denied(reason) => {
                wanted.record(self.engine, EventKind::Denied, &session, self.address);
                return Err(OAuthError::new(ErrorCode::InvalidGrant, reason.as_str().to_owned()));
            }
        };
        if approved.scopes().is_empty() && !scopes.is_empty() {
            // A response without a scope would say that it is the one that was asked for (RFC 6749 section 5.1).
            return Err(OAuthError::new(ErrorCode::InvalidScope, "nothing of this scope is allowed"));
        }
        let (grant, _) = wanted.grant(self.engine, approved, &session, None, self.now).await?;
        let view = self.stores().grants.peek(grant, self.now).await?.ok_or_else(OAuthError::invalid_grant)?;
        let key = self.refresh_key(&view.grant).await?;
        self.record(EventKind::TokenIssued, Some(&view.grant));
        Ok(TokenPlan::of(view.grant, view.generation, key.as_deref()))
    }
}
