//! What is used once, and the keys, in a file.

use async_trait::async_trait;
use bytes::Bytes;

use super::EmbeddedStore;
use super::error::Failure;
use super::expiry::Kind;
use super::tables::{FLOWS, KEYS, Tables, joined};
use crate::store::{FlowKind, FlowStore, KeyStore, Published, ReplayCache, ReplayKind, Revised, StoreError, Stored};
use crate::types::{Digest, Timestamp};

/// The key of a thing of this kind. The numbers stand in the file.
fn flow_key(kind: FlowKind, key: &Digest) -> [u8; 33] {
    let number = match kind {
        FlowKind::UpstreamState => 1,
        FlowKind::PushedRequest => 2,
        FlowKind::RevokedToken => 3,
        FlowKind::SignInCode => 4,
        FlowKind::SessionsEnded => 5,
        FlowKind::ConsentForm => 6,
    };
    joined(&[number], key.as_bytes())
}

/// The key of an id of this kind. The numbers stand in the file.
fn replay_key(kind: ReplayKind, id: &Digest) -> [u8; 33] {
    let number = match kind {
        ReplayKind::ClientAssertion => 1,
        ReplayKind::IdentityAssertion => 2,
        ReplayKind::DpopProof => 3,
        ReplayKind::Embedder => 4,
    };
    joined(&[number], id.as_bytes())
}

/// When a thing is over, and what it is.
fn flow(bytes: &[u8]) -> Result<(Timestamp, &[u8]), Failure> {
    let (until, value) = bytes.split_first_chunk::<8>().ok_or(Failure::Corrupt("a flow without a time"))?;
    Ok((Timestamp::from_millis(u64::from_be_bytes(*until)), value))
}

fn put(
    tables: &mut Tables<'_>,
    key: &[u8; 33],
    value: &[u8],
    until: Timestamp,
    now: Timestamp,
) -> Result<Stored, Failure> {
    let before = ends(tables, key)?;
    if before.is_some_and(|before| !before.is_over(now)) {
        return Ok(Stored::Exists);
    }
    replace(tables, key, value, (before, until))?;
    Ok(Stored::New)
}

fn raise(tables: &mut Tables<'_>, key: &[u8; 33], value: &[u8], until: Timestamp) -> Result<(), Failure> {
    let before = ends(tables, key)?;
    if before.is_some_and(|before| before >= until) {
        return Ok(());
    }
    replace(tables, key, value, (before, until))
}

/// When what is there is over.
fn ends(tables: &Tables<'_>, key: &[u8; 33]) -> Result<Option<Timestamp>, Failure> {
    tables.flows.get(key)?.map(|bytes| flow(bytes.value()).map(|(until, _)| until)).transpose()
}

/// Puts it there, in the place of what is over at the first of these times.
fn replace(
    tables: &mut Tables<'_>,
    key: &[u8; 33],
    value: &[u8],
    (before, until): (Option<Timestamp>, Timestamp),
) -> Result<(), Failure> {
    if let Some(before) = before {
        tables.unlist(before, Kind::Flow, key)?;
    }
    let mut bytes = Vec::with_capacity(8 + value.len());
    bytes.extend_from_slice(&until.as_millis().to_be_bytes());
    bytes.extend_from_slice(value);
    tables.flows.insert(key, bytes.as_slice())?;
    tables.list(until, Kind::Flow, key)?;
    Ok(())
}

fn take(tables: &mut Tables<'_>, key: &[u8; 33], now: Timestamp) -> Result<Option<Bytes>, Failure> {
    let found = match tables.flows.get(key)? {
        Some(bytes) => {
            let (until, value) = flow(bytes.value())?;
            // One that is over is left for the sweep.
            if until.is_over(now) { None } else { Some((until, Bytes::copy_from_slice(value))) }
        }
        None => None,
    };
    let Some((until, value)) = found else { return Ok(None) };
    tables.flows.remove(key)?;
    tables.unlist(until, Kind::Flow, key)?;
    Ok(Some(value))
}

fn first_use(tables: &mut Tables<'_>, key: &[u8; 33], until: Timestamp, now: Timestamp) -> Result<bool, Failure> {
    let before = tables.replays.get(key)?.map(|until| Timestamp::from_millis(until.value()));
    match before {
        Some(before) if !before.is_over(now) => return Ok(false),
        Some(before) => tables.unlist(before, Kind::Replay, key)?,
        None => {}
    }
    tables.replays.insert(key, until.as_millis())?;
    tables.list(until, Kind::Replay, key)?;
    Ok(true)
}

#[async_trait]
impl FlowStore for EmbeddedStore {
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
        let key = flow_key(kind, key);
        self.write(move |tables| put(tables, &key, &value, expires_at, now)).await
    }

    async fn raise(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        if value.len() > FlowKind::LONGEST {
            return Err(StoreError::Full);
        }
        let key = flow_key(kind, key);
        self.write(move |tables| raise(tables, &key, &value, expires_at)).await
    }

    async fn peek(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        self.read(|transaction| {
            let flows = transaction.open_table(FLOWS)?;
            let Some(bytes) = flows.get(&flow_key(kind, key))? else { return Ok(None) };
            let (until, value) = flow(bytes.value())?;
            Ok((!until.is_over(now)).then(|| Bytes::copy_from_slice(value)))
        })
    }

    async fn take(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let key = flow_key(kind, key);
        self.write(move |tables| take(tables, &key, now)).await
    }
}

#[async_trait]
impl ReplayCache for EmbeddedStore {
    async fn first_use(
        &self,
        kind: ReplayKind,
        id: &Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = replay_key(kind, id);
        self.write(move |tables| first_use(tables, &key, expires_at, now)).await
    }
}

/// The key of the one document.
const DOCUMENT: &str = "";

#[async_trait]
impl KeyStore for EmbeddedStore {
    async fn load(&self) -> Result<Option<Revised>, StoreError> {
        self.read(|transaction| {
            let keys = transaction.open_table(KEYS)?;
            let document = keys.get(DOCUMENT)?;
            Ok(document.map(|document| {
                let (revision, bytes) = document.value();
                Revised { revision, document: Bytes::copy_from_slice(bytes) }
            }))
        })
    }

    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
        self.write(move |tables| {
            if tables.keys.get(DOCUMENT)?.map(|current| current.value().0) != expected {
                return Ok(Published::Conflict);
            }
            let revision = expected.unwrap_or_default() + 1;
            tables.keys.insert(DOCUMENT, (revision, &*document))?;
            Ok(Published::Done(revision))
        })
        .await
    }
}
