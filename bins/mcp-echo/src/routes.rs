//! The paths of a server: `/mcp`, `/health`, `/ready`, the public document of a protected endpoint, and nothing else.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use mcp_oauth::resource::{Gate, GateBody, GateFuture};
use mcp_transport::{
    http::{Answer, McpBody, McpService},
    stop::Stop,
};
use tower_service::Service;

/// The path of the endpoint.
pub(crate) const MCP: &str = "/mcp";

/// The body of an answer.
type Body = GateBody<McpBody>;

/// A service that answers each path. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    mcp: Gate<McpService>,
    draining: Stop,
}

impl Routes {
    /// Serves `mcp`. Once `draining` is given, the server is not ready any more.
    pub(crate) const fn new(mcp: Gate<McpService>, draining: Stop) -> Self {
        Self { mcp, draining }
    }

    fn alive(&self, asked: &Method) -> Response<Body> {
        reading(asked, StatusCode::OK, r#"{"status":"ok"}"#)
    }

    fn ready(&self, asked: &Method) -> Response<Body> {
        if self.draining.is_given() {
            reading(asked, StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"stopping"}"#)
        } else {
            reading(asked, StatusCode::OK, r#"{"status":"ready"}"#)
        }
    }
}

impl<B> Service<Request<B>> for Routes
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Routed;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Routed {
        match request.uri().path() {
            MCP => Routed::Mcp(self.mcp.call(request)),
            _ if self.mcp.owns(request.uri()) => Routed::Mcp(self.mcp.call(request)),
            "/health" => Routed::now(self.alive(request.method())),
            "/ready" => Routed::now(self.ready(request.method())),
            _ => Routed::now(json(StatusCode::NOT_FOUND, r#"{"error":"not found","endpoint":"/mcp"}"#)),
        }
    }
}

/// An answer to GET and HEAD. hyper leaves the body out for HEAD.
fn reading(asked: &Method, status: StatusCode, body: &'static str) -> Response<Body> {
    if asked == Method::GET || asked == Method::HEAD {
        return json(status, body);
    }
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"method not allowed"}"#);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn json(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer of [`Routes`] that is being made.
#[must_use = "futures do nothing unless polled"]
pub(crate) enum Routed {
    /// The endpoint works on it.
    Mcp(GateFuture<Answer, McpBody>),
    /// It was made at once. Boxed, because the other kind is small and all are moved.
    Now(Option<Box<Response<Body>>>),
}

impl Routed {
    fn now(response: Response<Body>) -> Self {
        Self::Now(Some(Box::new(response)))
    }
}

impl Future for Routed {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Mcp(answer) => Pin::new(answer).poll(task),
            // A future that is polled after it was ready has nothing more to say.
            Self::Now(response) => response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(*response))),
        }
    }
}

impl fmt::Debug for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routed")
    }
}
