//! A consent becomes a grant.

use std::net::IpAddr;

use mcp_transport::auth::{JwkThumbprint, ResourceId, ScopeSet};
use serde_json::{Map, Value};

use super::cookie::Session;
use super::redirect::Redirect;
use crate::identity::{Access, Decision, Occasion, Reason};
use crate::server::audit::{Event, EventKind};
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::store::Touched;
use crate::types::token::AuthorizationCode;
use crate::types::{Client, ClientSnapshot, ClientSource, CodeRecord, Digest, Grant, GrantId, Timestamp, random};

/// What a client wants of the user who is signed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) client: &'a Client,
    pub(crate) redirect: Option<&'a Redirect>,
    pub(crate) resource: &'a ResourceId,
    pub(crate) scopes: &'a ScopeSet,
}

/// What who redeems a code has to prove.
pub(crate) struct Bound {
    /// The verifier of this challenge (RFC 7636).
    pub(crate) challenge: Digest,
    /// This key (RFC 9449 section 10).
    pub(crate) dpop_jkt: Option<JwkThumbprint>,
}

/// What the access policy has approved of it. Only [`Wanted::approved`] makes one, and only with one is a grant made.
///
/// Not `Clone`: one approval makes one grant.
#[derive(Debug)]
pub(crate) struct Approved {
    scopes: ScopeSet,
    claims: Map<String, Value>,
}

impl Approved {
    /// What may be granted.
    pub(crate) const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }
}

/// What the access policy says.
pub(crate) enum Verdict {
    /// Yes.
    Approved(Approved),
    /// No, and what the user is told.
    Denied(Reason),
}

impl Verdict {
    /// Whether nothing is allowed beyond what was on the page that the user has answered.
    pub(crate) fn is_within(&self, shown: &ScopeSet) -> bool {
        match self {
            Self::Approved(approved) => shown.is_superset(&approved.scopes),
            Self::Denied(_) => true,
        }
    }
}

impl Wanted<'_> {
    /// Asks the access policy.
    pub(crate) async fn approved(
        &self,
        engine: &Engine,
        session: &Session,
        at: Occasion,
        now: Timestamp,
    ) -> Result<Verdict, OAuthError> {
        let client = ClientSnapshot::of(self.client);
        let mut access = Access::new(&session.identity, &client, self.resource, self.scopes, at, now);
        if let Some(redirect) = self.redirect {
            access = access.redirect(redirect.uri());
        }
        Ok(match engine.parts.policy.decide(&access).await.map_err(OAuthError::unavailable)? {
            Decision::Allow(allowed) => {
                let (scopes, claims) = allowed.within(self.scopes);
                Verdict::Approved(Approved { scopes, claims })
            }
            Decision::Deny(reason) => Verdict::Denied(reason),
        })
    }

    /// Makes the grant, with a code for the client to redeem where it has a redirect.
    pub(crate) async fn grant(
        &self,
        engine: &Engine,
        approved: Approved,
        session: &Session,
        bound: Option<Bound>,
        now: Timestamp,
    ) -> Result<(GrantId, Option<AuthorizationCode>), OAuthError> {
        let lifetimes = &engine.config.lifetimes;
        if self.client.source == ClientSource::Registered
            && engine.stores.clients.touch(&self.client.id, now).await? == Touched::Absent
        {
            // It was deleted, or expired, since it was resolved.
            return Err(OAuthError::new(ErrorCode::InvalidClient, "the client is no longer registered"));
        }
        let keys = engine.keychain.current();
        let refresh_key =
            keys.refresh(now).ok_or_else(|| OAuthError::server_error("there is no key for refresh tokens"))?;
        let id = GrantId::random()?;
        let refreshable = self.client.metadata.may_use("refresh_token");
        let grant = Grant {
            id,
            client: ClientSnapshot::of(self.client),
            identity: session.identity.clone(),
            resource: self.resource.clone(),
            scopes: approved.scopes,
            claims: approved.claims,
            refreshable,
            salt: Digest::from_bytes(random()?),
            refresh_key: refresh_key.id().to_owned(),
            authenticated_at: session.authenticated_at,
            created_at: now,
            expires_at: now.after(lifetimes.grant),
        };
        // Without a refresh token, the grant is over with its one access token.
        // Its first access token is made when the code is redeemed, or the device has polled.
        let first = lifetimes.code.max(lifetimes.device).saturating_add(lifetimes.access_token);
        let idle = if refreshable { lifetimes.refresh_token.max(first) } else { first };
        let (code, record) = match (self.redirect, bound) {
            (Some(redirect), Some(Bound { challenge, dpop_jkt })) => {
                let code = AuthorizationCode::mint(id)?;
                let (uri, until) = (redirect.uri().clone(), now.after(lifetimes.code));
                let record = CodeRecord::new(code.digest(), until, uri, challenge).bound_to(dpop_jkt);
                let record = if redirect.is_implied() { record.implied() } else { record };
                (Some(code), Some(record))
            }
            _ => (None, None),
        };
        engine.stores.grants.create(grant, record, idle).await?;
        Ok((id, code))
    }

    /// Takes an event about it down.
    pub(crate) fn record(&self, engine: &Engine, kind: EventKind, session: &Session, address: Option<IpAddr>) {
        let event = Event::new(kind, engine.now()).from(address).client(&self.client.id);
        engine.record(event.subject(&session.identity.subject).resource(self.resource));
    }
}
