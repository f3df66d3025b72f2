//! What an error of the driver means: later may help, or it will not.

use std::error::Error as _;
use std::sync::Arc;

use deadpool::managed::PoolError;
use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::net::error::{Error, Kind};

/// An error in what was configured.
pub(super) fn of_settings(cause: RedisError) -> Error {
    Error::config(cause)
}

/// An error on the way to a connection.
pub(super) fn of_pool(error: PoolError<RedisError>) -> Error {
    match error {
        PoolError::Backend(cause) => {
            // What the server refuses while greeting is a setting: the database, the user, the password.
            let kind = match cause.kind() {
                ErrorKind::Server(ServerErrorKind::ResponseError) => Kind::Config,
                _ => kind(&cause),
            };
            Error::new(kind, cause)
        }
        PoolError::Timeout(_) | PoolError::Closed => Error::unavailable(error),
        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Error::config(error),
    }
}

impl From<RedisError> for Error {
    fn from(cause: RedisError) -> Self {
        Self::new(kind(&cause), cause)
    }
}

fn kind(cause: &RedisError) -> Kind {
    if is_tls(cause) {
        return Kind::Tls;
    }
    // The driver knows these two as extensions.
    if matches!(cause.code(), Some("NOAUTH" | "WRONGPASS")) {
        return Kind::Config;
    }
    match cause.kind() {
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::EmptySentinelList
        | ErrorKind::RESP3NotSupported
        | ErrorKind::Server(ServerErrorKind::NoPerm) => Kind::Config,
        // A service that no sentinel knows cannot be told from one that has no master during a failover.
        ErrorKind::Io
        | ErrorKind::ClusterConnectionNotFound
        | ErrorKind::MasterNameNotFoundBySentinel
        | ErrorKind::NoValidReplicasFoundBySentinel => Kind::Unavailable,
        // A failover or a start under way.
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask,
        ) => Kind::Unavailable,
        _ if cause.is_timeout() || cause.is_connection_dropped() => Kind::Unavailable,
        _ => Kind::Protocol,
    }
}

/// Whether rustls has said no, somewhere beneath.
fn is_tls(cause: &RedisError) -> bool {
    let mut next = cause.source();
    while let Some(error) = next {
        // The driver shows its cause inside of an `Arc`, which is an error of its own type.
        let error = match error.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>() {
            Some(shared) => &**shared as &(dyn std::error::Error + 'static),
            None => error,
        };
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_may_help_or_it_will_not() {
        let io = || RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert!(Error::from(io()).is_unavailable());
        let readonly = RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "x"));
        assert!(Error::from(readonly).is_unavailable());
        let password = RedisError::from((ErrorKind::AuthenticationFailed, "x"));
        assert!(Error::from(password).is_config());
        let tls = std::io::Error::new(std::io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert!(Error::from(RedisError::from(tls)).is_tls());
        let wrong = RedisError::from((ErrorKind::UnexpectedReturnType, "x"));
        assert!(Error::from(wrong).is_protocol());
    }
}
