//! The only place where access tokens are made (RFC 9068).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_transport::auth::{ClientId, ScopeSet};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::engine::Engine;
use super::error::OAuthError;
use super::grant::TokenPlan;
use crate::jose::{AccessTokenClaims, GrantClaim};
use crate::types::{Secret, random};

/// A successful answer of the token endpoint (RFC 6749 section 5.1).
#[derive(Serialize)]
pub(crate) struct TokenResponse {
    access_token: Zeroizing<String>,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    refresh_token: Option<Secret>,
    /// Always told, so that a client sees what became of what it asked for.
    #[serde(skip_serializing_if = "ScopeSet::is_empty")]
    scope: ScopeSet,
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn exposed<S: serde::Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}

impl Engine {
    /// Makes the token that a grant has planned for this client. Nobody but this function decides issuer, id, times and key,
    /// and no plan gets a token for somebody else, or for a resource that is not served here.
    pub(crate) fn mint(&self, plan: TokenPlan, client: &ClientId) -> Result<TokenResponse, OAuthError> {
        if plan.client != *client || !self.config.resources.contains(&plan.resource) {
            return Err(OAuthError::server_error("a grant has planned a token for another client or resource"));
        }
        let now = self.now();
        // Never beyond the grant; a second at the least, so that a token that is issued is good for something.
        let left = plan.expires_by.since(now).max(Duration::from_secs(1));
        let lifetime = self.config.lifetimes.access_token.min(left);
        let token_id = URL_SAFE_NO_PAD.encode(random::<16>()?);
        let mut claims = AccessTokenClaims::new(
            self.config.issuer.clone(),
            plan.subject,
            plan.resource,
            plan.client,
            token_id,
            now.into(),
            lifetime,
        );
        claims.scope = plan.scopes.clone();
        claims.grant = plan.grant.map(|(id, generation)| GrantClaim::new(id.to_string(), generation.into()));
        // RFC 9449 section 5.
        let token_type = if plan.confirmation.is_some() { "DPoP" } else { "Bearer" };
        claims.confirmation = plan.confirmation;
        claims.extra = plan.claims;
        if let Some(time) = plan.authenticated_at {
            // RFC 9068 section 2.2.1.
            claims.extra.insert("auth_time".to_owned(), Value::from(time.as_secs()));
        }
        let keys = self.keychain.current();
        // In place, with RS256 too: a quarter of a millisecond on another thread would cost this one a switch to it and back.
        let access_token = claims.sign(keys.ring().signer());
        Ok(TokenResponse {
            access_token: Zeroizing::new(access_token.map_err(OAuthError::server_error)?),
            token_type,
            expires_in: lifetime.as_secs(),
            refresh_token: plan.refresh_token,
            scope: plan.scopes,
        })
    }
}
