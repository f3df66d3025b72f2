//! Streamable HTTP, the server's side.

pub mod body;
pub mod headers;
pub mod origin;
