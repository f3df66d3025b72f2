//! All that the server remembers, put together.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::client::ClientStore;
use super::device::DeviceStore;
use super::error::StoreError;
use super::grant::GrantStore;
use super::key::KeyStore;
use super::limit::RateLimiter;
use super::once::{ConsentStore, FlowStore, ReplayCache};
use crate::types::Timestamp;

/// Keeps a back-end in order.
#[async_trait]
pub trait Maintenance: Send + Sync + 'static {
    /// Whether the back-end can serve, reads and writes alike.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    ///
    /// # Cancel safety
    ///
    /// Asking changes no record.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Removes at most about `limit` records that are over, and gives how many. Called again at once as long as there
    /// are any, then after a while. Back-ends whose records go by themselves give 0.
    ///
    /// # Errors
    ///
    /// When it could not; what is over stays absent all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, some of it is gone; the next call goes on.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError>;
}

/// Where each kind of record is kept. Cheap to clone.
#[derive(Clone)]
#[non_exhaustive]
pub struct Stores {
    /// Clients.
    pub clients: Arc<dyn ClientStore>,
    /// Grants.
    pub grants: Arc<dyn GrantStore>,
    /// Device authorizations.
    pub devices: Arc<dyn DeviceStore>,
    /// Consents.
    pub consents: Arc<dyn ConsentStore>,
    /// Small things.
    pub flows: Arc<dyn FlowStore>,
    /// Ids that were used.
    pub replays: Arc<dyn ReplayCache>,
    /// Keys.
    pub keys: Arc<dyn KeyStore>,
    /// Who asks too often.
    pub limits: Arc<dyn RateLimiter>,
    /// Each back-end once.
    pub maintenance: Vec<Arc<dyn Maintenance>>,
}

impl Stores {
    /// Everything in one back-end.
    #[must_use]
    pub fn all_in<S>(store: &Arc<S>) -> Self
    where
        S: ClientStore
            + GrantStore
            + DeviceStore
            + ConsentStore
            + FlowStore
            + ReplayCache
            + KeyStore
            + RateLimiter
            + Maintenance,
    {
        Self {
            clients: Arc::clone(store) as _,
            grants: Arc::clone(store) as _,
            devices: Arc::clone(store) as _,
            consents: Arc::clone(store) as _,
            flows: Arc::clone(store) as _,
            replays: Arc::clone(store) as _,
            keys: Arc::clone(store) as _,
            limits: Arc::clone(store) as _,
            maintenance: vec![Arc::clone(store) as _],
        }
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("backends", &self.maintenance.len()).finish_non_exhaustive()
    }
}
