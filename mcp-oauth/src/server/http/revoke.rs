//! The revocation endpoint (RFC 7009).

use bytes::Bytes;
use http::StatusCode;

use super::request::Incoming;
use super::respond::{Answer, empty};
use crate::server::audit::{Event, EventKind};
use crate::server::engine::Engine;
use crate::server::error::OAuthError;
use crate::store::FlowKind;
use crate::types::token::RefreshToken;
use crate::types::{Client, Digest, EndReason, GrantView, Timestamp};

/// Revokes a token of the client that asks. What is no token, or somebody else's, has no effect and is told to nobody
/// (RFC 7009 section 2.2). The hint is not needed: tokens tell what they are by their form.
pub(crate) async fn revoke(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    let form = request.form()?;
    let client = engine.authenticate(&request.head.headers, &form, request.address()).await?;
    let token = form.get("token").ok_or_else(|| OAuthError::invalid_request("the parameter token is missing"))?;
    let now = engine.now();
    if let Some(token) = RefreshToken::parse(token) {
        if let Some(view) = engine.stores.grants.peek(token.grant(), now).await? {
            let grant = &view.grant;
            if grant.client.id == client.id && engine.maker(&token, grant).await?.is_some() {
                end(engine, &client, &view, now).await?;
            }
        }
    } else {
        access_token(engine, &client, token, now).await?;
    }
    Ok(empty(StatusCode::OK))
}

async fn access_token(engine: &Engine, client: &Client, token: &str, now: Timestamp) -> Result<(), OAuthError> {
    let Some(claims) = engine.claims(token, now).await? else { return Ok(()) };
    if claims.client != client.id {
        return Ok(());
    }
    match claims.grant {
        // RFC 7009 section 2.1: "the server MAY revoke the respective refresh token as well". A client that signs out sends
        // either, and a refresh token that stays behind would surprise its user.
        Some(grant) => {
            let Ok(id) = grant.id.parse() else { return Ok(()) };
            if let Some(view) = engine.stores.grants.peek(id, now).await? {
                end(engine, client, &view, now).await?;
            }
        }
        None => {
            let until = Timestamp::from_secs(claims.expires_at).after(engine.config.lifetimes.access_token);
            let key = revoked_token(&claims.token_id);
            engine.stores.flows.put(FlowKind::RevokedToken, &key, Bytes::from_static(b"1"), until, now).await?;
            engine.record(Event::new(EventKind::TokenRevoked, now).client(&client.id));
        }
    }
    Ok(())
}

/// Where it is noted that a token without a grant has been revoked.
pub(crate) fn revoked_token(token_id: &str) -> Digest {
    Digest::of("revoked token", &[token_id.as_bytes()])
}

/// RFC 7009 section 1: a revocation invalidates the token "and the authorization grant itself". What the user has allowed is
/// part of that: who has signed out of an app, or removed it, is asked when it comes back.
async fn end(engine: &Engine, client: &Client, view: &GrantView, now: Timestamp) -> Result<(), OAuthError> {
    if view.ended.is_some() {
        // Told twice. What was allowed since is another matter.
        return Ok(());
    }
    let grant = &view.grant;
    if engine.stores.withdraw(grant, EndReason::Revoked, now).await? {
        let event = Event::new(EventKind::GrantEnded(EndReason::Revoked), now).client(&client.id).grant(grant.id);
        engine.record(event.subject(&grant.identity.subject).resource(&grant.resource));
    }
    Ok(())
}
