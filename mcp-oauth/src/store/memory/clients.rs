//! Clients in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::ClientId;

use super::{MemoryStore, lock};
use crate::store::{ClientStore, Inserted, Page, Replaced, StoreError, Touched, Versioned};
use crate::types::{Client, Digest, Timestamp};

/// How old a noted use has to be to be noted anew.
const NOTED: Duration = Duration::from_secs(3600);

struct Kept {
    client: Versioned<Client>,
    fingerprint: Option<Digest>,
}

pub(super) struct Clients {
    kept: BTreeMap<ClientId, Kept>,
    fingerprints: HashMap<Digest, ClientId>,
    /// The version that was given out last. It never goes back.
    version: u64,
    most: usize,
}

impl Clients {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: BTreeMap::new(), fingerprints: HashMap::new(), version: 0, most }
    }

    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    const fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn insert(&mut self, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, StoreError> {
        let there = fingerprint.and_then(|fingerprint| self.fingerprints.get(&fingerprint)).cloned();
        if let Some(there) = there {
            let version = self.next_version();
            // A fingerprint is forgotten with its client: there is one.
            let Some(kept) = self.kept.get_mut(&there) else {
                return Err(StoreError::Corrupt("a fingerprint without a client"));
            };
            kept.client.value.join(&client);
            kept.client.version = version;
            return Ok(Inserted::Joined(kept.client.clone()));
        }
        if self.kept.contains_key(&client.id) {
            return Ok(Inserted::IdTaken);
        }
        if self.kept.len() >= self.most {
            return Err(StoreError::Full);
        }
        let client = Versioned { version: self.next_version(), value: client };
        let id = client.value.id.clone();
        if let Some(fingerprint) = fingerprint {
            self.fingerprints.insert(fingerprint, id.clone());
        }
        self.kept.insert(id, Kept { client: client.clone(), fingerprint });
        Ok(Inserted::New(client))
    }

    fn replace(&mut self, expected: u64, client: Client, keep_fingerprint: bool) -> Replaced {
        let version = self.version + 1;
        let Some(kept) = self.kept.get_mut(&client.id) else { return Replaced::Absent };
        if kept.client.version != expected {
            return Replaced::Conflict;
        }
        kept.client = Versioned { version, value: client };
        self.version = version;
        if !keep_fingerprint && let Some(fingerprint) = kept.fingerprint.take() {
            self.fingerprints.remove(&fingerprint);
        }
        Replaced::Done
    }

    fn touch(&mut self, id: &ClientId, now: Timestamp) -> Touched {
        let version = self.version + 1;
        let Some(kept) = self.kept.get_mut(id) else { return Touched::Absent };
        if now.since(kept.client.value.last_used) >= NOTED {
            kept.client.value.last_used = now;
            kept.client.version = version;
            self.version = version;
        }
        Touched::Done
    }

    fn delete(&mut self, id: &ClientId, expected: Option<u64>) -> Replaced {
        let Some(kept) = self.kept.get(id) else { return Replaced::Absent };
        if expected.is_some_and(|expected| expected != kept.client.version) {
            return Replaced::Conflict;
        }
        if let Some(fingerprint) = self.kept.remove(id).and_then(|kept| kept.fingerprint) {
            self.fingerprints.remove(&fingerprint);
        }
        Replaced::Done
    }

    fn page(&self, after: Option<&ClientId>, limit: u16) -> Page<Versioned<Client>, ClientId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.kept.range::<ClientId, _>((from, Bound::Unbounded)).map(|(_, kept)| &kept.client);
        let items: Vec<_> = rest.by_ref().take(usize::from(limit)).cloned().collect();
        let next = if rest.next().is_some() { items.last().map(|last| last.value.id.clone()) } else { None };
        Page { items, next }
    }
}

#[async_trait]
impl ClientStore for MemoryStore {
    async fn get(&self, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        Ok(lock(&self.clients).kept.get(id).map(|kept| kept.client.clone()))
    }

    async fn insert(&self, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, StoreError> {
        lock(&self.clients).insert(client, fingerprint)
    }

    async fn replace(&self, expected: u64, client: Client, keep_fingerprint: bool) -> Result<Replaced, StoreError> {
        Ok(lock(&self.clients).replace(expected, client, keep_fingerprint))
    }

    async fn touch(&self, id: &ClientId, now: Timestamp) -> Result<Touched, StoreError> {
        Ok(lock(&self.clients).touch(id, now))
    }

    async fn delete(&self, id: &ClientId, expected: Option<u64>) -> Result<Replaced, StoreError> {
        Ok(lock(&self.clients).delete(id, expected))
    }

    async fn page(
        &self,
        after: Option<&ClientId>,
        limit: u16,
    ) -> Result<Page<Versioned<Client>, ClientId>, StoreError> {
        Ok(lock(&self.clients).page(after, limit))
    }
}
