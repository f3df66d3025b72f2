//! POST: one message, or a batch.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use http::{Response, StatusCode, request::Parts};
use http_body::Body;

use super::{
    body::{self, BodyError},
    call::{Call, Ended, Step},
    headers::{self, Accepts},
    legacy, modern,
    pulse::{Beat, Due},
    reply,
    service::{Shared, revision_of},
    stream::McpBody,
};
use crate::{
    auth::Principal,
    exchange::meta,
    jsonrpc::{Incoming, Message, Params},
    protocol::{Method, Revision},
};

pub(super) async fn answer<B>(shared: &Arc<Shared>, parts: Parts, body: B) -> Response<McpBody>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !headers::is_json_content_type(&parts.headers) {
        return reply::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json");
    }
    let accepts = Accepts::of(&parts.headers);
    if accepts == Accepts::Neither {
        return reply::plain(StatusCode::NOT_ACCEPTABLE, "Accept must list application/json and text/event-stream");
    }
    let limits = &shared.config.limits;
    let bytes = match body::collect(body, limits.bytes, shared.config.body_timeout).await {
        Ok(bytes) => bytes,
        Err(BodyError::TooLarge) => return reply::plain(StatusCode::PAYLOAD_TOO_LARGE, "the message is too large"),
        Err(BodyError::TimedOut) => {
            return reply::plain(StatusCode::REQUEST_TIMEOUT, "the message did not come in time");
        }
        Err(BodyError::Broken(_)) => return reply::plain(StatusCode::BAD_REQUEST, "the message broke off"),
    };
    match begin(shared, parts, bytes, accepts) {
        Begun::Answered(response) => response,
        Begun::Modern(waiting) => waiting.answer(shared).await,
        Begun::Legacy(waiting) => waiting.answer(shared).await,
        Begun::Later(response) => response.await,
    }
}

/// What became of a body at once. All that can be done without waiting is done before there is a future to hold it, so
/// that what a request consists of is not carried along in one.
enum Begun {
    Answered(Response<McpBody>),
    Modern(modern::Waiting),
    Legacy(legacy::Waiting),
    /// What is rare: its room is its own.
    Later(Pin<Box<dyn Future<Output = Response<McpBody>> + Send>>),
}

fn begin(shared: &Arc<Shared>, parts: Parts, bytes: Bytes, accepts: Accepts) -> Begun {
    let incoming = match Incoming::parse(bytes, &shared.config.limits) {
        Ok(incoming) => incoming,
        Err(defect) => return Begun::Answered(reply::defect(revision_of(&parts), &defect)),
    };
    let shared = Arc::clone(shared);
    match incoming {
        Incoming::Single(Message::Request(request)) => {
            match era(&shared, &parts, Some(&request.method), &request.params) {
                Era::Modern => {
                    modern::begin(&shared, parts, request, accepts).map_or_else(Begun::Answered, Begun::Modern)
                }
                Era::Legacy if request.method == Method::Initialize => {
                    Begun::Later(Box::pin(legacy::initialize(shared, parts, request, accepts)))
                }
                Era::Legacy => match legacy::enter_here(&shared, &parts, &request.id) {
                    Ok(Some(live)) => legacy::begin(&shared, live, parts, request, accepts)
                        .map_or_else(Begun::Answered, Begun::Legacy),
                    Ok(None) => Begun::Later(Box::pin(legacy::adopted(shared, parts, request, accepts))),
                    Err(refusal) => Begun::Answered(refusal),
                },
            }
        }
        Incoming::Single(Message::Notification(note)) => match era(&shared, &parts, Some(&note.method), &note.params) {
            Era::Modern => Begun::Later(Box::pin(modern::notification(shared, parts, note))),
            Era::Legacy => Begun::Later(Box::pin(legacy::notification(shared, parts, note))),
        },
        Incoming::Single(Message::Response(response)) => match era(&shared, &parts, None, &Params::default()) {
            Era::Modern => Begun::Answered(modern::response(&parts)),
            Era::Legacy => Begun::Later(Box::pin(legacy::response(shared, parts, response))),
        },
        Incoming::Batch(batch) => match era(&shared, &parts, None, &Params::default()) {
            Era::Modern => Begun::Answered(modern::batch(&parts)),
            Era::Legacy => Begun::Later(Box::pin(legacy::batch(shared, parts, batch, accepts))),
        },
    }
}

/// Which era a message belongs to (MCP 2026-07-28, versioning, "Compatibility Matrix"): one that carries the modern
/// `_meta` is modern, and so is one that a legacy client would not send; `initialize` without it opens a session. Where
/// the handler has no legacy revision, everything but `initialize` is judged as modern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    Modern,
    Legacy,
}

fn era(shared: &Shared, parts: &Parts, method: Option<&Method>, params: &Params) -> Era {
    if params.meta(meta::PROTOCOL_VERSION).is_some() {
        return Era::Modern;
    }
    match method {
        Some(Method::Initialize) => return Era::Legacy,
        Some(Method::Discover | Method::Listen) => return Era::Modern,
        Some(_) | None if !shared.has_legacy() => return Era::Modern,
        Some(_) | None => {}
    }
    if parts.headers.contains_key(&headers::MCP_SESSION_ID) {
        return Era::Legacy;
    }
    if revision_of(parts).is_some_and(Revision::is_modern) { Era::Modern } else { Era::Legacy }
}

/// What a call came to before it needed a stream.
#[derive(Debug)]
pub(super) enum First {
    /// It is over, and sent nothing before.
    Done(Ended),
    /// It sends something, or has been silent for too long: it needs a stream.
    Stream(Option<Bytes>),
    /// It wants its connection closed at once.
    Detach,
}

/// How many messages are thrown away in one go, before others have their turn.
const DROPPED_AT_ONCE: usize = 64;

/// Drives a call inline until it is over or needs a stream. Where the client takes no stream, messages are dropped and
/// the answer is waited for.
pub(super) async fn first(
    shared: &Shared,
    call: &mut Call,
    accepts: Accepts,
    principal: Option<&Arc<Principal>>,
) -> (First, Option<Arc<Beat>>) {
    let mut beat: Option<Arc<Beat>> = None;
    let first = poll_fn(|task| {
        let mut dropped = 0;
        loop {
            if dropped == DROPPED_AT_ONCE {
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            match call.poll_step(task) {
                Poll::Ready(Step::Done(ended)) => return Poll::Ready(First::Done(ended)),
                Poll::Ready(Step::Message(_) | Step::Detach) if !accepts.sse() => dropped += 1,
                Poll::Ready(Step::Message(message)) => return Poll::Ready(First::Stream(Some(message))),
                Poll::Ready(Step::Detach) => return Poll::Ready(First::Detach),
                Poll::Pending => break,
            }
        }
        if !accepts.sse() {
            return Poll::Pending;
        }
        let beat = beat.get_or_insert_with(|| shared.beat(principal.cloned()));
        match beat.poll_due(task) {
            Poll::Ready(Due::KeepAlive | Due::End) => Poll::Ready(First::Stream(None)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    (first, beat)
}
