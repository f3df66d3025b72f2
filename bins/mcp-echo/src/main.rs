//! A diagnostic MCP server.
fn main() {}
