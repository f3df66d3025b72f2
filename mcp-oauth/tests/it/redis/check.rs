//! Whether a Redis will do.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mcp_oauth::store::redis::{Finding, RedisOptions, RedisStore, WaitForReplicas};
use mcp_oauth::store::{
    Advance, ConsentRecord, ConsentStore as _, ConsentsOf, FlowKind, FlowStore as _, GrantStore as _, ReplayCache as _,
    ReplayKind, Stored,
};
use mcp_oauth::types::{Digest, Timestamp};
use mcp_transport::auth::ClientId;
use serde_json::json;

use super::proxy::Wire;
use super::sample::{IDLE, RULES, START, grant, seconds};
use super::server::{Server, until};
use super::shared::{nodes, open, prefix, urls};
use crate::support::log;

fn now() -> Timestamp {
    SystemTime::now().into()
}

#[tokio::test]
async fn what_loses_records_is_found() {
    let server = Server::start(&["--appendonly", "yes"]);
    let store = open(&server.url(), &prefix());
    assert_eq!(store.check_server(now()).await.unwrap(), []);
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    server.cli(&["CONFIG", "SET", "appendonly", "no"]);
    let skewed = now().after(Duration::from_secs(60));
    let found = store.check_server(skewed).await.unwrap();
    let [Finding::Evicting(policy), Finding::NoAppendOnlyFile, Finding::Skew(skew)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(policy, "allkeys-lru");
    assert!((55..65).contains(&skew.as_secs()), "{skew:?}");
    assert!(found[0].to_string().starts_with("an evicting Redis logs people out silently"));
}

#[tokio::test]
async fn a_redis_that_does_not_tell_what_it_throws_away_is_warned_of() {
    log::listen();
    let server = Server::start(&["--appendonly", "yes"]);
    let wire = Wire::to(server.port).await;
    let store = open(&wire.url(), &prefix());
    assert_eq!(store.check_server(now()).await.unwrap(), []);
    // As managed ones do, which leave lines out of what they say of themselves.
    wire.hidden.set("maxmemory_policy").unwrap();
    assert_eq!(store.check_server(now()).await.unwrap(), [Finding::UnknownEviction]);
    let heard = log::heard();
    let warned: Vec<&str> = heard.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("does not tell its maxmemory-policy"), "{warned:?}");
}

#[tokio::test]
async fn every_node_of_a_cluster_is_asked() {
    let [_, url] = urls();
    let store = open(&url, &prefix());
    assert_eq!(store.check_server(now()).await.unwrap(), []);
    for node in nodes() {
        // Without a limit of memory nothing is evicted: the other tests do not notice.
        node.cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
        let found = store.check_server(now()).await.unwrap();
        node.cli(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        assert_eq!(found, [Finding::Evicting("volatile-lru".to_owned())]);
    }
}

#[tokio::test]
async fn writes_wait_for_a_replica_but_not_for_ever() {
    let master = Server::start(&[]);
    let mut options = RedisOptions::default();
    options.wait = Some(WaitForReplicas { replicas: 1, timeout: Duration::from_millis(50) });
    let store = RedisStore::open(&master.url(), &options).unwrap();
    let new = grant("ada", "c");
    let id = new.id;
    store.create(new, None, IDLE).await.unwrap();
    assert_eq!(store.advance(id, 1, seconds(1), RULES).await.unwrap(), Advance::Next(2), "though there is none");
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    until(|| master.cli(&["INFO", "replication"]).contains("state=online"));
    options.wait = Some(WaitForReplicas { replicas: 1, timeout: Duration::from_secs(5) });
    options.timeout = Duration::from_secs(10);
    let store = RedisStore::open(&master.url(), &options).unwrap();
    assert_eq!(store.advance(id, 2, seconds(2), RULES).await.unwrap(), Advance::Next(3));
    // It is there at once, and not a moment later.
    assert_eq!(replica.cli(&["HGET", &format!("mo1:{{g:{id}}}"), "gen"]), "3");
    let waited = || -> u32 {
        let info = master.cli(&["INFO", "commandstats"]);
        let calls = info.lines().find_map(|line| line.strip_prefix("cmdstat_wait:calls=")).unwrap();
        calls.split(',').next().unwrap().parse().unwrap()
    };
    // The replica may be told in time by itself; that somebody waited is what the count shows.
    let before = waited();
    for client in ["c", "d"] {
        let record = json!({
            "subject": "ada", "client_id": client, "redirect_uri": "http://localhost/cb", "resource": "https://h/mcp",
            "scopes": "a", "given_at": START, "expires_at": seconds(1000),
        });
        let record: ConsentRecord = serde_json::from_value(record).unwrap();
        let key = record.key();
        store.remember(record).await.unwrap();
        if client == "c" {
            assert!(store.forget(&key).await.unwrap());
        }
    }
    assert_eq!(waited(), before + 1);
    assert_eq!(store.forget_all(&ConsentsOf::Client(ClientId::parse("d").unwrap())).await.unwrap(), 1);
    assert_eq!(waited(), before + 2);
    // What would be good again if it were forgotten, and a state that would only have to be made anew.
    let (key, end) = (Digest::sha256(b"key"), seconds(1000));
    for (kind, waits) in [(FlowKind::RevokedToken, 1), (FlowKind::ConsentForm, 1), (FlowKind::UpstreamState, 0)] {
        let before = waited();
        assert_eq!(store.put(kind, &key, Bytes::from_static(b"1"), end, START).await.unwrap(), Stored::New);
        assert_eq!(waited(), before + waits, "{kind:?}");
    }
    let before = waited();
    assert!(store.first_use(ReplayKind::ClientAssertion, &key, end, START).await.unwrap());
    assert_eq!(waited(), before + 1, "the id of an assertion");
}
