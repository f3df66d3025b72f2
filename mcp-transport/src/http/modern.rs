//! The modern era: every request stands alone.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, request::Parts};

use super::{
    call::{Call, Ended, Step, guarded},
    headers::{self, Accepts, Field, Standard},
    post::{Begun, First, first},
    reply::{self, Caller},
    service::Shared,
    stream::{McpBody, ModernStream},
};
use crate::{
    auth::Principal,
    exchange::{ExchangeBuilder, meta},
    handler::Needs,
    jsonrpc::{Code, ErrorObject, Notification, Params, Raw, Request, RequestId, Value, lookup},
    outbox::Outbox,
    protocol::{LoggingLevel, Method, Revision, Revisions},
};

/// A request that was judged and may become a call.
pub(super) struct Judged {
    revision: Revision,
    accepts: Accepts,
    caller: Caller,
}

/// A modern call that waits for its answer.
struct Waiting {
    call: Call,
    judged: Judged,
}

/// Judges a request: what the specification asks of it, what it needs, and who sent it.
///
/// # Errors
/// The answer to a request that is refused.
pub(super) fn judge(
    shared: &Shared,
    parts: &Parts,
    fields: &Standard<'_>,
    accepts: Accepts,
    request: &Request,
) -> Result<Judged, Response<McpBody>> {
    let revision = said(fields, shared.handler.revisions(), request)
        .map_err(|error| reply::invalid(Some(Revision::LATEST), Some(&request.id), &error))?;
    let needs = shared
        .needs(revision, request)
        .map_err(|error| reply::outcome(revision, &request.id, error.into(), &Caller::of(parts)))?;
    mirrored(&parts.headers, &needs, &request.params)
        .map_err(|error| reply::invalid(Some(revision), Some(&request.id), &error))?;
    let caller = Caller::of(parts);
    authorised(&needs, caller.principal.as_deref())
        .map_err(|missing| reply::forbidden(revision, Some(&request.id), &missing, &caller))?;
    Ok(Judged { revision, accepts, caller })
}

/// Calls the handler. Most calls are over when they have been polled once, and are answered at once.
pub(super) fn begin(
    shared: &Arc<Shared>,
    judged: Judged,
    parts: Box<Parts>,
    request: Request,
    task: &mut Context<'_>,
) -> Begun {
    let mut exchange = shared.exchange(request.id.clone(), judged.revision, &request.params, parts);
    let request = if request.method == Method::Listen {
        match lasting(shared, judged.accepts, &mut exchange, request) {
            Ok(request) => request,
            Err(refusal) => return Begun::Answered(refusal),
        }
    } else {
        request
    };
    let mut call = Call::new(Arc::clone(&shared.handler), exchange.build(), request, None);
    match call.poll_step(task) {
        Poll::Ready(Step::Done(Ended::Answered(outcome)))
            if shared.is_json(judged.accepts, judged.revision, &outcome) =>
        {
            Begun::Answered(reply::outcome(judged.revision, call.id(), outcome, &judged.caller))
        }
        step => {
            let (shared, waiting) = (Arc::clone(shared), Waiting { call, judged });
            Begun::later(async move { waiting.answer(&shared, step).await })
        }
    }
}

/// The most that a subscription may say, in bytes: it is kept as long as its stream.
const LISTEN_MOST: usize = 64 << 10;

/// A subscription, with a stream of its own, and with an id and params of its own: as slices they would keep the whole
/// body, which may be larger by far, as long as the stream lasts.
#[cold]
fn lasting(
    shared: &Shared,
    accepts: Accepts,
    exchange: &mut ExchangeBuilder,
    request: Request,
) -> Result<Request, Response<McpBody>> {
    let Request { id, method, params } = request;
    if !accepts.sse() {
        let error = ErrorObject::new(
            Code::INVALID_REQUEST,
            "subscriptions/listen is answered by a stream: Accept must list text/event-stream",
        );
        return Err(reply::refuse(Some(Revision::LATEST), StatusCode::NOT_ACCEPTABLE, Some(&id), &error));
    }
    let params = params.to_raw();
    let size = params.as_bytes().len() + id.as_json().len();
    let copied = |raw: &Raw| Raw::trusted(Bytes::copy_from_slice(raw.as_bytes()));
    let (own, params) = match (RequestId::from_raw(copied(id.as_raw())), Params::new(copied(&params))) {
        (Some(own), Ok(params)) if size <= LISTEN_MOST => (own, params),
        _ => {
            let error = format!("the params of subscriptions/listen are larger than {LISTEN_MOST} bytes");
            return Err(reply::invalid(Some(Revision::LATEST), Some(&id), &ErrorObject::invalid_params(error)));
        }
    };
    exchange.id(own.clone()).params(&params).outbox(Outbox::for_subscription(own.clone(), shared.config.outbox));
    Ok(Request { id: own, method, params })
}

impl Waiting {
    /// Drives the call until it is over or needs a stream, which then drives it. `step` is what came of it so far.
    async fn answer(self, shared: &Shared, step: Poll<Step>) -> Response<McpBody> {
        let Self { mut call, judged } = self;
        let (accepts, revision) = (judged.accepts, judged.revision);
        let (came, beat) = first(shared, &mut call, Some(step), accepts, judged.caller.principal.as_ref()).await;
        let (call, message) = match came {
            First::Done(Ended::Answered(outcome)) if shared.is_json(judged.accepts, judged.revision, &outcome) => {
                return reply::outcome(revision, call.id(), outcome, &judged.caller);
            }
            First::Done(Ended::Answered(outcome)) => (None, Some(reply::message(revision, call.id(), outcome))),
            First::Done(Ended::Cancelled) => (None, None),
            First::Stream(message) => (Some(call), message),
            First::Detach => (Some(call), None),
        };
        let beat = beat.unwrap_or_else(|| shared.beat(judged.caller.principal));
        reply::events(McpBody::modern(ModernStream { call, revision, beat, first: message }))
    }
}

