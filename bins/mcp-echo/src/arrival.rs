//! When the request that is being answered arrived.
//!
//! The time is noted where the head of an HTTP request has been read, and is around while its answer is polled. So it
//! costs one clock reading per request, and no allocation; an extension of the request would cost three.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use http::{Method, Request, Response};
use tower_service::Service;

/// The moment at which a request arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) noted: Noted,
}

/// Where the time was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// When the head of the HTTP request had been read.
    HeadRead,
    /// When the tool began: on stdio, and for a call that goes on after its client has gone.
    ToolBegan,
}

tokio::task_local! {
    static ARRIVAL: Arrival;
}

impl Arrival {
    /// Now, as the moment at which a head has been read.
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), noted: Noted::HeadRead }
    }

    /// Polls with this arrival as the current one.
    pub(crate) fn around<T>(self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        ARRIVAL.sync_scope(self, poll)
    }

    /// When the request that is being answered arrived, or else now.
    pub(crate) fn current() -> Self {
        ARRIVAL.try_with(|arrival| *arrival).unwrap_or_else(|_| Self { noted: Noted::ToolBegan, ..Self::now() })
    }
}

/// A service that notes when each request arrived, and logs it for debugging. Neither headers nor bodies are logged.
#[derive(Clone, Debug)]
pub(crate) struct Noting<S>(S);

impl<S> Noting<S> {
    pub(crate) const fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B, R> Service<Request<B>> for Noting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Unpin,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = NotedAnswer<S::Future>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let line = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| Box::new((request.method().clone(), request.uri().path().to_owned())));
        NotedAnswer { arrival: Arrival::now(), line, answer: self.0.call(request) }
    }
}

/// The answer of [`Noting`] that is being made.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct NotedAnswer<F> {
    arrival: Arrival,
    line: Option<Box<(Method, String)>>,
    answer: F,
}

impl<F, R, E> Future for NotedAnswer<F>
where
    F: Future<Output = Result<Response<R>, E>> + Unpin,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let answer = this.arrival.around(|| Pin::new(&mut this.answer).poll(task));
        if let (Some(line), Poll::Ready(Ok(response))) = (&this.line, &answer) {
            let (method, path) = &**line;
            let ms = this.arrival.at.elapsed().as_secs_f64() * 1e3;
            tracing::debug!(%method, path, status = response.status().as_u16(), ms, "request");
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrival_is_known_while_the_answer_is_polled() {
        let arrival = Arrival::now();
        let Poll::Ready(seen) = arrival.around(|| Poll::Ready(Arrival::current())) else { panic!("it is ready") };
        assert_eq!((seen.at, seen.noted), (arrival.at, Noted::HeadRead));
        assert_eq!(Arrival::current().noted, Noted::ToolBegan);
    }
}
