//! Whether an access token is good now: not only well signed and in its time, but not revoked either.

use super::client::{FoundIn, Resolution, is_document_url};
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
                let revoked = self.stores.flows.peek(FlowKind::RevokedToken, &key, now).await?.is_some();
                Ok(!revoked && self.has_client(claims, now).await?)
            }
        }
    }

    /// Whether the client of a token without a grant is still there (RFC 7592 section 2.3: the tokens of one that is deleted
    /// go with it). One that was added again under the same id since the token was issued is another client.
    async fn has_client(&self, claims: &AccessTokenClaims, now: Timestamp) -> Result<bool, StoreError> {
        if is_document_url(claims.client.as_str()) {
            // Nobody deletes it here, and no host is asked for each token.
            return Ok(true);
        }
        match self.parts.clients.resolve(&claims.client, None, now).await {
            Resolution::Found(resolved) => Ok(match resolved.found {
                FoundIn::Store { .. } => resolved.client.issued_at.as_secs() <= claims.issued_at,
                FoundIn::Configuration | FoundIn::Document(_) => true,
            }),
            Resolution::Unknown(_) => Ok(false),
            Resolution::OutOfReach(_) => Ok(true),
            Resolution::Unavailable(error) => Err(error),
        }
    }
}
