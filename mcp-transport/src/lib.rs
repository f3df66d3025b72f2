//! MCP on the wire.

pub mod auth;
mod error;
pub mod exchange;
pub mod handler;
#[cfg(feature = "http")]
pub mod http;
pub mod jsonrpc;
pub mod outbox;
pub mod protocol;
#[cfg(feature = "seal")]
pub mod seal;
pub mod session;
#[cfg(feature = "stdio")]
pub mod stdio;
pub mod stop;

pub use self::error::Error;
