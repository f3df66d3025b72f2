//! Grants in a file.

use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::{ClientId, Subject};
use redb::{ReadTransaction, ReadableTable};

use super::EmbeddedStore;
use super::error::Failure;
use super::expiry::{Due, Kind};
use super::record::{decode, encode};
use super::tables::{GRANTS, GRANTS_OF_CLIENT, GRANTS_OF_SUBJECT, Tables, joined};
use crate::store::{Advance, By, GrantStore, Page, Redeem, Rotation, StoreError, rules};
use crate::types::{CodeRecord, Digest, EndReason, Grant, GrantId, GrantView, Timestamp};

/// How many records one page looks at, since they are read on the caller's thread.
const PAGE: usize = 1024;
/// How many grants one transaction ends, so that others do not wait long.
const CHUNK: usize = 256;

fn subject_digest(subject: &Subject) -> Digest {
    Digest::of("store subject", &[subject.as_str().as_bytes()])
}

fn client_digest(client: &ClientId) -> Digest {
    Digest::of("store client", &[client.as_str().as_bytes()])
}

/// The keys of a grant in the indexes of its owners.
fn owned(view: &GrantView) -> ([u8; 48], [u8; 48]) {
    let id = view.grant.id.as_bytes();
    let subject = subject_digest(&view.grant.identity.subject);
    let client = client_digest(&view.grant.client.id);
    (joined(subject.as_bytes(), id), joined(client.as_bytes(), id))
}

fn view(
    grants: &impl ReadableTable<&'static [u8; 16], &'static [u8]>,
    id: GrantId,
) -> Result<Option<GrantView>, Failure> {
    grants.get(id.as_bytes())?.map(|bytes| decode(bytes.value())).transpose()
}

fn view_of(tables: &Tables<'_>, id: &[u8; 16]) -> Result<Option<GrantView>, Failure> {
    tables.grants.get(id)?.map(|bytes| decode(bytes.value())).transpose()
}

fn create(tables: &mut Tables<'_>, view: &GrantView) -> Result<(), Failure> {
    let id = view.grant.id.as_bytes();
    let (subject, client) = owned(view);
    let bytes = encode(view)?;
    if let Some(old) = view_of(tables, id)? {
        // The same id twice: the owners of the old one may be others.
        let (subject, client) = owned(&old);
        tables.grants_of_subject.remove(&subject)?;
        tables.grants_of_client.remove(&client)?;
    }
    tables.grants.insert(id, bytes.as_slice())?;
    tables.grants_of_subject.insert(&subject, ())?;
    tables.grants_of_client.insert(&client, ())?;
    tables.list(view.over_at(), Kind::Grant, id)?;
    Ok(())
}

/// Calls a rule on a grant, if it is known, and writes it if that says so.
///
/// A grant that lives longer keeps its place in the order of expiry: a sweep moves it when its old time has come, so that
/// a refresh writes one record.
fn with<T>(
    tables: &mut Tables<'_>,
    id: GrantId,
    unknown: T,
    rule: impl FnOnce(&mut GrantView) -> (T, bool),
) -> Result<T, Failure> {
    let Some(mut view) = view_of(tables, id.as_bytes())? else { return Ok(unknown) };
    let before = view.over_at();
    let (answer, write) = rule(&mut view);
    if write {
        tables.grants.insert(id.as_bytes(), encode(&view)?.as_slice())?;
        if view.over_at() < before {
            tables.list(view.over_at(), Kind::Grant, id.as_bytes())?;
        }
    }
    Ok(answer)
}

/// What is to be done with a grant whose time in the order has come.
pub(super) fn sweep(tables: &mut Tables<'_>, id: &[u8; 16], now: Timestamp) -> Result<Due, Failure> {
    let Some(view) = view_of(tables, id)? else { return Ok(Due::Gone) };
    if !view.over_at().is_over(now) {
        return Ok(Due::Until(view.over_at()));
    }
    let (subject, client) = owned(&view);
    tables.grants.remove(id)?;
    tables.grants_of_subject.remove(&subject)?;
    tables.grants_of_client.remove(&client)?;
    Ok(Due::Swept)
}

