//! The paths of the server: the authorization server's own, `/health`, `/ready`, and `/metrics` where that is told.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use mcp_oauth::server::{AuthService, Peer, TrustedProxies};
use mcp_transport::http::origin::is_local;
use tower_service::Service;

use crate::metrics::{Endpoint, Metrics};
use crate::ready::{Readiness, State};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the operator alone is told: counters, and what is wrong where the server is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Details {
    /// To whoever can reach the address.
    Told,
    /// To who asks on this machine, and not through a proxy.
    Local,
    Hidden,
}

impl Details {
    /// What a request is told: all or nothing.
    fn to<B>(self, request: &Request<B>) -> Self {
        match self {
            Self::Local if is_local(request.uri(), request.headers()) => Self::Told,
            Self::Local => Self::Hidden,
            Self::Told | Self::Hidden => self,
        }
    }
}

/// What all connections of a listener share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    /// `None` where there is nothing but the operator's paths.
    pub(crate) server: Option<AuthService>,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    pub(crate) proxies: TrustedProxies,
    pub(crate) details: Details,
}

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    shared: Shared,
    connected: Peer,
}

impl Routes {
    /// Serves a connection with this peer.
    pub(crate) const fn new(shared: Shared, connected: Peer) -> Self {
        Self { shared, connected }
    }

    fn metrics(&self, asked: &Method) -> Response<Full<Bytes>> {
        let mut response = reading(asked, StatusCode::OK, self.shared.metrics.text());
        if response.status() == StatusCode::OK {
            let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, format);
        }
        response
    }
}

impl<B> Service<Request<B>> for Routes
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Answering {
        match request.uri().path() {
            "/health" => return Answering::now(reading(request.method(), StatusCode::OK, r#"{"status":"ok"}"#)),
            "/ready" => {
                let (readiness, details) = (self.shared.readiness.clone(), self.shared.details.to(&request));
                let method = request.method().clone();
                return Answering(Box::pin(async move { ready(&method, &readiness.state().await, details) }));
            }
            "/metrics" if self.shared.details.to(&request) == Details::Told => {
                return Answering::now(self.metrics(request.method()));
            }
            _ => {}
        }
        let Some(server) = &mut self.shared.server else {
            return Answering::now(json(StatusCode::NOT_FOUND, r#"{"error":"not found"}"#));
        };
        let peer = self.shared.proxies.peer(self.connected, request.headers());
        request.extensions_mut().insert(peer);
        let (metrics, endpoint) = (self.shared.metrics.clone(), Endpoint::of(request.uri().path()));
        let answer = server.call(request);
        Answering(Box::pin(async move {
            let answer = match answer.await {
                Ok(answer) => answer,
                Err(never) => match never {},
            };
            metrics.answered(endpoint, answer.status());
            answer
        }))
    }
}

fn ready(asked: &Method, state: &State, details: Details) -> Response<Full<Bytes>> {
    let (status, word) = match state {
        State::Ready => (StatusCode::OK, "ready"),
        State::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        State::StoreFails(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store cannot serve"),
    };
    let mut body = serde_json::json!({"status": word});
    if let (Details::Told, State::StoreFails(why), Some(members)) = (details, state, body.as_object_mut()) {
        members.insert("store".to_owned(), why.as_ref().into());
    }
    reading(asked, status, body.to_string())
}

/// An answer to GET and HEAD. hyper leaves the body out for HEAD.
fn reading(asked: &Method, status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    if asked == Method::GET || asked == Method::HEAD {
        return json(status, body);
    }
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"method not allowed"}"#);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer of [`Routes`] that is being made.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Answering(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>);

impl Answering {
    fn now(response: Response<Full<Bytes>>) -> Self {
        Self(Box::pin(std::future::ready(response)))
    }
}

impl Future for Answering {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(task).map(Ok)
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

#[cfg(test)]
mod tests;
