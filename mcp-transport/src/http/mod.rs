//! Streamable HTTP, the server's side.

pub mod headers;
pub mod origin;
