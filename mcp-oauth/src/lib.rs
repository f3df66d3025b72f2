//! OAuth 2.1 for MCP. Nothing here yet: the authorization server comes with the next change.

#[cfg(feature = "jose")]
pub mod jose;
