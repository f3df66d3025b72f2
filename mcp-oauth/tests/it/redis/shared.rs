//! The servers that all tests share which break nothing: one alone, and a cluster.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mcp_oauth::store::redis::{RedisOptions, RedisStore};

use super::server::{Cluster, Server};

/// Each test has a prefix of its own.
struct Shared {
    server: Server,
    cluster: Cluster,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| Shared { server: Server::start(&[]), cluster: Cluster::start("no", &[]) })
}

/// The URLs of the server and of the cluster.
pub(crate) fn urls() -> [String; 2] {
    [shared().server.url(), shared().cluster.url()]
}

/// The nodes of the shared cluster.
pub(super) fn nodes() -> &'static [Server] {
    &shared().cluster.servers
}

/// All keys that begin with this, of the server and of the cluster.
pub(super) fn keys(prefix: &str) -> [Vec<String>; 2] {
    let of = |server: &Server| -> Vec<String> {
        let keys = server.cli(&["--scan", "--pattern", &format!("{prefix}:*")]);
        keys.lines().map(str::to_owned).filter(|key| !key.is_empty()).collect()
    };
    [of(&shared().server), shared().cluster.servers.iter().flat_map(of).collect()]
}

/// Runs a command about a key where it is.
pub(super) fn at_key(url: &str, command: &[&str]) -> String {
    let [server, _] = urls();
    if url == server {
        shared().server.cli(command)
    } else {
        shared().cluster.servers[0].cli(&[&["-c"], command].concat())
    }
}

/// A prefix that no other test uses.
pub(super) fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

pub(super) fn open(url: &str, prefix: &str) -> RedisStore {
    let mut options = RedisOptions::default();
    prefix.clone_into(&mut options.prefix);
    options.timeout = Duration::from_secs(10);
    RedisStore::open(url, &options).unwrap()
}

/// Everything that the shared server keeps under this prefix: names and values.
pub(crate) fn all_of(prefix: &str) -> Vec<u8> {
    let server = &shared().server;
    let [keys, _] = keys(prefix);
    assert!(!keys.is_empty(), "nothing is kept under {prefix}");
    let mut all = Vec::new();
    for key in keys {
        let read: &[&str] = match server.cli(&["TYPE", &key]).as_str() {
            "string" => &["GET", &key],
            "hash" => &["HGETALL", &key],
            "zset" => &["ZRANGE", &key, "0", "-1", "WITHSCORES"],
            "set" => &["SMEMBERS", &key],
            "list" => &["LRANGE", &key, "0", "-1"],
            other => panic!("{key} is a {other}"),
        };
        all.extend_from_slice(format!("{key}\n").as_bytes());
        all.extend(server.cli_raw(read));
    }
    all
}

/// All keys that the shared server keeps under this prefix, and how long each stays.
pub(crate) fn times_of(prefix: &str) -> Vec<(String, Option<Duration>)> {
    let server = &shared().server;
    // One call for all: a key for each line, and then its time.
    let script = "local found = {} \
                  for _, key in ipairs(redis.call('KEYS', ARGV[1])) do \
                      found[#found + 1] = key found[#found + 1] = redis.call('PTTL', key) \
                  end return found";
    let told = server.cli(&["EVAL", script, "0", &format!("{prefix}:*")]);
    let lines: Vec<&str> = told.lines().filter(|line| !line.is_empty()).collect();
    let pairs = lines.chunks(2).map(|pair| {
        let time: i64 = pair[1].parse().unwrap();
        (pair[0].to_owned(), u64::try_from(time).ok().map(Duration::from_millis))
    });
    pairs.collect()
}
