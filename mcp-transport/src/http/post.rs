//! POST: one message, or a batch.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    body::{self, BodyError, Collect},
    call::{Call, Ended, Step},
    headers::{self, Accepts, Admission, Field, Standard},
    legacy, modern,
    origin::Admitted,
    pulse::{Beat, Due},
    reply,
    service::Shared,
    stream::McpBody,
};
use crate::{
    auth::Principal,
    exchange::meta,
    jsonrpc::{self, Batch, Incoming, Message, Notification, Params},
    protocol::{Method, Revision},
};

/// Whether a POST brings what we read and takes what we write.
///
/// # Errors
/// The answer to one that does not.
pub(super) fn judge(fields: &Admission<'_>, headers: &HeaderMap) -> Result<Accepts, Response<McpBody>> {
    if !matches!(fields.content_type, Field::Once(value) if headers::is_json(value)) {
        return Err(reply::plain(headers, StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json"));
    }
    match Accepts::of_field(fields.accept, headers) {
        Accepts::Neither => {
            let text = "Accept must list application/json and text/event-stream";
            Err(reply::plain(headers, StatusCode::NOT_ACCEPTABLE, text))
        }
        accepts => Ok(accepts),
    }
}

pin_project! {
    /// The answer to a POST: its body is read, and then mostly everything is done at once, in the same poll. What is not
    /// goes on in a future of its own, so that the common way carries no room for it.
    ///
    /// An `async fn` would say the same in fewer lines; its future keeps room for each of its steps, and moving that
    /// about was a third of the driver's cost.
    pub(super) struct Post<B> {
        shared: Arc<Shared>,
        admitted: Admitted,
        parts: Option<Box<Parts>>,
        accepts: Accepts,
        // Gone when it has been read: a body may hold a buffer, or a place among others.
        #[pin]
        body: Option<Collect<B>>,
        later: Option<Later>,
    }
}

impl<B> Post<B> {
    pub(super) fn new(shared: Arc<Shared>, admitted: Admitted, parts: Box<Parts>, body: B, accepts: Accepts) -> Self {
        let body = body::collect(body, shared.config.limits.bytes, shared.config.body_timeout);
        Self { shared, admitted, parts: Some(parts), accepts, body: Some(body), later: None }
    }
}

impl<B> Future for Post<B>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<Response<McpBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(body) = this.body.as_mut().as_pin_mut() {
            let read = ready!(body.poll(task));
            this.body.set(None);
            // A future that is polled after it was ready has nothing more to say.
            let Some(parts) = this.parts.take() else { return Poll::Pending };
            let begun = match read {
                Ok(bytes) => begin(this.shared, parts, bytes, *this.accepts, task),
                Err(broken) => Begun::Answered(unread(&parts.headers, &broken)),
            };
            match begun {
                Begun::Answered(mut response) => {
                    this.admitted.apply(response.headers_mut());
                    return Poll::Ready(Ok(response));
                }
                Begun::Later(later) => *this.later = Some(later),
            }
        }
        // A future that is polled after it was ready has nothing more to say.
        let Some(later) = this.later else { return Poll::Pending };
        let mut response = ready!(later.as_mut().poll(task));
        this.admitted.apply(response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

#[cold]
fn unread(headers: &HeaderMap, broken: &BodyError) -> Response<McpBody> {
    let (status, text) = match broken {
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the message is too large"),
        BodyError::TimedOut => (StatusCode::REQUEST_TIMEOUT, "the message did not come in time"),
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "the message broke off"),
    };
    reply::plain(headers, status, text)
}

/// What became of a message at once.
pub(super) enum Begun {
    Answered(Response<McpBody>),
    /// What is rare, or waits: its room is its own.
    Later(Later),
}

impl Begun {
    #[cold]
    pub(super) fn later(answer: impl Future<Output = Response<McpBody>> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }
}

type Later = Pin<Box<dyn Future<Output = Response<McpBody>> + Send>>;

fn begin(shared: &Arc<Shared>, parts: Box<Parts>, bytes: Bytes, accepts: Accepts, task: &mut Context<'_>) -> Begun {
    let incoming = match Incoming::parse(bytes, &shared.config.limits) {
        Ok(incoming) => incoming,
        Err(defect) => return Begun::Answered(reply::defect(Standard::of(&parts.headers).revision(), &defect)),
    };
    match incoming {
        Incoming::Single(Message::Request(request)) => {
            let fields = Standard::of(&parts.headers);
            match era(shared, &fields, Some(&request.method), &request.params) {
                Era::Modern => match modern::judge(shared, &parts, &fields, accepts, &request) {
                    Ok(judged) => modern::begin(shared, judged, parts, request, task),
                    Err(refusal) => Begun::Answered(refusal),
                },
                Era::Legacy if request.method == Method::Initialize => {
                    Begun::later(legacy::initialize(Arc::clone(shared), parts, request, accepts))
                }
                Era::Legacy => match legacy::enter_here(shared, &parts, &fields, &request.id) {
                    Ok(Some(live)) => legacy::begin(shared, live, parts, request, accepts, task),
                    Ok(None) => Begun::later(legacy::adopted(Arc::clone(shared), parts, request, accepts)),
                    Err(refusal) => Begun::Answered(refusal),
                },
            }
        }
        Incoming::Single(Message::Notification(note)) => notification(shared, parts, note),
        Incoming::Single(Message::Response(response)) => answer(shared, parts, response),
        Incoming::Batch(batch) => entries(shared, parts, batch, accepts),
    }
}

#[cold]
fn notification(shared: &Arc<Shared>, parts: Box<Parts>, note: Notification) -> Begun {
    match era(shared, &Standard::of(&parts.headers), Some(&note.method), &note.params) {
        Era::Modern => Begun::later(modern::notification(Arc::clone(shared), parts, note)),
        Era::Legacy => Begun::later(legacy::notification(Arc::clone(shared), parts, note)),
    }
}

#[cold]
fn answer(shared: &Arc<Shared>, parts: Box<Parts>, answer: jsonrpc::Response) -> Begun {
    match era(shared, &Standard::of(&parts.headers), None, &Params::default()) {
        Era::Modern => Begun::Answered(modern::response(&parts)),
        Era::Legacy => Begun::later(legacy::response(Arc::clone(shared), parts, answer)),
    }
}

#[cold]
fn entries(shared: &Arc<Shared>, parts: Box<Parts>, batch: Batch, accepts: Accepts) -> Begun {
    match era(shared, &Standard::of(&parts.headers), None, &Params::default()) {
        Era::Modern => Begun::Answered(modern::batch(&parts)),
        Era::Legacy => Begun::later(legacy::batch(Arc::clone(shared), parts, batch, accepts)),
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

fn era(shared: &Shared, fields: &Standard<'_>, method: Option<&Method>, params: &Params) -> Era {
    if params.meta(meta::PROTOCOL_VERSION).is_some() {
        return Era::Modern;
    }
    match method {
        Some(Method::Initialize) => return Era::Legacy,
        Some(Method::Discover | Method::Listen) => return Era::Modern,
        Some(_) | None if !shared.has_legacy() => return Era::Modern,
        Some(_) | None => {}
    }
    if !fields.session.is_missing() {
        return Era::Legacy;
    }
    if fields.revision().is_some_and(Revision::is_modern) { Era::Modern } else { Era::Legacy }
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
/// the answer is waited for. `step` is what came of the call when it was polled last.
pub(super) async fn first(
    shared: &Shared,
    call: &mut Call,
    mut step: Option<Poll<Step>>,
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
            match step.take().unwrap_or_else(|| call.poll_step(task)) {
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
