//! One command to Redis and back, over a connection of the pool.

use std::time::Duration;

use mcp_transport::net::Error as NetError;
use mcp_transport::net::redis::Pool;
use mcp_transport::net::redis::driver::aio::ConnectionLike as _;
use mcp_transport::net::redis::driver::{Cmd, RedisError, Value, cmd};

use super::error::{Cause, is_spent, store_error};
use crate::store::StoreError;

/// Sends one command, and waits behind it until replicas have its effect, where that is asked for.
pub(super) async fn send(pool: &Pool, command: &Cmd, wait: Option<&Cmd>) -> Result<Value, Failure> {
    let mut connection = pool.get().await.map_err(|error| Failure::Unsent(unsent(&error)))?;
    // A connection that breaks here is found out, and dropped, when the pool is asked the next time.
    let answer = connection.req_packed_command(command).await.and_then(Value::extract_error);
    let answer = answer.map_err(Failure::Redis)?;
    if let Some(wait) = wait {
        // WAIT looks at what this very connection has written.
        let copies: Result<i64, _> = wait.query_async(&mut connection).await;
        if !copies.is_ok_and(|copies| copies > 0) {
            tracing::warn!("a write to Redis has not reached a replica in time: a fail-over now may lose it");
        }
    }
    Ok(answer)
}

/// What came of a command that was not answered.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not sent: there is no connection.
    Unsent(Cause),
    /// Redis, or the way to it. Whether it took effect is not known.
    Redis(RedisError),
}

fn unsent(error: &NetError) -> Cause {
    if error.is_config() {
        Cause::Settings
    } else if error.is_tls() {
        Cause::Tls
    } else {
        Cause::Pool
    }
}

impl Failure {
    /// Whether another connection may do better at once.
    pub(super) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Redis(error) if is_spent(error) && !error.is_timeout())
    }

    /// Whether the server does not know the script.
    pub(super) fn is_unknown_script(&self) -> bool {
        matches!(self, Self::Redis(error) if error.code() == Some("NOSCRIPT"))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsent(cause) => cause.into(),
            Failure::Redis(error) => store_error(&error),
        }
    }
}

/// `WAIT REPLICAS MILLISECONDS`.
pub(super) fn wait_command(replicas: u32, timeout: Duration) -> Cmd {
    let mut command = cmd("WAIT");
    // 0 would wait for ever.
    command.arg(replicas).arg(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).clamp(1, 60_000));
    command
}
