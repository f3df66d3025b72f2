//! MCP on the wire: JSON-RPC, the message types of all five protocol revisions, Streamable HTTP and stdio as a server, and
//! the resource-server side of OAuth. No cryptography is needed for any of it, but for sealed state and TLS.
//!
//! Most people want `mcp-server-kit`, which stands on this crate, and of this crate the two places that serve a kit server:
//! [`http::McpService`] and [`stdio::serve`]. Come here to serve something that is not a kit server, to put a guard in
//! front of one, or to speak MCP where there is neither HTTP nor stdio.
//!
//! ```
//! use std::sync::Arc;
//! use mcp_transport::{
//!     async_trait,
//!     exchange::Exchange,
//!     handler::{Handler, Outcome},
//!     jsonrpc::{ErrorObject, Raw, Request},
//!     protocol::{Method, Revisions},
//! };
//!
//! /// The smallest handler there can be: it answers `ping`, in the revisions that have it.
//! struct Pong;
//!
//! #[async_trait]
//! impl Handler for Pong {
//!     fn revisions(&self) -> Revisions {
//!         Revisions::legacy()
//!     }
//!
//!     async fn call(self: Arc<Self>, _cx: Exchange, request: Request) -> Outcome {
//!         match request.method {
//!             Method::Ping => Outcome::complete(Raw::EMPTY_OBJECT),
//!             other => ErrorObject::method_not_found(other.as_str()).into(),
//!         }
//!     }
//! }
//!
//! // Over HTTP it is a tower service, for hyper or axum.
//! let service = mcp_transport::http::McpService::new(Arc::new(Pong));
//! # let _ = service;
//! ```
//!
//! # What there is
//!
//! | module | what it holds |
//! |---|---|
//! | [`handler`] | the waist: every transport serves any [`Handler`](handler::Handler) |
//! | [`exchange`] | what a handler knows about the request that it answers, and its way back to the client |
//! | [`jsonrpc`] | messages: scanned once, classified by their keys, never decoded as a whole |
//! | [`protocol`] | the types of all revisions in one newest-shape model, and the rules by which revisions differ |
//! | [`http`] | Streamable HTTP as a tower service, and an accept loop for programs that have none |
//! | [`stdio`] | lines on the standard streams, or on any pair of byte streams |
//! | [`session`] | legacy sessions and the seams to keep and share them: `SessionStore`, `SessionBus` |
//! | [`auth`] | principals, scopes, challenges, resource metadata; the guard and the well-known documents |
//! | [`outbox`] | what a call sends before its answer: a bounded queue |
//! | `net` | the way out: an HTTP client that goes where its policy lets it (feature `net`) |
//! | [`seal`] | state that a client keeps for the server and cannot read or change |
//! | `signal` | when a program is asked to stop (feature `signal`) |
//! | [`stop`] | a signal that is given once: drain, cancel |
//! | [`uri`] | the characters and the percent escapes of a URI |
//!
//! # Eras
//!
//! Revisions until 2025-11-25 are *legacy*: a session begins with `initialize`, and the server can send requests of its
//! own. 2026-07-28 is *modern*: each request stands alone and says its revision. Both are served on one endpoint, chosen per
//! request; what differs is asked of [`Revision`](protocol::Revision), one question per function, and of nothing else.
//!
//! # Floors
//!
//! `jsonrpc`, `protocol`, `handler`, `exchange`, `outbox`, `session`'s types and the pure half of `auth` are floor 0: no
//! runtime, no input or output, and they are all there is with the default features off. `http`, `stdio` and the guard are
//! floor 1 and bring tokio and hyper.
//!
//! # Features
//!
//! `http` (the service, the guard), `serve` (the accept loop), `tls`, `stdio`, `seal`; all on by default. `net` (the client
//! side of HTTP), `redis` (a pool of connections) and `signal` (for programs) are for those who need them. A feature adds, and
//! changes nothing that is there without it.
//!
//! # Cancel safety
//!
//! **Dropping the future of [`Handler::call`](handler::Handler::call) cancels the call**, and a driver drops it only when
//! the protocol says so:
//!
//! | what happens | modern HTTP | legacy HTTP | stdio |
//! |---|---|---|---|
//! | the connection of the answer goes | dropped: this is how a client cancels | goes on; the rest can be read again with `Last-Event-ID` | all calls are dropped: nobody reads any more |
//! | `notifications/cancelled` | taken, without effect | dropped | dropped |
//! | the session ends | | dropped | |
//! | the time to drain is over | dropped | dropped | dropped |
//!
//! Work that must finish belongs in a task of its own.

pub mod auth;
mod error;
pub mod exchange;
pub mod handler;
#[cfg(feature = "http")]
pub mod http;
pub mod jsonrpc;
#[cfg(feature = "net")]
pub mod net;
pub mod outbox;
pub mod protocol;
#[cfg(feature = "seal")]
pub mod seal;
pub mod session;
#[cfg(feature = "signal")]
pub mod signal;
#[cfg(feature = "stdio")]
pub mod stdio;
pub mod stop;
pub mod uri;

pub use async_trait::async_trait;

pub use self::error::{Chain, Error};
