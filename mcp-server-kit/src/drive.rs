//! Running user code: panics caught, time limited, and dropped when it waits for the client's user.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::{cx::Cx, error::ToolError};

/// A running piece of user code.
pub(crate) type Running<T> = Pin<Box<dyn Future<Output = Result<T, ToolError>> + Send>>;

/// How it ended.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    /// By itself.
    Done(Result<T, ToolError>),
    /// It panicked. The panic hook has printed where.
    Panicked,
    /// It asked the client, and waits (modern era).
    Asks,
}

pin_project! {
    /// Drives a call. Polls it, and after each poll looks whether it asked.
    pub(crate) struct Drive<F> {
        cx: Cx,
        #[pin]
        running: Option<F>,
        limit: Option<Limit>,
    }

    impl<F> PinnedDrop for Drive<F> {
        fn drop(this: Pin<&mut Self>) {
            this.drop_running();
        }
    }
}

/// How long the call may take. What the client takes to answer is not counted, as in the modern era, where the call
/// does not even run meanwhile.
#[derive(Debug)]
struct Limit {
    time: Duration,
    timer: Pin<Box<Sleep>>,
    /// What was left of the time when the client began to be asked.
    left: Option<Duration>,
}

/// While the client is asked, how often it is looked whether it still is: the answer may wake a task of the tool's own and
/// nobody else.
const LOOK: Duration = Duration::from_secs(1);

impl Limit {
    fn new(time: Duration) -> Self {
        Self { time, timer: Box::pin(tokio::time::sleep(time)), left: None }
    }

    fn poll(&mut self, cx: &Cx, task: &mut Context<'_>) -> Poll<()> {
        if cx.ask_keys().any_open() {
            if self.left.is_none() {
                self.left = Some(self.timer.deadline().saturating_duration_since(Instant::now()));
                self.timer.as_mut().reset(Instant::now() + LOOK);
            }
            while self.timer.as_mut().poll(task).is_ready() {
                self.timer.as_mut().reset(Instant::now() + LOOK);
            }
            return Poll::Pending;
        }
        if let Some(left) = self.left.take() {
            self.timer.as_mut().reset(Instant::now() + left);
        }
        self.timer.as_mut().poll(task)
    }
}

impl<F> Drive<F> {
    /// The timer exists only where there is a limit: without one no runtime of tokio is needed.
    pub(crate) fn new(cx: Cx, running: F, limit: Option<Duration>) -> Self {
        let limit = limit.and_then(|limit| {
            let limit = catch_unwind(|| Limit::new(limit)).ok();
            if limit.is_none() {
                tracing::error!("a time limit needs a runtime of tokio with time enabled; the call runs without");
            }
            limit
        });
        Self { cx, running: Some(running), limit }
    }

    /// What the code got.
    pub(crate) const fn cx(&self) -> &Cx {
        &self.cx
    }

    /// Drops what runs; a panic on the way out is caught like any other.
    fn drop_running(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.running.is_none() {
            return;
        }
        // Whoever still has it waits in vain. Before the code is dropped: an ask that is dropped in a call that goes on
        // would take itself back, and the client would not be asked. Whoever asks has the `Cx`.
        if this.cx.is_shared() {
            this.cx.rounds().close();
        }
        if catch_unwind(AssertUnwindSafe(|| this.running.set(None))).is_err() {
            tracing::error!("a call panicked while it was dropped");
        }
    }
}

impl<F, T> Future for Drive<F>
where
    F: Future<Output = Result<T, ToolError>>,
{
    type Output = Ended<T>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Ended<T>> {
        let this = self.as_mut().project();
        let Some(running) = this.running.as_pin_mut() else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| running.poll(task)));
        let ended = match polled {
            Ok(Poll::Ready(done)) => Ended::Done(done),
            Err(_) => Ended::Panicked,
            Ok(Poll::Pending) if this.cx.rounds().must_ask(task) => Ended::Asks,
            Ok(Poll::Pending) => match this.limit {
                None => return Poll::Pending,
                Some(limit) => match limit.poll(this.cx, task) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => Ended::Done(Err(ToolError::too_late(limit.time))),
                },
            },
        };
        self.drop_running();
        Poll::Ready(ended)
    }
}

/// Starts user code: what runs before its future does can panic as well. `None` if it did. What it has left behind then, in
/// a task of its own, may ask the client, and is told in a modern call that nobody answers; legacy questions belong to the
/// session.
pub(crate) fn start<T>(cx: &Cx, begin: impl FnOnce() -> T) -> Option<T> {
    let begun = catch_unwind(AssertUnwindSafe(begin)).ok();
    if begun.is_none() {
        cx.rounds().close();
    }
    begun
}
