//! Whether an access token is good now: not only well signed and in its time, but not revoked either.

use super::engine::Engine;
use super::error::OAuthError;
use super::http::revoked_token;
use crate::jose::AccessTokenClaims;
use crate::store::{FlowKind, StoreError};
use crate::types::{GrantId, Timestamp};

impl Engine {
    /// The claims of a token that is good now, of any resource; `None` for every other text.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    pub(crate) async fn live_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<AccessTokenClaims>, OAuthError> {
        let Some(claims) = self.claims(token, now).await? else { return Ok(None) };
        // RFC 7662 section 4: the leeway that verifiers grant each other's clocks has no place where there is one clock.
        if claims.expires_at <= now.as_secs() {
            return Ok(None);
        }
        Ok(self.is_live(&claims, now).await?.then_some(claims))
    }

    /// Whether a token whose signature and times hold has not been revoked.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    pub(crate) async fn is_live(&self, claims: &AccessTokenClaims, now: Timestamp) -> Result<bool, StoreError> {
        match &claims.grant {
            Some(grant) => {
                let Ok(id) = grant.id.parse::<GrantId>() else { return Ok(false) };
                // A grant that is no longer remembered has ended: grants outlive their access tokens in every store.
                Ok(self.stores.grants.peek(id, now).await?.is_some_and(|view| view.ended.is_none()))
            }
            None => {
                let key = revoked_token(&claims.token_id);
                Ok(self.stores.flows.peek(FlowKind::RevokedToken, &key, now).await?.is_none())
            }
        }
    }
}
