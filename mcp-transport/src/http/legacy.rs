//! The legacy era: `initialize`, sessions, and streams that outlive their connection.

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};

use super::{
    call::{Call, Ended, Step},
    headers::{self, Accepts},
    live::{Live, NotRun},
    modern,
    post::{First, first},
    replay::Replay,
    reply::{self, Caller},
    service::Shared,
    stream::{LegacyStream, McpBody},
};
use crate::{
    auth::Principal,
    exchange::{Asking, ClientFacts, Exchange, Transport},
    handler::{Head, Outcome},
    jsonrpc::{
        Batch, Code, Defect, DefectKind, ErrorObject, Message, Notification, Params, Request, RequestId,
        Response as Answer, frame, lookup,
    },
    outbox::{Outbox, OutboxLimits},
    protocol::{Method, Revision, Revisions},
    session::{BusMessage, Closed, Created, Phase, Session, SessionId, SessionParts, SessionRecord},
};

pub(super) async fn request(
    shared: &Arc<Shared>,
    parts: Parts,
    request: Request,
    accepts: Accepts,
) -> Response<McpBody> {
    if request.method == Method::Initialize {
        return initialize(shared, parts, request, accepts).await;
    }
    let live = match enter(shared, &parts, Some(&request.id)).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    let caller = Caller::of(&parts);
    let id = request.id.clone();
    let call = match prepare(shared, &live, parts, request, accepts) {
        Ok(call) => call,
        Err(Refusal::Forbidden(scopes)) => return reply::forbidden(Some(&id), &scopes, &caller),
        Err(Refusal::Error(error)) => return reply::invalid(Some(live.session.revision()), Some(&id), &error),
    };
    run(shared, live, call, accepts, caller).await
}

/// Drives a call inline; goes over to a stream, with a task of its own, when it needs one.
async fn run(shared: &Arc<Shared>, live: Arc<Live>, call: Call, accepts: Accepts, caller: Caller) -> Response<McpBody> {
    let revision = live.session.revision();
    let id = call.id.clone();
    let mut held = Held(Some(call));
    let came = match &mut held.0 {
        Some(call) => first(shared, call, accepts, caller.principal.as_ref()).await.0,
        None => First::Done(Ended::Cancelled),
    };
    let (rest, message) = match came {
        First::Done(Ended::Answered(outcome)) if accepts.json() => {
            held.0 = None;
            return reply::outcome(revision, &id, outcome, &caller);
        }
        First::Done(Ended::Answered(outcome)) => (None, Some(reply::message(revision, &id, outcome))),
        // There is no answer to give; the client does not wait for one.
        First::Done(Ended::Cancelled) => return reply::accepted(),
        First::Stream(message) => (held.0.take(), message),
        First::Detach => (held.0.take(), None),
    };
    held.0 = None;
    let stream = open(shared, &live);
    if let Some(message) = message {
        stream.push(Some(message));
    }
    match rest {
        Some(call) => drop(tokio::spawn(pump(vec![call], Arc::clone(&stream), revision))),
        None => stream.finish(),
    }
    reply::events(connect(shared, &live, &stream, caller.principal))
}

fn open(shared: &Shared, live: &Live) -> Arc<Replay> {
    let stream = live.open_stream(shared.config.replay, shared.config.retry_ms());
    stream.prime();
    stream
}

fn connect(shared: &Shared, live: &Arc<Live>, stream: &Arc<Replay>, principal: Option<Arc<Principal>>) -> McpBody {
    let beat = shared.beat(principal);
    McpBody::legacy(LegacyStream::connect(Arc::clone(live), Arc::clone(stream), None, beat))
}

/// A call that waits inline. When its connection goes, it goes on in a task of its own: a legacy disconnect is not a
/// cancel (MCP 2025-11-25, transports, "Sending Messages to the Server", 6). Nobody can read its answer then, because
/// no event id was given out, but its work is done.
struct Held(Option<Call>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mut call) = self.0.take() {
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(poll_fn(move |task| {
                    loop {
                        match call.poll_step(task) {
                            Poll::Ready(Step::Done(_)) => return Poll::Ready(()),
                            Poll::Ready(Step::Message(_) | Step::Detach) => {}
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                }));
            }
        }
    }
}

