//! The refresh token grant (RFC 6749 section 6), with rotation (OAuth 2.1 section 4.3.1) and a grace.
//!
//! A refresh token is a MAC over the grant and a generation. The successor of a token is therefore always the same one,
//! and may be handed out again: to clients that refresh in parallel, and to one that has lost the answer. Only a token that
//! is presented after its time, by whoever could not have got it but by copying, ends the grant.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::ScopeSet;

use super::{GrantContext, GrantHandler, TokenPlan};
use crate::identity::{Access, Allowed, Decision, Occasion, SignInError, Standing};
use crate::server::audit::EventKind;
use crate::server::engine::is_habit;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::limits::Limit;
use crate::store::{Advance, Rotation, rules};
use crate::types::token::{RefreshKey, RefreshToken};
use crate::types::{ClientSource, EndReason, Grant, GrantView};

/// How long the use of a client is noted for: stores need not write it sooner ([`ClientStore::touch`]).
///
/// [`ClientStore::touch`]: crate::store::ClientStore::touch
const NOTED_FOR: Duration = Duration::from_secs(3600);

/// How long one of too many waits that refresh at once.
const CROWDED: Duration = Duration::from_secs(5);

/// Replaces refresh tokens.
pub(crate) struct RefreshTokenGrant;

#[async_trait]
impl GrantHandler for RefreshTokenGrant {
    fn grant_type(&self) -> &'static str {
        "refresh_token"
    }

    fn is_for_strangers(&self) -> bool {
        true
    }

    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
        let token = RefreshToken::parse(cx.required("refresh_token")?).ok_or_else(OAuthError::invalid_grant)?;
        let grants = &cx.stores().grants;
        let view = grants.peek(token.grant(), cx.now()).await?.ok_or_else(OAuthError::invalid_grant)?;
        let key = authentic(cx, &view, &token).await?;
        // RFC 8707 section 2.2. Clients that leave it out mean the one that the grant has. Nothing is rotated before this.
        if cx.form().get("resource").is_some() && *cx.resource()? != view.grant.resource {
            let text = "the refresh token was issued for another resource";
            return Err(OAuthError::new(ErrorCode::InvalidTarget, text));
        }
        let asked = narrowed(cx, &view.grant)?;
        if view.ended.is_some() {
            return Err(OAuthError::invalid_grant());
        }
        let (left, claims) = still_allowed(cx, &view.grant).await?.within(&view.grant.scopes);
        // What the policy leaves of the grant, and of that what is asked for, by its name or by one that implies it.
        let left = cx.engine.config.hierarchy.expand(&left);
        let scopes: ScopeSet = asked.iter().filter(|scope| left.contains(scope.as_str())).cloned().collect();
        if scopes.is_empty() && !asked.is_empty() {
            // A response without a scope would say that it is the one that was asked for (RFC 6749 section 5.1).
            return Err(OAuthError::new(ErrorCode::InvalidScope, "nothing of this scope is allowed any more"));
        }
        let due = cx.client().last_used.after(NOTED_FOR).is_over(cx.now());
        if due && cx.client().source == ClientSource::Registered {
            // That a client is used keeps it from expiring. Whether it is still there was seen when it was resolved. Before the
            // rotation: when this fails, the client still has the newest token.
            cx.stores().clients.touch(&view.grant.client.id, cx.now()).await?;
        }
        let generation = advance(cx, &view, token.generation()).await?;
        let mut grant = view.grant;
        (grant.scopes, grant.claims) = (scopes, claims);
        Ok(TokenPlan::of(grant, generation, Some(&key)))
    }
}

