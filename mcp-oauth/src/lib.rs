//! OAuth 2.1 for MCP: an authorization server to embed, and verifiers for the servers that take its tokens.
//!
//! ```
//! use std::sync::Arc;
//!
//! use mcp_oauth::auth::{Issuer, ResourceId};
//! use mcp_oauth::identity::{Owner, Terminal};
//! use mcp_oauth::server::AuthorizationServer;
//! # use http::Request;
//! # use tower_service::Service as _;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let server = AuthorizationServer::builder(Issuer::parse("https://auth.example.com")?)
//!     .resource(ResourceId::parse("https://mcp.example.com/mcp")?)
//!     .identity(Arc::new(Owner::new(Arc::new(Terminal))))
//!     .build()
//!     .await?;
//!
//! // A tower service: mount it in axum, or serve it with bare hyper.
//! let mut service = server.service();
//! # let request = Request::get("/.well-known/oauth-authorization-server").header("host", "auth.example.com").body(String::new())?;
//! # let Ok(metadata) = service.call(request).await;
//! # assert_eq!(metadata.status(), 200);
//! // Keys change, and what is over is swept, as long as this runs.
//! tokio::spawn(async move { server.maintain().await });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to begin
//!
//! | to | there is |
//! |---|---|
//! | put an authorization server into a program | [`server::AuthorizationServer`] |
//! | keep what it remembers | [`store::Stores`], with `store::embedded` or `store::redis` |
//! | let users sign in | `identity::users_file`, [`identity::Owner`]; one's own: [`identity::IdentityProvider`] |
//! | say who may have what | [`identity::AccessPolicy`] |
//! | show pages of one's own | [`pages::Pages`] |
//! | add a grant | [`server::grant::GrantHandler`] |
//! | guard a server with tokens of an issuer elsewhere | [`resource::Protection`] |
//! | guard a server in the same process | [`AuthorizationServer::verifier`](server::AuthorizationServer::verifier) |
//!
//! # After a restart
//!
//! Without stores of its own the server forgets everything with the process. Kept in a file (feature `embedded`):
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use mcp_oauth::master_key;
//! use mcp_oauth::server::AuthorizationServerBuilder;
//! use mcp_oauth::store::Stores;
//! use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
//!
//! fn kept(builder: AuthorizationServerBuilder) -> Result<AuthorizationServerBuilder, Box<dyn std::error::Error>> {
//!     let store = EmbeddedStore::open(Path::new("data/auth.redb"), EmbeddedOptions::default())?;
//!     // Or, from where secrets are: `SealKey::from_base64` of what `openssl rand -base64 32` made once.
//!     let key = master_key::read_or_make(Path::new("data/master-key"))?;
//!     Ok(builder.stores(Stores::all_in(&Arc::new(store))).master_key(key))
//! }
//! ```
//!
//! # What there is
//!
//! | module | what it holds |
//! |---|---|
//! | [`server`] | the authorization server (feature `server`) |
//! | [`resource`] | verifiers for resource servers: in process, by JWKS, by introspection (feature `resource`) |
//! | [`identity`] | who users are, and what they may have: the traits, and a few of each |
//! | `identity::users_file` | users in a file, with passwords (feature `users-file`) |
//! | [`pages`] | what people see: sign-in, consent, devices (feature `server`) |
//! | [`store`] | what is remembered, the traits of whoever keeps it, and one who does in memory |
//! | `store::embedded`, `store::redis` | who does in a file and in Redis (features `embedded`, `redis`) |
//! | `store::contract` | the suite that holds them to it (feature `testing`) |
//! | [`jose`] | signing keys, their rotation, JWTs read strictly (feature `jose`) |
//! | [`types`] | the words: clients, grants, redirect URIs, secrets |
//! | [`master_key`] | the key that seals the server's keys in its store, in a file (feature `server`) |
//! | [`private_file`] | files that nobody else may read |
//!
//! Issuers, subjects, scopes and resources are those of `mcp-transport`, and here as [`auth`]; its keys that seal are here as
//! `seal` (feature `server`).
//!
//! # Features
//!
//! | feature | what it is for | what it brings |
//! |---|---|---|
//! | `server` (default) | the authorization server | `jose`, tokio, the HTTP client of `mcp-transport` |
//! | `resource` (default) | verifiers for the servers that take its tokens | `jose`, tokio, the same client |
//! | `jose` | keys and signed tokens | josekit, which links the system's OpenSSL (3.0 or newer; its headers are needed) |
//! | `vendored` | the same with an OpenSSL that is built from source | a C compiler, make and perl at build time |
//! | `users-file` | users in a file, with passwords | argon2, tokio |
//! | `embedded` | a store in a file | redb |
//! | `redis` | stores on Redis | a pool of connections, tokio |
//! | `testing` | the suite that stores are held to | tokio |
//!
//! A feature adds, and changes nothing that is there without it. Without any, there are types, traits and the store in memory,
//! and neither tokio nor hyper.
//!
//! # What it says
//!
//! What an operator should know goes to [`tracing`]: what was issued and ended (the audit, unless
//! [`audit`](server::AuthorizationServerBuilder::audit) has another place for it), where the owner's one-time code is written,
//! and what is set up wrongly. A program without a subscriber, such as `tracing_subscriber::fmt().init()`, hears nothing of it.
//!
//! # Cancel safety
//!
//! Dropping the answer of the server, as hyper does when a client hangs up, leaves nothing half done: what belongs together is
//! one call of a store, and a client that has not got an answer may ask again. Each public `async fn` says what is lost.

#[cfg(any(feature = "resource", feature = "server"))]
mod caching;
pub mod identity;
#[cfg(feature = "jose")]
pub mod jose;
#[cfg(feature = "server")]
pub mod master_key;
#[cfg(feature = "server")]
pub mod pages;
pub mod private_file;
#[cfg(feature = "resource")]
pub mod resource;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod types;

pub use mcp_transport::auth;
#[cfg(feature = "server")]
pub use mcp_transport::seal;
