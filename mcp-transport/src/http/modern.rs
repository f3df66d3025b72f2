//! The modern era: every request stands alone.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, request::Parts};

use super::{
    call::{Call, Ended, guarded},
    headers::{self, Accepts},
    post::{First, first},
    reply::{self, Caller},
    service::{Shared, revision_of},
    stream::{McpBody, ModernStream},
};
use crate::{
    auth::Principal,
    exchange::meta,
    handler::{Head, Needs},
    jsonrpc::{Code, ErrorObject, Notification, Params, Raw, Request, RequestId, lookup},
    outbox::Outbox,
    protocol::{LoggingLevel, Method, Revision, Revisions},
};

/// A modern call that waits for its answer.
pub(super) struct Waiting {
    call: Call,
    revision: Revision,
    accepts: Accepts,
    caller: Caller,
}

/// Judges a request and calls the handler.
///
/// # Errors
/// The answer to a request that is refused.
pub(super) fn begin(
    shared: &Arc<Shared>,
    parts: Parts,
    request: Request,
    accepts: Accepts,
) -> Result<Waiting, Response<McpBody>> {
    let revision = judge(&parts.headers, shared.handler.revisions(), &request)
        .map_err(|error| reply::invalid(Some(Revision::LATEST), Some(&request.id), &error))?;
    let needs = shared.handler.needs(&Head { revision, method: &request.method, params: &request.params });
    mirrored(&parts.headers, &needs, &request.params)
        .map_err(|error| reply::invalid(Some(revision), Some(&request.id), &error))?;
    let caller = Caller::of(&parts);
    authorised(&needs, caller.principal.as_deref())
        .map_err(|missing| reply::forbidden(Some(&request.id), &missing, &caller))?;
    let request = if request.method == Method::Listen { lasting(request)? } else { request };
    let mut exchange = shared.exchange(request.id.clone(), revision, &request.params, parts);
    if request.method == Method::Listen {
        if !accepts.sse() {
            let error = ErrorObject::new(
                Code::INVALID_REQUEST,
                "subscriptions/listen is answered by a stream: Accept must list text/event-stream",
            );
            return Err(reply::refuse(Some(revision), StatusCode::NOT_ACCEPTABLE, Some(&request.id), &error));
        }
        exchange.outbox(Outbox::for_subscription(request.id.clone(), shared.config.outbox));
    }
    let call = Call::new(Arc::clone(&shared.handler), exchange.build(), request, None);
    Ok(Waiting { call, revision, accepts, caller })
}

/// The most that a subscription may say, in bytes: it is kept as long as its stream.
const LISTEN_MOST: usize = 64 << 10;

/// The request with an id and params of its own. As slices they would keep the whole body, which may be larger by far, as
/// long as the stream lasts.
fn lasting(request: Request) -> Result<Request, Response<McpBody>> {
    let Request { id, method, params } = request;
    let params = params.to_raw();
    let size = params.as_bytes().len() + id.as_json().len();
    let copied = |raw: &Raw| Raw::trusted(Bytes::copy_from_slice(raw.as_bytes()));
    let lasting = match (RequestId::from_raw(copied(id.as_raw())), Params::new(copied(&params))) {
        (Some(id), Ok(params)) if size <= LISTEN_MOST => Request { id, method, params },
        _ => {
            let error = format!("the params of subscriptions/listen are larger than {LISTEN_MOST} bytes");
            return Err(reply::invalid(Some(Revision::LATEST), Some(&id), &ErrorObject::invalid_params(error)));
        }
    };
    Ok(lasting)
}

impl Waiting {
    /// Drives the call until it is over or needs a stream, which then drives it.
    pub(super) async fn answer(self, shared: &Shared) -> Response<McpBody> {
        let Self { mut call, revision, accepts, caller } = self;
        let (came, beat) = first(shared, &mut call, accepts, caller.principal.as_ref()).await;
        let (call, message) = match came {
            First::Done(Ended::Answered(outcome))
                if shared.config.is_json(accepts, &outcome) || reply::has_status(revision, &outcome) =>
            {
                return reply::outcome(revision, call.id(), outcome, &caller);
            }
            First::Done(Ended::Answered(outcome)) => (None, Some(reply::message(revision, call.id(), outcome))),
            First::Done(Ended::Cancelled) => (None, None),
            First::Stream(message) => (Some(call), message),
            First::Detach => (Some(call), None),
        };
        let beat = beat.unwrap_or_else(|| shared.beat(caller.principal));
        reply::events(McpBody::modern(ModernStream { call, revision, beat, first: message }))
    }
}

