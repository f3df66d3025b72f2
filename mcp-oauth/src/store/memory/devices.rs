//! Device authorizations in memory.

use std::collections::HashMap;

use async_trait::async_trait;
use mcp_transport::auth::ClientId;

use super::shelf::{self, Shelf};
use super::{MemoryStore, lock};
use crate::store::{
    Decided, Decision, DeviceCreated, DeviceRecord, DeviceState, DeviceStore, Effect, Poll, StoreError, rules,
};
use crate::types::{Digest, Timestamp};

pub(super) struct Devices {
    /// By their device codes.
    kept: Shelf<Digest, DeviceState>,
    /// The device code that a user code stands for: of several with one user code the newest.
    pub(super) user_codes: HashMap<Digest, Digest>,
}

/// Forgets the user code of one that is gone or told, unless it stands for another one by now.
fn forget(user_codes: &mut HashMap<Digest, Digest>, gone: &DeviceState) {
    if user_codes.get(&gone.record.user_code) == Some(&gone.record.device_code) {
        user_codes.remove(&gone.record.user_code);
    }
}

impl Devices {
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Shelf::new(most), user_codes: HashMap::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        shelf::sweep(&mut self.kept, now, limit, |_, gone| forget(&mut self.user_codes, &gone))
    }

    fn by_user_code(&self, user_code: &Digest) -> Option<&DeviceState> {
        self.kept.get(self.user_codes.get(user_code)?)
    }

    fn create(&mut self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError> {
        if self.by_user_code(&record.user_code).is_some_and(|other| !other.record.expires_at.is_over(now)) {
            return Ok(DeviceCreated::UserCodeTaken);
        }
        shelf::make_room(&mut self.kept, now, |_, gone| forget(&mut self.user_codes, &gone))?;
        let (device_code, user_code) = (record.device_code, record.user_code);
        let state = DeviceState::new(record);
        let until = state.forgotten_at();
        if let Some(old) = self.kept.put(device_code, state, until) {
            forget(&mut self.user_codes, &old);
        }
        self.user_codes.insert(user_code, device_code);
        Ok(DeviceCreated::Done)
    }

    fn decide(&mut self, user_code: &Digest, decision: Decision, now: Timestamp) -> Decided {
        let device_code = self.user_codes.get(user_code);
        match device_code.and_then(|device_code| self.kept.get_mut(device_code)) {
            Some(state) => rules::decide(state, decision, now),
            None => Decided::TooLate,
        }
    }

    fn poll(&mut self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Poll {
        let Some(state) = self.kept.get_mut(device_code) else { return Poll::Absent };
        rules::poll(state, client, now).0
    }

    fn redeem(&mut self, device_code: &Digest, client: &ClientId, attempt: &Digest, now: Timestamp) -> bool {
        let Some(state) = self.kept.get_mut(device_code) else { return false };
        let (told, effect) = rules::redeem_device(state, client, attempt, now);
        if effect == Effect::Write {
            forget(&mut self.user_codes, state);
        }
        told
    }
}

#[async_trait]
impl DeviceStore for MemoryStore {
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError> {
        lock(&self.devices).create(record, now)
    }

    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError> {
        let devices = lock(&self.devices);
        let waiting = devices.by_user_code(user_code).filter(|state| state.waits(now));
        Ok(waiting.map(|state| state.record.clone()))
    }

    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError> {
        Ok(lock(&self.devices).decide(user_code, decision, now))
    }

    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError> {
        Ok(lock(&self.devices).poll(device_code, client, now))
    }

    async fn redeem(
        &self,
        device_code: &Digest,
        client: &ClientId,
        attempt: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(lock(&self.devices).redeem(device_code, client, attempt, now))
    }
}
