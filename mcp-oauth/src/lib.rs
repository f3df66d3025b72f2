//! OAuth 2.1 for MCP: an embeddable authorization server.
//!
//! | module | what it holds |
//! |---|---|
//! | [`types`] | the words: clients, grants, redirect URIs, secrets |
//! | [`server`] | the authorization server (feature `server`) |
//! | [`store`] | what is remembered, the traits of whoever keeps it, and the suite that holds them to it |
//!
//! Issuers, subjects, scopes and resources are those of [`mcp_transport::auth`].

#[cfg(feature = "server")]
pub mod server;
pub mod store;
pub mod types;
