//! MCP on the wire.

pub mod protocol;