/// Takes the grant to its next generation, in one step of the store. A reuse ends it (RFC 9700 section 4.14.2), and the
/// user, whose tokens somebody else may have, is asked before there are new ones: what was allowed is forgotten.
async fn advance(cx: &GrantContext<'_>, view: &GrantView, presented: u32) -> Result<u32, OAuthError> {
    let grant = &view.grant;
    let lifetimes = &cx.engine.config.lifetimes;
    let rotation = Rotation {
        grace: lifetimes.refresh_grace,
        most_replays: lifetimes.refresh_replays,
        // The grant is remembered as long as its access tokens are good.
        idle: lifetimes.refresh_token.max(lifetimes.access_token),
        rotate: true,
    };
    // First, where the reuse can be foreseen: a process that ends between leaves no consent to a grant that has ended.
    let foreseen = presented < view.generation
        && rules::advance(&mut view.clone(), presented, cx.now(), rotation).0 == Advance::Reused;
    if foreseen {
        cx.stores().forget_consent(grant).await?;
    }
    let (kind, generation) = match cx.stores().grants.advance(grant.id, presented, cx.now(), rotation).await? {
        Advance::Next(generation) => (EventKind::Refreshed, generation),
        Advance::Again(generation) => (EventKind::RefreshReplayed, generation),
        Advance::Resynced(generation) => (EventKind::RefreshResynced, generation),
        Advance::Crowded => {
            // One of them has the successor: whoever shares a store with it finds it there.
            cx.record(EventKind::RefreshCrowded, Some(grant));
            return Err(OAuthError::too_many(CROWDED));
        }
        Advance::Reused => {
            cx.record(EventKind::GrantEnded(EndReason::RefreshReused), Some(grant));
            if !foreseen {
                cx.stores().forget_consent(grant).await?;
            }
            return Err(OAuthError::invalid_grant());
        }
        Advance::Ended(_) | Advance::Expired | Advance::Absent => return Err(OAuthError::invalid_grant()),
    };
    cx.record(kind, Some(grant));
    Ok(generation)
}

/// The key that made the token, which is one of ours for this client. A forged one is good for nothing, and ends nothing.
async fn authentic(
    cx: &GrantContext<'_>,
    view: &GrantView,
    token: &RefreshToken,
) -> Result<Arc<RefreshKey>, OAuthError> {
    let grant = &view.grant;
    if !grant.refreshable || grant.client.id != cx.client().id {
        return Err(OAuthError::invalid_grant());
    }
    cx.engine.maker(token, grant).await?.ok_or_else(OAuthError::invalid_grant)
}

/// RFC 6749 section 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner".
fn narrowed(cx: &GrantContext<'_>, grant: &Grant) -> Result<ScopeSet, OAuthError> {
    let asked = cx.form().get("scope").filter(|asked| !is_habit(asked));
    let Some(asked) = asked else { return Ok(grant.scopes.clone()) };
    let asked = cx.engine.scopes(Some(asked), cx.client())?;
    if cx.engine.config.hierarchy.expand(&grant.scopes).is_superset(&asked) {
        Ok(asked)
    } else {
        Err(OAuthError::new(ErrorCode::InvalidScope, "the scope goes beyond what the user has allowed"))
    }
}

/// Whether the account and the access policy still stand behind the grant. If not, it ends; where one of them cannot tell,
/// nothing happens.
async fn still_allowed(cx: &GrantContext<'_>, grant: &Grant) -> Result<Allowed, OAuthError> {
    let identity = match cx.engine.parts.providers.standing(&grant.identity, cx.now()).await {
        Ok(Standing::Good(identity)) => identity,
        Ok(Standing::Ended) => return ended(cx, grant).await,
        Err(SignInError::TooMany { retry_after }) => {
            cx.engine.refused(Limit::Provider, cx.address);
            return Err(OAuthError::too_many(retry_after));
        }
        Err(cause) => return Err(OAuthError::unavailable(cause)),
    };
    let access = Access::new(&identity, &grant.client, &grant.resource, &grant.scopes, Occasion::Refresh, cx.now());
    match cx.engine.parts.policy.decide(&access).await.map_err(OAuthError::unavailable)? {
        Decision::Allow(allowed) => Ok(allowed),
        Decision::Deny(_) => ended(cx, grant).await,
    }
}

async fn ended(cx: &GrantContext<'_>, grant: &Grant) -> Result<Allowed, OAuthError> {
    if cx.stores().withdraw(grant, EndReason::Denied, cx.now()).await? {
        cx.record(EventKind::GrantEnded(EndReason::Denied), Some(grant));
    }
    Err(OAuthError::invalid_grant())
}
