//! OAuth 2.1 for MCP: an embeddable authorization server.
//!
//! | module | what it holds |
//! |---|---|
//! | [`jose`] | signing keys, their rotation, JWTs read strictly (feature `jose`) |
//! | [`resource`] | verifiers for resource servers: in process, by JWKS, by introspection (feature `resource`) |
//! | [`types`] | the words: clients, grants, redirect URIs, secrets |
//! | [`store`] | what is remembered, the traits of whoever keeps it, and the suite that holds them to it |
//!
//! Issuers, subjects, scopes and resources are those of [`mcp_transport::auth`].

#[cfg(feature = "jose")]
pub mod jose;
#[cfg(feature = "resource")]
pub mod resource;
pub mod store;
pub mod types;
