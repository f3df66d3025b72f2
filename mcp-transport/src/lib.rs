//! MCP on the wire.

pub mod auth;
mod error;
pub mod exchange;
pub mod handler;
pub mod jsonrpc;
pub mod outbox;
pub mod protocol;
#[cfg(feature = "seal")]
pub mod seal;
pub mod session;
pub mod stop;

pub use self::error::Error;