/// A notification. This revision defines none over HTTP; whatever an extension defines goes to the handler.
pub(super) async fn notification(shared: Arc<Shared>, parts: Parts, note: Notification) -> Response<McpBody> {
    let revision = match judge_note(&parts.headers, shared.handler.revisions(), &note) {
        Ok(revision) => revision,
        Err(error) => return reply::invalid(Some(Revision::LATEST), None, &error),
    };
    // Closing the stream is what cancels here (MCP 2026-07-28, cancellation, "Transport-Specific Cancellation").
    if !matches!(note.method, Method::Cancelled | Method::Initialized) {
        // A notification has no id; an exchange needs one that nothing else uses.
        let id = RequestId::from_text("");
        let exchange = shared.exchange(id, revision, &note.params, parts).build();
        exchange.outbox().close();
        // A panic in it is not the connection's, on which other requests may run.
        guarded(Arc::clone(&shared.handler).notify(exchange, note)).await;
    }
    reply::accepted()
}

/// MCP 2026-07-28, streamable HTTP, "Sending Messages", 4: the client must not send responses.
pub(super) fn response(parts: &Parts) -> Response<McpBody> {
    let error = ErrorObject::new(Code::INVALID_REQUEST, "a client sends no responses in this revision");
    reply::invalid(revision_of(parts), None, &error)
}

/// MCP 2026-07-28, streamable HTTP, "Sending Messages", 4: the body is a single message.
pub(super) fn batch(parts: &Parts) -> Response<McpBody> {
    let error = ErrorObject::new(Code::INVALID_REQUEST, "this revision has no batches: send one message");
    reply::invalid(revision_of(parts), None, &error)
}

/// Judges what the specification asks of every modern request: the `_meta` members, the revision, the headers.
fn judge(headers: &HeaderMap, spoken: Revisions, request: &Request) -> Result<Revision, ErrorObject> {
    let params = &request.params;
    let Some(written) = params.meta(meta::PROTOCOL_VERSION) else {
        if !headers.contains_key(&headers::MCP_PROTOCOL_VERSION) {
            return Err(mismatch(&headers::MCP_PROTOCOL_VERSION, "is missing"));
        }
        return Err(ErrorObject::invalid_params("_meta must have io.modelcontextprotocol/protocolVersion"));
    };
    let Some(claimed) = params.meta_str(meta::PROTOCOL_VERSION) else {
        return Err(ErrorObject::invalid_params(format!(
            "io.modelcontextprotocol/protocolVersion must be a string, not {}",
            crate::jsonrpc::shown(written)
        )));
    };
    same(headers, &headers::MCP_PROTOCOL_VERSION, Some(&claimed), Presence::Required, headers::plain)?;
    let revision = match claimed.parse::<Revision>() {
        Ok(revision) if revision.is_modern() && spoken.contains(revision) => revision,
        Ok(_) | Err(_) => return Err(unsupported(spoken, &claimed)),
    };
    if !params.meta(meta::CLIENT_CAPABILITIES).is_some_and(|text| text.starts_with('{')) {
        return Err(ErrorObject::invalid_params(
            "_meta must have io.modelcontextprotocol/clientCapabilities, an object",
        ));
    }
    if params.meta(meta::CLIENT_INFO).is_some_and(|text| !text.starts_with('{')) {
        return Err(ErrorObject::invalid_params("io.modelcontextprotocol/clientInfo must be an object"));
    }
    if let Some(level) = params.meta(meta::LOG_LEVEL)
        && serde_json::from_str::<LoggingLevel>(level).is_err()
    {
        return Err(ErrorObject::invalid_params("io.modelcontextprotocol/logLevel is not a log level"));
    }
    if revision.wants_standard_headers() {
        same(headers, &headers::MCP_METHOD, Some(request.method.as_str()), Presence::Required, headers::plain)?;
        if let Some((member, presence)) = named_by(&request.method) {
            let name = params.get_str(member);
            same(headers, &headers::MCP_NAME, name.as_deref(), presence, headers::decode_mirrored)?;
        }
    }
    Ok(revision)
}

/// Judges a notification: it need not say its revision twice, but it must not say two, and it is a modern one. A legacy
/// notification belongs into a session, and who may use that is judged there.
fn judge_note(headers: &HeaderMap, spoken: Revisions, note: &Notification) -> Result<Revision, ErrorObject> {
    let name = &headers::MCP_PROTOCOL_VERSION;
    let header = headers::one(headers, name).map_err(|_| mismatch(name, "is there more than once"))?;
    let header = header.map(headers::plain).transpose().map_err(|_| mismatch(name, "is malformed"))?;
    let claimed = match (header, note.params.meta_str(meta::PROTOCOL_VERSION)) {
        (Some(header), Some(claimed)) if header != claimed => {
            return Err(mismatch(name, "does not match the body"));
        }
        (_, Some(claimed)) => claimed.to_string(),
        (Some(header), None) => header.to_owned(),
        (None, None) => String::new(),
    };
    let revision = claimed.parse::<Revision>().ok();
    revision
        .filter(|revision| revision.is_modern() && spoken.contains(*revision))
        .ok_or_else(|| unsupported(spoken, &claimed))
}

