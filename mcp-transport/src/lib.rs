//! MCP on the wire.

pub mod auth;
