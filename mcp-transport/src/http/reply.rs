//! Answers: the only place where an outcome becomes an HTTP status.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};

use super::{
    headers::{self, Standard},
    stream::McpBody,
};
use crate::{
    auth::{Principal, ProtectedResource, Refusal, ScopeSet},
    handler::Outcome,
    jsonrpc::{Code, Defect, DefectKind, ErrorObject, RequestId, frame},
    protocol::{ErrorWithoutId, Revision},
};

/// Who made an error: that, and not the code alone, settles the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// This driver refused the request before anybody acted on it.
    Driver,
    /// The handler answered so.
    Handler(Revision),
}

/// The status of an error.
///
/// | made by | code | status | rule |
/// |---|---|---|---|
/// | driver | any | 400 | MCP 2026-07-28, streamable HTTP, "Server Validation"; 2025-11-25, "Sending Messages", 4 |
/// | handler, modern | -32601 | 404 | 2026-07-28, streamable HTTP, "Protocol Version Header" |
/// | handler, modern | -32020 to -32022 | 400 | 2026-07-28, basic, "`_meta`"; streamable HTTP, as above |
/// | handler, modern | other | 200 | it is the answer to a request that was understood |
/// | handler, legacy | any | 200 | as above; a legacy client reads 404 as the end of its session |
fn status(by: By, code: Code) -> StatusCode {
    match by {
        By::Driver => StatusCode::BAD_REQUEST,
        By::Handler(revision) if revision.is_modern() => match code {
            Code::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            Code::HEADER_MISMATCH | Code::MISSING_REQUIRED_CLIENT_CAPABILITY | Code::UNSUPPORTED_PROTOCOL_VERSION => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::OK,
        },
        By::Handler(_) => StatusCode::OK,
    }
}

/// Whether an outcome has a status of its own, which a stream could not have. It is then answered as JSON even to a client
/// that lists streams only: a refusal need not be of an acceptable type (RFC 9110 section 15.5.7).
pub(super) fn has_status(revision: Revision, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Reply(_) => false,
        Outcome::Error(error) => status(By::Handler(revision), error.code) != StatusCode::OK,
        Outcome::Forbidden(_) => true,
    }
}

/// The answer to one request, as JSON.
pub(super) fn outcome(revision: Revision, id: &RequestId, outcome: Outcome, caller: &Caller) -> Response<McpBody> {
    match outcome {
        Outcome::Reply(reply) => json(StatusCode::OK, frame::result(id, &reply.body)),
        Outcome::Error(error) => {
            let frame = frame::error(Some(id), revision.error_without_id(), &error);
            json(status(By::Handler(revision), error.code), frame)
        }
        Outcome::Forbidden(scopes) => forbidden(revision, Some(id), &scopes, caller),
    }
}

/// The answer to one request, as a message: inside a stream or a batch, where the status is settled already.
pub(super) fn message(revision: Revision, id: &RequestId, outcome: Outcome) -> Bytes {
    match outcome {
        Outcome::Reply(reply) => frame::result(id, &reply.body),
        Outcome::Error(error) => frame::error(Some(id), revision.error_without_id(), &error),
        Outcome::Forbidden(scopes) => frame::error(Some(id), revision.error_without_id(), &scopes_missing(&scopes)),
    }
}

/// Who sent a request, kept while the request itself moves into its call.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) principal: Option<Arc<Principal>>,
    /// What the guard guards; `None` where there is no guard.
    pub(super) resource: Option<Arc<ProtectedResource>>,
}

impl Caller {
    pub(super) fn of(parts: &Parts) -> Self {
        Self { principal: parts.extensions.get().cloned(), resource: parts.extensions.get().cloned() }
    }
}

/// 403 with one challenge that names all scopes of the operation (RFC 6750 section 3.1; MCP 2026-07-28, authorization);
/// 401 where the guard lets anonymous callers pass and this one sent no token.
#[cold]
pub(super) fn forbidden(
    revision: Revision,
    id: Option<&RequestId>,
    scopes: &ScopeSet,
    caller: &Caller,
) -> Response<McpBody> {
    let frame = frame::error(id, revision.error_without_id(), &scopes_missing(scopes));
    let Some(resource) = &caller.resource else {
        return json(StatusCode::FORBIDDEN, frame);
    };
    // A client asks for just what the challenge names. With the scopes of the tool alone it would get a token that the
    // guard refuses, and step up without end.
    let all = scopes.union(resource.required_scopes());
    let refusal = Refusal::insufficient_scope(caller.principal.as_deref(), all);
    let mut response = json(refusal.status(), frame);
    refusal.write_headers(resource, response.headers_mut());
    response.headers_mut().insert(header::CONTENT_TYPE, headers::APPLICATION_JSON.clone());
    response
}

