//! All that the server remembers, put together.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::client::ClientStore;
use super::device::DeviceStore;
use super::error::StoreError;
use super::grant::{By, GrantStore};
use super::key::KeyStore;
use super::limit::RateLimiter;
use super::once::{ConsentStore, ConsentsOf, FlowStore, ReplayCache};
use crate::types::{EndReason, Grant, Timestamp};

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
///
/// ```
/// use std::sync::Arc;
///
/// use mcp_oauth::store::Stores;
/// use mcp_oauth::store::memory::{MemoryLimits, MemoryStore};
///
/// let mut stores = Stores::all_in(&Arc::new(MemoryStore::new(MemoryLimits::default())));
/// // One kind of record may be elsewhere, and that place wants to be looked after too.
/// let consents = Arc::new(MemoryStore::new(MemoryLimits::default()));
/// stores.consents = Arc::clone(&consents) as _;
/// stores.maintenance.push(consents);
/// assert_eq!(stores.maintenance.len(), 2);
/// ```
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

/// Endings that somebody wants: what users have allowed goes with the grants that stand on it.
impl Stores {
    /// Ends a grant, and forgets what its user has allowed its client: the next request is shown to them again. Gives whether
    /// the grant was live until then.
    ///
    /// The consent goes first. If this is interrupted the user is asked once more for nothing; the other way round, what was
    /// taken back would be given again without a question.
    ///
    /// # Errors
    ///
    /// When a store cannot tell. It can be called again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the consent is forgotten or not, and the grant has ended only if it is.
    pub async fn withdraw(&self, grant: &Grant, why: EndReason, now: Timestamp) -> Result<bool, StoreError> {
        self.forget_consent(grant).await?;
        self.grants.end(grant.id, why, now).await
    }

    /// Ends all grants of a user or of a client, and forgets their consents, first and last: what is allowed meanwhile ends
    /// too. Gives how many grants were live.
    ///
    /// # Errors
    ///
    /// When a store cannot tell. Some may have ended, and no consent stands for them.
    ///
    /// # Cancel safety
    ///
    /// As [`withdraw`](Self::withdraw).
    pub async fn withdraw_all(&self, by: &By, why: EndReason, now: Timestamp) -> Result<u64, StoreError> {
        let consents = ConsentsOf::from(by);
        self.consents.forget_all(&consents).await?;
        let ended = self.grants.end_all(by, why, now).await?;
        self.consents.forget_all(&consents).await?;
        Ok(ended)
    }

    /// Forgets what the user of a grant has allowed its client.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Dropped, some may be forgotten.
    pub async fn forget_consent(&self, grant: &Grant) -> Result<(), StoreError> {
        let of = ConsentsOf::Both(grant.identity.subject.clone(), grant.client.id.clone());
        self.consents.forget_all(&of).await.map(drop)
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("backends", &self.maintenance.len()).finish_non_exhaustive()
    }
}
