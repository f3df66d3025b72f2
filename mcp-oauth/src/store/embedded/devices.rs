//! Device authorizations in a file.

use async_trait::async_trait;
use mcp_transport::auth::ClientId;

use super::EmbeddedStore;
use super::error::Failure;
use super::expiry::{Due, Kind};
use super::record::{decode, encode};
use super::tables::{DEVICES, Tables, USER_CODES};
use crate::store::{
    Decided, Decision, DeviceCreated, DeviceRecord, DeviceState, DeviceStore, Effect, Poll, StoreError, rules,
};
use crate::types::{Digest, Timestamp};

fn state(tables: &Tables<'_>, device_code: &[u8; 32]) -> Result<Option<DeviceState>, Failure> {
    tables.devices.get(device_code)?.map(|bytes| decode(bytes.value())).transpose()
}

/// The newest with this user code.
fn by_user_code(tables: &Tables<'_>, user_code: &Digest) -> Result<Option<DeviceState>, Failure> {
    match tables.user_codes.get(user_code.as_bytes())? {
        Some(device_code) => state(tables, device_code.value()),
        None => Ok(None),
    }
}

fn put(tables: &mut Tables<'_>, state: &DeviceState) -> Result<(), Failure> {
    Ok(tables.devices.insert(state.record.device_code.as_bytes(), encode(state)?.as_slice())?)
}

fn create(tables: &mut Tables<'_>, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, Failure> {
    let other = by_user_code(tables, &record.user_code)?;
    if other.is_some_and(|other| !other.record.expires_at.is_over(now)) {
        return Ok(DeviceCreated::UserCodeTaken);
    }
    let state = DeviceState::new(record);
    put(tables, &state)?;
    tables.user_codes.insert(state.record.user_code.as_bytes(), state.record.device_code.as_bytes())?;
    tables.list(state.forgotten_at(), Kind::Device, state.record.device_code.as_bytes())?;
    Ok(DeviceCreated::Done)
}

fn decide(tables: &mut Tables<'_>, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, Failure> {
    let Some(mut state) = by_user_code(tables, user_code)? else { return Ok(Decided::TooLate) };
    let decided = rules::decide(&mut state, decision, now);
    if decided == Decided::Done {
        put(tables, &state)?;
    }
    Ok(decided)
}

fn poll(tables: &mut Tables<'_>, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, Failure> {
    let Some(mut state) = state(tables, device_code.as_bytes())? else { return Ok(Poll::Absent) };
    let (answer, effect) = rules::poll(&mut state, client, now);
    if effect == Effect::Write {
        put(tables, &state)?;
    }
    Ok(answer)
}

fn redeem(
    tables: &mut Tables<'_>,
    device_code: &Digest,
    client: &ClientId,
    attempt: &Digest,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(mut state) = state(tables, device_code.as_bytes())? else { return Ok(false) };
    let (told, effect) = rules::redeem_device(&mut state, client, attempt, now);
    if effect == Effect::Write {
        put(tables, &state)?;
        release(tables, &state)?;
    }
    Ok(told)
}

/// Frees its user code, unless that stands for another one by now.
fn release(tables: &mut Tables<'_>, told: &DeviceState) -> Result<(), Failure> {
    let (device_code, user_code) = (told.record.device_code.as_bytes(), told.record.user_code.as_bytes());
    let own = tables.user_codes.get(user_code)?.is_some_and(|current| current.value() == device_code);
    if own {
        tables.user_codes.remove(user_code)?;
    }
    Ok(())
}

/// What is to be done with one whose time in the order has come.
pub(super) fn sweep(tables: &mut Tables<'_>, device_code: &[u8; 32], now: Timestamp) -> Result<Due, Failure> {
    let Some(state) = state(tables, device_code)? else { return Ok(Due::Gone) };
    if !state.forgotten_at().is_over(now) {
        return Ok(Due::Until(state.forgotten_at()));
    }
    tables.devices.remove(device_code)?;
    release(tables, &state)?;
    Ok(Due::Swept)
}

#[async_trait]
impl DeviceStore for EmbeddedStore {
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError> {
        self.write(move |tables| create(tables, record, now)).await
    }

    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError> {
        let state: Option<DeviceState> = self.read(|transaction| {
            let user_codes = transaction.open_table(USER_CODES)?;
            let Some(device_code) = user_codes.get(user_code.as_bytes())? else { return Ok(None) };
            let devices = transaction.open_table(DEVICES)?;
            let state = devices.get(device_code.value())?;
            state.map(|bytes| decode(bytes.value())).transpose()
        })?;
        Ok(state.filter(|state| state.waits(now)).map(|state| state.record))
    }

    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError> {
        let user_code = *user_code;
        self.write(move |tables| decide(tables, &user_code, decision, now)).await
    }

    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError> {
        let (device_code, client) = (*device_code, client.clone());
        self.write(move |tables| poll(tables, &device_code, &client, now)).await
    }

    async fn redeem(
        &self,
        device_code: &Digest,
        client: &ClientId,
        attempt: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (device_code, client, attempt) = (*device_code, client.clone(), *attempt);
        self.write(move |tables| redeem(tables, &device_code, &client, &attempt, now)).await
    }
}
