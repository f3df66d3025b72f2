//! The paths of a server: `/mcp`, `/health`, `/ready`, `/metrics` where that is told, the public document of a protected
//! endpoint, and nothing else.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use mcp_oauth::resource::{Gate, GateBody, GateFuture};
use mcp_transport::{
    http::{Answer, McpBody, McpService, origin::is_local},
    stop::Stop,
};
use tower_service::Service;

use crate::metrics::{Endpoint, Metrics};

/// The path of the endpoint.
pub(crate) const MCP: &str = "/mcp";

/// The body of an answer.
type Body = GateBody<McpBody>;

/// Whether the counters are told on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counters {
    /// To whoever can reach it.
    Told,
    /// To who asks on this machine, and not through a proxy.
    Local,
    Hidden,
}

/// A service that answers each path. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    /// `None` where there is nothing but the operator's paths.
    mcp: Option<Gate<McpService>>,
    draining: Stop,
    metrics: Metrics,
    counters: Counters,
}

impl Routes {
    /// Serves `mcp`. Once `draining` is given, the server is not ready any more.
    pub(crate) const fn new(mcp: Gate<McpService>, draining: Stop, metrics: Metrics, counters: Counters) -> Self {
        Self { mcp: Some(mcp), draining, metrics, counters }
    }

    /// The same server's paths for its operator: the counters, and no endpoint.
    pub(crate) fn for_operator(&self) -> Self {
        Self { mcp: None, counters: Counters::Told, ..self.clone() }
    }

    /// The answer to a path that is none of the endpoint's.
    fn answer<B>(&self, request: &Request<B>) -> (Endpoint, Response<Body>) {
        let asked = request.method();
        match request.uri().path() {
            "/health" => (Endpoint::Health, reading(asked, StatusCode::OK, r#"{"status":"ok"}"#)),
            "/ready" => (Endpoint::Ready, self.ready(asked)),
            "/metrics" if self.tells_counters(request) => (Endpoint::Metrics, self.metrics(asked)),
            _ if self.mcp.is_none() => (Endpoint::Other, json(StatusCode::NOT_FOUND, r#"{"error":"not found"}"#)),
            _ => (Endpoint::Other, json(StatusCode::NOT_FOUND, r#"{"error":"not found","endpoint":"/mcp"}"#)),
        }
    }

    fn tells_counters<B>(&self, request: &Request<B>) -> bool {
        match self.counters {
            Counters::Told => true,
            Counters::Local => is_local(request.uri(), request.headers()),
            Counters::Hidden => false,
        }
    }

    fn metrics(&self, asked: &Method) -> Response<Body> {
        let mut response = reading(asked, StatusCode::OK, self.metrics.text());
        if response.status() == StatusCode::OK {
            let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, format);
        }
        response
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
        if let Some(mcp) = &mut self.mcp {
            let endpoint = match request.uri().path() {
                MCP => Some(Endpoint::Mcp),
                _ => mcp.owns(request.uri()).then_some(Endpoint::Metadata),
            };
            if let Some(endpoint) = endpoint {
                return Routed::Mcp { answer: mcp.call(request), endpoint, metrics: self.metrics.clone() };
            }
        }
        let (endpoint, response) = self.answer(&request);
        self.metrics.answered(endpoint, response.status());
        Routed::Now(Some(Box::new(response)))
    }
}

/// An answer to GET and HEAD. hyper leaves the body out for HEAD.
fn reading(asked: &Method, status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    if asked == Method::GET || asked == Method::HEAD {
        return json(status, body);
    }
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"method not allowed"}"#);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into()));
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
    Mcp { answer: GateFuture<Answer, McpBody>, endpoint: Endpoint, metrics: Metrics },
    /// It was made at once. Boxed, because the other kind is small and all are moved.
    Now(Option<Box<Response<Body>>>),
}

impl Future for Routed {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Mcp { answer, endpoint, metrics } => {
                let Ok(response) = ready!(Pin::new(answer).poll(task));
                metrics.answered(*endpoint, response.status());
                Poll::Ready(Ok(response))
            }
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
