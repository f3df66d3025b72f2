//! POST: one message, or a batch.

use std::{future::poll_fn, sync::Arc, task::Poll};

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
    let incoming = match Incoming::parse(bytes, limits) {
        Ok(incoming) => incoming,
        Err(defect) => return reply::defect(revision_of(&parts), &defect),
    };
    match incoming {
        Incoming::Single(Message::Request(request)) => {
            match era(shared, &parts, Some(&request.method), &request.params) {
                Era::Modern => modern::request(shared, parts, request, accepts).await,
                Era::Legacy => legacy::request(shared, parts, request, accepts).await,
            }
        }
        Incoming::Single(Message::Notification(note)) => match era(shared, &parts, Some(&note.method), &note.params) {
            Era::Modern => modern::notification(shared, parts, note).await,
            Era::Legacy => legacy::notification(shared, parts, note).await,
        },
        Incoming::Single(Message::Response(response)) => match era(shared, &parts, None, &Params::default()) {
            Era::Modern => modern::response(&parts),
            Era::Legacy => legacy::response(shared, &parts, response).await,
        },
        Incoming::Batch(batch) => match era(shared, &parts, None, &Params::default()) {
            Era::Modern => modern::batch(&parts),
            Era::Legacy => legacy::batch(shared, parts, batch, accepts).await,
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
