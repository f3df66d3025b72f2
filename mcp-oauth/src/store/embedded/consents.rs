//! Consents in a file.

use async_trait::async_trait;
use mcp_transport::auth::Subject;

use super::EmbeddedStore;
use super::error::Failure;
use super::expiry::{Due, Kind};
use super::record::{decode, encode};
use super::tables::{CONSENTS, CONSENTS_OF_SUBJECT, Tables, joined};
use crate::store::{ConsentRecord, ConsentStore, StoreError};
use crate::types::{Digest, Timestamp};

/// The most that a list has.
const MOST_LISTED: usize = 1000;

fn owner(subject: &Subject) -> Digest {
    Digest::of("store subject", &[subject.as_str().as_bytes()])
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
    tables.list(given.expires_at, Kind::Consent, key)?;
    Ok(())
}

fn forget(tables: &mut Tables<'_>, key: &[u8; 32]) -> Result<bool, Failure> {
    let Some(gone) = record(tables, key)? else { return Ok(false) };
    tables.unlist(gone.expires_at, Kind::Consent, key)?;
    remove(tables, key, &gone.subject)?;
    Ok(true)
}

fn remove(tables: &mut Tables<'_>, key: &[u8; 32], subject: &Subject) -> Result<(), Failure> {
    tables.consents.remove(key)?;
    tables.consents_of_subject.remove(&joined(owner(subject).as_bytes(), key))?;
    Ok(())
}

/// What is to be done with one whose time in the order has come.
pub(super) fn sweep(tables: &mut Tables<'_>, key: &[u8; 32], now: Timestamp) -> Result<Due, Failure> {
    let Some(found) = record(tables, key)? else { return Ok(Due::Gone) };
    if !found.expires_at.is_over(now) {
        return Ok(Due::Until(found.expires_at));
    }
    remove(tables, key, &found.subject)?;
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
