//! Everything in the memory of this process: for tests, and for servers that may forget.
//!
//! Nothing outlives the process, and no other process sees it. Every call takes one lock for a moment and never waits while
//! it holds it: a call that was dropped before its first poll has not happened, and after that it has.

mod clients;
mod devices;
mod grants;
mod owners;
mod shelf;
mod small;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::clients::Clients;
use self::devices::Devices;
use self::grants::Grants;
pub(super) use self::small::Buckets;
use self::small::{Consents, Document, Flows, Replays};
use super::{Maintenance, StoreError};
use crate::types::Timestamp;

/// How much a [`MemoryStore`] keeps of each kind.
///
/// What is over makes room first. When there is none all the same, the answer is [`StoreError::Full`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryLimits {
    /// Clients: 100,000.
    pub clients: usize,
    /// Grants, live ones and those that are remembered: 1,000,000.
    pub grants: usize,
    /// Device authorizations: 10,000.
    pub devices: usize,
    /// Consents: 100,000.
    pub consents: usize,
    /// Small things that are used once: 100,000.
    pub flows: usize,
    /// Bytes of those: 256 MiB.
    pub flow_bytes: usize,
    /// Ids that were used: 1,000,000.
    pub replays: usize,
    /// Buckets of the rate limiter that are not full: 100,000. Beyond that, those that are nearest to full are forgotten.
    pub buckets: usize,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            clients: 100_000,
            grants: 1_000_000,
            devices: 10_000,
            consents: 100_000,
            flows: 100_000,
            flow_bytes: 256 << 20,
            replays: 1_000_000,
            buckets: 100_000,
        }
    }
}

/// How much a [`MemoryStore`] keeps now, over or not; each kind has its limit in [`MemoryLimits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryCounts {
    /// Clients.
    pub clients: usize,
    /// Grants, live ones and those that are remembered.
    pub grants: usize,
    /// Device authorizations.
    pub devices: usize,
    /// Consents.
    pub consents: usize,
    /// Small things that are used once.
    pub flows: usize,
    /// Bytes of those.
    pub flow_bytes: usize,
    /// Ids that were used.
    pub replays: usize,
    /// Buckets of the rate limiter that were not full when they were last used.
    pub buckets: usize,
}

/// Keeps everything in memory.
pub struct MemoryStore {
    clients: Mutex<Clients>,
    grants: Mutex<Grants>,
    devices: Mutex<Devices>,
    consents: Mutex<Consents>,
    flows: Mutex<Flows>,
    replays: Mutex<Replays>,
    keys: Mutex<Document>,
    buckets: Mutex<Buckets>,
}

impl MemoryStore {
    /// An empty store with these limits.
    #[must_use]
    pub fn new(limits: MemoryLimits) -> Self {
        Self {
            clients: Mutex::new(Clients::new(limits.clients)),
            grants: Mutex::new(Grants::new(limits.grants)),
            devices: Mutex::new(Devices::new(limits.devices)),
            consents: Mutex::new(Consents::new(limits.consents)),
            flows: Mutex::new(Flows::new(limits.flows, limits.flow_bytes)),
            replays: Mutex::new(Replays::new(limits.replays)),
            keys: Mutex::default(),
            buckets: Mutex::new(Buckets::new(limits.buckets)),
        }
    }

    /// How much it keeps, for whoever watches it. Each kind is counted by itself, so that nobody waits for all of them.
    #[must_use]
    pub fn counts(&self) -> MemoryCounts {
        let (flows, flow_bytes) = lock(&self.flows).counts();
        MemoryCounts {
            clients: lock(&self.clients).count(),
            grants: lock(&self.grants).count(),
            devices: lock(&self.devices).count(),
            consents: lock(&self.consents).count(),
            flows,
            flow_bytes,
            replays: lock(&self.replays).count(),
            buckets: lock(&self.buckets).count(),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// The one lock of a kind. No code that can panic runs under it, so that a poisoned one is as good as another.
fn lock<T>(room: &Mutex<T>) -> MutexGuard<'_, T> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Maintenance for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        // One lock after the other, and never two: each is held for the part of the limit that is left.
        left -= lock(&self.grants).sweep(now, left);
        left -= lock(&self.devices).sweep(now, left);
        left -= lock(&self.consents).sweep(now, left);
        left -= lock(&self.flows).sweep(now, left);
        left -= lock(&self.replays).sweep(now, left);
        left -= lock(&self.buckets).sweep(now, left);
        Ok(limit - u32::try_from(left).unwrap_or(limit))
    }
}

#[cfg(test)]
mod tests;
