//! What stands in Redis.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use mcp_oauth::store::redis::RedisStore;
use mcp_oauth::store::{
    By, ClientStore as _, ConsentRecord, ConsentStore as _, FlowKind, FlowStore as _, GrantStore, KeyStore as _, Quota,
    RateLimiter as _, ReplayCache as _, ReplayKind, StoreError,
};
use mcp_oauth::types::{Digest, EndReason};
use mcp_transport::auth::Subject;
use serde_json::json;

use super::sample::{IDLE, RULES, START, client, code, grant, seconds};
use super::server::Server;
use super::shared::{at_key, keys, open, prefix, urls};

fn ada() -> By {
    By::Subject(Subject::parse("ada").unwrap())
}

fn consent() -> ConsentRecord {
    serde_json::from_value(json!({
        "subject": "ada", "client_id": "c", "redirect_uri": "http://localhost/cb", "resource": "https://h/mcp",
        "scopes": "a", "given_at": START, "expires_at": seconds(1000),
    }))
    .unwrap()
}

/// Puts in one of each kind.
async fn fill(store: &RedisStore) {
    store.insert(client("c"), Some(Digest::sha256(b"f"))).await.unwrap();
    store.create(grant("ada", "c"), Some(code()), IDLE).await.unwrap();
    store.remember(consent()).await.unwrap();
    let key = Digest::sha256(b"k");
    store.put(FlowKind::SignInCode, &key, Bytes::from_static(b"v"), seconds(60), START).await.unwrap();
    store.first_use(ReplayKind::DpopProof, &key, seconds(60), START).await.unwrap();
    store.publish(None, Bytes::from_static(b"sealed")).await.unwrap();
    let quota = Quota { burst: NonZeroU32::MIN, period: Duration::from_secs(60) };
    RedisStore::check(store, &key, quota, 1, START).await.unwrap();
}

#[tokio::test]
async fn redis_sweeps_whatever_has_an_end() {
    let prefix = prefix();
    for (place, url) in urls().into_iter().enumerate() {
        fill(&open(&url, &prefix)).await;
        let found = &keys(&prefix)[place];
        assert!(found.len() > 10, "{found:?}");
        for key in found {
            let lives: i64 = at_key(&url, &["PTTL", key]).parse().unwrap();
            let kind = key.split(['{', ':']).nth(2).unwrap();
            // Clients and the server's keys stay until somebody deletes them.
            let stays = matches!(kind, "c" | "cf" | "ca" | "k");
            assert_eq!(lives == -1, stays, "{key} {lives}");
        }
    }
}

