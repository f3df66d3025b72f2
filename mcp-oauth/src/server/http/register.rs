//! Dynamic registration (RFC 7591) and its management (RFC 7592).

use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use mcp_transport::auth::ClientId;

use super::request::Incoming;
use super::respond::{Answer, empty, json, refuse};
use crate::server::audit::{Event, EventKind};
use crate::server::client::{
    self, ClientResponse, Enrolled, Managed, MetadataError, Registration, RegistrationErrorCode, ReplaceError,
};
use crate::server::client_auth::named_client;
use crate::server::engine::Engine;
use crate::server::error::{ErrorCode, OAuthError};
use crate::server::form::decode;
use crate::store::{By, Inserted, Replaced};
use crate::types::{Client, ClientMetadata, EndReason, Secret};

/// How often a change is tried while somebody else changes the client.
const ATTEMPTS: usize = 4;
/// The largest metadata that is kept, as JSON.
const LARGEST: usize = 8 * 1024;

/// A client registers itself.
pub(crate) async fn register(engine: &Engine, request: &Incoming) -> Result<Answer, OAuthError> {
    engine.limit_registration(request.address()).await?;
    is_json(&request.head.headers)?;
    let now = engine.now();
    for _ in 0..ATTEMPTS {
        let Registration { metadata, software_statement, .. } =
            client::register(&request.body, &engine.parts.metadata_policy).map_err(refused)?;
        is_small(&metadata)?;
        let Enrolled { client, fingerprint, secret, token, .. } = client::enrol(metadata, now)?;
        let client = match engine.stores.clients.insert(client, fingerprint).await? {
            Inserted::New(kept) | Inserted::Joined(kept) => kept.value,
            Inserted::IdTaken => continue,
        };
        engine.record(Event::new(EventKind::ClientRegistered, now).from(request.address()).client(&client.id));
        let statement = software_statement.as_deref();
        return Ok(told(engine, StatusCode::CREATED, &client, secret.as_ref(), &token, statement));
    }
    Err(OAuthError::server_error("no free client id was found"))
}

/// A client reads, changes or ends its registration.
pub(crate) async fn manage(engine: &Engine, request: &Incoming, id: &str) -> Result<Answer, OAuthError> {
    let Some(token) = bearer(&request.head.headers) else { return Ok(unauthorized()) };
    let id = decode(id.as_bytes()).ok().and_then(|id| named_client(&id));
    let whose = id.as_ref().map(ClientId::as_str).unwrap_or_default();
    engine.may_guess(whose.as_bytes(), request.address()).await?;
    for _ in 0..ATTEMPTS {
        let kept = match &id {
            Some(id) => engine.stores.clients.get(id).await?,
            None => None,
        };
        let Some(managed) = Managed::authorize(kept.as_ref().map(|kept| &kept.value), &token) else {
            engine.guessed(whose.as_bytes(), request.address()).await?;
            return Ok(unauthorized());
        };
        let version = kept.as_ref().map(|kept| kept.version).unwrap_or_default();
        let done = match request.head.method {
            Method::PUT => replace(engine, request, &managed, version, &token).await?,
            Method::DELETE => delete(engine, request, &managed, version).await?,
            _ => Some(told(engine, StatusCode::OK, managed.client(), None, &token, None)),
        };
        if let Some(answer) = done {
            return Ok(answer);
        }
    }
    let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, "the registration is being changed; try again");
    Err(error)
}

