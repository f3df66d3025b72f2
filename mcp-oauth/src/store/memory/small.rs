//! The small kinds in memory: flows, ids that were used, consents, the keys, buckets.

use async_trait::async_trait;
use bytes::Bytes;
use mcp_transport::auth::Subject;

use super::owners::Owners;
use super::shelf::{self, Shelf};
use super::{MemoryStore, lock};
use crate::store::{
    ConsentRecord, ConsentStore, ConsentsOf, FlowKind, FlowStore, KeyStore, Permit, Published, Quota, RateLimiter,
    ReplayCache, ReplayKind, Revised, StoreError, Stored, rules,
};
use crate::types::{Digest, Timestamp};

/// The most that a list of consents has.
const MOST_LISTED: usize = 1000;

pub(super) struct Flows {
    kept: Shelf<(&'static str, Digest), Bytes>,
    pub(super) bytes: usize,
    most_bytes: usize,
}

impl Flows {
    pub(super) const fn new(most: usize, most_bytes: usize) -> Self {
        Self { kept: Shelf::new(most), bytes: 0, most_bytes }
    }

    /// How many there are, and their bytes.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }

    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        shelf::sweep(&mut self.kept, now, limit, |_, gone| self.bytes -= gone.len())
    }

    fn put(
        &mut self,
        key: (&'static str, Digest),
        value: &Bytes,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Stored, StoreError> {
        if self.kept.live(&key, now).is_some() {
            return Ok(Stored::Exists);
        }
        self.replace(key, value, until, now)?;
        Ok(Stored::New)
    }

    fn raise(
        &mut self,
        key: (&'static str, Digest),
        value: &Bytes,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.kept.until(&key).is_some_and(|before| before >= until) {
            return Ok(());
        }
        self.replace(key, value, until, now)
    }

    /// Puts it there, whatever is there; where there is no room nothing has changed.
    fn replace(
        &mut self,
        key: (&'static str, Digest),
        value: &Bytes,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.kept.get(&key).is_none() {
            shelf::make_room(&mut self.kept, now, |_, gone| self.bytes -= gone.len())?;
        }
        // What is over makes room for the bytes too.
        while self.bytes - self.kept.get(&key).map_or(0, Bytes::len) + value.len() > self.most_bytes {
            if self.sweep(now, 1) == 0 {
                return Err(StoreError::Full);
            }
        }
        // A copy: the value may be a slice of a much larger buffer.
        let before = self.kept.put(key, Bytes::copy_from_slice(value), until);
        self.bytes += value.len();
        self.bytes -= before.map_or(0, |before| before.len());
        Ok(())
    }

    fn take(&mut self, key: &(&'static str, Digest), now: Timestamp) -> Option<Bytes> {
        let live = self.kept.live(key, now).is_some();
        let value = self.kept.remove(key)?;
        self.bytes -= value.len();
        live.then_some(value)
    }
}

#[async_trait]
impl FlowStore for MemoryStore {
    async fn put(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Stored, StoreError> {
        if value.len() > FlowKind::LONGEST {
            return Err(StoreError::Full);
        }
        lock(&self.flows).put((kind.as_str(), *key), &value, expires_at, now)
    }

    async fn raise(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if value.len() > FlowKind::LONGEST {
            return Err(StoreError::Full);
        }
        lock(&self.flows).raise((kind.as_str(), *key), &value, expires_at, now)
    }

    async fn peek(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        Ok(lock(&self.flows).kept.live(&(kind.as_str(), *key), now).cloned())
    }

    async fn take(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        Ok(lock(&self.flows).take(&(kind.as_str(), *key), now))
    }
}

pub(super) struct Replays(Shelf<(&'static str, Digest), ()>);

impl Replays {
    pub(super) const fn new(most: usize) -> Self {
        Self(Shelf::new(most))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        shelf::sweep(&mut self.0, now, limit, |_, ()| ())
    }

    fn first_use(&mut self, id: (&'static str, Digest), until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        if self.0.live(&id, now).is_some() {
            return Ok(false);
        }
        shelf::make_room(&mut self.0, now, |_, ()| ())?;
        self.0.put(id, (), until);
        Ok(true)
    }
}

#[async_trait]
impl ReplayCache for MemoryStore {
    async fn first_use(
        &self,
        kind: ReplayKind,
        id: &Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        lock(&self.replays).first_use((kind.as_str(), *id), expires_at, now)
    }
}

pub(super) struct Consents {
    kept: Shelf<Digest, ConsentRecord>,
    owners: Owners<Subject, Digest>,
    clients: Owners<String, Digest>,
}

impl Consents {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Shelf::new(most), owners: Owners::default(), clients: Owners::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let (owners, clients) = (&mut self.owners, &mut self.clients);
        shelf::sweep(&mut self.kept, now, limit, |key, gone| {
            owners.remove(&gone.subject, &key);
            clients.remove(&gone.client_id, &key);
        })
    }

    fn remember(&mut self, record: ConsentRecord) -> Result<(), StoreError> {
        let key = record.key();
        if self.kept.get(&key).is_none() {
            let now = record.given_at;
            let (owners, clients) = (&mut self.owners, &mut self.clients);
            shelf::make_room(&mut self.kept, now, |key, gone| {
                owners.remove(&gone.subject, &key);
                clients.remove(&gone.client_id, &key);
            })?;
        }
        self.owners.add(&record.subject, key);
        self.clients.add(&record.client_id, key);
        let until = record.expires_at;
        self.kept.put(key, record, until);
        Ok(())
    }

    fn forget(&mut self, key: &Digest) -> bool {
        let gone = self.kept.remove(key);
        if let Some(gone) = &gone {
            self.owners.remove(&gone.subject, key);
            self.clients.remove(&gone.client_id, key);
        }
        gone.is_some()
    }

    fn forget_all(&mut self, of: &ConsentsOf) -> usize {
        let mut keys: Vec<Digest> = match of {
            ConsentsOf::Subject(subject) | ConsentsOf::Both(subject, _) => self.owners.after(subject, None).collect(),
            ConsentsOf::Client(client) => self.clients.after(&client.as_str().to_owned(), None).collect(),
        };
        keys.retain(|key| self.kept.get(key).is_some_and(|record| of.includes(record)));
        keys.iter().filter(|key| self.forget(key)).count()
    }
}

#[async_trait]
impl ConsentStore for MemoryStore {
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError> {
        Ok(lock(&self.consents).kept.live(key, now).cloned())
    }

    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError> {
        lock(&self.consents).remember(record)
    }

    async fn forget(&self, key: &Digest) -> Result<bool, StoreError> {
        Ok(lock(&self.consents).forget(key))
    }

    async fn forget_all(&self, of: &ConsentsOf) -> Result<u64, StoreError> {
        Ok(lock(&self.consents).forget_all(of) as u64)
    }

    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError> {
        let consents = lock(&self.consents);
        let keys = consents.owners.after(subject, None);
        Ok(keys.filter_map(|key| consents.kept.live(&key, now)).take(MOST_LISTED).cloned().collect())
    }
}

/// The document with the keys.
#[derive(Default)]
pub(super) struct Document(Option<Revised>);

#[async_trait]
impl KeyStore for MemoryStore {
    async fn load(&self) -> Result<Option<Revised>, StoreError> {
        Ok(lock(&self.keys).0.clone())
    }

    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
        let mut current = lock(&self.keys);
        if current.0.as_ref().map(|current| current.revision) != expected {
            return Ok(Published::Conflict);
        }
        let revision = expected.unwrap_or_default() + 1;
        current.0 = Some(Revised { revision, document });
        Ok(Published::Done(revision))
    }
}

/// When each bucket is full again. One that is full is over.
pub(in crate::store) struct Buckets(Shelf<Digest, Timestamp>);

impl Buckets {
    pub(in crate::store) const fn new(most: usize) -> Self {
        Self(Shelf::new(most))
    }

    pub(in crate::store) fn count(&self) -> usize {
        self.0.len()
    }

    pub(in crate::store) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        shelf::sweep(&mut self.0, now, limit, |_, _| ())
    }

    pub(in crate::store) fn check(
        &mut self,
        bucket: &Digest,
        quota: Quota,
        cost: u32,
        now: Timestamp,
    ) -> Result<Permit, StoreError> {
        let (permit, full_at) = rules::gcra(self.0.get(bucket).copied(), quota, cost, now);
        let Some(full_at) = full_at else { return Ok(permit) };
        if let Some(kept) = self.0.get_mut(bucket) {
            *kept = full_at;
            self.0.set_until(bucket, full_at);
        } else {
            if shelf::make_room(&mut self.0, now, |_, _| ()).is_err() {
                // Whoever has a great many addresses could fill it, and then nobody else would be served. The one that goes
                // is nearest to being full, so that least is forgotten.
                let _ = self.0.pop_first();
            }
            self.0.put(*bucket, full_at, full_at);
        }
        Ok(permit)
    }

    pub(in crate::store) fn give_back(&mut self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) {
        // Where there is a time before, there is a record of this key: putting another in its place needs no room.
        let _ = match rules::give_back(self.0.get(bucket).copied(), quota, cost, now) {
            Some(full_at) => self.0.put(*bucket, full_at, full_at),
            None => self.0.remove(bucket),
        };
    }
}

#[async_trait]
impl RateLimiter for MemoryStore {
    async fn check(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<Permit, StoreError> {
        lock(&self.buckets).check(bucket, quota, cost, now)
    }

    async fn give_back(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<(), StoreError> {
        lock(&self.buckets).give_back(bucket, quota, cost, now);
        Ok(())
    }
}
