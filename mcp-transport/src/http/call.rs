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
    handler::{Handler, Outcome, Reply},
    jsonrpc::{ErrorObject, Request, RequestId},
    stop::Given,
};

/// A call that runs. Dropping it cancels the call.
pub(super) struct Call {
    cx: Exchange,
    future: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    outcome: Option<Outcome>,
    /// Only what is in a session's table can be cancelled by a message.
    cancellable: bool,
    cancelled: Option<Given>,
    /// Takes the call out of its session's table.
    running: Option<super::live::Running>,
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
        let cancellable = running.is_some();
        // A handler may do something before it has a future, and panic in it.
        let future = catch_unwind(AssertUnwindSafe(|| handler.call(cx.clone(), request))).ok();
        let outcome = future.is_none().then(|| panicked(cx.id()));
        Self { cx, future, outcome, cancellable, cancelled: None, running }
    }

    pub(super) fn id(&self) -> &RequestId {
        self.cx.id()
    }

    /// The outcome as it goes out in this call's own stream.
    pub(super) fn stamped(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Reply(Reply { kind, body }) => {
                Outcome::Reply(Reply { kind, body: self.cx.outbox().stamped(body) })
            }
            other => other,
        }
    }

    /// Whether the client has cancelled the call; it is then over without an answer, whatever it had to say.
    pub(super) fn poll_cancelled(&mut self, task: &mut Context<'_>) -> bool {
        if !self.cancellable {
            return false;
        }
        let Self { cx, cancelled, .. } = self;
        let is_cancelled = Pin::new(cancelled.get_or_insert_with(|| cx.cancelled().given())).poll(task).is_ready();
        if is_cancelled {
            self.end();
        }
        is_cancelled
    }

    fn end(&mut self) {
        self.future = None;
        self.cx.outbox().close();
    }

    /// Nobody will read what the call sends: it goes on without a way to its client.
    pub(super) fn go_on_alone(&self) {
        self.cx.outbox().close();
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
            if self.cancellable && self.cx.is_cancelled() {
                self.end();
                return Poll::Ready(Step::Done(Ended::Cancelled));
            }
            let Some(future) = &mut self.future else {
                return Poll::Pending;
            };
            // One call's panic is one call's error.
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
                // Most calls are over at once, so to wait for a cancellation begins here.
                Ok(Poll::Pending) if self.poll_cancelled(task) => {
                    return Poll::Ready(Step::Done(Ended::Cancelled));
                }
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
                    self.future = None;
                    self.outcome = Some(panicked(self.cx.id()));
                }
            }
        }
    }
}

#[cold]
fn panicked(id: &RequestId) -> Outcome {
    tracing::error!(%id, "a handler panicked; the call is answered with an internal error");
    ErrorObject::internal().into()
}

/// What a handler does that no request waits for: a notification taken, the beginning and the end of a session told.
pub(super) type Aside = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs `work` up to its first pause here, and what is left in a task of its own: the client that caused it need not
/// wait, and may go. (It may even have to come back first: a handler that asks the client something as soon as the
/// session is open gets its answer on a stream that the client opens later.) `held` is dropped when the work is done.
pub(super) async fn aside(mut work: Aside, held: impl Send + 'static) {
    let paused = std::future::poll_fn(|task| Poll::Ready(poll_guarded(&mut work, task).is_pending())).await;
    if paused {
        tokio::spawn(async move {
            guarded(work).await;
            drop(held);
        });
    }
}

/// Runs `work`; a panic in it ends it and nothing else.
pub(super) async fn guarded(mut work: Aside) {
    std::future::poll_fn(|task| poll_guarded(&mut work, task)).await;
}

fn poll_guarded(work: &mut Aside, task: &mut Context<'_>) -> Poll<()> {
    catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(task))).unwrap_or_else(|_panic| {
        tracing::error!("a handler panicked over a notification or the state of a session");
        Poll::Ready(())
    })
}

impl Drop for Call {
    fn drop(&mut self) {
        // The table has the exchange too.
        self.running = None;
        // Whoever still holds it learns that nobody reads.
        if self.cx.is_shared() {
            self.cx.outbox().close();
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("id", self.cx.id()).finish_non_exhaustive()
    }
}
