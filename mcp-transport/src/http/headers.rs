//! Header names, constant values, and the header fields that need more than a comparison of bytes.
//!
//! Everything here is a pure function of a [`HeaderMap`] or of one value: no clock, no I/O.
//!
//! - [`Accepts`]: what the peer can read, from all its `Accept` fields;
//! - [`is_json_content_type`]: whether the body is `application/json`;
//! - [`decode_mirrored`], [`encode_mirrored`], [`mirrored_matches`]: the values of `Mcp-Name` and `Mcp-Param-*`;
//! - [`one`]: a field that may stand once only.

mod accept;
mod fields;
mod mirrored;
mod syntax;
#[cfg(test)]
mod tests;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

pub use self::accept::Accepts;
pub(super) use self::fields::{Admission, Field, Standard};
pub(super) use self::mirrored::plain;
pub use self::mirrored::{InvalidHeader, decode_mirrored, encode_mirrored, mirrored_matches};

/// `MCP-Protocol-Version`, the revision of a request or of an answer.
pub static MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Session-Id`, of the legacy revisions.
pub static MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// `Mcp-Method`, which mirrors `method` (2026-07-28).
pub static MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`, which mirrors `params.name` or `params.uri` (2026-07-28).
pub static MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
/// `Last-Event-ID`, with which a legacy client resumes a stream.
pub static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// `X-Accel-Buffering`, which tells a reverse proxy to pass events on at once.
pub static X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// `DPoP`, a proof of possession (RFC 9449).
pub static DPOP: HeaderName = HeaderName::from_static("dpop");
/// What the names of the fields that mirror tool parameters begin with, in the lower case in which
/// [`HeaderName::as_str`] shows every name.
pub const MCP_PARAM_PREFIX: &str = "mcp-param-";

/// `application/json`, the `Content-Type` of a single answer.
pub static APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `text/event-stream`, the `Content-Type` of a stream.
pub static TEXT_EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// `no-store`, the `Cache-Control` of every answer that depends on its caller.
pub static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// `no`, the value of `X-Accel-Buffering` on a stream.
pub static NO: HeaderValue = HeaderValue::from_static("no");
/// `close`, for `Connection`.
pub static CLOSE: HeaderValue = HeaderValue::from_static("close");

/// A header field that may stand only once stands more than once.
///
/// Which of two values counts depends on who reads them, and such a difference between a proxy and us is how
/// a check is walked around; so neither is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header field stands more than once")]
#[non_exhaustive]
pub struct DuplicateHeader;

/// The value of a field that may stand at most once.
///
/// # Errors
///
/// [`DuplicateHeader`] if there are two or more, even if they are equal.
pub fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, DuplicateHeader> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(DuplicateHeader);
    }
    Ok(first)
}

/// Whether `Content-Type` says `application/json`, and nothing that contradicts UTF-8.
///
/// Parameters are allowed (RFC 9110 section 8.3.1) and ignored, except that a `charset` must be `utf-8`: JSON
/// between systems is UTF-8 (RFC 8259 section 8.1). A missing, repeated or malformed field is `false`, and so
/// is any other type, `application/jsonp` and `application/json-rpc` among them. The type is what makes
/// a browser ask first (CORS preflight), so nothing close to it will do.
#[must_use]
pub fn is_json_content_type(headers: &HeaderMap) -> bool {
    matches!(one(headers, &CONTENT_TYPE), Ok(Some(value)) if is_json(value))
}

/// [`is_json_content_type`] for a field that stands once.
pub(super) fn is_json(value: &HeaderValue) -> bool {
    // The common spelling, without a walk over it.
    if value.as_bytes() == APPLICATION_JSON.as_bytes() {
        return true;
    }
    let Some((essence, parameters)) = syntax::media_type(value.as_bytes()) else {
        return false;
    };
    if !essence.eq_ignore_ascii_case(b"application/json") {
        return false;
    }
    let mut charset_seen = false;
    for parameter in parameters {
        let Some((name, value)) = parameter else {
            return false;
        };
        if name.eq_ignore_ascii_case(b"charset") {
            if charset_seen || !value.eq_ignore_ascii_case("utf-8") {
                return false;
            }
            charset_seen = true;
        }
    }
    true
}
