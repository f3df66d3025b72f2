//! A call that runs: the handler's future and what it sends before its answer.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::{
    exchange::Exchange,
    handler::{Handler, Outcome},
    jsonrpc::{ErrorObject, Request, RequestId},
    stop::Given,
};

/// A call that runs. Dropping it cancels the call.
pub(super) struct Call {
    pub(super) id: RequestId,
    cx: Exchange,
    future: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    outcome: Option<Outcome>,
    cancelled: Option<Given>,
    /// Takes the call out of its session's table.
    _running: Option<super::live::Running>,
}

/// What a call does next.
#[derive(Debug)]
pub(super) enum Step {
    /// It sends a message.
    Message(Bytes),
    /// It wants its connection closed; the rest comes by replay.
    Detach,
    /// It is over. All its messages came before.
    Done(Ended),
}

/// How a call ends.
#[derive(Debug)]
pub(super) enum Ended {
    /// With an answer.
    Answered(Outcome),
    /// The client cancelled it: there is no answer (MCP 2025-11-25, cancellation, "Behavior Requirements", 3).
    Cancelled,
}

impl Call {
    pub(super) fn new(
        handler: Arc<dyn Handler>,
        cx: Exchange,
        request: Request,
        running: Option<super::live::Running>,
    ) -> Self {
        let id = request.id.clone();
        // Only what is in a session's table can be cancelled by a message.
        let cancelled = running.as_ref().map(|_| cx.cancelled().given());
        let future = handler.call(cx.clone(), request);
        Self { id, cx, future: Some(future), outcome: None, cancelled, _running: running }
    }

    /// The next step. After [`Step::Done`] there is none.
    pub(super) fn poll_step(&mut self, task: &mut Context<'_>) -> Poll<Step> {
        loop {
            if let Some(message) = self.cx.outbox().take() {
                return Poll::Ready(Step::Message(message));
            }
            if self.cx.outbox().take_detach() {
                return Poll::Ready(Step::Detach);
            }
            if let Some(outcome) = self.outcome.take() {
                return Poll::Ready(Step::Done(Ended::Answered(outcome)));
            }
            if let Some(cancelled) = &mut self.cancelled {
                if Pin::new(cancelled).poll(task).is_ready() {
                    self.future = None;
                    self.cx.outbox().close();
                    return Poll::Ready(Step::Done(Ended::Cancelled));
                }
            }
            let Some(future) = &mut self.future else {
                return Poll::Pending;
            };
            // One call's panic is one call's error.
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
                Ok(Poll::Pending) => match self.cx.outbox().poll_take(task) {
                    Poll::Ready(Some(message)) => return Poll::Ready(Step::Message(message)),
                    Poll::Ready(None) | Poll::Pending if self.cx.outbox().is_touched() => {}
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                },
                Ok(Poll::Ready(outcome)) => {
                    self.future = None;
                    self.outcome = Some(outcome);
                }
                Err(_panic) => {
                    tracing::error!(id = %self.id, "a handler panicked; the call is answered with an internal error");
                    self.future = None;
                    self.outcome = Some(ErrorObject::internal().into());
                }
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Whoever still holds the exchange learns that nobody reads.
        self.cx.outbox().close();
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("id", &self.id).finish_non_exhaustive()
    }
}
