//! Everything in one file, durably: for servers that run as one process.
//!
//! The file is a [redb](https://docs.rs/redb) database.
//!
//! - **Durable.** A call that writes is answered when it is on the disk. The writes of all callers go through one thread,
//!   which puts those that wait together into one transaction with one `fsync`: the more callers, the more writes for each.
//! - **Reads do not wait for writes.** They see the last transaction, on the thread of the caller. A record that is not in
//!   the cache is read from the disk there: microseconds if the system has the page, and what the disk takes if not.
//! - **One process.** The file is locked: another one that opens it is told that it is [in use](EmbeddedError::InUse).
//!   Handles in one process share one `Arc`.
//! - **Private.** The file can be read by its owner alone; so can a folder that was made for it.
//! - **Rate limits are in memory.** A restart forgets them, and nothing else.
//!
//! When the disk refuses a write, reads go on, and writes fail until the store is opened again: [`Maintenance::ping`] tells.
//! How much it keeps is bounded by the disk; what is over goes with [`Maintenance::sweep`].
//!
//! # Cancel safety
//!
//! A write whose future is dropped while it waits for its turn has not happened. Once it is in the queue it happens as a
//! whole, and nobody is told.

mod backup;
mod clients;
mod consents;
mod devices;
mod error;
mod expiry;
mod grants;
mod once;
mod open;
mod record;
mod tables;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use redb::{Database, ReadTransaction, ReadableDatabase as _};

pub use self::error::EmbeddedError;
use self::error::Failure;
use self::tables::Tables;
pub use self::writer::EmbeddedCounts;
use self::writer::Writer;
use super::limit::{Permit, Quota, RateLimiter};
use super::memory::{Buckets, MemoryLimits};
use super::{Maintenance, StoreError};
use crate::types::{Digest, Timestamp};

/// How a store in a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedOptions {
    /// How many bytes of the file are kept in memory: 64 MiB.
    pub cache_bytes: usize,
    /// Whether every page is checked first. That reads the whole file; it is never needed after a crash, but tells a file
    /// that a failing disk or another program has damaged.
    pub check: bool,
    /// How many buckets of the rate limiter are kept that are not full: 100,000.
    pub buckets: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, check: false, buckets: MemoryLimits::default().buckets }
    }
}

/// Keeps everything in one file.
///
/// Dropping the last handle waits until what was queued is on the disk, and closes the file.
pub struct EmbeddedStore {
    writer: Writer,
    database: Arc<Database>,
    buckets: Mutex<Buckets>,
    path: PathBuf,
}

impl EmbeddedStore {
    /// Opens the store in this file, or makes it. Folders on the way to it are made if they are missing.
    ///
    /// Reads and writes the disk on the calling thread. After a crash the whole file is read once, which takes about a
    /// second for each GiB.
    ///
    /// # Errors
    ///
    /// When the file is in use, damaged, written by a newer version, or cannot be read or made.
    pub fn open(path: &Path, options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        Self::start(open::open(path, options)?, path, options)
    }

    fn start(database: Database, path: &Path, options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let database = Arc::new(database);
        let writer = Writer::start(Arc::clone(&database)).map_err(|error| EmbeddedError::io(path, error))?;
        Ok(Self { writer, database, buckets: Mutex::new(Buckets::new(options.buckets)), path: path.to_owned() })
    }

    /// Copies everything, as it is at one moment, into a new file at `to`. The store goes on meanwhile.
    ///
    /// Reads and writes the disk on the calling thread; call it on one that may wait.
    ///
    /// # Errors
    ///
    /// When there is a file already, or the copy cannot be written; none is left then.
    pub fn backup(&self, to: &Path) -> Result<(), EmbeddedError> {
        backup::copy(&self.database, to)
    }

    /// How much has been written, for whoever watches it.
    #[must_use]
    pub fn counts(&self) -> EmbeddedCounts {
        self.writer.counts()
    }

    /// Reads from the last transaction.
    fn read<T>(&self, look: impl FnOnce(&ReadTransaction) -> Result<T, Failure>) -> Result<T, StoreError> {
        let transaction = self.database.begin_read().map_err(Failure::from)?;
        Ok(look(&transaction)?)
    }

    /// Runs `work` in the next transaction, and gives its answer once that is on the disk.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.writer.write(work).await
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl RateLimiter for EmbeddedStore {
    async fn check(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<Permit, StoreError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.check(bucket, quota, cost, now)
    }

    async fn give_back(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<(), StoreError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.give_back(bucket, quota, cost, now);
        Ok(())
    }
}

#[async_trait]
impl Maintenance for EmbeddedStore {
    /// Writes to the disk, to see that it still takes it.
    async fn ping(&self) -> Result<(), StoreError> {
        self.write(|tables| tables.ping()).await
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner).sweep(now, limit);
        let swept = expiry::sweep(self, now, limit - buckets).await?;
        Ok(u32::try_from(buckets + swept).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests;