#[cold]
fn scopes_missing(scopes: &ScopeSet) -> ErrorObject {
    ErrorObject::new(Code::INVALID_REQUEST, format!("the token lacks a scope that this needs: {scopes}"))
}

/// A request that this driver refuses.
#[cold]
pub(super) fn refuse(
    revision: Option<Revision>,
    status: StatusCode,
    id: Option<&RequestId>,
    error: &ErrorObject,
) -> Response<McpBody> {
    let without = revision.map_or(ErrorWithoutId::Null, Revision::error_without_id);
    json(status, frame::error(id, without, error))
}

/// A request that this driver refuses with 400.
#[cold]
pub(super) fn invalid(revision: Option<Revision>, id: Option<&RequestId>, error: &ErrorObject) -> Response<McpBody> {
    refuse(revision, status(By::Driver, error.code), id, error)
}

/// A body that holds no message.
#[cold]
pub(super) fn defect(revision: Option<Revision>, defect: &Defect) -> Response<McpBody> {
    let status = match defect.kind {
        DefectKind::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    refuse(revision, status, defect.id.as_ref(), &defect.kind.into())
}

/// A session that is not there, or is somebody else's: the client starts a new one (MCP 2025-11-25, "Session
/// Management", 3 and 4).
#[cold]
pub(super) fn no_session(revision: Option<Revision>, id: Option<&RequestId>) -> Response<McpBody> {
    let error = ErrorObject::new(Code::INVALID_REQUEST, "no such session; send initialize to start a new one");
    refuse(revision, StatusCode::NOT_FOUND, id, &error)
}

/// So much runs in the session that nothing more may begin for now.
#[cold]
pub(super) fn busy(revision: Revision, id: Option<&RequestId>, error: &ErrorObject) -> Response<McpBody> {
    let mut response = refuse(Some(revision), StatusCode::SERVICE_UNAVAILABLE, id, error);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A plain refusal of the HTTP kind, as a JSON-RPC error without an id. What the body would have said of the revision is
/// not known, so the version header must do.
#[cold]
pub(super) fn plain(headers: &HeaderMap, status: StatusCode, text: &'static str) -> Response<McpBody> {
    let error = ErrorObject::new(Code::INVALID_REQUEST, text);
    refuse(Standard::of(headers).revision(), status, None, &error)
}

/// A store or bus that could not be reached: not the client's fault, and not "no such session".
#[cold]
pub(super) fn unavailable(
    revision: Option<Revision>,
    id: Option<&RequestId>,
    cause: &crate::Error,
) -> Response<McpBody> {
    tracing::error!(error = %crate::error::Chain(cause), "a session store or bus failed");
    let error = ErrorObject::new(Code::INTERNAL_ERROR, "the server cannot reach its session store; try again");
    let mut response = refuse(revision, StatusCode::SERVICE_UNAVAILABLE, id, &error);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// A method that the endpoint does not have.
#[cold]
pub(super) fn method_not_allowed(headers: &HeaderMap, allow: &'static str) -> Response<McpBody> {
    let mut response = plain(headers, StatusCode::METHOD_NOT_ALLOWED, "the MCP endpoint does not have this method");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Accepted, and nothing to say.
pub(super) fn accepted() -> Response<McpBody> {
    empty(StatusCode::ACCEPTED)
}

pub(super) fn empty(status: StatusCode) -> Response<McpBody> {
    let mut response = Response::new(McpBody::empty());
    *response.status_mut() = status;
    response
}

pub(super) fn json(status: StatusCode, body: Bytes) -> Response<McpBody> {
    let mut response = Response::new(McpBody::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, headers::APPLICATION_JSON.clone());
    response
}

/// A stream of events. Proxies are told not to buffer it, caches not to keep it.
pub(super) fn events(body: McpBody) -> Response<McpBody> {
    let mut response = Response::new(body);
    let head = response.headers_mut();
    head.reserve(3);
    head.insert(header::CONTENT_TYPE, headers::TEXT_EVENT_STREAM.clone());
    head.insert(header::CACHE_CONTROL, headers::NO_STORE.clone());
    head.insert(headers::X_ACCEL_BUFFERING.clone(), headers::NO.clone());
    response
}
