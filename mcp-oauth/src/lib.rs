//! OAuth 2.1 for MCP: an embeddable authorization server.
//!
//! | module | what it holds |
//! |---|---|
//! | [`jose`] | signing keys, their rotation, JWTs read strictly (feature `jose`) |
//! | [`resource`] | verifiers for resource servers: in process, by JWKS, by introspection (feature `resource`) |
//! | [`types`] | the words: clients, grants, redirect URIs, secrets |
//! | [`identity`] | who users are, and what they may have: the traits, and a few of each |
//! | `identity::users_file` | users in a file, with passwords (feature `users-file`) |
//! | `pages` | what people see: sign-in, consent, devices (feature `server`) |
//! | [`server`] | the authorization server (feature `server`) |
//! | [`store`] | what is remembered, the traits of whoever keeps it, and one who does in memory |
//! | `store::embedded`, `store::redis` | who does in a file and in Redis (features `embedded`, `redis`) |
//! | [`private_file`] | files that nobody else may read |
//! | `store::contract` | the suite that holds them to it (feature `testing`) |
//!
//! Issuers, subjects, scopes and resources are those of [`mcp_transport::auth`].

#[cfg(any(feature = "resource", feature = "server"))]
mod caching;
#[cfg(any(feature = "resource", feature = "server"))]
mod chain;
pub mod identity;
#[cfg(feature = "jose")]
pub mod jose;
#[cfg(feature = "server")]
pub mod pages;
pub mod private_file;
#[cfg(feature = "resource")]
pub mod resource;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod types;
