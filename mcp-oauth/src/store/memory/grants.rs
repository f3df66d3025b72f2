//! Grants in memory.

use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::{ClientId, Subject};

use super::owners::Owners;
use super::shelf::{self, Shelf};
use super::{MemoryStore, lock};
use crate::store::{Advance, By, GrantStore, Page, Redeem, Rotation, StoreError, rules};
use crate::types::{CodeRecord, Digest, EndReason, Grant, GrantId, GrantView, Timestamp};

/// How many records of somebody one page looks at, so that many that are over do not hold the lock for long.
const MOST_LOOKED_AT: usize = 4096;

pub(super) struct Grants {
    // Boxed, so that the map moves pointers.
    kept: Shelf<GrantId, Box<GrantView>>,
    pub(super) owned: Owned,
}

#[derive(Default)]
pub(super) struct Owned {
    subjects: Owners<Subject, GrantId>,
    clients: Owners<ClientId, GrantId>,
}

impl Owned {
    fn add(&mut self, view: &GrantView) {
        self.subjects.add(&view.grant.identity.subject, view.grant.id);
        self.clients.add(&view.grant.client.id, view.grant.id);
    }

    fn remove(&mut self, view: &GrantView) {
        self.subjects.remove(&view.grant.identity.subject, &view.grant.id);
        self.clients.remove(&view.grant.client.id, &view.grant.id);
    }

    /// The ids of `by`'s grants after this one, at most so many.
    pub(super) fn after(&self, by: &By, id: Option<GrantId>, most: usize) -> Vec<GrantId> {
        match by {
            By::Subject(subject) => self.subjects.after(subject, id).take(most).collect(),
            By::Client(client) => self.clients.after(client, id).take(most).collect(),
        }
    }
}

impl Grants {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Shelf::new(most), owned: Owned::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        shelf::sweep(&mut self.kept, now, limit, |_, view| self.owned.remove(&view))
    }

    fn create(&mut self, view: GrantView) -> Result<(), StoreError> {
        let now = view.grant.created_at;
        shelf::make_room(&mut self.kept, now, |_, view| self.owned.remove(&view))?;
        self.owned.add(&view);
        let (id, until) = (view.grant.id, view.over_at());
        if let Some(old) = self.kept.put(id, Box::new(view), until)
            && let Some(new) = self.kept.get(&id)
        {
            // The same id twice: the owners of the old one may be others.
            self.owned.remove(&old);
            self.owned.add(new);
        }
        Ok(())
    }

    /// Calls a rule on a grant, if it is known.
    fn with<T>(&mut self, id: GrantId, unknown: T, rule: impl FnOnce(&mut GrantView) -> T) -> T {
        let Some(view) = self.kept.get_mut(&id) else { return unknown };
        let before = view.over_at();
        let answer = rule(view);
        let until = view.over_at();
        if until != before {
            self.kept.set_until(&id, until);
        }
        answer
    }

    fn end_all(&mut self, by: &By, why: EndReason, now: Timestamp) -> u64 {
        let all = self.owned.after(by, None, usize::MAX);
        all.into_iter().map(|id| u64::from(self.with(id, false, |view| rules::end(view, why, now)))).sum()
    }

    fn page(&self, by: Option<&By>, after: Option<GrantId>, limit: u16, now: Timestamp) -> Page<GrantView, GrantId> {
        let (mut items, mut last, mut looked_at) = (Vec::new(), after, 0);
        let mut look = |view: &GrantView| {
            // One that is not looked at is where the next page begins.
            if items.len() >= usize::from(limit) || looked_at >= MOST_LOOKED_AT {
                return false;
            }
            looked_at += 1;
            last = Some(view.grant.id);
            if view.is_live(now) {
                items.push(view.clone());
            }
            true
        };
        let complete = match by {
            Some(by) => {
                let ids = self.owned.after(by, after, MOST_LOOKED_AT + 1);
                ids.iter().filter_map(|id| self.kept.get(id)).all(|view| look(view))
            }
            None => self.kept.after(after.as_ref()).all(|(_, view)| look(view)),
        };
        let next = if complete { None } else { last };
        Page { items, next }
    }
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn create(&self, grant: Grant, code: Option<CodeRecord>, idle: Duration) -> Result<(), StoreError> {
        let view = rules::created(grant, code, idle);
        lock(&self.grants).create(view)
    }

    async fn peek(&self, id: GrantId, now: Timestamp) -> Result<Option<GrantView>, StoreError> {
        Ok(lock(&self.grants).kept.live(&id, now).map(|view| GrantView::clone(view)))
    }

    async fn redeem_code(&self, id: GrantId, code: &Digest, now: Timestamp) -> Result<Redeem, StoreError> {
        Ok(lock(&self.grants).with(id, Redeem::Absent, |view| rules::redeem(view, code, now).0))
    }

    async fn advance(
        &self,
        id: GrantId,
        presented: u32,
        now: Timestamp,
        rotation: Rotation,
    ) -> Result<Advance, StoreError> {
        Ok(lock(&self.grants).with(id, Advance::Absent, |view| rules::advance(view, presented, now, rotation).0))
    }

    async fn end(&self, id: GrantId, why: EndReason, now: Timestamp) -> Result<bool, StoreError> {
        Ok(lock(&self.grants).with(id, false, |view| rules::end(view, why, now)))
    }

    async fn end_all(&self, by: &By, why: EndReason, now: Timestamp) -> Result<u64, StoreError> {
        Ok(lock(&self.grants).end_all(by, why, now))
    }

    async fn page(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Page<GrantView, GrantId>, StoreError> {
        Ok(lock(&self.grants).page(by, after, limit, now))
    }
}
