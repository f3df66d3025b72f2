//! Answers, and the headers that each kind of them has.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use mcp_transport::auth::DpopNonce;
use serde::Serialize;

use crate::server::error::{ErrorCode, OAuthError};
use mcp_transport::Chain;

/// An answer whose body is at hand.
pub(crate) type Answer = Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// How many headers an answer with a body has, those included that are the same for all: there is room for them at once.
const MOST_HEADERS: usize = 10;

/// RFC 9449 section 8.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What an endpoint says in its body when it refuses (RFC 6749 section 5.2).
#[derive(Serialize)]
struct Refusal<'a> {
    error: &'static str,
    error_description: &'a str,
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    answer
}

/// JSON that nobody may keep: RFC 6749 section 5.1 asks for both headers where there are tokens.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => bytes(status, JSON, body.into()),
        // Maps with texts for names always serialise, and we write no others.
        Err(error) => refuse(&OAuthError::server_error(error)),
    }
}

/// A body of this type that nobody may keep.
pub(crate) fn bytes(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Answer {
    let mut headers = HeaderMap::with_capacity(MOST_HEADERS);
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(PRAGMA, NO_CACHE);
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// A refusal as JSON. What is our fault goes to the log.
pub(crate) fn refuse(error: &OAuthError) -> Answer {
    log(error);
    let body = Refusal { error: error.code().as_str(), error_description: &error.told() };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let mut answer = bytes(error.status(), JSON, body.into());
    if error.code() == ErrorCode::InvalidClient {
        // RFC 6749 section 5.2: "the authorization server MUST respond with an HTTP 401 [..] and include the
        // WWW-Authenticate response header field matching the authentication scheme used by the client".
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"oauth\""));
    }
    retry(&mut answer, error);
    dpop_nonce(&mut answer, error.dpop_nonce());
    answer
}

/// Gives a nonce for the next DPoP proof, where there is one.
pub(crate) fn dpop_nonce(answer: &mut Answer, nonce: Option<&DpopNonce>) {
    // The nonce's grammar is a subset of a header value's.
    if let Some(nonce) = nonce.and_then(|nonce| HeaderValue::from_str(nonce.as_str()).ok()) {
        answer.headers_mut().insert(DPOP_NONCE, nonce);
    }
}

/// Says when to ask again, where the error knows it.
pub(crate) fn retry(answer: &mut Answer, error: &OAuthError) {
    if let Some(wait) = error.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
}

/// Writes down what is our fault.
pub(crate) fn log(error: &OAuthError) {
    if error.is_ours() {
        tracing::error!(error = %Chain(error), "a request could not be answered");
    }
}
