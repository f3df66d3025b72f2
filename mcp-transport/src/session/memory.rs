//! Sessions in the memory of one process, bounded.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;

use super::{Created, Phase, SessionChange, SessionId, SessionRecord, SessionStore};
use crate::Error;

/// Keeps sessions in memory, at most as many as it was told. They are gone when the process ends.
#[derive(Debug)]
pub struct MemorySessions {
    most: usize,
    records: Mutex<HashMap<SessionId, SessionRecord>>,
}

impl MemorySessions {
    /// Room for `most` sessions.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, records: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, SessionRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemorySessions {
    /// Room for 10,000 sessions.
    fn default() -> Self {
        Self::new(10_000)
    }
}

#[async_trait]
impl SessionStore for MemorySessions {
    async fn create(&self, record: SessionRecord, now: SystemTime) -> Result<Created, Error> {
        let mut records = self.lock();
        if records.len() >= self.most {
            records.retain(|_, record| record.expires_at > now);
        }
        if records.len() >= self.most {
            return Ok(Created::Full);
        }
        records.insert(record.id.clone(), record);
        Ok(Created::Yes)
    }

    async fn load(&self, id: &SessionId, now: SystemTime) -> Result<Option<SessionRecord>, Error> {
        Ok(self.lock().get(id).filter(|record| record.expires_at > now).cloned())
    }

    async fn touch(&self, used: &[(SessionId, Phase, SystemTime)]) -> Result<(), Error> {
        let mut records = self.lock();
        for (id, phase, expires_at) in used {
            if let Some(record) = records.get_mut(id) {
                record.expires_at = *expires_at;
                record.phase = *phase;
            }
        }
        Ok(())
    }

    async fn change(&self, id: &SessionId, changes: &[SessionChange]) -> Result<(), Error> {
        if let Some(record) = self.lock().get_mut(id) {
            changes.iter().for_each(|change| record.change(change.clone()));
        }
        Ok(())
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, Error> {
        Ok(self.lock().remove(id).is_some())
    }
}
