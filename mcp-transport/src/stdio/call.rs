//! One request, from its first poll to its answer.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{answer::Answer, caught::Caught, queue::Out, table::Table};
use crate::{
    auth::ScopeSet,
    exchange::{Exchange, meta},
    handler::{Handler, Outcome},
    jsonrpc::{Code, ErrorObject, Raw, Request, RequestId, frame},
    protocol::{ErrorWithoutId, Method},
    stop::Given,
};
use bytes::Bytes;

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request and its answer.
    Plain,
    /// A listen stream.
    Listen,
    /// `initialize`: its outcome is for the connection to judge before it is an answer.
    Initialize,
}

/// A request that the handler works on.
pub(super) struct Call {
    pub(super) cx: Exchange,
    pub(super) serial: u64,
    pub(super) kind: Kind,
    pub(super) answer: Answer,
    future: Caught<Outcome>,
    /// Holds messages back until the legacy session is ready: before that, the server "SHOULD NOT send requests"
    /// (MCP 2025-11-25, lifecycle, "Initialization").
    gate: Option<Given>,
    cancelled: Given,
}

enum Step {
    Frame(Bytes),
    Done(Option<Outcome>),
    Cancelled,
}

/// How a call ended in its task.
pub(super) enum Finished {
    /// All was sent.
    Answered(Kind),
    /// `initialize` is done.
    Initialized(Outcome),
}

impl Call {
    pub(super) fn begin(
        handler: &Arc<dyn Handler>,
        request: Request,
        cx: Exchange,
        (serial, kind, answer): (u64, Kind, Answer),
        gate: Option<Given>,
    ) -> Self {
        let future = Caught::new(|| Arc::clone(handler).call(cx.clone(), request));
        let cancelled = cx.cancelled().given();
        Self { cx, serial, kind, answer, future, gate, cancelled }
    }

    /// The first poll, where lines are read. Whatever was emitted by then is taken by [`emitted`](Self::emitted).
    pub(super) async fn first_poll(&mut self) -> Poll<Outcome> {
        self.future.first_poll().await.map(Self::outcome)
    }

    /// What was emitted and not yet taken.
    pub(super) fn emitted(&self) -> impl Iterator<Item = Bytes> + '_ {
        std::iter::from_fn(|| self.cx.outbox().take())
    }

    /// A panic is our own fault.
    fn outcome(outcome: Option<Outcome>) -> Outcome {
        outcome.unwrap_or_else(|| Outcome::Error(ErrorObject::internal()))
    }

    /// Runs the call to its answer. Dropping the future drops the call.
    pub(super) async fn drive(mut self, out: Out, table: Arc<Table>) -> Finished {
        let outcome = loop {
            match poll_fn(|task| self.poll_step(task)).await {
                Step::Frame(frame) => {
                    if !self.send(&out, frame).await {
                        break None;
                    }
                }
                Step::Done(outcome) => break Some(Self::outcome(outcome)),
                Step::Cancelled => break None,
            }
        };
        let Some(outcome) = outcome else {
            return self.end_cancelled(&out).await;
        };
        while let Some(frame) = self.cx.outbox().take() {
            if !self.send(&out, frame).await {
                return self.end_cancelled(&out).await;
            }
        }
        if self.kind == Kind::Initialize {
            return Finished::Initialized(outcome);
        }
        // From here on a cancellation comes too late, and the client may use the id again once it sees the answer.
        if !table.finish(self.cx.id(), self.serial) {
            return self.end_cancelled(&out).await;
        }
        let (kind, last) = (self.kind, self.last(outcome));
        for frame in last {
            out.put(out.frame(frame)).await;
        }
        Finished::Answered(kind)
    }

    fn poll_step(&mut self, task: &mut Context<'_>) -> Poll<Step> {
        if Pin::new(&mut self.cancelled).poll(task).is_ready() {
            return Poll::Ready(Step::Cancelled);
        }
        let gate_is_open = self.gate.as_mut().is_none_or(|gate| Pin::new(gate).poll(task).is_ready());
        if gate_is_open {
            self.gate = None;
            if let Some(frame) = self.cx.outbox().take() {
                return Poll::Ready(Step::Frame(frame));
            }
        }
        if let Poll::Ready(outcome) = Pin::new(&mut self.future).poll(task) {
            return Poll::Ready(Step::Done(outcome));
        }
        if gate_is_open && let Poll::Ready(Some(frame)) = self.cx.outbox().poll_take(task) {
            return Poll::Ready(Step::Frame(frame));
        }
        Poll::Pending
    }

    /// Sends a message of the call's. `false` if the call was cancelled, or nobody reads: nothing more goes out.
    async fn send(&mut self, out: &Out, frame: Bytes) -> bool {
        tokio::select! {
            biased;
            () = &mut self.cancelled => false,
            room = out.room(frame.len()) => room.map(|room| room.put(frame)).is_some(),
        }
    }

    /// Drops a call that was cancelled. The server "MUST NOT send any further messages for it" (MCP 2026-07-28, stdio,
    /// "Cancellation"): what waits is thrown away. Requests of ours that the call was waiting for are taken back, each by
    /// its own `notifications/cancelled`.
    async fn end_cancelled(mut self, out: &Out) -> Finished {
        let kind = self.kind;
        self.emitted().for_each(drop);
        self.future.end();
        let taken_back: Vec<Bytes> = match self.cx.session() {
            Some(_) => self.emitted().collect(),
            None => Vec::new(),
        };
        self.cx.outbox().close();
        for frame in taken_back.into_iter().chain(self.answer.settle(None)) {
            out.put(out.frame(frame)).await;
        }
        Finished::Answered(kind)
    }

    /// The answer, and what follows it. The exchange is over: what is emitted later goes nowhere.
    pub(super) fn last(self, outcome: Outcome) -> impl Iterator<Item = Bytes> {
        let id = self.cx.id();
        self.cx.outbox().close();
        let is_reply = matches!(outcome, Outcome::Reply(_));
        let frame = match outcome {
            Outcome::Reply(reply) if self.kind == Kind::Listen => {
                // MCP 2026-07-28, subscriptions, "Graceful Closure": the response carries the subscription's id.
                frame::result(id, &frame::with_meta(Some(&reply.body), meta::SUBSCRIPTION_ID, id.as_json()))
            }
            Outcome::Reply(reply) => frame::result(id, &reply.body),
            Outcome::Error(error) => frame::error(Some(id), ErrorWithoutId::Omit, &error),
            Outcome::Forbidden(scopes) => frame::error(Some(id), ErrorWithoutId::Omit, &forbidden(&scopes)),
        };
        let torn_down = (self.kind == Kind::Listen && is_reply).then(|| torn_down(id));
        self.answer.settle(Some(frame)).into_iter().chain(torn_down)
    }
}

/// A server "MUST send `notifications/cancelled` referencing a `subscriptions/listen` request ID when it tears down that
/// subscription stream" (MCP 2026-07-28, cancellation). It follows the result, which says that the end was graceful: a
/// client that takes the result ignores it, as it ignores any cancellation of a request that is done.
pub(super) fn torn_down(id: &RequestId) -> Bytes {
    let params = format!(r#"{{"requestId":{},"reason":"the server has ended the subscription"}}"#, id.as_json());
    frame::notification(Method::Cancelled.as_str(), Raw::parse(params).ok().as_ref())
}

/// There is no token on this transport that could be stepped up.
fn forbidden(scopes: &ScopeSet) -> ErrorObject {
    ErrorObject::new(Code::INVALID_REQUEST, format!("the request needs scopes that it lacks: {scopes}"))
}
