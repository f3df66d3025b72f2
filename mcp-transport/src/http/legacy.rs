//! The legacy era: `initialize`, sessions, and streams that outlive their connection.

mod batch;
mod initialize;
mod notes;

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Response, StatusCode, request::Parts};

pub(super) use self::{
    batch::batch,
    initialize::initialize,
    notes::{notification, response},
};
use super::{
    call::{Call, Ended, Step},
    headers::{Accepts, Field, Standard},
    live::{Attached, Live, NotRun},
    modern,
    post::{Begun, First, first},
    replay::Replay,
    reply::{self, Caller},
    service::Shared,
    stream::{LegacyStream, McpBody},
};
use crate::{
    auth::{Principal, ScopeSet},
    exchange::{Asking, ClientFacts},
    jsonrpc::{Code, ErrorObject, Request, RequestId},
    outbox::OutboxLimits,
    protocol::Revision,
    session::{Closed, Phase, Session, SessionChange, SessionParts, SessionRecord},
};

/// A legacy call that waits for its answer.
struct Waiting {
    live: Arc<Live>,
    held: Held<Option<Call>>,
    accepts: Accepts,
    caller: Caller,
}

/// A request in a session that this process does not hold yet.
pub(super) async fn adopted(
    shared: Arc<Shared>,
    parts: Box<Parts>,
    request: Request,
    accepts: Accepts,
) -> Response<McpBody> {
    let live = match enter(&shared, &parts, Some(&request.id)).await {
        Ok(live) => live,
        Err(refusal) => return refusal,
    };
    let mut request = Some((live, parts, request));
    let begun = poll_fn(|task| {
        Poll::Ready(request.take().map(|(live, parts, request)| begin(&shared, live, parts, request, accepts, task)))
    });
    match begun.await {
        Some(Begun::Answered(response)) => response,
        Some(Begun::Later(later)) => later.await,
        None => reply::accepted(),
    }
}

/// Judges a request in a session and calls the handler. Most calls are over when they have been polled once, and are
/// answered at once.
pub(super) fn begin(
    shared: &Arc<Shared>,
    live: Arc<Live>,
    parts: Box<Parts>,
    request: Request,
    accepts: Accepts,
    task: &mut Context<'_>,
) -> Begun {
    let caller = Caller::of(&parts);
    let (id, revision) = (request.id.clone(), live.session.revision());
    let mut call = match prepare(shared, &live, parts, request, accepts) {
        Ok(call) => call,
        Err(Refusal::Forbidden(scopes)) => {
            return Begun::Answered(reply::forbidden(revision, Some(&id), &scopes, &caller));
        }
        Err(Refusal::Error(error)) => return Begun::Answered(reply::invalid(Some(revision), Some(&id), &error)),
        Err(Refusal::Busy(error)) => return Begun::Answered(reply::busy(revision, Some(&id), &error)),
        Err(Refusal::Over) => return Begun::Answered(reply::no_session(Some(revision), Some(&id))),
    };
    match call.poll_step(task) {
        Poll::Ready(Step::Done(Ended::Answered(outcome))) if shared.is_json(accepts, revision, &outcome) => {
            Begun::Answered(reply::outcome(revision, &id, outcome, &caller))
        }
        step => {
            let held = Held::new(&live, Some(call));
            let (shared, waiting) = (Arc::clone(shared), Waiting { live, held, accepts, caller });
            Begun::later(async move { waiting.answer(&shared, step).await })
        }
    }
}

