//! The guard: a tower layer that lets a request through with its principal, or answers it.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN};
use http::{Method, Request, Response, request};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{GuardBody, OnceBody};
use super::credentials::{DPOP, authenticate, refuse_misplaced};
use super::refusal::Refusal;
use super::resource::ProtectedResource;
use super::verify::{Rejection, Verifier};

/// What happens to a request without credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Access {
    /// It is answered with 401.
    #[default]
    Required,
    /// It goes through without a principal: [`danger::anonymous`](super::danger::anonymous).
    Optional,
}

/// Protects services with one resource's guard.
///
/// Before the body is read, a request is either answered (400, 401, 403, 503) or handed on with an
/// `Arc<Principal>` and the `Arc<ProtectedResource>` in its extensions. The `Authorization` and
/// `DPoP` headers do not go on: the token was for this resource, and "MCP servers MUST NOT accept
/// or transit any other tokens".
///
/// A CORS preflight goes through unasked, because browsers send none of it with credentials: an
/// `OPTIONS` with `Origin` and `Access-Control-Request-Method`, and without `Authorization`.
/// [`CorsLayer`](crate::http::origin::CorsLayer) belongs outside the guard: a page can then read the
/// challenge, and one that may not speak to us gets 403 before it is asked for a token.
///
/// ```
/// use std::sync::Arc;
/// use mcp_transport::auth::{GuardLayer, Issuer, ProtectedResource, ResourceId, StaticTokens};
/// use mcp_transport::http::McpService;
/// use tower_layer::Layer as _;
/// use tower_service::Service as _;
/// # use mcp_transport::{exchange::Exchange, handler::{Handler, Outcome}};
/// # use mcp_transport::{jsonrpc::{Raw, Request}, protocol::Revisions};
/// # struct Nothing;
/// # #[async_trait::async_trait]
/// # impl Handler for Nothing {
/// #     fn revisions(&self) -> Revisions { Revisions::all() }
/// #     async fn call(self: Arc<Self>, _: Exchange, _: Request) -> Outcome { Outcome::complete(Raw::NULL) }
/// # }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let (issuer, id) = (Issuer::parse("https://auth.example")?, ResourceId::parse("https://mcp.example/mcp")?);
/// let resource = ProtectedResource::builder(id.clone()).authorization_server(issuer.clone()).build()?;
/// let tokens = StaticTokens::parse(issuer, id, "q7Jx0nVd3mT4sKzR ada files:read")?;
/// let handler = Arc::new(Nothing);
/// let mut service = GuardLayer::new(Arc::new(resource), Arc::new(tokens)).layer(McpService::new(handler));
///
/// let request = http::Request::post("/mcp").body(http_body_util::Empty::<bytes::Bytes>::new())?;
/// let Ok(refused) = service.call(request).await;
/// assert_eq!(refused.status(), 401);
/// assert!(refused.headers().contains_key("www-authenticate"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct GuardLayer {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    resource: Arc<ProtectedResource>,
    verifier: Arc<dyn Verifier>,
    access: Access,
    clock: fn() -> SystemTime,
}

impl GuardLayer {
    /// A guard of `resource` that asks `verifier` and the system's clock.
    #[must_use]
    pub fn new(resource: Arc<ProtectedResource>, verifier: Arc<dyn Verifier>) -> Self {
        Self { shared: Arc::new(Shared { resource, verifier, access: Access::Required, clock: SystemTime::now }) }
    }

    /// What happens to requests without credentials. That they go through is said in the log.
    pub(super) fn access(mut self, access: Access) -> Self {
        let shared = Arc::make_mut(&mut self.shared);
        shared.access = access;
        if access == Access::Optional {
            tracing::warn!(
                resource = %shared.resource.id(),
                "requests without credentials are let through"
            );
        }
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: fn() -> SystemTime) -> Self {
        Arc::make_mut(&mut self.shared).clock = clock;
        self
    }
}

impl fmt::Debug for GuardLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardLayer")
            .field("resource", &self.shared.resource.id().as_str())
            .field("access", &self.shared.access)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { shared: Arc::clone(&self.shared), inner }
    }
}

