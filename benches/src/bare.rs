//! The baseline: hyper and serde_json, and nothing between them.
//!
//! This file is what the crates are held against, so it changes only with a line in `benches/README.md`.
//!
//! It does what no server can leave out: read the body, decode the message with types that borrow from it, look at the
//! method and the name of the tool, write the answer into one buffer, and hand it to hyper with its `content-type` (hyper
//! adds `content-length` and `date`). It checks no header, knows no session, and has no limits. To let the same clients
//! run against it, it answers `initialize` with a fixed session id, takes every notification, and holds a `GET` stream open
//! without a byte.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use crate::answer::Template;

/// The path of the endpoint.
pub const PATH: &str = "/mcp";

/// The session that every client is given.
const SESSION: HeaderValue = HeaderValue::from_static("4f6d1c7e5b0a49d8a3c2f1e0d9b8a796");

/// A `tools/call` request as the baseline reads it.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The version of JSON-RPC.
    pub jsonrpc: &'a str,
    /// The id, as the client wrote it.
    #[serde(borrow)]
    pub id: &'a RawValue,
    /// The method.
    pub method: &'a str,
    /// The parameters.
    #[serde(borrow)]
    pub params: CallParams<'a>,
}

/// The parameters of [`Call`].
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct CallParams<'a> {
    /// The name of the tool.
    pub name: &'a str,
    /// The arguments of `echo`.
    #[serde(borrow)]
    pub arguments: Arguments<'a>,
    /// The metadata of a modern request, not looked into.
    #[serde(borrow, rename = "_meta")]
    pub meta: Option<&'a RawValue>,
}

/// The arguments of `echo`.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Arguments<'a> {
    /// The text to send back; borrowed if it is written without escapes.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
}

/// The messages around a legacy call: of these only the keys that tell them apart are read.
#[derive(Deserialize)]
struct Other<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
}

/// The body of an answer: one piece, or a stream in which nothing happens.
#[derive(Debug)]
pub struct Body(Inner);

#[derive(Debug)]
enum Inner {
    Whole(Option<Bytes>),
    Silent,
}

/// Decodes a call of a tool.
///
/// # Errors
/// If the message has another shape.
pub fn decode(message: &[u8]) -> serde_json::Result<Call<'_>> {
    serde_json::from_slice(message)
}

/// The bare server as a service.
pub fn service<B>(
    template: Template,
) -> impl Service<
    Request<B>,
    Response = Response<Body>,
    Error = Infallible,
    Future: Future<Output = Result<Response<Body>, Infallible>> + Send,
> + Clone
+ Send
where
    B: http_body::Body<Data: Send, Error: Send> + Send,
{
    let template = Arc::new(template);
    service_fn(move |request: Request<B>| {
        let template = Arc::clone(&template);
        async move { Ok(respond(&template, request).await) }
    })
}

/// Accepts connections until the process ends: HTTP/1.1 with keep-alive and TCP_NODELAY, a task for each.
///
/// # Errors
/// If the listener fails to accept.
///
/// # Cancel safety
/// A drop closes the listener; the connections that are open live on in their tasks.
pub async fn serve<S, B>(listener: TcpListener, service: S) -> io::Result<Infallible>
where
    S: HttpService<hyper::body::Incoming, ResBody = B, Future: Send> + Clone + Send + 'static,
    S::Error: std::error::Error + Send + Sync + 'static,
    B: http_body::Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            // A client that hangs up in the middle of a request is not this server's concern.
            let _ = connection.await;
        });
    }
}

async fn respond<B>(template: &Template, request: Request<B>) -> Response<Body>
where
    B: http_body::Body,
{
    if request.uri().path() != PATH {
        return status(StatusCode::NOT_FOUND);
    }
    match *request.method() {
        Method::POST => {}
        Method::GET => return stream(),
        Method::DELETE => return status(StatusCode::NO_CONTENT),
        _ => return status(StatusCode::METHOD_NOT_ALLOWED),
    }
    let Ok(body) = request.into_body().collect().await else {
        return status(StatusCode::BAD_REQUEST);
    };
    let message = body.to_bytes();
    let Ok(call) = decode(&message) else {
        return handshake(&message);
    };
    if call.jsonrpc != "2.0" || call.method != "tools/call" || call.params.name != "echo" {
        return status(StatusCode::BAD_REQUEST);
    }
    match template.render(call.id, &call.params.arguments.message) {
        Ok(answer) => json(answer),
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// What a legacy client sends before its first call.
fn handshake(message: &[u8]) -> Response<Body> {
    match serde_json::from_slice(message) {
        Ok(Other { id: None, .. }) => status(StatusCode::ACCEPTED),
        Ok(Other { id: Some(id), method: "initialize" }) => {
            let answer = format!(
                concat!(
                    r#"{{"jsonrpc":"2.0","id":{},"result":{{"protocolVersion":"2025-11-25","#,
                    r#""capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"bare","version":"0.1.0"}}}}}}"#,
                ),
                id.get()
            );
            let mut response = json(answer.into_bytes());
            response.headers_mut().insert("mcp-session-id", SESSION);
            response
        }
        _ => status(StatusCode::BAD_REQUEST),
    }
}

fn json(answer: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body(Inner::Whole(Some(answer.into()))));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn stream() -> Response<Body> {
    let mut response = Response::new(Body(Inner::Silent));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body(Inner::Whole(None)));
    *response.status_mut() = status;
    response
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().0 {
            Inner::Whole(piece) => Poll::Ready(piece.take().map(|piece| Ok(Frame::data(piece)))),
            // Ends with its connection: hyper drops the body when the client hangs up.
            Inner::Silent => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Inner::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(None) => SizeHint::with_exact(0),
            Inner::Whole(Some(piece)) => SizeHint::with_exact(piece.len() as u64),
            Inner::Silent => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests;
