//! What is common to all verifiers of JWTs: from a token and keys to claims, and from claims to a principal.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mcp_transport::auth::{Confirmation, Issuer, Principal, Rejection, ResourceId, ScopeHierarchy};

use crate::jose::{AccessTokenClaims, AccessTokenPolicy, Header, Limits, TokenError, Unverified, VerifyingKeys};

/// The key that a token was verified with, to see later whether it is still there.
pub(super) struct KeyUsed {
    header: Header,
    thumbprint: mcp_transport::auth::JwkThumbprint,
}

impl KeyUsed {
    /// Whether the token would still be verified with this key. An issuer that takes a key out of its set takes all tokens
    /// back that were signed with it.
    pub(super) fn is_still_in(&self, keys: &VerifyingKeys, now: SystemTime) -> Result<(), Rejection> {
        match keys.select(&self.header, now) {
            Ok(key) if *key.thumbprint() == self.thumbprint => Ok(()),
            Ok(_) => Err(TokenError::UnknownKey.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Judges a token by everything that it says itself.
pub(super) fn verify(
    token: &str,
    issuer: &Issuer,
    resource: &ResourceId,
    keys: &VerifyingKeys,
    now: SystemTime,
) -> Result<(AccessTokenClaims, KeyUsed), TokenError> {
    let header = Unverified::parse(token, &Limits::default())?.header().clone();
    let thumbprint = keys.select(&header, now)?.thumbprint().clone();
    let policy = AccessTokenPolicy::for_resource(issuer.clone(), resource.clone());
    let claims = policy.verify(token, keys, now)?;
    Ok((claims, KeyUsed { header, thumbprint }))
}

/// The principal of a token. The claims that have no field of their own go to it.
pub(super) fn principal(claims: &mut AccessTokenClaims, hierarchy: &ScopeHierarchy) -> Arc<Principal> {
    let mut builder = Principal::builder(claims.issuer.clone(), claims.subject.clone())
        .client_id(claims.client.clone())
        .hierarchy(hierarchy.clone())
        .scopes(claims.scope.clone())
        // To the second, without the leeway that other times are judged with: streams end with their token.
        .expires_at(time(claims.expires_at));
    if let Some(thumbprint) = &claims.confirmation {
        builder = builder.confirmation(Confirmation::Dpop(thumbprint.clone()));
    }
    let extra = std::mem::take(&mut claims.extra);
    if !extra.is_empty() {
        builder = builder.claims(Arc::new(extra));
    }
    Arc::new(builder.build())
}

/// Seconds since 1970 as a time. What the system cannot tell is as late as it can.
pub(super) fn time(seconds: u64) -> SystemTime {
    let epoch = SystemTime::UNIX_EPOCH;
    epoch
        .checked_add(Duration::from_secs(seconds))
        .unwrap_or(epoch + Duration::from_secs(i32::MAX.unsigned_abs().into()))
}
