//! Batches, which only revision 2025-03-26 has.

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};

use super::{
    super::{
        call::{Call, Ended, Step},
        headers::Accepts,
        live::Live,
        modern,
        pulse::Beat,
        reply::{self, Caller},
        service::Shared,
        stream::McpBody,
    },
    Held, ROUNDS, Refusal, connect, enter,
    notes::{Taken, notify, settle},
    open, prepare, pump,
};
use crate::{
    auth::{Principal, ScopeSet},
    jsonrpc::{Batch, Code, Defect, DefectKind, ErrorObject, Message, RequestId, frame},
    protocol::Method,
};

/// A batch: only 2025-03-26 has them. Requests run side by side; the answers come as one array, or as a stream.
pub(in crate::http) async fn batch(
    shared: Arc<Shared>,
    parts: Box<Parts>,
    batch: Batch,
    accepts: Accepts,
) -> Response<McpBody> {
    let shared = &shared;
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
    let mut others = Vec::new();
    let error = |id: Option<&RequestId>, error: &ErrorObject| frame::error(id, revision.error_without_id(), error);
    // Nothing of a batch happens that its token does not cover as a whole; a 403 names the scopes of all entries. So all
    // are judged before the first is called.
    let mut missing: Option<ScopeSet> = None;
    for request in batch.entries.iter().filter_map(|entry| match entry {
        Ok(Message::Request(request)) if request.method != Method::Initialize => Some(request),
        _ => None,
    }) {
        // A request whose needs cannot be told is refused below.
        let needs = shared.needs(revision, request).unwrap_or_default();
        if let Err(scopes) = modern::authorised(&needs, caller.principal.as_deref()) {
            missing = Some(missing.map_or_else(|| scopes.clone(), |all| all.union(&scopes)));
        }
    }
    if let Some(scopes) = missing {
        return reply::forbidden(revision, None, &scopes, &caller);
    }
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
                        return reply::forbidden(revision, None, &scopes, &caller);
                    }
                    Err(Refusal::Error(refused) | Refusal::Busy(refused)) => frames.push(error(Some(&id), &refused)),
                    Err(Refusal::Over) => return reply::no_session(Some(revision), None),
                }
            }
            Ok(other) => others.push(other),
        }
    }
    for other in others {
        match other {
            Message::Notification(note) => {
                if notify(shared, &live, parts.clone(), note).await == Taken::TooMany {
                    tracing::warn!("a notification in a batch was dropped: too many wait in its session");
                }
            }
            Message::Response(answer) => settle(shared, &live, answer).await,
            Message::Request(_) => {}
        }
    }
    answer(shared, live, calls, frames, accepts, caller.principal).await
}

/// Waits for all answers of a batch; goes over to a stream when a call sends something first, or when all are silent for
/// too long.
async fn answer(
    shared: &Arc<Shared>,
    live: Arc<Live>,
    calls: Vec<Call>,
    mut frames: Vec<Bytes>,
    accepts: Accepts,
    principal: Option<Arc<Principal>>,
) -> Response<McpBody> {
    let revision = live.session.revision();
    let mut held = Held::new(&live, calls);
    let mut beat: Option<Arc<Beat>> = None;
    let mut message: Option<Bytes> = None;
    poll_fn(|task| {
        for _ in 0..ROUNDS {
            let mut moved = false;
            held.calls.retain_mut(|call| {
                if message.is_some() {
                    return true;
                }
                match call.poll_step(task) {
                    Poll::Ready(Step::Message(sent)) => {
                        message = accepts.sse().then_some(sent);
                        moved = true;
                        true
                    }
                    Poll::Ready(Step::Detach) => {
                        moved = true;
                        true
                    }
                    Poll::Ready(Step::Done(ended)) => {
                        if let Ended::Answered(outcome) = ended {
                            frames.push(reply::message(revision, call.id(), outcome));
                        }
                        moved = true;
                        false
                    }
                    Poll::Pending => true,
                }
            });
            if message.is_some() || held.calls.is_empty() {
                return Poll::Ready(());
            }
            if !moved {
                if !accepts.sse() {
                    return Poll::Pending;
                }
                let beat = beat.get_or_insert_with(|| shared.beat(principal.clone()));
                return beat.poll_due(task).map(drop);
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    let calls = std::mem::take(&mut held.calls);
    if calls.is_empty() && message.is_none() {
        if frames.is_empty() {
            // Nothing asked for an answer, or what did was cancelled.
            return reply::accepted();
        }
        if accepts.json() {
            return reply::json(StatusCode::OK, frame::batch(&frames));
        }
    }
    let stream = open(shared, &live);
    for frame in frames.into_iter().chain(message) {
        stream.push(Some(frame));
    }
    let response = connect(shared, &live, &stream, principal);
    tokio::spawn(pump(calls, stream, revision));
    response
}