/// Whether a header must be there when the body has the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

/// The member of `params` that `Mcp-Name` mirrors (MCP 2026-07-28, streamable HTTP, "Standard Request Headers"; the
/// tasks extension adds its own).
const fn named_by(method: &Method) -> Option<(&'static str, Presence)> {
    match method {
        Method::CallTool | Method::GetPrompt => Some(("name", Presence::Required)),
        Method::ReadResource => Some(("uri", Presence::Required)),
        Method::GetTask | Method::UpdateTask | Method::CancelTask => Some(("taskId", Presence::Optional)),
        _ => None,
    }
}

/// The header says what the body says. `read` decodes its value: only `Mcp-Name` may be encoded, and another header that
/// was taken for encoded here would say something else to a proxy.
fn same<'a, T: AsRef<str>>(
    headers: &'a HeaderMap,
    name: &http::HeaderName,
    body: Option<&str>,
    presence: Presence,
    read: fn(&'a HeaderValue) -> Result<T, headers::InvalidHeader>,
) -> Result<(), ErrorObject> {
    let header = headers::one(headers, name).map_err(|_| mismatch(name, "is there more than once"))?;
    match (header, body) {
        (None, None) => Ok(()),
        (None, Some(_)) if presence == Presence::Optional => Ok(()),
        (None, Some(_)) => Err(mismatch(name, "is missing")),
        (Some(_), None) => Err(mismatch(name, "has no counterpart in the body")),
        (Some(header), Some(body)) => {
            let header = read(header).map_err(|_| mismatch(name, "is malformed"))?;
            if header.as_ref() == body { Ok(()) } else { Err(mismatch(name, "does not match the body")) }
        }
    }
}

/// The headers mirror the arguments (MCP 2026-07-28, streamable HTTP, "Server Behavior for Custom Headers").
fn mirrored(headers: &HeaderMap, needs: &Needs, params: &Params) -> Result<(), ErrorObject> {
    let Some(mirrored) = &needs.mirrored else {
        return Ok(());
    };
    let arguments = params.get("arguments").unwrap_or("{}");
    for param in mirrored.iter() {
        let value = lookup(arguments, &param.path).filter(|value| *value != "null");
        let header =
            headers::one(headers, &param.header).map_err(|_| mismatch(&param.header, "is there more than once"))?;
        match (header, value) {
            (None, None) => {}
            (None, Some(_)) => return Err(mismatch(&param.header, "is missing")),
            (Some(_), None) => return Err(mismatch(&param.header, "has no counterpart in the arguments")),
            (Some(header), Some(value)) => {
                let header = headers::decode_mirrored(header).map_err(|_| mismatch(&param.header, "is malformed"))?;
                if !headers::mirrored_matches(&header, value) {
                    return Err(mismatch(&param.header, "does not match the arguments"));
                }
            }
        }
    }
    Ok(())
}

fn mismatch(header: &http::HeaderName, why: &'static str) -> ErrorObject {
    ErrorObject::new(Code::HEADER_MISMATCH, format!("header mismatch: {header} {why}"))
}

/// -32022, with what is spoken here (MCP 2026-07-28, versioning, "Protocol Version Negotiation").
pub(super) fn unsupported(spoken: Revisions, requested: &str) -> ErrorObject {
    let supported: Vec<&str> = spoken.iter().map(Revision::as_str).collect();
    let data = serde_json::json!({ "supported": supported, "requested": crate::jsonrpc::shown(requested) });
    let error = ErrorObject::new(Code::UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version");
    match Raw::write(&data) {
        Ok(data) => error.with_data(data),
        Err(_) => error,
    }
}

/// The principal has what the operation needs. Scopes without a guard are refused: nobody can have them.
pub(super) fn authorised(needs: &Needs, principal: Option<&Principal>) -> Result<(), crate::auth::ScopeSet> {
    let Some(scopes) = &needs.scopes else {
        return Ok(());
    };
    match principal {
        Some(principal) if principal.scopes().is_superset(scopes) => Ok(()),
        Some(_) => Err(scopes.clone()),
        None if scopes.is_empty() => Ok(()),
        None => Err(scopes.clone()),
    }
}
