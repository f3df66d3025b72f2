//! The pool.

use std::fmt;

use super::builder::PoolBuilder;
use super::connection::Connection;
use super::driver;
use super::fault;
use super::location::Location;
use super::manager::Manager;
use crate::net::Error;

/// A bounded pool of connections. Clones share it.
#[derive(Clone)]
pub struct Pool {
    pool: deadpool::managed::Pool<Manager>,
}

impl Pool {
    /// Begins a pool for a URL: the module's documentation has the forms.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`]. The error does not show the URL, which may have a password in it.
    pub fn builder(url: &str) -> Result<PoolBuilder, Error> {
        Location::parse(url).map(PoolBuilder::new)
    }

    pub(super) fn of(pool: deadpool::managed::Pool<Manager>) -> Self {
        Self { pool }
    }

    /// A connection, from the pool or a new one.
    ///
    /// # Errors
    ///
    /// [`Error::is_unavailable`] if nobody is there or no connection is free in time, [`Error::is_config`] if the server does
    /// not take the password, the database or the service, [`Error::is_tls`] if it is not to be trusted.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what was half connected is dropped.
    pub async fn get(&self) -> Result<Connection, Error> {
        self.pool.get().await.map(Connection::new).map_err(fault::of_pool)
    }

    /// Whether Redis answers, for a readiness check.
    ///
    /// # Errors
    ///
    /// As [`Pool::get`].
    ///
    /// # Cancel safety
    ///
    /// As [`Pool::get`].
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.get().await?;
        driver::cmd("PING").query_async::<()>(&mut connection).await.map_err(Error::from)
    }

    /// Takes no more requests, and closes the connections as they come back.
    pub fn close(&self) {
        self.pool.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.pool.status();
        f.debug_struct("Pool")
            .field("manager", self.pool.manager())
            .field("size", &status.size)
            .field("max_size", &status.max_size)
            .finish_non_exhaustive()
    }
}
