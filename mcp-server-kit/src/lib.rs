//! Write MCP servers.
