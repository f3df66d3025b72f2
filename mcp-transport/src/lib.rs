//! MCP on the wire.

#[cfg(feature = "http")]
pub mod http;
