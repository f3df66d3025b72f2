//! The legacy era: `initialize`, sessions, and streams that outlive their connection.

mod batch;
mod initialize;
mod notes;

use std::{future::poll_fn, sync::Arc, task::Poll};

use http::{Response, StatusCode, request::Parts};

pub(super) use self::{
    batch::batch,
    initialize::initialize,
    notes::{notification, response},
};
use super::{
    call::{Call, Ended, Step},
    headers::{self, Accepts},
    live::{Attached, Live, NotRun},
    modern,
    post::{First, first},
    replay::Replay,
    reply::{self, Caller},
    service::Shared,
    stream::{LegacyStream, McpBody},
};
use crate::{
    auth::{Principal, ScopeSet},
    exchange::{Asking, ClientFacts},
    handler::Head,
    jsonrpc::{Code, ErrorObject, Request, RequestId},
    outbox::OutboxLimits,
    protocol::Revision,
    session::{Closed, Session, SessionParts, SessionRecord},
};

/// A legacy call that waits for its answer.
pub(super) struct Waiting {
    live: Arc<Live>,
    held: Held<Option<Call>>,
    accepts: Accepts,
    caller: Caller,
}

/// A request in a session that this process does not hold yet.
pub(super) async fn adopted(
    shared: Arc<Shared>,
    parts: Parts,
    request: Request,
    accepts: Accepts,
) -> Response<McpBody> {
    let begun = match enter(&shared, &parts, Some(&request.id)).await {
        Ok(live) => begin(&shared, live, parts, request, accepts),
        Err(refusal) => Err(refusal),
    };
    match begun {
        Ok(waiting) => waiting.answer(&shared).await,
        Err(refusal) => refusal,
    }
}

/// Judges a request in a session and calls the handler.
///
/// # Errors
/// The answer to a request that is refused.
pub(super) fn begin(
    shared: &Arc<Shared>,
    live: Arc<Live>,
    parts: Parts,
    request: Request,
    accepts: Accepts,
) -> Result<Waiting, Response<McpBody>> {
    let caller = Caller::of(&parts);
    let id = request.id.clone();
    let call = prepare(shared, &live, parts, request, accepts).map_err(|refusal| match refusal {
        Refusal::Forbidden(scopes) => reply::forbidden(Some(&id), &scopes, &caller),
        Refusal::Error(error) => reply::invalid(Some(live.session.revision()), Some(&id), &error),
        Refusal::Over => reply::no_session(Some(&id)),
    })?;
    let held = Held::new(&live, Some(call));
    Ok(Waiting { live, held, accepts, caller })
}

impl Waiting {
    /// Drives the call inline; goes over to a stream, with a task of its own, when it needs one.
    pub(super) async fn answer(self, shared: &Arc<Shared>) -> Response<McpBody> {
        let Self { live, mut held, accepts, caller } = self;
        let revision = live.session.revision();
        let Some(call) = &mut held.calls else {
            return reply::accepted();
        };
        let id = call.id().clone();
        let came = first(shared, call, accepts, caller.principal.as_ref()).await.0;
        let mut detach = false;
        let (rest, message) = match came {
            First::Done(Ended::Answered(outcome))
                if shared.config.is_json(accepts, &outcome) || reply::has_status(revision, &outcome) =>
            {
                held.calls = None;
                return reply::outcome(revision, &id, outcome, &caller);
            }
            First::Done(Ended::Answered(outcome)) => (None, Some(reply::message(revision, &id, outcome))),
            // There is no answer to give; the client does not wait for one.
            First::Done(Ended::Cancelled) => {
                held.calls = None;
                return reply::accepted();
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
    /// The session ended a moment ago.
    Over,
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
    let mut exchange = shared.exchange(request.id.clone(), revision, &request.params, parts);
    exchange.session(live.session.clone(), asking);
    let cx = exchange.build();
    let running = live.run(&cx, shared.config.session_requests).map_err(|not| {
        let refuse = |why| Refusal::Error(ErrorObject::new(Code::INVALID_REQUEST, why));
        match not {
            NotRun::IdInUse => refuse("a request with this id runs already in this session"),
            NotRun::TooMany => refuse("too many requests run in this session"),
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
    id: &RequestId,
) -> Result<Option<Arc<Live>>, Response<McpBody>> {
    version_is_spoken(shared, parts).map_err(|error| reply::invalid(None, Some(id), &error))?;
    let Some(live) = shared.session_here(parts, id)? else {
        return Ok(None);
    };
    let revision = live.session.revision();
    version_fits(parts, revision).map_err(|error| reply::invalid(Some(revision), Some(id), &error))?;
    Ok(Some(live))
}

/// The session of a request, with the version header judged.
async fn enter(shared: &Shared, parts: &Parts, id: Option<&RequestId>) -> Result<Arc<Live>, Response<McpBody>> {
    version_is_spoken(shared, parts).map_err(|error| reply::invalid(None, id, &error))?;
    let live = shared.session(parts, id).await?;
    let revision = live.session.revision();
    version_fits(parts, revision).map_err(|error| reply::invalid(Some(revision), id, &error))?;
    Ok(live)
}

/// An unknown version is 400 wherever it stands (MCP 2025-11-25, transports, "Protocol Version Header").
fn version_is_spoken(shared: &Shared, parts: &Parts) -> Result<(), ErrorObject> {
    let spoken = shared.handler.revisions();
    match headers::one(&parts.headers, &headers::MCP_PROTOCOL_VERSION) {
        Err(_) => Err(modern::unsupported(spoken, "more than one version")),
        Ok(None) => Ok(()),
        Ok(Some(value)) => {
            let text = String::from_utf8_lossy(value.as_bytes());
            match text.trim().parse::<Revision>() {
                Ok(revision) if spoken.contains(revision) => Ok(()),
                Ok(_) | Err(_) => Err(modern::unsupported(spoken, &text)),
            }
        }
    }
}

/// The version header names the revision of the session, where that revision has the header. A modern revision is never
/// right: whoever reads only headers would take the message for one whose `Mcp-Method` and `Mcp-Name` were compared.
fn version_fits(parts: &Parts, revision: Revision) -> Result<(), ErrorObject> {
    let Some(named) = super::service::revision_of(parts).filter(|named| *named != revision) else {
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
    Session::new(
        SessionParts { id: record.id, revision: record.revision, owner: record.owner, client: Arc::new(client) },
        limits,
    )
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
