//! What Redis answers when it does not do as it was asked, as a [`StoreError`].

use std::io;

use mcp_transport::net::redis::driver::{ErrorKind, RedisError};
use thiserror::Error;

use crate::store::StoreError;

/// Why Redis cannot serve. It quotes nothing of the server's text: that may repeat arguments, and so a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Cause {
    /// The connection.
    #[error("the connection failed: {0}")]
    Connection(io::ErrorKind),
    /// No connection came free, or none could be made.
    #[error("there is no connection")]
    Pool,
    /// The server's certificate is not to be trusted, or there is none.
    #[error("the server is not to be trusted")]
    Tls,
    /// The server greets with a refusal.
    #[error("the server does not accept the credentials, or has no such database")]
    Settings,
    /// The server refuses, with this code.
    #[error("the server refuses: {0}")]
    Refused(&'static str),
    /// The server does not take our name and password.
    #[error("the server does not accept the credentials")]
    Credentials,
    /// No sentinel knows the master.
    #[error("no sentinel knows the master")]
    Sentinel,
    /// Others were faster, again and again.
    #[error("too many change the same record")]
    Contended,
    /// Something of the client.
    #[error("the client failed: {0:?}")]
    Client(ErrorKind),
}

impl From<Cause> for StoreError {
    fn from(cause: Cause) -> Self {
        Self::Unavailable(Box::new(cause))
    }
}

/// The codes that pass by themselves: the server starts, has lost its master, or the cluster is moving.
const PASSING: [&str; 12] = [
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "BUSY",
    "NOREPLICAS",
    "UNKILLABLE",
    "UNBLOCKED",
    "NOSCRIPT",
];

/// The store's word for an error of Redis.
pub(super) fn store_error(error: &RedisError) -> StoreError {
    if error.is_timeout() {
        return StoreError::Timeout;
    }
    // Errors inside a script come with the code of the script's own; the server's stands in the text.
    if let Some(code) = error.code() {
        let known = |code: &str| PASSING.iter().find(|known| **known == code).copied();
        let inside = || error.detail().and_then(|text| text.split([' ', ':', '-']).find_map(known));
        return match code {
            "OOM" | "MISCONF" => StoreError::Full,
            "NOAUTH" | "WRONGPASS" | "NOPERM" => Cause::Credentials.into(),
            "ERR" if error.detail().is_some_and(|text| text.contains("OOM ") || text.contains("MISCONF ")) => {
                StoreError::Full
            }
            code => match known(code).or_else(inside) {
                Some(code) => Cause::Refused(code).into(),
                None => StoreError::Corrupt("redis does not understand a command, or a key has another type"),
            },
        };
    }
    match error.kind() {
        ErrorKind::Io => {
            let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
            let kind = cause.map_or(io::ErrorKind::Other, io::Error::kind);
            Cause::Connection(kind).into()
        }
        ErrorKind::AuthenticationFailed => Cause::Credentials.into(),
        ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::NoValidReplicasFoundBySentinel => Cause::Sentinel.into(),
        ErrorKind::UnexpectedReturnType => StoreError::Corrupt("redis gave an answer of another type"),
        kind => Cause::Client(kind).into(),
    }
}

/// Whether the connection is of no more use: it is broken, or leads to a node that is no master any more.
pub(super) fn is_spent(error: &RedisError) -> bool {
    error.code().map_or_else(|| error.is_io_error() || error.is_unrecoverable_error(), |code| code == "READONLY")
}

#[cfg(test)]
mod tests {
    use mcp_transport::net::redis::driver::{ServerError, Value, parse_redis_value};

    use super::*;

    fn answered(line: &str) -> RedisError {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let Value::ServerError(error) = value else { panic!("{value:?}") };
        RedisError::from(ServerError::clone(&error))
    }

    #[test]
    fn refusals_that_pass_are_transient() {
        for code in PASSING {
            let error = store_error(&answered(&format!("{code} hunter2")));
            assert!(matches!(&error, StoreError::Unavailable(_)), "{code}: {error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        for line in
            ["OOM command not allowed", "MISCONF Redis is configured to save", "ERR Error running script: -OOM command"]
        {
            assert!(matches!(store_error(&answered(line)), StoreError::Full), "{line}");
        }
        assert!(matches!(store_error(&answered("WRONGPASS hunter2")), StoreError::Unavailable(_)));
    }

    #[test]
    fn what_does_not_pass_is_not_transient() {
        for line in
            ["WRONGTYPE Operation against a key", "ERR unknown command 'EVALSHA', with args beginning with: 'x'"]
        {
            let error = store_error(&answered(line));
            assert!(!error.is_transient() && !format!("{error:?}").contains("EVALSHA"), "{error:?}");
        }
    }

    #[test]
    fn connections_that_are_spent() {
        assert!(is_spent(&answered("READONLY You can't write")));
        assert!(!is_spent(&answered("OOM x")));
        assert!(is_spent(&RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe))));
        let refused = store_error(&RedisError::from(io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert!(matches!(refused, StoreError::Unavailable(_)));
        assert!(matches!(store_error(&io::Error::from(io::ErrorKind::TimedOut).into()), StoreError::Timeout));
    }
}
