//! Errors in the log.

pub(crate) use mcp_transport::Chain;