/// RFC 7592 section 2.2. `None` if somebody was faster.
async fn replace(
    engine: &Engine,
    request: &Incoming,
    managed: &Managed<'_>,
    version: u64,
    token: &Secret,
) -> Result<Option<Answer>, OAuthError> {
    is_json(&request.head.headers)?;
    let replacement = match managed.replace(&request.body, &engine.parts.metadata_policy) {
        Ok(replacement) => replacement,
        Err(ReplaceError::Metadata(error)) => return Err(refused(error)),
        Err(ReplaceError::Shared) => {
            let error = OAuthError::new(ErrorCode::InvalidClientMetadata, ReplaceError::Shared.to_string());
            return Err(error.with_status(StatusCode::FORBIDDEN));
        }
    };
    let now = engine.now();
    is_small(&replacement.registration.metadata)?;
    let (mut client, secret) = replacement.apply(managed.client())?;
    client.last_used = now;
    if engine.stores.clients.replace(version, client.clone(), false).await? != Replaced::Done {
        return Ok(None);
    }
    engine.record(Event::new(EventKind::ClientChanged, now).from(request.address()).client(&client.id));
    let statement = replacement.registration.software_statement.as_deref();
    Ok(Some(told(engine, StatusCode::OK, &client, secret.as_ref(), token, statement)))
}

/// RFC 7592 section 2.3. `None` if somebody was faster.
async fn delete(
    engine: &Engine,
    request: &Incoming,
    managed: &Managed<'_>,
    version: u64,
) -> Result<Option<Answer>, OAuthError> {
    let (id, now) = (&managed.client().id, engine.now());
    if let Some(rest) = managed.withdraw() {
        let replaced = engine.stores.clients.replace(version, rest, true).await?;
        return Ok((replaced == Replaced::Done).then(|| empty(StatusCode::NO_CONTENT)));
    }
    // "the authorization server [..] SHOULD immediately invalidate all existing authorization grants and currently active
    // access tokens". Before, so that a request that breaks off can be sent again; and after, for what was made between.
    // What users have allowed it goes along.
    let by = By::Client(id.clone());
    engine.stores.withdraw_all(&by, EndReason::ClientDeleted, now).await?;
    if engine.stores.clients.delete(id, Some(version)).await? == Replaced::Conflict {
        return Ok(None);
    }
    engine.record(Event::new(EventKind::ClientDeleted, now).from(request.address()).client(id));
    engine.stores.withdraw_all(&by, EndReason::ClientDeleted, now).await?;
    Ok(Some(empty(StatusCode::NO_CONTENT)))
}

fn told(
    engine: &Engine,
    status: StatusCode,
    client: &Client,
    secret: Option<&Secret>,
    token: &Secret,
    statement: Option<&str>,
) -> Answer {
    let uri = engine.config.url(&format!("/register/{}", client.id));
    let scopes = engine.config.known_scopes();
    let response = ClientResponse {
        secret,
        registration_token: Some(token),
        registration_uri: Some(&uri),
        scopes: Some(scopes),
        software_statement: statement,
        ..ClientResponse::new(client)
    };
    json(status, &response)
}

fn refused(error: MetadataError) -> OAuthError {
    let code = match error.code() {
        RegistrationErrorCode::InvalidRedirectUri => ErrorCode::InvalidRedirectUri,
        RegistrationErrorCode::InvalidClientMetadata => ErrorCode::InvalidClientMetadata,
        RegistrationErrorCode::InvalidSoftwareStatement => ErrorCode::InvalidSoftwareStatement,
        RegistrationErrorCode::UnapprovedSoftwareStatement => ErrorCode::UnapprovedSoftwareStatement,
    };
    OAuthError::new(code, error.to_string())
}

/// What anybody may have kept here is bounded, beyond what each member is.
fn is_small(metadata: &ClientMetadata) -> Result<(), OAuthError> {
    let size = serde_json::to_vec(metadata).map_err(OAuthError::server_error)?.len();
    if size <= LARGEST {
        Ok(())
    } else {
        Err(OAuthError::new(ErrorCode::InvalidClientMetadata, "the metadata has more than 8 KiB"))
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), OAuthError> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(OAuthError::new(ErrorCode::InvalidClientMetadata, "send the metadata as application/json"))
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then(|| Secret::new(token.to_owned()))
}

/// RFC 7592 section 2: one answer for a client that is not known and for a token that is not its.
fn unauthorized() -> Answer {
    let mut answer =
        refuse(&OAuthError::new(ErrorCode::InvalidToken, "the registration access token is not good for this client"));
    let challenge = HeaderValue::from_static("Bearer realm=\"registration\", error=\"invalid_token\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    answer
}
