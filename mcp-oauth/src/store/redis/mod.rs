//! Everything in Redis: one server, a cluster, or the master that a sentinel names.
//!
//! Several processes share it. It needs Redis 6.2, the eviction policy `noeviction`, and an append-only file if what it
//! holds shall survive its restart; [`RedisStore::check_server`] looks.
//!
//! # Atomic steps
//!
//! Each record is one hash, and each step that must be atomic is one script over it, so the same scripts do on a
//! cluster. They follow [`rules`](super::rules), in Lua; the contract suite compares. Times are told to them, as texts
//! of twenty digits; Redis's own expiry only sweeps, a day after a record is over.
//!
//! A call may reach Redis twice when a connection breaks. Scripts know their own call again, and give the same answer:
//! no call is ever taken for the replay of itself.
//!
//! # Keys
//!
//! | key | what it holds |
//! |---|---|
//! | `{g:ID}` | a grant: its body, code, generation, and the last few answers |
//! | `{gs:DIGEST}`, `{gc:DIGEST}`, `{ga:0..15}` | indexes of grants: by subject, by client, all |
//! | `{c:DIGEST}` | a client, or for a while that there was one |
//! | `{cf:DIGEST}` | a fingerprint: whose it is |
//! | `{ca:0..15}` | indexes of all clients |
//! | `{d:DIGEST}`, `{du:DIGEST}` | a device authorization, and which one a user code means |
//! | `{co:DIGEST}`, `{cs:DIGEST}`, `{cc:DIGEST}` | a consent, and the indexes of a subject's and of those to a client |
//! | `{f.KIND:DIGEST}` | a small thing |
//! | `{j.KIND:DIGEST}` | an id that was used |
//! | `{rl:DIGEST}`, `{rl:DIGEST}:CALL` | a bucket of the rate limiter, and for a few minutes who has given back into it |
//! | `{k:1}` | the server's keys, sealed |
//!
//! Indexes are hints: the record is the truth. A record is put into its indexes before it is written, so that there is
//! none that they do not know; a member without a record is skipped.
//!
//! # Cancel safety
//!
//! A command whose future is dropped may have been sent, and then it happens, and nobody is told: as when no answer
//! comes in time. What takes several steps is in such an order that each of them leaves nothing that another call could
//! take for the whole.

mod client;
mod command;
mod connection;
mod consent;
mod device;
mod error;
mod flow;
mod grant;
mod index;
mod key;
mod keys;
mod limit;
mod maintenance;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mcp_transport::net::redis::Pool;
use mcp_transport::net::redis::driver::Cmd;
use thiserror::Error;

use self::connection::wait_command;
use self::keys::Keys;
pub use self::maintenance::{CheckError, Finding};
use crate::types::{RandomError, random};

/// How a [`RedisStore`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisOptions {
    /// What every key begins with, `mo1` by default. Servers that share a Redis need different ones.
    pub prefix: String,
    /// How long a call may take at most, 2 seconds by default.
    pub timeout: Duration,
    /// Whether the calls that must not be lost in a fail-over (redeemed codes, rotated refresh tokens, ends of grants, and of
    /// consents) wait for replicas. By default they do not. On a cluster every master needs them then.
    pub wait: Option<WaitForReplicas>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { prefix: "mo1".to_owned(), timeout: Duration::from_secs(2), wait: None }
    }
}

/// For how many replicas a write waits, and how long at most (`WAIT`). If they are slower, the call succeeds all the
/// same, with a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the two arguments of the command")]
pub struct WaitForReplicas {
    /// How many.
    pub replicas: u32,
    /// How long.
    pub timeout: Duration,
}

/// A store on Redis cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Its URL is wrong, or does not fit the settings. It does not show the URL, which may hold a password.
    #[error("the URL of the Redis is wrong")]
    Url(#[from] mcp_transport::net::Error),
    /// Its prefix is wrong.
    #[error("the prefix of the keys has 1 to 64 of the characters a-z, A-Z, 0-9, '-', '_', '.' and ':'")]
    Prefix,
    /// The system gives no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Keeps everything in Redis. Share it in an `Arc`.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use mcp_oauth::store::Stores;
/// use mcp_oauth::store::redis::{RedisOptions, RedisStore};
/// use mcp_oauth::types::SystemClock;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(RedisStore::open("rediss://redis.example.com/0", &RedisOptions::default())?);
/// // Whether it keeps what it is given: how it evicts and persists.
/// for finding in store.check_server(SystemClock.now()).await? {
///     eprintln!("{finding}");
/// }
/// let stores = Stores::all_in(&store);
/// # drop(stores);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RedisStore {
    pool: Pool,
    keys: Keys,
    timeout: Duration,
    wait: Option<Cmd>,
    /// Names this process among all that share the Redis, and the calls that it has made.
    name: String,
    calls: AtomicU64,
}

impl RedisStore {
    /// A store on the Redis of this URL, as [`mcp_transport::net::redis`] has it: `redis://`, `rediss://`,
    /// `redis+cluster://`, `redis+sentinel://`. Nothing is connected yet; [`check_server`](Self::check_server) does that.
    ///
    /// # Errors
    ///
    /// When the URL or the prefix cannot be read.
    pub fn open(url: &str, options: &RedisOptions) -> Result<Self, OpenError> {
        let builder = Pool::builder(url)?.connect_timeout(options.timeout).wait_timeout(options.timeout);
        // What a connection is proved with must leave time for another one, and for the command.
        let builder = builder.recycle_timeout(options.timeout / 4).response_timeout(options.timeout);
        Self::with_pool(builder.build()?, options)
    }

    /// A store over a pool that was made otherwise: with its own password, certificates, or size. No call takes longer
    /// than [`RedisOptions::timeout`], whatever the pool allows.
    ///
    /// # Errors
    ///
    /// When the prefix cannot be read.
    pub fn with_pool(pool: Pool, options: &RedisOptions) -> Result<Self, OpenError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        if options.prefix.is_empty() || options.prefix.len() > 64 || !options.prefix.bytes().all(allowed) {
            return Err(OpenError::Prefix);
        }
        Ok(Self {
            pool,
            keys: Keys::new(&options.prefix),
            timeout: options.timeout,
            wait: options.wait.map(|wait| wait_command(wait.replicas, wait.timeout)),
            name: format!("{:016x}.", u64::from_be_bytes(random()?)),
            calls: AtomicU64::new(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_password() {
        let store = RedisStore::open("redis://user:hunter2@h:1", &RedisOptions::default()).unwrap();
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
        let refused = RedisStore::open("redis://user:hunter2@h:hunter2", &RedisOptions::default()).unwrap_err();
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }

    #[test]
    fn prefixes_keep_the_slots_apart() {
        let of = |prefix: &str| RedisOptions { prefix: prefix.to_owned(), ..RedisOptions::default() };
        for prefix in ["", "a{b", "a}", "a b", &"x".repeat(65)] {
            let refused = RedisStore::open("redis://h", &of(prefix)).unwrap_err();
            assert!(matches!(refused, OpenError::Prefix), "{prefix} {refused:?}");
        }
        assert!(RedisStore::open("redis://h", &of("team:mo1")).is_ok());
    }
}
