//! Which endpoints pages of other sites may use.
//!
//! Those that machines use, for clients that run in a browser: they are open to every origin, because nothing in them
//! depends on cookies, and credentials are never allowed. Pages that people use are open to nobody.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::respond::{Answer, empty};

/// Lets any page read an answer, and see what it has to see of its headers.
pub(crate) fn open(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers
        .insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce, Retry-After"));
}

/// The answer to a preflight.
pub(crate) fn preflight(methods: &'static str) -> Answer {
    let mut answer = empty(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    open(headers);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        // The asterisk does not stand for Authorization (Fetch standard, CORS-unsafe request-header names).
        HeaderValue::from_static("Authorization, Content-Type, DPoP, MCP-Protocol-Version, Accept"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    answer
}
