//! The introspection endpoint (RFC 7662).

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::request::Incoming;
use super::respond::{Answer, json as answer};
use crate::jose::AccessTokenClaims;
use crate::server::engine::Engine;
use crate::server::error::OAuthError;
use crate::server::limits::Limit;
use crate::types::token::RefreshToken;
use crate::types::{Client, ClientAuthMethod, Timestamp};

/// Says what a token is, to those whom it concerns: the client that it was issued to, and the server of the resource that
/// it is for. To everybody else no token is active (RFC 7662 section 4).
pub(crate) async fn introspect(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    let form = request.form()?;
    let client = engine.authenticate_and_count(&request.head.headers, &form, request.address()).await?;
    // RFC 7662 section 2.1: "the endpoint MUST also require some form of authorization". A name is none.
    if client.metadata.token_endpoint_auth_method == ClientAuthMethod::None {
        // It counts as one that does not exist.
        engine.limit(Limit::ClientSecret, request.address()).await?;
        return Err(OAuthError::invalid_client());
    }
    let token = form.get("token").ok_or_else(|| OAuthError::invalid_request("the parameter token is missing"))?;
    let now = engine.now();
    let found = if let Some(token) = RefreshToken::parse(token) {
        refresh_token(engine, &client, &token, now).await?
    } else {
        access_token(engine, &client, token, now).await?
    };
    if found.is_none() {
        let limit = if client.serves.is_empty() { Limit::Introspection } else { Limit::IntrospectionForResource };
        engine.take(limit, client.id.as_str().as_bytes(), request.address()).await?;
    }
    Ok(answer(StatusCode::OK, &Value::Object(found.unwrap_or_else(inactive))))
}

/// RFC 7662 section 2.2: nothing else is said of a token that is not active.
fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), Value::Bool(false))])
}

async fn access_token(
    engine: &Engine,
    client: &Client,
    token: &str,
    now: Timestamp,
) -> Result<Option<Map<String, Value>>, OAuthError> {
    let Some(claims) = engine.live_token(token, now).await? else { return Ok(None) };
    let concerned = claims.client == client.id || client.serves.contains(&claims.audience);
    Ok(concerned.then(|| described(&claims)).flatten())
}

fn described(claims: &AccessTokenClaims) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(claims) else { return None };
    members.insert("active".to_owned(), Value::Bool(true));
    let bound = claims.confirmation.is_some();
    members.insert("token_type".to_owned(), json!(if bound { "DPoP" } else { "Bearer" }));
    Some(members)
}

/// A refresh token concerns its client alone.
async fn refresh_token(
    engine: &Engine,
    client: &Client,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Option<Map<String, Value>>, OAuthError> {
    let Some(view) = engine.stores.grants.peek(token.grant(), now).await? else { return Ok(None) };
    let grant = &view.grant;
    if grant.client.id != client.id
        || !view.is_live(now)
        || token.generation() != view.generation
        || engine.maker(token, grant).await?.is_none()
    {
        return Ok(None);
    }
    let described = json!({
        "active": true,
        "client_id": grant.client.id,
        "sub": grant.identity.subject,
        "scope": grant.scopes,
        "iss": engine.config.issuer,
        "iat": view.rotated_at.as_secs(),
        "exp": view.idle_until.as_secs(),
    });
    let Value::Object(members) = described else { return Ok(None) };
    Ok(Some(members))
}
