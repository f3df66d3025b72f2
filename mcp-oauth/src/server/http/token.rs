//! The token endpoint (RFC 6749 section 3.2).

use http::StatusCode;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHORIZATION};

use super::request::Incoming;
use super::respond::{Answer, dpop_nonce, json};
use crate::server::client::{Quirk, Signs};
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::grant::GrantContext;
use crate::types::Client;

/// What shows who somebody is, and is no business of a grant.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE];

/// Issues a token.
pub(crate) async fn token(engine: &Engine, mut request: Incoming) -> Result<Answer, OAuthError> {
    let form = request.form()?;
    let grant_type = form.get("grant_type");
    let grant_type = grant_type.ok_or_else(|| OAuthError::invalid_request("the parameter grant_type is missing"))?;
    let handler =
        engine.parts.grants.get(grant_type).ok_or_else(|| {
            OAuthError::new(ErrorCode::UnsupportedGrantType, "this server does not know that grant_type")
        })?;
    let client = engine.authenticate(&request.head.headers, &form, request.address()).await?;
    if !client.metadata.may_use(grant_type) {
        let text = "the client is not registered for this grant_type";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
    }
    let address = request.address();
    for name in CREDENTIALS {
        request.head.headers.remove(name);
    }
    let cx = GrantContext { engine, head: &request.head, form: &form, client: &client, address, now: engine.now() };
    let mut plan = handler.plan(&cx).await.map_err(|error| quirky(engine, &client, error))?;
    let nonce = plan.dpop_nonce.take();
    let mut answer = json(StatusCode::OK, &engine.mint(plan, &client.id)?);
    dpop_nonce(&mut answer, nonce.as_ref());
    Ok(answer)
}

/// RFC 6749 section 5.2 says 400 for `invalid_grant`; the table of quirks knows whom that does not stop from asking again.
fn quirky(engine: &Engine, client: &Client, error: OAuthError) -> OAuthError {
    let signs = Signs::of(client.id.as_str(), &client.metadata);
    let unauthorized = error.code() == ErrorCode::InvalidGrant
        && engine.parts.metadata_policy.quirks.has(Quirk::InvalidGrantUnauthorized, &signs);
    if unauthorized { error.with_status(StatusCode::UNAUTHORIZED) } else { error }
}