/// Moves what calls send, and their answers, into a stream, whether or not a connection reads it.
async fn pump(mut calls: Vec<Call>, stream: Arc<Replay>, revision: Revision) {
    poll_fn(|task| {
        loop {
            if calls.is_empty() {
                stream.finish();
                return Poll::Ready(());
            }
            if stream.is_done() {
                // The session is over, and with it its calls.
                return Poll::Ready(());
            }
            if stream.poll_room(task).is_pending() {
                return Poll::Pending;
            }
            let mut moved = false;
            calls.retain_mut(|call| match call.poll_step(task) {
                Poll::Ready(Step::Message(message)) => {
                    stream.push(Some(message));
                    moved = true;
                    true
                }
                Poll::Ready(Step::Detach) => {
                    if revision.has_priming_events() {
                        stream.detach();
                    }
                    moved = true;
                    true
                }
                Poll::Ready(Step::Done(ended)) => {
                    if let Ended::Answered(outcome) = ended {
                        stream.push(Some(reply::message(revision, &call.id, outcome)));
                    }
                    moved = true;
                    false
                }
                Poll::Pending => true,
            });
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await;
}

enum Refusal {
    Forbidden(crate::auth::ScopeSet),
    Error(ErrorObject),
}

/// Makes the call of a request in a session: what it needs holds, its id is free, there is room.
fn prepare(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    parts: Parts,
    request: Request,
    accepts: Accepts,
) -> Result<Call, Refusal> {
    let revision = live.session.revision();
    let needs = shared.handler.needs(&Head { revision, method: &request.method, params: &request.params });
    let principal = parts.extensions.get::<Arc<Principal>>().cloned();
    modern::authorised(&needs, principal.as_deref()).map_err(Refusal::Forbidden)?;
    let asking = if accepts.sse() && revision.has_server_requests() { Asking::Possible } else { Asking::Impossible };
    let cx = Exchange::builder(request.id.clone(), revision, Transport::Http)
        .params(&request.params)
        .principal(principal)
        .session(live.session.clone(), asking)
        .limits(shared.config.limits)
        .stop(shared.stop.clone())
        .outbox(Outbox::new(shared.config.outbox))
        .http(parts)
        .build();
    let running = live.run(&cx, shared.config.session_requests).map_err(|not| {
        Refusal::Error(ErrorObject::new(
            Code::INVALID_REQUEST,
            match not {
                NotRun::IdInUse => "a request with this id runs already in this session",
                NotRun::TooMany => "too many requests run in this session",
            },
        ))
    })?;
    Ok(Call::new(Arc::clone(&shared.handler), cx, request, Some(running)))
}

/// The session of a request, with the version header judged.
async fn enter(shared: &Shared, parts: &Parts, id: Option<&RequestId>) -> Result<Arc<Live>, Response<McpBody>> {
    version_is_spoken(shared, parts, id)?;
    let live = shared.session(parts).await.map_err(|refusal| with_id(refusal, id))?;
    version_fits(parts, &live, id)?;
    Ok(live)
}

/// An unknown version is 400 wherever it stands (MCP 2025-11-25, transports, "Protocol Version Header").
fn version_is_spoken(shared: &Shared, parts: &Parts, id: Option<&RequestId>) -> Result<(), Response<McpBody>> {
    let refuse =
        |requested: &str| Err(reply::invalid(None, id, &modern::unsupported(shared.handler.revisions(), requested)));
    match headers::one(&parts.headers, &headers::MCP_PROTOCOL_VERSION) {
        Err(_) => refuse("more than one version"),
        Ok(None) => Ok(()),
        Ok(Some(value)) => {
            let text = String::from_utf8_lossy(value.as_bytes());
            match text.trim().parse::<Revision>() {
                Ok(revision) if shared.handler.revisions().contains(revision) => Ok(()),
                Ok(_) | Err(_) => refuse(&text),
            }
        }
    }
}

/// The version header names the revision of the session, where that revision has the header.
pub(super) fn version_fits(parts: &Parts, live: &Live, id: Option<&RequestId>) -> Result<(), Response<McpBody>> {
    let revision = live.session.revision();
    let named = super::service::revision_of(parts);
    if !revision.wants_version_header() || named.is_none_or(|named| named == revision) {
        return Ok(());
    }
    let error = ErrorObject::new(
        Code::INVALID_REQUEST,
        format!("MCP-Protocol-Version does not name the revision of this session, {revision}"),
    );
    Err(reply::invalid(Some(revision), id, &error))
}

/// The same refusal, with the id of the request in its body.
fn with_id(refusal: Response<McpBody>, id: Option<&RequestId>) -> Response<McpBody> {
    match (refusal.status(), id) {
        (StatusCode::NOT_FOUND, Some(_)) => reply::no_session(id),
        _ => refusal,
    }
}

async fn initialize(shared: &Arc<Shared>, parts: Parts, request: Request, accepts: Accepts) -> Response<McpBody> {
    let proposed = match negotiate(shared.handler.revisions(), &request.params) {
        Ok(revision) => revision,
        Err(error) => return reply::invalid(None, Some(&request.id), &error),
    };
    let caller = Caller::of(&parts);
    let principal = caller.principal.clone();
    let needs = shared.handler.needs(&Head { revision: proposed, method: &request.method, params: &request.params });
    if let Err(missing) = modern::authorised(&needs, principal.as_deref()) {
        return reply::forbidden(Some(&request.id), &missing, &caller);
    }
    let id = match SessionId::random() {
        Ok(id) => id,
        Err(cause) => return reply::unavailable(Some(&request.id), &cause),
    };
    let now = (shared.config.clock)();
    let mut record = SessionRecord {
        id,
        owner: principal.as_ref().map(|principal| principal.owner()),
        revision: proposed,
        client: request.params.to_raw(),
        phase: Phase::Opening,
        expires_at: now + shared.config.session_idle,
    };
    match shared.config.sessions.create(record.clone(), now).await {
        Ok(Created::Yes) => {}
        Ok(Created::Full) => {
            let error = ErrorObject::new(Code::INTERNAL_ERROR, "too many sessions are open; try again later");
            let mut response =
                reply::refuse(Some(proposed), StatusCode::SERVICE_UNAVAILABLE, Some(&request.id), &error);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
            return response;
        }
        Err(cause) => return reply::unavailable(Some(&request.id), &cause),
    }
    let session = session_of(record.clone(), shared.config.outbox);
    let request_id = request.id.clone();
    let cx = Exchange::builder(request.id.clone(), proposed, Transport::Http)
        .params(&request.params)
        .principal(principal.clone())
        .session(session.clone(), Asking::Impossible)
        .limits(shared.config.limits)
        .stop(shared.stop.clone())
        .http(parts)
        .build();
    let mut call = Call::new(Arc::clone(&shared.handler), cx, request, None);
    // Nothing may be sent before the answer but pings and log messages, which nobody needs here; so no stream.
    let (came, _) = first(shared, &mut call, Accepts::JsonOnly, None).await;
    let outcome = match came {
        First::Done(Ended::Answered(outcome)) => outcome,
        First::Done(Ended::Cancelled) | First::Stream(_) | First::Detach => ErrorObject::internal().into(),
    };
    let Outcome::Reply(answer) = &outcome else {
        drop(shared.config.sessions.remove(&record.id).await);
        return reply::outcome(proposed, &request_id, outcome, &caller);
    };
    // What the handler answered counts: a child process may speak only an older revision.
    let settled = lookup(answer.body.as_str(), &["protocolVersion"])
        .and_then(|version| serde_json::from_str::<String>(version).ok())
        .and_then(|version| version.parse::<Revision>().ok())
        .filter(|revision| revision.has_sessions());
    if let Some(settled) = settled.filter(|settled| *settled != proposed) {
        session.settle(settled);
        record.revision = settled;
        let again = async {
            shared.config.sessions.remove(&record.id).await?;
            shared.config.sessions.create(record.clone(), now).await
        };
        if let Err(cause) = again.await {
            return reply::unavailable(Some(&request_id), &cause);
        }
    }
    let live = shared.hold(session);
    let mut response = if accepts.json() {
        reply::outcome(proposed, &request_id, outcome, &caller)
    } else {
        let stream = open(shared, &live);
        stream.push(Some(reply::message(proposed, &request_id, outcome)));
        stream.finish();
        reply::events(connect(shared, &live, &stream, principal))
    };
    if let Ok(value) = HeaderValue::from_str(record.id.as_str()) {
        response.headers_mut().insert(headers::MCP_SESSION_ID.clone(), value);
    }
    response
}

/// The revision to propose: the one asked for if it is spoken here, else the newest legacy one (MCP 2025-11-25,
/// lifecycle, "Version Negotiation").
fn negotiate(spoken: Revisions, params: &Params) -> Result<Revision, ErrorObject> {
    let Some(asked) = params.get_str("protocolVersion") else {
        return Err(ErrorObject::invalid_params("initialize needs protocolVersion, a string"));
    };
    let legacy = spoken.intersection(Revisions::legacy());
    let same = asked.parse::<Revision>().ok().filter(|revision| legacy.contains(*revision));
    same.or_else(|| legacy.newest()).ok_or_else(|| modern::unsupported(spoken, &asked))
}

/// The live half of a stored session.
pub(super) fn session_of(record: SessionRecord, limits: OutboxLimits) -> Session {
    let client = record.client.decode::<ClientFacts>().unwrap_or_default();
    Session::new(
        SessionParts { id: record.id, revision: record.revision, owner: record.owner, client: Arc::new(client) },
        limits,
    )
}

pub(super) async fn notification(shared: &Arc<Shared>, parts: Parts, note: Notification) -> Response<McpBody> {
    let live = match enter(shared, &parts, None).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    notify(shared, &live, parts, note).await;
    reply::accepted()
}

async fn notify(shared: &Arc<Shared>, live: &Arc<Live>, parts: Parts, note: Notification) {
    match note.method {
        Method::Initialized => {
            if live.session.ready() {
                tell(shared, live, BusMessage::Ready).await;
                Arc::clone(&shared.handler).opened(live.session.clone()).await;
            }
        }
        Method::Cancelled => {
            let id = note.params.get_raw("requestId").and_then(RequestId::from_raw);
            if let Some(id) = id.filter(|id| !live.cancel(id)) {
                // It may run elsewhere, or be over: then nothing happens (2025-11-25, cancellation, "Error Handling").
                tell(shared, live, BusMessage::Cancelled(id)).await;
            }
        }
        _ => {
            let cx = Exchange::builder(RequestId::from_text(""), live.session.revision(), Transport::Http)
                .params(&note.params)
                .principal(parts.extensions.get::<Arc<Principal>>().cloned())
                .session(live.session.clone(), Asking::Impossible)
                .limits(shared.config.limits)
                .stop(shared.stop.clone())
                .http(parts)
                .build();
            cx.outbox().close();
            Arc::clone(&shared.handler).notify(cx, note).await;
        }
    }
}

async fn tell(shared: &Shared, live: &Live, message: BusMessage) {
    if let Err(cause) = shared.config.bus.send(live.session.id(), message).await {
        tracing::error!(error = %crate::error::Chain(&cause), "other processes could not be told about a session");
    }
}

/// The client's answer to a request of ours.
pub(super) async fn response(shared: &Arc<Shared>, parts: &Parts, answer: Answer) -> Response<McpBody> {
    let live = match enter(shared, parts, None).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    settle(shared, &live, answer).await;
    reply::accepted()
}

async fn settle(shared: &Shared, live: &Live, answer: Answer) {
    let Some(id) = answer.id else {
        return;
    };
    if !live.session.asks().answer(&id, answer.outcome.clone()) {
        // Another process may wait for it; if none does, it is an answer that came too late.
        tell(shared, live, BusMessage::Answer { id, outcome: answer.outcome }).await;
    }
}

/// A batch: only 2025-03-26 has them. Requests run side by side; the answers come as one array, or as a stream.
pub(super) async fn batch(shared: &Arc<Shared>, parts: Parts, batch: Batch, accepts: Accepts) -> Response<McpBody> {
    let live = match enter(shared, &parts, None).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    let revision = live.session.revision();
    if !revision.has_batches() {
        let error =
            ErrorObject::new(Code::INVALID_REQUEST, format!("revision {revision} has no batches: send one message"));
        return reply::invalid(Some(revision), None, &error);
    }
    let caller = Caller::of(&parts);
    let mut calls = Vec::new();
    let mut frames: Vec<Bytes> = Vec::new();
    let error = |id: Option<&RequestId>, error: &ErrorObject| frame::error(id, revision.error_without_id(), error);
    // Each entry is authorised on its own; a 403 names the scopes of all of them.
    let mut missing: Option<crate::auth::ScopeSet> = None;
    for entry in batch.entries {
        match entry {
            Err(Defect { kind, id }) => frames.push(error(id.as_ref(), &kind.into())),
            Ok(Message::Request(request)) if request.method == Method::Initialize => {
                // MCP 2025-03-26, lifecycle: initialize must not be part of a batch.
                let kind = DefectKind::NotAMessage("initialize must not be part of a batch");
                frames.push(error(Some(&request.id), &kind.into()));
            }
            Ok(Message::Request(request)) => {
                let id = request.id.clone();
                match prepare(shared, &live, parts.clone(), request, accepts) {
                    Ok(call) => calls.push(call),
                    Err(Refusal::Forbidden(scopes)) => {
                        missing = Some(missing.map_or_else(|| scopes.clone(), |all| all.union(&scopes)));
                        frames.push(reply::message(revision, &id, Outcome::Forbidden(scopes)));
                    }
                    Err(Refusal::Error(refused)) => frames.push(error(Some(&id), &refused)),
                }
            }
            Ok(Message::Notification(note)) => notify(shared, &live, parts.clone(), note).await,
            Ok(Message::Response(answer)) => settle(shared, &live, answer).await,
        }
    }
    if let Some(scopes) = missing {
        // Nothing of a batch runs that its token does not cover as a whole.
        return reply::forbidden(None, &scopes, &caller);
    }
    if calls.is_empty() && frames.is_empty() {
        return reply::accepted();
    }
    answer_batch(shared, live, calls, frames, accepts, caller.principal).await
}

/// Waits for all answers of a batch; goes over to a stream when a call sends something first.
async fn answer_batch(
    shared: &Arc<Shared>,
    live: Arc<Live>,
    mut calls: Vec<Call>,
    mut frames: Vec<Bytes>,
    accepts: Accepts,
    principal: Option<Arc<Principal>>,
) -> Response<McpBody> {
    let revision = live.session.revision();
    let message = poll_fn(|task| {
        loop {
            let mut sent: Option<Bytes> = None;
            let mut moved = false;
            calls.retain_mut(|call| {
                if sent.is_some() {
                    return true;
                }
                match call.poll_step(task) {
                    Poll::Ready(Step::Message(message)) => {
                        sent = accepts.sse().then_some(message);
                        moved = true;
                        true
                    }
                    Poll::Ready(Step::Detach) => {
                        moved = true;
                        true
                    }
                    Poll::Ready(Step::Done(ended)) => {
                        if let Ended::Answered(outcome) = ended {
                            frames.push(reply::message(revision, &call.id, outcome));
                        }
                        moved = true;
                        false
                    }
                    Poll::Pending => true,
                }
            });
            if sent.is_some() || calls.is_empty() {
                return Poll::Ready(sent);
            }
            if !moved {
                return Poll::Pending;
            }
        }
    })
    .await;
    if message.is_none() && accepts.json() {
        return reply::json(StatusCode::OK, frame::batch(&frames));
    }
    let stream = open(shared, &live);
    for frame in frames.into_iter().chain(message) {
        stream.push(Some(frame));
    }
    tokio::spawn(pump(calls, Arc::clone(&stream), revision));
    reply::events(connect(shared, &live, &stream, principal))
}

/// Ends a session at its client's word.
pub(super) async fn end(shared: &Arc<Shared>, parts: &Parts) -> Response<McpBody> {
    match enter(shared, parts, None).await {
        Ok(live) => {
            shared.end(&live, Closed::ByClient).await;
            reply::empty(StatusCode::NO_CONTENT)
        }
        Err(refusal) => refusal,
    }
}

/// The session that GET listens to.
pub(super) async fn listener(shared: &Shared, parts: &Parts) -> Result<Arc<Live>, Response<McpBody>> {
    enter(shared, parts, None).await
}