/// A service behind a guard. Made by [`GuardLayer`].
#[derive(Clone)]
pub struct Guard<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> fmt::Debug for Guard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("resource", &self.shared.resource.id().as_str()).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<GuardBody<R>>;
    type Error = Infallible;
    type Future = GuardFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if is_preflight(&parts) {
            return GuardFuture::inner(self.inner.call(Request::from_parts(parts, body)));
        }
        if let Err(refusal) = refuse_misplaced(&parts.uri, &parts.headers) {
            return GuardFuture::refused(self.shared.refuse(&refusal));
        }
        if !parts.headers.contains_key(AUTHORIZATION) {
            return match self.shared.access {
                Access::Required => GuardFuture::refused(self.shared.refuse(&Refusal::MissingCredentials)),
                Access::Optional => {
                    parts.headers.remove(DPOP);
                    parts.extensions.insert(Arc::clone(&self.shared.resource));
                    GuardFuture::inner(self.inner.call(Request::from_parts(parts, body)))
                }
            };
        }
        // The service that was polled ready is the one to call; its clone waits for the next turn.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let shared = Arc::clone(&self.shared);
        GuardFuture::verifying(Box::pin(async move {
            if let Err(refusal) = shared.admit(&mut parts).await {
                return shared.refuse(&refusal).map(GuardBody::own);
            }
            match inner.call(Request::from_parts(parts, body)).await {
                Ok(response) => response.map(GuardBody::inner),
                Err(never) => match never {},
            }
        }))
    }
}

impl Shared {
    /// Verifies the caller and puts what was found out in place of the credentials.
    async fn admit(&self, parts: &mut request::Parts) -> Result<(), Refusal> {
        let (request, now) = (&*parts, (self.clock)());
        let principal = authenticate(
            &*self.verifier,
            &self.resource,
            &request.method,
            &request.uri,
            &request.headers,
            &request.extensions,
            now,
        )
        .await?;
        parts.headers.remove(AUTHORIZATION);
        parts.headers.remove(DPOP);
        parts.extensions.insert(principal);
        parts.extensions.insert(Arc::clone(&self.resource));
        Ok(())
    }

    fn refuse(&self, refusal: &Refusal) -> Response<OnceBody> {
        let resource = self.resource.id();
        if let Refusal::Rejected { rejection: Rejection::Unavailable { .. }, .. } = refusal {
            tracing::warn!(%resource, "{refusal}");
        } else {
            tracing::debug!(%resource, status = refusal.status().as_u16(), "{refusal}");
        }
        refusal.response(&self.resource).map(OnceBody::from)
    }
}

/// A preflight as the Fetch standard defines it, and nothing else.
fn is_preflight(parts: &request::Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && !parts.headers.contains_key(AUTHORIZATION)
}

type Verifying<R> = Pin<Box<dyn Future<Output = Response<GuardBody<R>>> + Send>>;

pin_project! {
    /// The answer of a [`Guard`]. Boxed only while a token is verified.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the verification or the inner call, whichever is under way.
    pub struct GuardFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Refused { response: Option<Response<OnceBody>> },
        Inner { #[pin] future: F },
        Verifying { future: Verifying<R> },
    }
}

impl<F, R> GuardFuture<F, R> {
    const fn refused(response: Response<OnceBody>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    const fn inner(future: F) -> Self {
        Self { state: State::Inner { future } }
    }

    const fn verifying(future: Verifying<R>) -> Self {
        Self { state: State::Verifying { future } }
    }
}

impl<F, R> fmt::Debug for GuardFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}

impl<F, R> Future for GuardFuture<F, R>
where
    F: Future<Output = Result<Response<R>, Infallible>>,
{
    type Output = Result<Response<GuardBody<R>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            // Polled again after its end, which is a caller's fault, it stays pending.
            StateProjection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(GuardBody::own))),
                None => Poll::Pending,
            },
            StateProjection::Inner { future } => future.poll(cx).map_ok(|response| response.map(GuardBody::inner)),
            StateProjection::Verifying { future } => future.as_mut().poll(cx).map(Ok),
        }
    }
}

#[cfg(test)]
mod tests;
