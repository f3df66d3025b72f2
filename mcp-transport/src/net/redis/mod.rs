//! Connections to Redis, for sessions and token stores alike: one server, sentinels, or a cluster, chosen by URL.
//!
//! | URL | what |
//! |---|---|
//! | `redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]` | one server |
//! | `rediss://..` | one server, over TLS |
//! | `redis+cluster://[..@]HOST:PORT,HOST:PORT,..` | a cluster, known by some of its nodes; `redis://` with several hosts is one too |
//! | `redis+sentinel://[..@]HOST:PORT,HOST:PORT,../SERVICE[/DB]` | the master of a service, as sentinels name it |
//! | `rediss+cluster://..`, `rediss+sentinel://..` | the same over TLS |
//!
//! ```no_run
//! use mcp_transport::net::redis::{Pool, driver};
//!
//! # async fn f() -> Result<(), mcp_transport::net::Error> {
//! let pool = Pool::builder("redis://localhost:6379/1")?.password("..").size(16).build()?;
//! let mut connection = pool.get().await?;
//! let stored: Option<String> = driver::cmd("GET").arg("key").query_async(&mut connection).await?;
//! # let _ = stored; Ok(()) }
//! ```
//!
//! Commands, scripts and pipelines of [`driver`] run on a [`Connection`] whatever is behind it. In a cluster, the keys of one
//! command, script or pipeline have to lie in one slot: give them the same `{tag}`.
//!
//! These hosts are named by the configuration, as under [`Policy::operator`](super::Policy::operator). TLS trusts whom
//! [`Tls`](super::Tls) trusts.
//!
//! # Errors
//!
//! [`Error::is_unavailable`](super::Error::is_unavailable) means that trying later may help: nobody there, no connection
//! free, a failover under way. [`Error::is_config`](super::Error::is_config) means that it will not: a wrong
//! password, no such database. (A service that no sentinel knows looks like one without a master, so it is unavailable.) What `driver` returns becomes such an error with `?`.

mod builder;
mod connection;
mod fault;
mod location;
mod manager;
mod pool;

/// The client that commands, scripts and pipelines are written with: the `redis` crate.
///
/// It stands in the interface by decision: whoever keeps something in Redis needs its commands, and wrapping them would be
/// another client.
pub use deadpool_redis::redis as driver;

pub use builder::PoolBuilder;
pub use connection::Connection;
pub use pool::Pool;
