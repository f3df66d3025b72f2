//! Sessions in the memory of one process, bounded.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;

use super::{Created, Phase, SessionChange, SessionId, SessionRecord, SessionStore};
use crate::{Error, auth::Owner};

/// Keeps sessions in memory, at most as many as it was told. They are gone when the process ends.
///
/// One owner has at most a tenth of the room, and room for 16 in any case, so that one user's client that opens
/// sessions and never ends them does not keep everybody else out. Callers without a token have no owner and share the
/// whole.
#[derive(Debug)]
pub struct MemorySessions {
    most: usize,
    most_each: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: HashMap<SessionId, SessionRecord>,
    /// How many records each owner has.
    owned: HashMap<Owner, usize>,
    /// No record ends before then: spares a full store the look at each of them.
    soonest: Option<SystemTime>,
}

impl MemorySessions {
    /// Room for `most` sessions.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, most_each: (most / 10).max(16), state: Mutex::default() }
    }

    /// How many of them may be one owner's.
    #[must_use]
    pub const fn per_owner(mut self, most: usize) -> Self {
        self.most_each = most;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, state: &State, owner: Option<&Owner>) -> bool {
        let owned = owner.and_then(|owner| state.owned.get(owner)).copied().unwrap_or_default();
        state.records.len() < self.most && owned < self.most_each
    }
}

impl Default for MemorySessions {
    /// Room for 10,000 sessions.
    fn default() -> Self {
        Self::new(10_000)
    }
}

impl State {
    fn insert(&mut self, record: SessionRecord) {
        self.ends(record.expires_at);
        if let Some(owner) = &record.owner {
            *self.owned.entry(owner.clone()).or_default() += 1;
        }
        if let Some(former) = self.records.insert(record.id.clone(), record) {
            self.disown(&former);
        }
    }

    fn ends(&mut self, at: SystemTime) {
        self.soonest = Some(self.soonest.map_or(at, |soonest| soonest.min(at)));
    }

    fn disown(&mut self, record: &SessionRecord) {
        let Some(owner) = &record.owner else { return };
        if let Some(owned) = self.owned.get_mut(owner) {
            *owned = owned.saturating_sub(1);
            if *owned == 0 {
                self.owned.remove(owner);
            }
        }
    }

    fn forget_expired(&mut self, now: SystemTime) {
        if self.soonest.is_none_or(|soonest| soonest > now) {
            return;
        }
        let (ended, lasting) =
            std::mem::take(&mut self.records).into_iter().partition(|(_, record)| record.expires_at <= now);
        self.records = lasting;
        for record in ended.values() {
            self.disown(record);
        }
        self.soonest = self.records.values().map(|record| record.expires_at).min();
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn create(&self, record: SessionRecord, now: SystemTime) -> Result<Created, Error> {
        let mut state = self.lock();
        if !self.has_room(&state, record.owner.as_ref()) {
            state.forget_expired(now);
        }
        if !self.has_room(&state, record.owner.as_ref()) {
            return Ok(Created::Full);
        }
        state.insert(record);
        Ok(Created::Yes)
    }

    async fn load(&self, id: &SessionId, now: SystemTime) -> Result<Option<SessionRecord>, Error> {
        Ok(self.lock().records.get(id).filter(|record| record.expires_at > now).cloned())
    }

    async fn touch(&self, used: &[(SessionId, Phase, SystemTime)]) -> Result<(), Error> {
        let mut state = self.lock();
        for (id, phase, expires_at) in used {
            if let Some(record) = state.records.get_mut(id) {
                record.expires_at = *expires_at;
                if record.phase == Phase::Opening {
                    record.phase = *phase;
                }
                state.ends(*expires_at);
            }
        }
        Ok(())
    }

    async fn change(&self, id: &SessionId, changes: &[SessionChange]) -> Result<(), Error> {
        if let Some(record) = self.lock().records.get_mut(id) {
            changes.iter().for_each(|change| record.change(change.clone()));
        }
        Ok(())
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, Error> {
        let mut state = self.lock();
        let removed = state.records.remove(id);
        if let Some(record) = &removed {
            state.disown(record);
        }
        Ok(removed.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        auth::{Issuer, Subject},
        jsonrpc::Raw,
        protocol::Revision,
    };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn record(owner: &str, ends: u64) -> SessionRecord {
        let owner = Subject::parse(owner).ok().map(|subject| {
            let issuer = Issuer::parse("https://auth.example.com").unwrap();
            Owner::new(issuer, subject)
        });
        let id = SessionId::random().unwrap();
        SessionRecord::new(id, owner, Revision::V2025_11_25, Raw::EMPTY_OBJECT, at(ends))
    }

    async fn create(store: &MemorySessions, owner: &str, ends: u64, now: u64) -> Option<SessionId> {
        let record = record(owner, ends);
        let id = record.id.clone();
        (store.create(record, at(now)).await.unwrap() == Created::Yes).then_some(id)
    }

    #[tokio::test]
    async fn an_owner_has_a_share_and_nobody_the_whole() {
        let store = MemorySessions::new(6).per_owner(2);
        let first = create(&store, "ada", 10, 0).await.unwrap();
        let second = create(&store, "ada", 20, 0).await.unwrap();
        assert_eq!(create(&store, "ada", 20, 0).await, None);
        assert!(create(&store, "bob", 20, 0).await.is_some());
        // What ended, by itself or at its client's word, leaves room; what was used does not.
        store.touch(&[(first, Phase::Ready, at(30))]).await.unwrap();
        assert_eq!(create(&store, "ada", 40, 15).await, None);
        assert!(create(&store, "ada", 40, 20).await.is_some());
        assert_eq!(create(&store, "ada", 40, 20).await, None);
        assert!(!store.remove(&second).await.unwrap(), "it was let go");
        // Without a token: as many as there is room for.
        for _ in 0..4 {
            assert!(create(&store, "", 40, 20).await.is_some());
        }
        assert_eq!(create(&store, "", 40, 20).await, None);
        assert_eq!(create(&store, "eve", 40, 20).await, None);
        assert!(create(&store, "eve", 40, 40).await.is_some());
        let state = store.lock();
        assert_eq!((state.records.len(), state.owned.len()), (1, 1));
    }

    #[test]
    fn the_share_is_a_tenth_and_at_least_sixteen() {
        assert_eq!(MemorySessions::default().most_each, 1000);
        assert_eq!(MemorySessions::new(20).most_each, 16);
    }
}
