//! The caller's tower service as hyper calls it, each request counted as long as its answer lasts.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::activity::{Activity, InFlight};
use super::stall;

#[derive(Debug)]
pub(super) struct Counted<S> {
    /// A service of tower is called by whoever may change it. A connection calls it once at a time.
    service: RefCell<S>,
    activity: Arc<Activity>,
}

impl<S> Counted<S> {
    pub(super) const fn new(service: S, activity: Arc<Activity>) -> Self {
        Self { service: RefCell::new(service), activity }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Counted<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<CountedBody<B>>;
    type Error = Infallible;
    type Future = Call<S, S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut service = self.service.borrow_mut();
        // Most services are always ready; only one that is not has its request kept for it.
        let state = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => State::Running { future: service.call(request) },
            Poll::Pending => {
                // The one that was asked keeps its place in whatever queue it waits in.
                let fresh = service.clone();
                let asked = mem::replace(&mut *service, fresh);
                State::Ready { waiting: Some(Box::new((asked, request))) }
            }
        };
        Call { in_flight: Some(self.activity.request()), state }
    }
}

pin_project! {
    /// A request in flight.
    pub(super) struct Call<S, F> {
        in_flight: Option<InFlight>,
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Ready { waiting: Option<Box<(S, Request<Incoming>)>> },
        Running { #[pin] future: F },
    }
}

impl<S, B> Future for Call<S, S::Future>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
{
    type Output = Result<Response<CountedBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.state.as_mut().project() {
                StateProjection::Ready { waiting } => {
                    if let Some(waiting) = waiting {
                        let Ok(()) = ready!(ours(waiting.0.poll_ready(cx)));
                    }
                    let (mut service, request) = *waiting.take().expect("taken once, as the state changes with it");
                    service.call(request)
                }
                StateProjection::Running { future } => {
                    let Ok(response) = ready!(ours(future.poll(cx)));
                    let in_flight = this.in_flight.take();
                    return Poll::Ready(Ok(response.map(|inner| CountedBody { inner, _in_flight: in_flight })));
                }
            };
            this.state.set(State::Running { future });
        }
    }
}

/// Notes that the peer is not what keeps the request.
fn ours<T>(poll: Poll<T>) -> Poll<T> {
    if poll.is_pending() {
        stall::waits_for_ourselves();
    }
    poll
}

pin_project! {
    /// A response body that ends its request when it is dropped.
    pub(super) struct CountedBody<B> {
        #[pin]
        inner: B,
        _in_flight: Option<InFlight>,
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ours(self.project().inner.poll_frame(cx));
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            stall::gave(frame.data_ref().map_or(0, Buf::remaining));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
