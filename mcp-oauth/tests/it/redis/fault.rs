//! Redis goes away in the middle: nobody is told a wrong answer, and all goes on when it is there again.

use std::time::{Duration, Instant};

use mcp_oauth::store::redis::{RedisOptions, RedisStore};
use mcp_oauth::store::{Advance, GrantStore as _, Maintenance as _, Redeem, StoreError};
use mcp_oauth::types::GrantId;

use super::sample::{IDLE, RULES, code, grant, seconds};
use super::server::{Cluster, Server, until};
use super::shared::prefix;

/// A store that does not wait long.
pub(super) fn impatient(url: &str) -> RedisStore {
    let mut options = RedisOptions::default();
    options.prefix = prefix();
    options.timeout = Duration::from_millis(400);
    RedisStore::open(url, &options).unwrap()
}

/// Whether it is an error that passes, within the time that a call may take.
fn passes<T: std::fmt::Debug>(answer: Result<T, StoreError>, begun: Instant) {
    let error = answer.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn attack_055_a_redis_that_hangs_is_waited_for_and_no_longer() {
    let server = Server::start(&[]);
    let store = impatient(&server.url());
    let (coded, refreshed) = (grant("ada", "c"), grant("ada", "c"));
    let ids = (coded.id, refreshed.id);
    store.create(coded, Some(code()), IDLE).await.unwrap();
    store.create(refreshed, None, IDLE).await.unwrap();
    server.signal("STOP");
    let begun = Instant::now();
    passes(store.advance(ids.1, 1, seconds(1), RULES).await, begun);
    let begun = Instant::now();
    passes(store.peek(ids.0, seconds(1)).await, begun);
    let begun = Instant::now();
    passes(store.ping().await, begun);
    server.signal("CONT");
    // The rotation may have happened after all; the successor is the same.
    let again = store.advance(ids.1, 1, seconds(2), RULES).await.unwrap();
    assert!(matches!(again, Advance::Next(2) | Advance::Again(2)), "{again:?}");
    assert_eq!(store.advance(ids.1, 2, seconds(3), RULES).await.unwrap(), Advance::Next(3));
    assert!(matches!(store.redeem_code(ids.0, &code().digest, seconds(3)).await.unwrap(), Redeem::Won(_)));
    store.ping().await.unwrap();
}

/// Waits as long as somebody needs to notice that a server is gone.
fn gone_for_a_moment() {
    let begun = Instant::now();
    until(|| begun.elapsed() > Duration::from_millis(300));
}

/// Refreshes again and again with the newest token that came back, while Redis is killed and starts again.
async fn refresh_through_a_crash(store: &RedisStore, crash: impl FnOnce() + Send + 'static) {
    let ids: Vec<GrantId> = {
        let mut ids = Vec::new();
        // Their ids are random: of eight, none lies on one of three nodes in one run of 25.
        for _ in 0..32 {
            let new = grant("ada", "c");
            ids.push(new.id);
            store.create(new, None, IDLE).await.unwrap();
        }
        ids
    };
    let mut newest = vec![1_u32; ids.len()];
    let crash = std::thread::spawn(crash);
    let begun = Instant::now();
    let (mut failures, mut after) = (0, 0);
    // Until it has crashed, and each grant was refreshed some more.
    while after < 100 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not recover");
        let crashed = crash.is_finished();
        for (id, newest) in ids.iter().zip(&mut newest) {
            match store.advance(*id, *newest, seconds(1), RULES).await {
                Ok(Advance::Next(next) | Advance::Again(next) | Advance::Resynced(next)) => {
                    *newest = next;
                    after += u32::from(crashed);
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert!(error.is_transient(), "{error:?}");
                    failures += 1;
                }
            }
        }
        // The test of a crash needs time for the crash; a busy loop would only take it from the server.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    crash.join().unwrap();
    assert!(failures > 0, "nobody noticed the crash");
    for (id, newest) in ids.iter().zip(newest) {
        assert_eq!(store.peek(*id, seconds(2)).await.unwrap().unwrap().generation, newest);
    }
}

#[tokio::test]
async fn attack_055_a_killed_redis_is_found_again() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let store = impatient(&server.url());
    store.ping().await.unwrap();
    let crash = move || {
        server.signal("KILL");
        gone_for_a_moment();
        server.restart();
        server
    };
    let (sender, server) = std::sync::mpsc::channel();
    refresh_through_a_crash(&store, move || drop(sender.send(crash()))).await;
    drop(server);
}

#[tokio::test]
async fn attack_055_a_killed_node_of_a_cluster_is_found_again() {
    // What was answered survives a kill only where it was written first.
    let mut cluster = Cluster::start("always", &[]);
    let store = impatient(&cluster.url());
    store.ping().await.unwrap();
    let crash = move || {
        cluster.servers[1].signal("KILL");
        gone_for_a_moment();
        cluster.servers[1].restart();
        cluster.wait();
        cluster
    };
    let (sender, cluster) = std::sync::mpsc::channel();
    refresh_through_a_crash(&store, move || drop(sender.send(crash()))).await;
    drop(cluster);
}

#[tokio::test]
async fn a_redis_that_refuses_to_write_is_not_ready() {
    let server = Server::start(&[]);
    let store = impatient(&server.url());
    store.ping().await.unwrap();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert!(matches!(store.ping().await, Err(StoreError::Full)));
    let refused = store.create(grant("ada", "c"), None, IDLE).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    store.ping().await.unwrap();
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let refused = store.ping().await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let refused = store.create(grant("ada", "c"), None, IDLE).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    store.ping().await.unwrap();
    server.cli(&["CONFIG", "SET", "requirepass", "hunter2"]);
    let other = impatient(&server.url());
    let refused = other.ping().await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(_)), "{refused:?}");
    let wrong = impatient(&server.url().replace("//", "//:hunter3@"));
    let refused = wrong.ping().await.unwrap_err();
    assert!(!format!("{refused:?} {wrong:?}").contains("hunter"), "{refused:?}");
    impatient(&server.url().replace("//", "//:hunter2@")).ping().await.unwrap();
}