/// Up to `most` of the ids in an index that follow `after`.
fn ids(
    index: &impl ReadableTable<&'static [u8; 48], ()>,
    owner: &Digest,
    after: Option<GrantId>,
    most: usize,
) -> Result<Vec<GrantId>, Failure> {
    let first: [u8; 48] = joined(owner.as_bytes(), after.as_ref().map_or(&[0; 16], GrantId::as_bytes));
    let last: [u8; 48] = joined(owner.as_bytes(), &[255; 16]);
    let from = if after.is_some() { Bound::Excluded(&first) } else { Bound::Included(&first) };
    let range = index.range::<&[u8; 48]>((from, Bound::Included(&last)))?;
    range
        .take(most)
        .map(|entry| {
            let (key, _) = entry?;
            let (_, id) = key.value().split_last_chunk::<16>().ok_or(Failure::Corrupt("an index of grants"))?;
            Ok(GrantId::from_bytes(*id))
        })
        .collect()
}

/// The same of a user or a client, from a snapshot.
fn ids_of(
    transaction: &ReadTransaction,
    by: &By,
    after: Option<GrantId>,
    most: usize,
) -> Result<Vec<GrantId>, Failure> {
    match by {
        By::Subject(subject) => ids(&transaction.open_table(GRANTS_OF_SUBJECT)?, &subject_digest(subject), after, most),
        By::Client(client) => ids(&transaction.open_table(GRANTS_OF_CLIENT)?, &client_digest(client), after, most),
    }
}

fn page(
    transaction: &ReadTransaction,
    by: Option<&By>,
    after: Option<GrantId>,
    limit: usize,
    now: Timestamp,
) -> Result<Page<GrantView, GrantId>, Failure> {
    let grants = transaction.open_table(GRANTS)?;
    let (mut items, mut last, mut looked_at) = (Vec::new(), after, 0);
    let mut look = |view: GrantView| {
        // One that is not looked at is where the next page begins.
        if items.len() >= limit || looked_at >= PAGE {
            return false;
        }
        looked_at += 1;
        last = Some(view.grant.id);
        if view.is_live(now) {
            items.push(view);
        }
        true
    };
    let mut complete = true;
    if let Some(by) = by {
        for id in ids_of(transaction, by, after, PAGE + 1)? {
            complete = view(&grants, id)?.is_none_or(&mut look);
            if !complete {
                break;
            }
        }
    } else {
        let from = after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(after.as_bytes()));
        for entry in grants.range::<&[u8; 16]>((from, Bound::Unbounded))? {
            let (_, bytes) = entry?;
            complete = look(decode(bytes.value())?);
            if !complete {
                break;
            }
        }
    }
    Ok(Page { items, next: if complete { None } else { last } })
}

#[async_trait]
impl GrantStore for EmbeddedStore {
    async fn create(&self, grant: Grant, code: Option<CodeRecord>, idle: Duration) -> Result<(), StoreError> {
        let view = rules::created(grant, code, idle);
        self.write(move |tables| create(tables, &view)).await
    }

    async fn peek(&self, id: GrantId, now: Timestamp) -> Result<Option<GrantView>, StoreError> {
        let view = self.read(|transaction| view(&transaction.open_table(GRANTS)?, id))?;
        Ok(view.filter(|view| !view.over_at().is_over(now)))
    }

    async fn redeem_code(&self, id: GrantId, code: &Digest, now: Timestamp) -> Result<Redeem, StoreError> {
        let code = *code;
        self.write(move |tables| with(tables, id, Redeem::Absent, |view| rules::redeem(view, &code, now))).await
    }

    async fn advance(
        &self,
        id: GrantId,
        presented: u32,
        now: Timestamp,
        rotation: Rotation,
    ) -> Result<Advance, StoreError> {
        let rule = move |view: &mut GrantView| rules::advance(view, presented, now, rotation);
        self.write(move |tables| with(tables, id, Advance::Absent, rule)).await
    }

    async fn end(&self, id: GrantId, why: EndReason, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |tables| end(tables, id, why, now)).await
    }

    async fn end_all(&self, by: &By, why: EndReason, now: Timestamp) -> Result<u64, StoreError> {
        let (mut after, mut ended) = (None, 0);
        loop {
            let some = self.read(|transaction| ids_of(transaction, by, after, CHUNK))?;
            after = some.last().copied();
            if after.is_none() {
                return Ok(ended);
            }
            ended += self
                .write(move |tables| {
                    let mut live = 0;
                    for id in some {
                        live += u64::from(end(tables, id, why, now)?);
                    }
                    Ok(live)
                })
                .await?;
        }
    }

    async fn page(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Page<GrantView, GrantId>, StoreError> {
        self.read(|transaction| page(transaction, by, after, limit.into(), now))
    }
}

fn end(tables: &mut Tables<'_>, id: GrantId, why: EndReason, now: Timestamp) -> Result<bool, Failure> {
    with(tables, id, false, |view| {
        let live = rules::end(view, why, now);
        (live, live)
    })
}
