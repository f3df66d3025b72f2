//! Makes connections, and looks whether old ones are still good.

use std::fmt;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_redis::redis;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, RedisError};
use tokio::sync::Mutex;

/// One for each way to find a server.
pub(super) enum Manager {
    Single(deadpool_redis::Manager),
    Cluster(ClusterClient),
    Sentinel(Sentinels),
}

/// What is handed out.
pub(super) enum Link {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The sentinels, asked one at a time.
pub(super) struct Sentinels {
    client: Mutex<SentinelClient>,
    config: AsyncConnectionConfig,
}

impl Sentinels {
    pub(super) fn new(client: SentinelClient, config: AsyncConnectionConfig) -> Self {
        Self { client: Mutex::new(client), config }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        // The lock is for the question alone, not for the connection to the master.
        let master = self.client.lock().await.async_get_client().await?;
        master.get_multiplexed_async_connection_with_config(&self.config).await
    }
}

impl managed::Manager for Manager {
    type Type = Link;
    type Error = RedisError;

    async fn create(&self) -> Result<Link, RedisError> {
        match self {
            Self::Single(manager) => manager.create().await.map(Link::Server),
            Self::Cluster(client) => client.get_async_connection().await.map(Link::Cluster),
            Self::Sentinel(sentinels) => sentinels.connect().await.map(Link::Server),
        }
    }

    async fn recycle(&self, link: &mut Link, metrics: &Metrics) -> RecycleResult<RedisError> {
        match (self, link) {
            (Self::Single(manager), Link::Server(connection)) => manager.recycle(connection, metrics).await,
            (Self::Sentinel(_), Link::Server(connection)) => {
                // After a failover the old master comes back as a replica, and answers PING as ever.
                let role: Vec<redis::Value> = redis::cmd("ROLE").query_async(connection).await?;
                let role: Option<String> =
                    role.into_iter().next().map(redis::from_redis_value).transpose().map_err(RedisError::from)?;
                if role.as_deref() == Some("master") {
                    Ok(())
                } else {
                    Err(RecycleError::message("it is no master any more"))
                }
            }
            (_, Link::Cluster(connection)) => {
                redis::cmd("PING").query_async::<()>(connection).await.map_err(Into::into)
            }
            (Self::Cluster(_), Link::Server(_)) => Err(RecycleError::message("it is no connection to the cluster")),
        }
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single(_) => "Single",
            Self::Cluster(_) => "Cluster",
            Self::Sentinel(_) => "Sentinel",
        })
    }
}
