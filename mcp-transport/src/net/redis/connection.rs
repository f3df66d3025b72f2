//! A connection that is lent by the pool.

use std::fmt;

use deadpool::managed::Object;
use deadpool_redis::redis;
use redis::aio::ConnectionLike;
use redis::{Cmd, Pipeline, RedisFuture, Value};

use super::manager::{Link, Manager};

/// A connection to whatever is behind the URL; it goes back to its pool when dropped.
///
/// Commands, scripts and pipelines of [`driver`](super::driver) run on it. Dropping a command's future leaves the connection in
/// order: the server runs the command, and the answer is thrown away.
pub struct Connection(Object<Manager>);

impl Connection {
    pub(super) fn new(object: Object<Manager>) -> Self {
        Self(object)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match &mut *self.0 {
            Link::Server(connection) => connection.req_packed_command(command),
            Link::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &mut *self.0 {
            Link::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Link::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match &*self.0 {
            Link::Server(connection) => connection.get_db(),
            Link::Cluster(connection) => connection.get_db(),
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