impl Waiting {
    /// Drives the call inline; goes over to a stream, with a task of its own, when it needs one. `step` is what came of it
    /// so far.
    async fn answer(self, shared: &Arc<Shared>, step: Poll<Step>) -> Response<McpBody> {
        let Self { live, mut held, accepts, caller } = self;
        let revision = live.session.revision();
        let Some(call) = &mut held.calls else {
            return reply::accepted();
        };
        let id = call.id().clone();
        let came = first(shared, call, Some(step), accepts, caller.principal.as_ref()).await.0;
        let mut detach = false;
        let (rest, message) = match came {
            First::Done(Ended::Answered(outcome)) if shared.is_json(accepts, revision, &outcome) => {
                held.calls = None;
                return reply::outcome(revision, &id, outcome, &caller);
            }
            First::Done(Ended::Answered(outcome)) => (None, Some(reply::message(revision, &id, outcome))),
            First::Done(Ended::Cancelled) => {
                held.calls = None;
                // A client that took its request back waits for no answer. One whose session is gone must hear so, to
                // begin a new one.
                return match live.session.phase() {
                    Phase::Closed => reply::no_session(Some(revision), Some(&id)),
                    Phase::Opening | Phase::Ready => reply::accepted(),
                };
            }
            First::Stream(message) => (held.calls.take(), message),
            First::Detach => {
                detach = revision.has_priming_events();
                (held.calls.take(), None)
            }
        };
        held.calls = None;
        let stream = open(shared, &live);
        if let Some(message) = message {
            stream.push(Some(message));
        }
        // Connected before the call goes on: it may ask for the connection to be closed.
        let response = connect(shared, &live, &stream, caller.principal);
        if detach {
            stream.detach();
        }
        match rest {
            Some(call) => drop(tokio::spawn(pump(vec![call], stream, revision))),
            None => stream.finish(),
        }
        response
    }
}

fn open(shared: &Shared, live: &Live) -> Arc<Replay> {
    let stream = live.open_stream(&shared.config, shared.table.budget(&shared.config));
    stream.prime();
    stream
}

/// The answer that reads a stream from its beginning.
fn connect(
    shared: &Shared,
    live: &Arc<Live>,
    stream: &Arc<Replay>,
    principal: Option<Arc<Principal>>,
) -> Response<McpBody> {
    let beat = shared.beat(principal);
    let connection = LegacyStream::connect(live, Arc::clone(stream), None, beat);
    reply::events(connection.map_or_else(McpBody::empty, McpBody::legacy))
}

/// Calls that wait inline. When their connection goes, each goes on in a task of its own: a legacy disconnect is not a
/// cancel (MCP 2025-11-25, transports, "Sending Messages to the Server", 6). Nobody can read their answers then, because
/// no event id was given out, but their work is done.
struct Held<C: Default + IntoIterator<Item = Call>> {
    calls: C,
    _connection: Attached,
}

impl<C: Default + IntoIterator<Item = Call>> Held<C> {
    fn new(live: &Arc<Live>, calls: C) -> Self {
        Self { calls, _connection: live.attach() }
    }
}

