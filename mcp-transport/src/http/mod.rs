//! Streamable HTTP, the server's side: both eras on one endpoint, chosen per request.
//!
//! | module | what it holds |
//! |---|---|
//! | [`McpService`] | the endpoint as a tower service; [`HttpConfig`] are its settings |
//! | [`headers`] | header names and typed header values |
//! | [`origin`] | which hosts and origins may speak to us, and CORS |
//! | [`body`] | reading a request body within limits |
//! | [`serve`](mod@serve) | the accept loop: limits, HTTP/1.1 and HTTP/2, graceful drain |
//! | [`tls`] | certificates for the accept loop, read again when their files change |
//!
//! # What a disconnect does
//!
//! A modern call lives in the future, and later in the body, of its response: when the connection goes, hyper drops it,
//! and the call is cancelled. A legacy call that still waits for its first byte goes on in a task of its own; one that
//! has become a stream runs in a task from then on, and what it sends waits in the stream's ring for a client that comes
//! back with `Last-Event-ID`.

pub mod body;
mod call;
mod config;
mod get;
pub mod headers;
mod house;
mod legacy;
mod live;
mod modern;
pub mod origin;
mod post;
mod pulse;
mod replay;
mod reply;
#[cfg(feature = "serve")]
pub mod serve;
mod service;
mod sessions;
mod sse;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;

pub use self::{
    config::{HttpConfig, Streams},
    service::{Answer, McpService},
    stream::McpBody,
};
