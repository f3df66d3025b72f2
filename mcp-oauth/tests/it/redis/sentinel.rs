//! A master, a replica that takes its place, and the sentinel that says who it is.

use std::time::{Duration, Instant};

use mcp_oauth::store::redis::{RedisOptions, RedisStore};
use mcp_oauth::store::{Advance, GrantStore as _, Maintenance as _};

use super::sample::{IDLE, RULES, grant, seconds};
use super::server::{Server, until};
use super::shared::prefix;

/// A master, its replica, and a sentinel that decides alone.
pub(super) struct Watched {
    master: Server,
    replica: Server,
    sentinel: Server,
}

impl Watched {
    /// Starts them. The sentinel takes the master for dead when it has heard nothing of it for this long.
    pub(super) fn start(dead_after: Duration) -> Self {
        let master = Server::start(&[]);
        let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        let configuration = format!(
            "sentinel monitor main 127.0.0.1 {} 1\nsentinel down-after-milliseconds main {}\nsentinel failover-timeout main \
             2000\n",
            master.port,
            dead_after.as_millis()
        );
        let sentinel = Server::configured(&configuration, &["--sentinel"]);
        until(|| sentinel.cli(&["SENTINEL", "REPLICAS", "main"]).contains(&replica.port.to_string()));
        until(|| replica.cli(&["INFO", "replication"]).contains("master_link_status:up"));
        Self { master, replica, sentinel }
    }

    pub(super) fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/main", self.sentinel.port)
    }
}

#[tokio::test]
async fn attack_055_a_fail_over_is_followed() {
    let watched = Watched::start(Duration::from_millis(500));
    let Watched { master, replica, .. } = &watched;
    let mut options = RedisOptions::default();
    options.prefix = prefix();
    options.timeout = Duration::from_millis(500);
    let store = RedisStore::open(&watched.url(), &options).unwrap();
    store.ping().await.unwrap();
    let new = grant("ada", "c");
    let id = new.id;
    store.create(new, None, IDLE).await.unwrap();
    assert_eq!(store.advance(id, 1, seconds(1), RULES).await.unwrap(), Advance::Next(2));
    until(|| replica.cli(&["HGET", &format!("{}:{{g:{id}}}", options.prefix), "gen"]) == "2");
    master.signal("KILL");
    let begun = Instant::now();
    let answer = loop {
        match store.advance(id, 2, seconds(2), RULES).await {
            Ok(answer) => break answer,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the replica never takes over");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(answer, Advance::Next(3));
    assert_eq!(replica.cli(&["ROLE"]).lines().next(), Some("master"));
    // A token that the old master gave out just before, and the new one has not heard of.
    assert_eq!(store.advance(id, 4, seconds(3), RULES).await.unwrap(), Advance::Resynced(5));
}
