//! The stores that everything is tried on.

use std::sync::Arc;

use mcp_oauth::store::Stores;
use mcp_oauth::store::memory::{MemoryLimits, MemoryStore};

/// Keeps a store going, and opens further handles on it.
pub(crate) enum Keeper {
    Memory(Arc<MemoryStore>),
}

impl Keeper {
    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::new(MemoryStore::new(MemoryLimits::default())))
    }

    /// A handle on the store, as another process would have one where the store allows that.
    pub(crate) async fn open(&self) -> Stores {
        match self {
            Self::Memory(store) => Stores::all_in(store),
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
            }
        )+
    };
}
pub(crate) use on_every_store;
