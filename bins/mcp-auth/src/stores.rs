//! Stores by URL.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::{EmbeddedError, EmbeddedOptions, EmbeddedStore};
use mcp_oauth::store::memory::{MemoryLimits, MemoryStore};
use mcp_oauth::store::redis::{CheckError, RedisOptions, RedisStore};
use mcp_oauth::types::{Secret, SystemClock};
use mcp_transport::net::Tls;
use mcp_transport::net::redis::Pool;

use crate::environment::Environment;
use crate::error::chain;

/// Which store is meant.
#[derive(Clone)]
pub(crate) enum StoreUrl {
    /// In memory: forgotten at the end of the process.
    Memory,
    /// In a file.
    File(PathBuf),
    /// In Redis, which several servers may share.
    Redis {
        /// Where it is. It may hold a password.
        url: Secret,
        /// Its password, where that is given apart.
        password: Option<Secret>,
        /// How long a call of it may take.
        timeout: Duration,
    },
}

/// A URL that names no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidStore {
    /// Another scheme.
    #[error("a store is file:PATH, redis://, rediss://, redis+cluster://, redis+sentinel:// or memory:")]
    Scheme,
    /// No path.
    #[error("name the file of the store, as in file:/var/lib/mcp-auth/store.redb")]
    NoPath,
}

/// A store that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stores: Stores,
    /// The same, where it is a file.
    pub(crate) file: Option<Arc<EmbeddedStore>>,
    /// The same, where it is Redis.
    redis: Option<Arc<RedisStore>>,
}

impl Opened {
    /// Looks whether the store will do. What is no error but has to be known goes to the log.
    ///
    /// # Cancel safety
    ///
    /// It only reads.
    pub(crate) async fn examine(&self) -> Result<(), OpenError> {
        if let Some(redis) = &self.redis {
            redis.check_server(SystemClock.now()).await?;
        }
        Ok(())
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the store cannot be opened: {}", chain(.0))]
    File(#[from] EmbeddedError),
    #[error("--store: {}", chain(.0))]
    Redis(#[from] mcp_oauth::store::redis::OpenError),
    #[error("--store: {}", chain(.0))]
    RedisUrl(#[from] mcp_transport::net::Error),
    #[error("Redis cannot be used: {}", chain(.0))]
    Unusable(#[from] CheckError),
}

impl StoreUrl {
    /// Reads a URL.
    pub(crate) fn parse(url: &str, environment: &Environment) -> Result<Self, InvalidStore> {
        let (scheme, rest) = url.split_once(':').ok_or(InvalidStore::Scheme)?;
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "file" => {
                // `file:///PATH` is the form of RFC 8089, `file:PATH` what people write; that may be relative.
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() { Err(InvalidStore::NoPath) } else { Ok(Self::File(PathBuf::from(path))) }
            }
            "redis" | "rediss" | "redis+cluster" | "rediss+cluster" | "redis+sentinel" | "rediss+sentinel" => {
                let password = environment.get("REDIS_PASSWORD").map(|password| Secret::new(password.to_owned()));
                let timeout = RedisOptions::default().timeout;
                Ok(Self::Redis { url: Secret::new(url.to_owned()), password, timeout })
            }
            _ => Err(InvalidStore::Scheme),
        }
    }

    /// The same, where calls of Redis may take so long.
    pub(crate) fn answered_within(mut self, limit: Duration) -> Self {
        if let Self::Redis { timeout, .. } = &mut self {
            *timeout = limit;
        }
        self
    }

    /// Whether another process can see what this one keeps in it.
    pub(crate) const fn is_kept(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Opens it. Blocks on the disk; of Redis nothing is asked yet. `tls` says whom its connections trust.
    pub(crate) fn open(&self, tls: Option<&Tls>) -> Result<Opened, OpenError> {
        self.open_with(tls, EmbeddedOptions::default())
    }

    /// The same; of a file every page is read first.
    pub(crate) fn open_checked(&self, tls: Option<&Tls>) -> Result<Opened, OpenError> {
        let mut options = EmbeddedOptions::default();
        options.check = true;
        self.open_with(tls, options)
    }

    fn open_with(&self, tls: Option<&Tls>, file: EmbeddedOptions) -> Result<Opened, OpenError> {
        match self {
            Self::Memory => {
                let store = Arc::new(MemoryStore::new(MemoryLimits::default()));
                Ok(Opened { stores: Stores::all_in(&store), file: None, redis: None })
            }
            Self::File(path) => {
                let store = Arc::new(EmbeddedStore::open(path, file)?);
                Ok(Opened { stores: Stores::all_in(&store), file: Some(store), redis: None })
            }
            Self::Redis { url, password, timeout } => {
                let mut options = RedisOptions::default();
                options.timeout = *timeout;
                let mut pool =
                    Pool::builder(url.expose())?.connect_timeout(options.timeout).wait_timeout(options.timeout);
                pool = pool.recycle_timeout(options.timeout / 4).response_timeout(options.timeout);
                if let Some(password) = password {
                    pool = pool.password(password.expose());
                }
                if let Some(tls) = tls {
                    pool = pool.tls(tls.clone());
                }
                let store = Arc::new(RedisStore::with_pool(pool.build()?, &options)?);
                Ok(Opened { stores: Stores::all_in(&store), file: None, redis: Some(store) })
            }
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            // The rest may hold a password.
            Self::Redis { url, .. } => write!(f, "{}://..", url.expose().split(':').next().unwrap_or_default()),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_by_url() {
        let parse = |url: &str| StoreUrl::parse(url, &Environment::default());
        assert!(matches!(parse("memory:"), Ok(StoreUrl::Memory)));
        for (url, path) in [("file:/a/b.redb", "/a/b.redb"), ("file:///a/b", "/a/b"), ("file:b", "b")] {
            assert!(matches!(parse(url), Ok(StoreUrl::File(found)) if found.to_str() == Some(path)));
        }
        for scheme in ["redis", "rediss", "redis+cluster", "redis+sentinel"] {
            assert!(matches!(parse(&format!("{scheme}://h")), Ok(StoreUrl::Redis { password: None, .. })));
        }
        for (url, fault) in [
            ("file:", InvalidStore::NoPath),
            ("file://", InvalidStore::NoPath),
            ("memory:x", InvalidStore::Scheme),
            ("mysql://h", InvalidStore::Scheme),
            ("/a/b", InvalidStore::Scheme),
        ] {
            assert_eq!(parse(url).unwrap_err(), fault, "{url}");
        }
    }

    #[test]
    fn attack_046_a_password_is_not_shown() {
        let environment = Environment::of([("REDIS_PASSWORD".into(), "vanilla".into())]);
        let store = StoreUrl::parse("redis://user:chocolate@h:1/0", &environment).unwrap();
        for shown in [format!("{store}"), format!("{store:?}")] {
            assert_eq!(shown, "redis://..");
        }
        let failed = StoreUrl::parse("redis://user:chocolate@h:port", &environment).unwrap().open(None).unwrap_err();
        let said = format!("{failed} {failed:?}");
        assert!(!said.contains("chocolate") && !said.contains("vanilla"), "{said}");
    }
}