impl<C: Default + IntoIterator<Item = Call>> Drop for Held<C> {
    fn drop(&mut self) {
        for mut call in std::mem::take(&mut self.calls) {
            // Without a runtime there is no server left either.
            let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
            // What it asks the client would wait for ever.
            call.go_on_alone();
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

/// How many rounds a pump makes before others have their turn.
const ROUNDS: usize = 64;

/// Moves what calls send, and their answers, into a stream, whether or not a connection reads it.
async fn pump(mut calls: Vec<Call>, stream: Arc<Replay>, revision: Revision) {
    poll_fn(|task| {
        for _ in 0..ROUNDS {
            // Asked even where there is no room: a call that waits for a reader can be cancelled, and ends with its
            // session.
            calls.retain_mut(|call| !call.poll_cancelled(task));
            if calls.is_empty() {
                stream.finish();
            }
            if stream.is_done() {
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
                        stream.push(Some(reply::message(revision, call.id(), outcome)));
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
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Why a request does not become a call.
enum Refusal {
    Forbidden(ScopeSet),
    Error(ErrorObject),
    /// It may come again when others are over.
    Busy(ErrorObject),
    /// The session ended a moment ago.
    Over,
}

/// Makes the call of a request in a session: what it needs holds, its id is free, there is room.
fn prepare(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    parts: Box<Parts>,
    request: Request,
    accepts: Accepts,
) -> Result<Call, Refusal> {
    let revision = live.session.revision();
    let needs = shared.needs(revision, &request).map_err(Refusal::Error)?;
    let principal = parts.extensions.get::<Arc<Principal>>().cloned();
    modern::authorised(&needs, principal.as_deref()).map_err(Refusal::Forbidden)?;
    let asking = if accepts.sse() && revision.has_server_requests() { Asking::Possible } else { Asking::Impossible };
    let mut exchange = shared.exchange(request.id.clone(), revision, &request.params, parts);
    exchange.session(live.session.clone(), asking);
    let cx = exchange.build();
    let running = live.run(&cx, shared.config.session_requests).map_err(|not| {
        let error = |code, why| ErrorObject::new(code, why);
        match not {
            NotRun::IdInUse => {
                Refusal::Error(error(Code::INVALID_REQUEST, "a request with this id runs already in this session"))
            }
            NotRun::TooMany => Refusal::Busy(error(Code::INTERNAL_ERROR, "too many requests run in this session")),
            NotRun::Over => Refusal::Over,
        }
    })?;
    Ok(Call::new(Arc::clone(&shared.handler), cx, request, Some(running)))
}

/// The session of a request, with the version header judged, where this process holds it.
///
/// # Errors
/// The answer to a request that is refused.
pub(super) fn enter_here(
    shared: &Shared,
    parts: &Parts,
    fields: &Standard<'_>,
    id: &RequestId,
) -> Result<Option<Arc<Live>>, Response<McpBody>> {
    let version = version(shared, fields.version).map_err(|error| reply::invalid(None, Some(id), &error))?;
    let Some(live) = shared.session_here(parts, fields, id)? else {
        return Ok(None);
    };
    let revision = live.session.revision();
    version_fits(version, revision).map_err(|error| reply::invalid(Some(revision), Some(id), &error))?;
    Ok(Some(live))
}

/// The session of a request, with the version header judged.
async fn enter(shared: &Shared, parts: &Parts, id: Option<&RequestId>) -> Result<Arc<Live>, Response<McpBody>> {
    let fields = Standard::of(&parts.headers);
    let version = version(shared, fields.version).map_err(|error| reply::invalid(fields.revision(), id, &error))?;
    let live = shared.session(parts, &fields, id).await?;
    let revision = live.session.revision();
    version_fits(version, revision).map_err(|error| reply::invalid(Some(revision), id, &error))?;
    Ok(live)
}

/// What the version header names. An unknown version is 400 wherever it stands (MCP 2025-11-25, transports, "Protocol
/// Version Header").
fn version(shared: &Shared, field: Field<'_>) -> Result<Option<Revision>, ErrorObject> {
    let spoken = shared.handler.revisions();
    match field {
        Field::Again => Err(modern::unsupported(spoken, "more than one version")),
        Field::Missing => Ok(None),
        Field::Once(value) => {
            let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
            let revision = text.trim_ascii().parse::<Revision>().ok();
            match revision.filter(|revision| spoken.contains(*revision)) {
                Some(revision) => Ok(Some(revision)),
                None => Err(modern::unsupported(spoken, &String::from_utf8_lossy(value.as_bytes()))),
            }
        }
    }
}

/// The version header names the revision of the session, where that revision has the header. A modern revision is never
/// right: whoever reads only headers would take the message for one whose `Mcp-Method` and `Mcp-Name` were compared.
fn version_fits(version: Option<Revision>, revision: Revision) -> Result<(), ErrorObject> {
    let Some(named) = version.filter(|named| *named != revision) else {
        return Ok(());
    };
    if !revision.wants_version_header() && !named.is_modern() {
        return Ok(());
    }
    Err(ErrorObject::new(
        Code::INVALID_REQUEST,
        format!("MCP-Protocol-Version does not name the revision of this session, {revision}"),
    ))
}

/// The live half of a stored session.
pub(super) fn session_of(record: SessionRecord, limits: OutboxLimits) -> Session {
    let client = record.client.decode::<ClientFacts>().unwrap_or_default();
    let session = Session::new(
        SessionParts { id: record.id, revision: record.revision, owner: record.owner, client: Arc::new(client) },
        limits,
    );
    record.log_level.into_iter().for_each(|level| session.apply(SessionChange::LogLevel(level)));
    for (name, value) in record.kept {
        session.apply(SessionChange::Kept { name, value: Some(value) });
    }
    session
}

/// Ends a session at its client's word.
pub(super) async fn end(shared: &Arc<Shared>, parts: &Parts) -> Response<McpBody> {
    match enter(shared, parts, None).await {
        Ok(live) => {
            // The handler takes its time elsewhere: dropping the handle lets the task go on.
            drop(shared.end(&live, Closed::ByClient).await);
            reply::empty(StatusCode::NO_CONTENT)
        }
        Err(refusal) => refusal,
    }
}

/// The session that GET listens to.
pub(super) async fn listener(shared: &Shared, parts: &Parts) -> Result<Arc<Live>, Response<McpBody>> {
    enter(shared, parts, None).await
}
