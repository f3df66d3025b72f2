//! Why the program cannot go on, and with which code it ends.

use std::error::Error;
use std::io;

use mcp_oauth::server::KeychainError;
use mcp_transport::Chain;

use crate::admin::AdminError;
use crate::config::ConfigError;
use crate::place::PlaceError;
use crate::stores::OpenError;

/// Why the program cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("RUST_LOG cannot be read: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("--users-file: {0}; 'mcp-auth users add NAME' makes the file")]
    Users(String),
    #[error("{0}")]
    Server(String, #[source] mcp_oauth::server::ConfigError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("another mcp-auth serves from the data folder; stop it, or name another folder with --data")]
    Running,
    #[error("the socket of administration cannot be made: {0}; a shorter path for --data may help")]
    Socket(#[source] io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
    #[error("cannot listen on {0}: {1}; choose another address with {2}")]
    Listen(String, #[source] io::Error, &'static str),
    #[error("no runtime can be started: {0}")]
    Runtime(#[source] io::Error),
    #[error("the answer cannot be written: {0}")]
    Output(#[source] io::Error),
    #[error("{0} of these are wrong")]
    Diagnosed(usize),
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl Failure {
    /// 2 where the command line or the configuration has to be mended, else 1.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Place(_) | Self::Filter(_) | Self::Users(_) => 2,
            Self::Store(OpenError::Redis(_) | OpenError::RedisUrl(_)) => 2,
            Self::Server(_, mcp_oauth::server::ConfigError::Keys(KeychainError::Sealed)) => 2,
            Self::Server(_, mcp_oauth::server::ConfigError::Keys(_)) => 1,
            Self::Server(..) => 2,
            Self::Admin(error) => error.code(),
            _ => 1,
        }
    }
}

impl From<mcp_oauth::server::ConfigError> for Failure {
    fn from(error: mcp_oauth::server::ConfigError) -> Self {
        Self::Server(chain(&error), error)
    }
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    Chain(error).to_string()
}
