//! Futures of the handler's, whose panics end here.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future of the handler's. A panic makes it `None`; the panic hook has then printed where it happened.
///
/// That the closures are called unwind safe is true because nothing that a panic has left half done is used again: the
/// future is dropped.
pub(super) struct Caught<T>(Option<Boxed<T>>);

impl<T> Caught<T> {
    pub(super) fn new(make: impl FnOnce() -> Boxed<T>) -> Self {
        Self(catch_unwind(AssertUnwindSafe(make)).ok())
    }

    /// Drops the future now: a call that is cancelled ends here.
    pub(super) fn end(&mut self) {
        let future = self.0.take();
        if catch_unwind(AssertUnwindSafe(move || drop(future))).is_err() {
            tracing::error!("a handler panicked while a call was dropped");
        }
    }

    /// The first poll, by the task that reads lines. `Ready` means that no task is needed.
    pub(super) async fn first_poll(&mut self) -> Poll<Option<T>> {
        std::future::poll_fn(|task| Poll::Ready(Pin::new(&mut *self).poll(task))).await
    }
}

impl<T> Future for Caught<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                self.end();
                Poll::Ready(Some(output))
            }
            Err(_) => {
                tracing::error!("a handler panicked");
                self.end();
                Poll::Ready(None)
            }
        }
    }
}