/// A notification. This revision defines none over HTTP; whatever an extension defines goes to the handler.
pub(super) async fn notification(shared: Arc<Shared>, parts: Box<Parts>, note: Notification) -> Response<McpBody> {
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
    reply::invalid(Standard::of(&parts.headers).revision(), None, &error)
}

/// MCP 2026-07-28, streamable HTTP, "Sending Messages", 4: the body is a single message.
pub(super) fn batch(parts: &Parts) -> Response<McpBody> {
    let error = ErrorObject::new(Code::INVALID_REQUEST, "this revision has no batches: send one message");
    reply::invalid(Standard::of(&parts.headers).revision(), None, &error)
}

/// Judges what the specification asks of every modern request: the `_meta` members, the revision, the headers.
fn said(fields: &Standard<'_>, spoken: Revisions, request: &Request) -> Result<Revision, ErrorObject> {
    let params = &request.params;
    let said = Said::of(params);
    let Some(written) = said.version else {
        if fields.version.is_missing() {
            return Err(mismatch(&headers::MCP_PROTOCOL_VERSION, "is missing"));
        }
        return Err(ErrorObject::invalid_params("_meta must have io.modelcontextprotocol/protocolVersion"));
    };
    let Some(claimed) = written.string() else {
        return Err(ErrorObject::invalid_params(format!(
            "io.modelcontextprotocol/protocolVersion must be a string, not {}",
            crate::jsonrpc::shown(written.json())
        )));
    };
    same(fields.version, &headers::MCP_PROTOCOL_VERSION, Some(&claimed), Presence::Required, headers::plain)?;
    let revision = match claimed.parse::<Revision>() {
        Ok(revision) if revision.is_modern() && spoken.contains(revision) => revision,
        Ok(_) | Err(_) => return Err(unsupported(spoken, &claimed)),
    };
    said.check()?;
    if revision.wants_standard_headers() {
        same(fields.method, &headers::MCP_METHOD, Some(request.method.as_str()), Presence::Required, headers::plain)?;
        if let Some((member, presence)) = named_by(&request.method) {
            let name = params.get_str(member);
            same(fields.name, &headers::MCP_NAME, name.as_deref(), presence, headers::decode_mirrored)?;
        }
    }
    Ok(revision)
}

/// The members of `_meta` that are judged, found in one pass.
#[derive(Default)]
struct Said<'a> {
    version: Option<Value<'a>>,
    capabilities: Option<Value<'a>>,
    info: Option<Value<'a>>,
    level: Option<Value<'a>>,
    token: Option<Value<'a>>,
}

impl<'a> Said<'a> {
    fn of(params: &'a Params) -> Self {
        let mut said = Self::default();
        for (name, value) in params.all_meta() {
            let member = match &*name {
                meta::PROTOCOL_VERSION => &mut said.version,
                meta::CLIENT_CAPABILITIES => &mut said.capabilities,
                meta::CLIENT_INFO => &mut said.info,
                meta::LOG_LEVEL => &mut said.level,
                "progressToken" => &mut said.token,
                _ => continue,
            };
            *member = Some(value);
        }
        said
    }

    fn check(&self) -> Result<(), ErrorObject> {
        if !self.capabilities.is_some_and(|value| value.json().starts_with('{')) {
            return Err(ErrorObject::invalid_params(
                "_meta must have io.modelcontextprotocol/clientCapabilities, an object",
            ));
        }
        if self.info.is_some_and(|value| !value.json().starts_with('{')) {
            return Err(ErrorObject::invalid_params("io.modelcontextprotocol/clientInfo must be an object"));
        }
        if self.level.is_some_and(|level| serde_json::from_str::<LoggingLevel>(level.json()).is_err()) {
            return Err(ErrorObject::invalid_params("io.modelcontextprotocol/logLevel is not a log level"));
        }
        // A string, or a number, of which the scanner has seen that it is one.
        if self
            .token
            .is_some_and(|token| !token.json().starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9')))
        {
            return Err(ErrorObject::invalid_params("progressToken must be a string or a number"));
        }
        Ok(())
    }
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
    field: Field<'a>,
    name: &http::HeaderName,
    body: Option<&str>,
    presence: Presence,
    read: fn(&'a HeaderValue) -> Result<T, headers::InvalidHeader>,
) -> Result<(), ErrorObject> {
    if let (Field::Once(header), Some(body)) = (field, body)
        && is_literal(body)
        && header.as_bytes() == body.as_bytes()
    {
        return Ok(());
    }
    let header = field.one().map_err(|_| mismatch(name, "is there more than once"))?;
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

/// Whether every reader of a header takes this text for itself: nothing is trimmed and nothing decoded.
fn is_literal(text: &str) -> bool {
    !text.starts_with("=?") && text.bytes().all(|byte| byte.is_ascii_graphic())
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

#[cold]
fn mismatch(header: &http::HeaderName, why: &'static str) -> ErrorObject {
    ErrorObject::new(Code::HEADER_MISMATCH, format!("header mismatch: {header} {why}"))
}

/// -32022, with what is spoken here (MCP 2026-07-28, versioning, "Protocol Version Negotiation").
#[cold]
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
