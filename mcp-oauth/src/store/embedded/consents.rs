//! Consents in a file.

use async_trait::async_trait;
use mcp_transport::auth::Subject;

use super::EmbeddedStore;
use super::error::Failure;
use super::expiry::{Due, Kind};
use super::record::{decode, encode};
use super::tables::{CONSENTS, CONSENTS_OF_SUBJECT, Tables, joined};
use crate::store::{ConsentRecord, ConsentStore, ConsentsOf, StoreError};
use crate::types::{Digest, Timestamp};

/// The most that a list has.
const MOST_LISTED: usize = 1000;
/// How many one transaction looks at to forget them, so that others do not wait long.
const CHUNK: usize = 1000;

fn owner(subject: &Subject) -> Digest {
    Digest::of("store subject", &[subject.as_str().as_bytes()])
}

fn owner_of_client(client_id: &str) -> Digest {
    Digest::of("store client", &[client_id.as_bytes()])
}

fn record(tables: &Tables<'_>, key: &[u8; 32]) -> Result<Option<ConsentRecord>, Failure> {
    tables.consents.get(key)?.map(|bytes| decode(bytes.value())).transpose()
}

fn remember(tables: &mut Tables<'_>, given: &ConsentRecord) -> Result<(), Failure> {
    let key = given.key();
    let key = key.as_bytes();
    let bytes = encode(given)?;
    if let Some(before) = record(tables, key)? {
        tables.unlist(before.expires_at, Kind::Consent, key)?;
    }
    tables.consents.insert(key, bytes.as_slice())?;
    tables.consents_of_subject.insert(&joined(owner(&given.subject).as_bytes(), key), ())?;
    tables.consents_of_client.insert(&joined(owner_of_client(&given.client_id).as_bytes(), key), ())?;
    tables.list(given.expires_at, Kind::Consent, key)?;
    Ok(())
}

fn forget(tables: &mut Tables<'_>, key: &[u8; 32]) -> Result<bool, Failure> {
    let Some(gone) = record(tables, key)? else { return Ok(false) };
    tables.unlist(gone.expires_at, Kind::Consent, key)?;
    remove(tables, key, &gone)?;
    Ok(true)
}

/// Forgets those of a chunk after this one. Gives how many, and where the next chunk begins, if there is one.
fn forget_chunk(
    tables: &mut Tables<'_>,
    of: &ConsentsOf,
    after: Option<[u8; 32]>,
) -> Result<(u64, Option<[u8; 32]>), Failure> {
    let (owner, index) = match of {
        ConsentsOf::Subject(subject) | ConsentsOf::Both(subject, _) => (owner(subject), &tables.consents_of_subject),
        ConsentsOf::Client(client) => (owner_of_client(client.as_str()), &tables.consents_of_client),
    };
    let from = joined(owner.as_bytes(), &after.unwrap_or_default());
    let to = joined(owner.as_bytes(), &[255; 32]);
    let mut keys: Vec<[u8; 32]> = Vec::new();
    for entry in index.range::<&[u8; 64]>(&from..=&to)? {
        let (key, _) = entry?;
        let (_, key) = key.value().split_last_chunk::<32>().ok_or(Failure::Corrupt("an index of consents"))?;
        if after.as_ref() != Some(key) {
            keys.push(*key);
        }
        if keys.len() == CHUNK {
            break;
        }
    }
    let next = keys.last().filter(|_| keys.len() == CHUNK).copied();
    let mut forgotten = 0;
    for key in &keys {
        if record(tables, key)?.is_some_and(|record| of.includes(&record)) {
            forgotten += u64::from(forget(tables, key)?);
        }
    }
    Ok((forgotten, next))
}

/// Fills the index by client out of the records.
pub(super) fn list_by_client(tables: &mut Tables<'_>) -> Result<(), Failure> {
    let mut listed: Vec<[u8; 64]> = Vec::new();
    for entry in tables.consents.range::<&[u8; 32]>(..)? {
        let (key, bytes) = entry?;
        let found: ConsentRecord = decode(bytes.value())?;
        listed.push(joined(owner_of_client(&found.client_id).as_bytes(), key.value()));
    }
    for key in &listed {
        tables.consents_of_client.insert(key, ())?;
    }
    Ok(())
}

fn remove(tables: &mut Tables<'_>, key: &[u8; 32], gone: &ConsentRecord) -> Result<(), Failure> {
    tables.consents.remove(key)?;
    tables.consents_of_subject.remove(&joined(owner(&gone.subject).as_bytes(), key))?;
    tables.consents_of_client.remove(&joined(owner_of_client(&gone.client_id).as_bytes(), key))?;
    Ok(())
}

/// What is to be done with one whose time in the order has come.
pub(super) fn sweep(tables: &mut Tables<'_>, key: &[u8; 32], now: Timestamp) -> Result<Due, Failure> {
    let Some(found) = record(tables, key)? else { return Ok(Due::Gone) };
    if !found.expires_at.is_over(now) {
        return Ok(Due::Until(found.expires_at));
    }
    remove(tables, key, &found)?;
    Ok(Due::Swept)
}

#[async_trait]
impl ConsentStore for EmbeddedStore {
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError> {
        let found: Option<ConsentRecord> = self.read(|transaction| {
            let consents = transaction.open_table(CONSENTS)?;
            let bytes = consents.get(key.as_bytes())?;
            bytes.map(|bytes| decode(bytes.value())).transpose()
        })?;
        Ok(found.filter(|found| !found.expires_at.is_over(now)))
    }

    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError> {
        self.write(move |tables| remember(tables, &record)).await
    }

    async fn forget(&self, key: &Digest) -> Result<bool, StoreError> {
        let key = *key.as_bytes();
        self.write(move |tables| forget(tables, &key)).await
    }

    async fn forget_all(&self, of: &ConsentsOf) -> Result<u64, StoreError> {
        let (mut forgotten, mut after) = (0, None);
        loop {
            let of = of.clone();
            let (some, next) = self.write(move |tables| forget_chunk(tables, &of, after)).await?;
            forgotten += some;
            after = next;
            if after.is_none() {
                return Ok(forgotten);
            }
        }
    }

    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError> {
        self.read(|transaction| {
            let index = transaction.open_table(CONSENTS_OF_SUBJECT)?;
            let consents = transaction.open_table(CONSENTS)?;
            let owner = owner(subject);
            let (first, last) = (joined(owner.as_bytes(), &[0; 32]), joined(owner.as_bytes(), &[255; 32]));
            let mut list: Vec<ConsentRecord> = Vec::new();
            for entry in index.range::<&[u8; 64]>(&first..=&last)? {
                let (key, _) = entry?;
                let (_, key) = key.value().split_last_chunk::<32>().ok_or(Failure::Corrupt("an index of consents"))?;
                let Some(bytes) = consents.get(key)? else { continue };
                let found: ConsentRecord = decode(bytes.value())?;
                if !found.expires_at.is_over(now) {
                    list.push(found);
                }
                if list.len() == MOST_LISTED {
                    break;
                }
            }
            Ok(list)
        })
    }
}
