//! Clients in a file.

use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::ClientId;
use serde::{Deserialize, Serialize};

use super::EmbeddedStore;
use super::error::Failure;
use super::record::{decode, encode};
use super::tables::{CLIENTS, Tables};
use crate::store::{ClientStore, Inserted, Page, Replaced, StoreError, Touched, Versioned};
use crate::types::{Client, Digest, Timestamp};

/// How old a noted use has to be to be noted anew.
const NOTED: Duration = Duration::from_secs(3600);
/// How many clients a page has at most, whatever is asked for: they are read on the caller's thread.
const PAGE: usize = 1024;

/// A client as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Row {
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Digest>,
    client: Client,
}

impl Row {
    fn versioned(self) -> Versioned<Client> {
        Versioned { version: self.version, value: self.client }
    }
}

fn row(tables: &Tables<'_>, id: &str) -> Result<Option<Row>, Failure> {
    tables.clients.get(id)?.map(|bytes| decode(bytes.value())).transpose()
}

/// Writes a client with a new version.
fn put(tables: &mut Tables<'_>, mut row: Row) -> Result<Versioned<Client>, Failure> {
    row.version = tables.next_version()?;
    tables.clients.insert(row.client.id.as_str(), encode(&row)?.as_slice())?;
    Ok(row.versioned())
}

fn insert(tables: &mut Tables<'_>, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, Failure> {
    if let Some(fingerprint) = &fingerprint {
        let there = tables.fingerprints.get(fingerprint.as_bytes())?.map(|id| id.value().to_owned());
        if let Some(there) = there {
            let mut row = row(tables, &there)?.ok_or(Failure::Corrupt("a fingerprint without a client"))?;
            row.client.join(&client);
            return Ok(Inserted::Joined(put(tables, row)?));
        }
    }
    if tables.clients.get(client.id.as_str())?.is_some() {
        return Ok(Inserted::IdTaken);
    }
    if let Some(fingerprint) = &fingerprint {
        tables.fingerprints.insert(fingerprint.as_bytes(), client.id.as_str())?;
    }
    Ok(Inserted::New(put(tables, Row { version: 0, fingerprint, client })?))
}

fn replace(tables: &mut Tables<'_>, expected: u64, client: Client, keep: bool) -> Result<Replaced, Failure> {
    let Some(row) = row(tables, client.id.as_str())? else { return Ok(Replaced::Absent) };
    if row.version != expected {
        return Ok(Replaced::Conflict);
    }
    let fingerprint = row.fingerprint.filter(|_| keep);
    if let Some(forgotten) = row.fingerprint.filter(|_| !keep) {
        tables.fingerprints.remove(forgotten.as_bytes())?;
    }
    put(tables, Row { version: 0, fingerprint, client })?;
    Ok(Replaced::Done)
}

fn touch(tables: &mut Tables<'_>, id: &ClientId, now: Timestamp) -> Result<Touched, Failure> {
    let Some(mut row) = row(tables, id.as_str())? else { return Ok(Touched::Absent) };
    if is_stale(&row.client, now) {
        row.client.last_used = now;
        put(tables, row)?;
    }
    Ok(Touched::Done)
}

fn is_stale(client: &Client, now: Timestamp) -> bool {
    now.since(client.last_used) >= NOTED
}

fn delete(tables: &mut Tables<'_>, id: &ClientId, expected: Option<u64>) -> Result<Replaced, Failure> {
    let Some(row) = row(tables, id.as_str())? else { return Ok(Replaced::Absent) };
    if expected.is_some_and(|expected| expected != row.version) {
        return Ok(Replaced::Conflict);
    }
    if let Some(fingerprint) = row.fingerprint {
        tables.fingerprints.remove(fingerprint.as_bytes())?;
    }
    tables.clients.remove(id.as_str())?;
    Ok(Replaced::Done)
}

#[async_trait]
impl ClientStore for EmbeddedStore {
    async fn get(&self, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        self.read(|transaction| {
            let clients = transaction.open_table(CLIENTS)?;
            let row = clients.get(id.as_str())?.map(|bytes| decode(bytes.value())).transpose()?;
            Ok(row.map(Row::versioned))
        })
    }

    async fn insert(&self, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, StoreError> {
        self.write(move |tables| insert(tables, client, fingerprint)).await
    }

    async fn replace(&self, expected: u64, client: Client, keep_fingerprint: bool) -> Result<Replaced, StoreError> {
        self.write(move |tables| replace(tables, expected, client, keep_fingerprint)).await
    }

    async fn touch(&self, id: &ClientId, now: Timestamp) -> Result<Touched, StoreError> {
        // Most often there is nothing to write, and then nobody waits for the writer.
        match self.get(id).await? {
            None => Ok(Touched::Absent),
            Some(client) if !is_stale(&client.value, now) => Ok(Touched::Done),
            Some(_) => {
                let id = id.clone();
                self.write(move |tables| touch(tables, &id, now)).await
            }
        }
    }

    async fn delete(&self, id: &ClientId, expected: Option<u64>) -> Result<Replaced, StoreError> {
        let id = id.clone();
        self.write(move |tables| delete(tables, &id, expected)).await
    }

    async fn page(
        &self,
        after: Option<&ClientId>,
        limit: u16,
    ) -> Result<Page<Versioned<Client>, ClientId>, StoreError> {
        self.read(|transaction| {
            let clients = transaction.open_table(CLIENTS)?;
            let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_str()));
            let mut rest = clients.range::<&str>((from, Bound::Unbounded))?;
            let mut items = Vec::new();
            for entry in rest.by_ref().take(PAGE.min(limit.into())) {
                let (_, bytes) = entry?;
                items.push(decode::<Row>(bytes.value())?.versioned());
            }
            let next = match rest.next().transpose()? {
                Some(_) => items.last().map(|last| last.value.id.clone()),
                None => None,
            };
            Ok(Page { items, next })
        })
    }
}

/// A client as it stands in the file, for a comparison.
#[cfg(test)]
pub(super) fn raw_row(version: u64, fingerprint: Digest, client: Client) -> Vec<u8> {
    encode(&Row { version, fingerprint: Some(fingerprint), client }).unwrap()
}
