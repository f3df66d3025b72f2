//! A service with or without protection, as one type: what a program puts its endpoint behind.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use mcp_transport::auth::{Guard, GuardBody, GuardFuture, GuardLayer, OnceBody, WellKnown};
use mcp_transport::http::origin::{AccessPolicy, Cors, CorsFuture, CorsLayer};
use pin_project_lite::pin_project;
use tower_layer::Layer as _;
use tower_service::Service;

/// A service that is open, or behind a guard. Made by [`Protection::protect`](super::Protection::protect) and
/// [`Gate::open`].
///
/// Behind a guard, the public documents of the resource are served in front of it, to everybody; everything else has to
/// come from an admitted origin, then with a token.
#[derive(Clone, Debug)]
pub struct Gate<S>(Way<S>);

#[derive(Clone, Debug)]
enum Way<S> {
    Open(S),
    Guarded { documents: WellKnown, service: Cors<Guard<S>> },
}

impl<S> Gate<S> {
    /// The service as it is, without any protection.
    #[must_use]
    pub const fn open(service: S) -> Self {
        Self(Way::Open(service))
    }

    pub(super) fn guarded(documents: WellKnown, guard: &GuardLayer, service: S, access: AccessPolicy) -> Self {
        // CORS is the outer one, so that a page can read the challenge.
        Self(Way::Guarded { documents, service: CorsLayer::new(access).layer(guard.layer(service)) })
    }

    /// Whether a router that sends only some paths here should send this one: it is the place of a public document.
    #[must_use]
    pub fn owns(&self, uri: &Uri) -> bool {
        match self.0 {
            Way::Open(_) => false,
            Way::Guarded { .. } => WellKnown::owns(uri),
        }
    }
}

impl<S, B, R> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<GateBody<R>>;
    type Error = Infallible;
    type Future = GateFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match &mut self.0 {
            Way::Open(service) => service.poll_ready(cx),
            Way::Guarded { service, .. } => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match &mut self.0 {
            Way::Open(service) => State::Open { future: service.call(request) },
            Way::Guarded { documents, .. } if WellKnown::owns(request.uri()) => {
                State::Document { future: documents.call(request) }
            }
            Way::Guarded { service, .. } => State::Guarded { future: service.call(request) },
        };
        GateFuture { state }
    }
}

pin_project! {
    /// The answer of a [`Gate`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the verification or the call of the service, whichever is under way.
    #[must_use = "futures do nothing unless polled"]
    pub struct GateFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Open { #[pin] future: F },
        Guarded { #[pin] future: CorsFuture<GuardFuture<F, R>> },
        Document { #[pin] future: Ready<Result<Response<OnceBody>, Infallible>> },
    }
}

impl<F, R> Future for GateFuture<F, R>
where
    F: Future<Output = Result<Response<R>, Infallible>>,
{
    type Output = Result<Response<GateBody<R>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.project().state.project() {
            StateProjection::Open { future } => ready!(future.poll(cx))?.map(|body| Source::Open { body }),
            StateProjection::Guarded { future } => ready!(future.poll(cx))?.map(|body| Source::Guarded { body }),
            StateProjection::Document { future } => ready!(future.poll(cx))?.map(|body| Source::Document { body }),
        };
        Poll::Ready(Ok(response.map(|source| GateBody { source })))
    }
}

impl<F, R> fmt::Debug for GateFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The body of an answer: of the service, of the guard, or a public document.
    #[derive(Debug)]
    pub struct GateBody<R> {
        #[pin]
        source: Source<R>,
    }
}

pin_project! {
    #[project = SourceProjection]
    #[derive(Debug)]
    enum Source<R> {
        Open { #[pin] body: R },
        Guarded { #[pin] body: GuardBody<R> },
        Document { #[pin] body: OnceBody },
    }
}

/// A body that is at hand, for what a router answers beside the gate: the answers of one service have one type.
impl<R> From<Bytes> for GateBody<R> {
    fn from(bytes: Bytes) -> Self {
        Self { source: Source::Document { body: bytes.into() } }
    }
}

impl<R: Body<Data = Bytes, Error = Infallible>> Body for GateBody<R> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.project().source.project() {
            SourceProjection::Open { body } => body.poll_frame(cx),
            SourceProjection::Guarded { body } => body.poll_frame(cx),
            SourceProjection::Document { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Open { body } => body.is_end_stream(),
            Source::Guarded { body } => body.is_end_stream(),
            Source::Document { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Open { body } => body.size_hint(),
            Source::Guarded { body } => body.size_hint(),
            Source::Document { body } => body.size_hint(),
        }
    }
}