#[tokio::test]
async fn keys_tell_nothing_of_whom_they_are_about() {
    let prefix = prefix();
    let [url, _] = urls();
    let store = open(&url, &prefix);
    store.insert(client("https://client.example/{x}"), None).await.unwrap();
    store.create(grant("ada.lovelace", "https://client.example/{x}"), Some(code()), IDLE).await.unwrap();
    for key in &keys(&prefix)[0] {
        assert!(!key.contains("ada") && !key.contains("example"), "{key}");
        assert_eq!(key.matches(['{', '}']).count(), 2, "{key}");
    }
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_left_alone() {
    let prefix = prefix();
    for (place, url) in urls().into_iter().enumerate() {
        let store = open(&url, &prefix);
        let new = grant("ada", "c");
        let id = new.id;
        store.create(new, None, IDLE).await.unwrap();
        store.insert(client("c"), None).await.unwrap();
        for key in keys(&prefix)[place].iter().filter(|key| key.contains("{g:") || key.contains("{c:")) {
            at_key(&url, &["HSET", key, "v", "2"]);
        }
        let corrupt = |error: StoreError| assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        corrupt(GrantStore::peek(&store, id, START).await.unwrap_err());
        corrupt(store.advance(id, 1, START, RULES).await.unwrap_err());
        corrupt(store.redeem_code(id, &code().digest, START).await.unwrap_err());
        corrupt(store.end(id, EndReason::Denied, START).await.unwrap_err());
        corrupt(store.get(&client("c").id).await.unwrap_err());
        corrupt(store.insert(client("c"), None).await.unwrap_err());
        corrupt(store.touch(&client("c").id, START).await.unwrap_err());
        corrupt(store.delete(&client("c").id, None).await.unwrap_err());
    }
}

#[tokio::test]
async fn members_without_a_record_are_skipped_and_go_later() {
    let server = Server::start(&[]);
    let store = open(&server.url(), "p");
    let new = grant("ada", "c");
    let id = new.id;
    store.create(new, None, IDLE).await.unwrap();
    let indexes = server.cli(&["--scan", "--pattern", "p:{g[sca]:*}"]);
    let indexes: Vec<&str> = indexes.lines().collect();
    assert_eq!(indexes.len(), 3, "{indexes:?}");
    // As if another process were just about to write the record.
    let key = format!("p:{{g:{id}}}");
    server.cli(&["RENAME", &key, "aside"]);
    for by in [None, Some(&ada())] {
        let page = listed(&store, by).await;
        assert_eq!(page, 0);
    }
    assert_eq!(store.end_all(&ada(), EndReason::Denied, START).await.unwrap(), 0);
    for index in &indexes {
        assert_eq!(server.cli(&["ZCARD", index]), "1", "not at once");
    }
    server.cli(&["RENAME", "aside", &key]);
    assert_eq!(listed(&store, Some(&ada())).await, 1);
    assert_eq!(store.end_all(&ada(), EndReason::Denied, START).await.unwrap(), 1, "it was written after all");
    // What has ended goes when somebody looks.
    assert_eq!(listed(&store, Some(&ada())).await, 0);
    let subject = indexes.iter().find(|index| index.contains("{gs:")).unwrap();
    assert_eq!(server.cli(&["ZCARD", subject]), "0");
    // And what was missed ten minutes ago, too.
    server.cli(&["DEL", &key]);
    assert_eq!(listed(&store, None).await, 0);
    let all = indexes.iter().find(|index| index.contains("{ga:")).unwrap();
    assert_eq!(server.cli(&["ZCARD", all]), "1");
    server.cli(&["ZADD", &format!("{all}:s"), "1000", &id.to_string()]);
    assert_eq!(listed(&store, None).await, 0);
    assert_eq!(server.cli(&["ZCARD", all]), "0");
}

/// How many grants are listed.
async fn listed(store: &RedisStore, by: Option<&By>) -> usize {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = GrantStore::page(store, by, after, 3, START).await.unwrap();
        count += page.items.len();
        after = page.next;
        if after.is_none() {
            return count;
        }
    }
}

#[tokio::test]
async fn an_index_that_nobody_reads_is_trimmed_as_it_grows() {
    let server = Server::start(&[]);
    let store = open(&server.url(), "p");
    for day in 0..100_u64 {
        let mut new = grant("ada", "c");
        new.created_at = seconds(day * 86_400);
        new.expires_at = seconds((day + 1) * 86_400);
        store.create(new, None, IDLE).await.unwrap();
    }
    let indexes = server.cli(&["--scan", "--pattern", "p:{g[sc]:*}"]);
    for index in indexes.lines() {
        let members: u32 = server.cli(&["ZCARD", index]).parse().unwrap();
        assert!(members <= 3, "{index} {members}");
    }
}

#[tokio::test]
async fn all_of_many_grants_end() {
    let prefix = prefix();
    for url in urls() {
        let store = open(&url, &prefix);
        for _ in 0..600 {
            store.create(grant("ada", "c"), None, IDLE).await.unwrap();
        }
        for _ in 0..5 {
            store.create(grant("bob", "c"), None, IDLE).await.unwrap();
        }
        assert_eq!(store.end_all(&ada(), EndReason::Withdrawn, seconds(1)).await.unwrap(), 600);
        assert_eq!(store.end_all(&ada(), EndReason::Withdrawn, seconds(1)).await.unwrap(), 0);
        assert_eq!(listed(&store, None).await, 5);
    }
}
