//! CORS (Fetch standard, "CORS protocol"): what lets a page on an admitted origin send requests and read answers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{AccessPolicy, Admitted, NOT_SERVED};
use crate::http::headers::MCP_PARAM_PREFIX;

/// The methods of an MCP endpoint.
static METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE, OPTIONS");
/// What a page may send. `Mcp-Param-*` fields are added as they are asked for.
const REQUEST_HEADERS: &str = "Content-Type, Accept, Authorization, DPoP, Mcp-Session-Id, MCP-Protocol-Version, \
     Mcp-Method, Mcp-Name, Last-Event-ID";
/// What a page may read besides the few fields that every page may.
static EXPOSED: HeaderValue = HeaderValue::from_static(
    "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, DPoP-Nonce, Retry-After, Last-Event-ID",
);
/// An hour. Browsers cut longer times short, some at two hours.
static MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
static VARY_BY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
static VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
);
static TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
static YES: HeaderValue = HeaderValue::from_static("true");
/// How many `Mcp-Param-*` fields one preflight may ask for: more than any tool mirrors.
const MAX_PARAM_HEADERS: usize = 128;

impl Admitted {
    /// Adds what lets the request's origin read the answer: `Access-Control-Allow-Origin` with that origin
    /// itself, the list of readable fields, and `Vary: Origin`.
    ///
    /// Nothing for a request without `Origin`, and nothing where it has been added before. Credentials
    /// (cookies) are never allowed: tokens travel in `Authorization`.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.origin else { return };
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED.clone());
        headers.append(VARY, VARY_BY_ORIGIN.clone());
    }
}

impl AccessPolicy {
    /// The answer to a CORS preflight request, or nothing if the request is not one.
    ///
    /// 204 with what is allowed; for a host or origin that is not served, the status of
    /// [`Refused`](super::Refused) without any CORS field, which the browser takes for a no.
    #[must_use]
    pub fn preflight<B>(&self, request: &Request<B>) -> Option<Response<()>> {
        let headers = request.headers();
        let is_preflight = *request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut response = Response::new(());
        response.headers_mut().insert(VARY, VARY_PREFLIGHT.clone());
        let admitted = match self.check(request.uri(), headers) {
            Ok(admitted) => admitted,
            Err(refused) => {
                *response.status_mut() = refused.status();
                return Some(response);
            }
        };
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        if let Some(origin) = admitted.origin {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(headers));
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE.clone());
        // Private Network Access: a page on the web that may reach a server on this machine.
        if headers.get("access-control-request-private-network").is_some_and(|value| value == "true") {
            answer.insert(HeaderName::from_static("access-control-allow-private-network"), YES.clone());
        }
        Some(response)
    }
}

/// The usual fields, and each `Mcp-Param-*` that the preflight asks for.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).into_iter();
    let params = asked
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // Parsing checks that it is a field name, so nothing else gets into our answer, and lowers its case.
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| name.as_str().strip_prefix(MCP_PARAM_PREFIX).is_some_and(|rest| !rest.is_empty()))
        .take(MAX_PARAM_HEADERS);
    let mut all = String::from(REQUEST_HEADERS);
    for name in params {
        all.push_str(", ");
        all.push_str(name.as_str());
    }
    HeaderValue::try_from(all).unwrap_or_else(|_| HeaderValue::from_static(REQUEST_HEADERS))
}

/// A tower layer that judges host and origin, answers CORS preflight requests, and makes every answer readable for
/// admitted origins. Who is refused is told so in a sentence; the reason is in the log.
///
/// It belongs outside the guard, for three reasons: a preflight request carries no token; a page must be able to read
/// the 401 that tells it where to sign in; and a page that may not speak to us at all is told so with 403, not asked
/// for a token ("servers MUST respond with HTTP 403 Forbidden", transports, "Security & Endpoint"). The service inside
/// asks the same [`AccessPolicy`] once more, so that it is safe without this layer.
///
/// Public documents such as [`WellKnown`](crate::auth::WellKnown) are for every origin and belong outside of it.
///
/// ```
/// use mcp_transport::http::origin::{AccessPolicy, CorsLayer, HostPolicy, OriginPolicy};
/// use tower_layer::Layer as _;
/// use tower_service::Service;
/// # use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
/// # use http::{Request, Response};
/// # struct App; // a router, for example, with the MCP service in it
/// # impl Service<Request<()>> for App {
/// #     type Response = Response<String>;
/// #     type Error = Infallible;
/// #     type Future = Ready<Result<Response<String>, Infallible>>;
/// #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
/// #     fn call(&mut self, _: Request<()>) -> Self::Future { ready(Ok(Response::default())) }
/// # }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let origins = OriginPolicy::listed_only().allow("https://app.example.com")?;
/// let access = AccessPolicy::new(HostPolicy::loopback(), origins); // the same as in the service's `HttpConfig`
/// let mut app = CorsLayer::new(access).layer(App);
/// let preflight = http::Request::options("/mcp")
///     .header("Host", "localhost")
///     .header("Origin", "https://app.example.com")
///     .header("Access-Control-Request-Method", "POST")
///     .body(())?;
/// let Ok(answer) = app.call(preflight).await;
/// assert_eq!(answer.status(), 204);
/// assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct CorsLayer {
    policy: AccessPolicy,
}

impl CorsLayer {
    /// A layer with the policy of the service that it will stand in front of.
    #[must_use]
    pub const fn new(policy: AccessPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors { policy: self.policy.clone(), inner }
    }
}

/// What [`CorsLayer`] puts in front of a service.
#[derive(Debug, Clone)]
pub struct Cors<S> {
    policy: AccessPolicy,
    inner: S,
}

impl<S, A, B> Service<Request<A>> for Cors<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<&'static str>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = CorsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        if let Some(answer) = self.policy.preflight(&request) {
            return CorsFuture { state: State::Answered { answer: Some(answer.map(|()| "")) } };
        }
        match self.policy.check(request.uri(), request.headers()) {
            Ok(admitted) => CorsFuture { state: State::Inner { inner: self.inner.call(request), admitted } },
            Err(refused) => {
                tracing::warn!(reason = %refused, "a request was refused");
                let mut answer = Response::new(NOT_SERVED);
                *answer.status_mut() = refused.status();
                answer.headers_mut().insert(CONTENT_TYPE, TEXT.clone());
                CorsFuture { state: State::Answered { answer: Some(answer) } }
            }
        }
    }
}

pin_project! {
    /// The answer of [`Cors`].
    #[derive(Debug)]
    pub struct CorsFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F> {
        Answered { answer: Option<Response<&'static str>> },
        Inner { #[pin] inner: F, admitted: Admitted },
    }
}

impl<F, B, E> Future for CorsFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<&'static str>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Answered { answer } => {
                let answer = answer.take().expect("a future is not polled after it was ready");
                Poll::Ready(Ok(answer.map(B::from)))
            }
            StateProjection::Inner { inner, admitted } => {
                let mut response = ready!(inner.poll(cx))?;
                admitted.apply(response.headers_mut());
                Poll::Ready(Ok(response))
            }
        }
    }
}
