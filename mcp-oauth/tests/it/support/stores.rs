//! The stores that everything is tried on.

use std::path::PathBuf;
use std::sync::Arc;

use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use mcp_oauth::store::memory::{MemoryLimits, MemoryStore};
use mcp_oauth::store::redis::{RedisOptions, RedisStore};
use mcp_oauth::types::Secret;

/// Keeps a store going, and opens further handles on it.
pub(crate) enum Keeper {
    /// In memory.
    Memory(Arc<MemoryStore>),
    /// In a file, which goes with it.
    Embedded(Arc<EmbeddedStore>, PathBuf),
    /// On the Redis that all tests share, under a prefix of its own.
    Redis { url: String, prefix: String },
}

impl Keeper {
    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::new(MemoryStore::new(MemoryLimits::default())))
    }

    pub(crate) fn embedded() -> Self {
        let folder = std::env::temp_dir().join(format!("mcp-oauth-{}", Secret::random("").unwrap().expose()));
        let store = EmbeddedStore::open(&folder.join("store.redb"), EmbeddedOptions::default()).unwrap();
        Self::Embedded(Arc::new(store), folder)
    }

    pub(crate) fn redis() -> Self {
        let [url, _] = crate::redis::urls();
        Self::Redis { url, prefix: Secret::random("it-").unwrap().expose().to_owned() }
    }

    /// A handle on the store, as another process would have one where the store allows that.
    pub(crate) async fn open(&self) -> Stores {
        match self {
            Self::Memory(store) => Stores::all_in(store),
            Self::Embedded(store, _) => Stores::all_in(store),
            Self::Redis { url, prefix } => {
                let mut options = RedisOptions::default();
                options.prefix.clone_from(prefix);
                Stores::all_in(&Arc::new(RedisStore::open(url, &options).unwrap()))
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Self::Embedded(_, folder) = self {
            // The file is still open, and goes when it is closed.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Makes one test for each store out of each function: `NAME::memory`, `NAME::embedded`, `NAME::redis`.
macro_rules! on_every_store {
    ($($(#[$meta:meta])* async fn $name:ident($keeper:ident: Keeper) $body:block)+) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn check($keeper: Keeper) $body

                #[tokio::test]
                async fn memory() {
                    check(Keeper::memory()).await;
                }

                #[tokio::test]
                async fn embedded() {
                    check(Keeper::embedded()).await;
                }

                #[tokio::test]
                async fn redis() {
                    check(Keeper::redis()).await;
                }
            }
        )+
    };
}
pub(crate) use on_every_store;

/// The same on a runtime of several threads, for checks in which requests race.
macro_rules! on_every_store_at_once {
    ($($(#[$meta:meta])* async fn $name:ident($keeper:ident: Keeper) $body:block)+) => {
        $(
            $(#[$meta])*
            mod $name {
                use super::*;

                async fn check($keeper: Keeper) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn memory() {
                    check(Keeper::memory()).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn embedded() {
                    check(Keeper::embedded()).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn redis() {
                    check(Keeper::redis()).await;
                }
            }
        )+
    };
}
pub(crate) use on_every_store_at_once;
