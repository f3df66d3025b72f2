//! MCP on the wire.

pub mod auth;
mod error;
pub mod exchange;
pub mod handler;
pub mod jsonrpc;
pub mod outbox;
pub mod protocol;
pub mod session;
pub mod stop;

pub use self::error::Error;
