//! Device authorizations (RFC 8628).

use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::{ClientId, ResourceId, ScopeSet};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::types::{ClientSnapshot, Digest, GrantId, Timestamp};

/// What a device asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// The digest of the device code, which the device polls with.
    pub device_code: Digest,
    /// The digest of the user code, in its canonical form.
    pub user_code: Digest,
    /// Who asked.
    pub client: ClientSnapshot,
    /// For what.
    pub resource: ResourceId,
    /// To do what.
    pub scopes: ScopeSet,
    /// When it is over.
    pub expires_at: Timestamp,
    /// How long the device waits between two polls.
    pub interval: Duration,
}

impl DeviceRecord {
    /// A request that nobody has decided yet.
    #[must_use]
    pub const fn new(
        (device_code, user_code): (Digest, Digest),
        client: ClientSnapshot,
        resource: ResourceId,
        scopes: ScopeSet,
        expires_at: Timestamp,
        interval: Duration,
    ) -> Self {
        Self { device_code, user_code, client, resource, scopes, expires_at, interval }
    }
}

/// What became of a [`create`](DeviceStore::create).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceCreated {
    /// It waits for the user.
    Done,
    /// Another one that is not over has this user code: choose another.
    UserCodeTaken,
}

/// What the user said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// Yes: this grant has been made.
    Approved(GrantId),
    /// No.
    Denied,
}

/// What became of a [`decide`](DeviceStore::decide).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decided {
    /// Noted. Exactly one caller is told so.
    Done,
    /// It was decided before, is over, or there is none.
    TooLate,
}

/// What a device that polls is told (RFC 8628 section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Poll {
    /// `authorization_pending`.
    Pending,
    /// `slow_down`: nobody has decided, and it came before its interval was over, which is now five seconds longer.
    SlowDown,
    /// `access_denied`, to be told once: [`redeem`](DeviceStore::redeem).
    Denied,
    /// The grant, to be told once: [`redeem`](DeviceStore::redeem).
    Approved(GrantId),
    /// Its time is over: `expired_token`.
    Expired,
    /// It belongs to another client. Nothing has changed.
    OtherClient,
    /// There is none, or it has been told already.
    Absent,
}

/// Keeps device authorizations.
#[async_trait]
pub trait DeviceStore: Send + Sync + 'static {
    /// Takes in a new one.
    ///
    /// # Errors
    ///
    /// When the store cannot keep it, or has no room.
    ///
    /// # Cancel safety
    ///
    /// Dropped, or failed, it waits for the user or not; or it can be polled and not be found by its user code, until
    /// its time is over.
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError>;

    /// The one that waits under this user code.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError>;

    /// Notes what the user said, if nobody has said it before.
    ///
    /// # Errors
    ///
    /// When the store cannot tell who was first. It may be noted all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is noted or not.
    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError>;

    /// What to tell the device. It is only a look: what the user said may be told by whoever [redeems](Self::redeem) the
    /// device code after that, and by nobody else. An expired one is remembered for at least another minute, so that the
    /// device can be told; one that was redeemed may be forgotten after five minutes.
    ///
    /// # Errors
    ///
    /// When the store cannot tell. As when it is dropped, an answer that ends it may be lost.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the poll has been counted or not. An answer that ends it may be gone with the record, and nobody was
    /// told: the device begins anew, and a grant that was made for it ends when its idle time is over.
    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError>;

    /// Uses the device code up: whether this attempt is the one that may tell the device what the user said. Of all
    /// attempts exactly one is, and it is told so each time that it asks. The user code is free again from then on.
    ///
    /// An attempt is named by whoever makes it, with a name that nobody can guess; whoever was not answered asks again with
    /// the same.
    ///
    /// # Errors
    ///
    /// When the store cannot tell. It has then happened or not.
    async fn redeem(
        &self,
        device_code: &Digest,
        client: &ClientId,
        attempt: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// A device authorization as a store keeps it: what was asked, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceState {
    /// What was asked.
    pub record: DeviceRecord,
    /// What the user said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// How long the device has to wait between two polls by now.
    pub interval: Duration,
    /// When it polled last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled_at: Option<Timestamp>,
    /// The attempt that has told the device what the user said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<Digest>,
}

impl DeviceState {
    /// How long an expired one is remembered, so that the device can be told.
    pub const REMEMBERED: Duration = Duration::from_secs(60);

    /// What has just been asked.
    #[must_use]
    pub const fn new(record: DeviceRecord) -> Self {
        let interval = record.interval;
        Self { record, decision: None, interval, polled_at: None, told_by: None }
    }

    /// From when on it may be forgotten.
    #[must_use]
    pub fn forgotten_at(&self) -> Timestamp {
        self.record.expires_at.after(Self::REMEMBERED)
    }

    /// Whether it waits for the user at `now`.
    #[must_use]
    pub const fn waits(&self, now: Timestamp) -> bool {
        self.decision.is_none() && !self.record.expires_at.is_over(now)
    }
}

/// What has to be done with a record after a rule has spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing: it has not changed.
    Nothing,
    /// It has changed and has to be written.
    Write,
}

/// How a device authorization is decided, as a plain function over its state. If the answer is [`Decided::Done`], the
/// state has changed and has to be written.
#[must_use]
pub fn decide(state: &mut DeviceState, decision: Decision, now: Timestamp) -> Decided {
    if !state.waits(now) {
        return Decided::TooLate;
    }
    state.decision = Some(decision);
    Decided::Done
}

/// What a device that polls is told, as a plain function over its state.
///
/// What the user said is told at once: `slow_down` is "a variant of authorization_pending" (RFC 8628 section 3.5).
#[must_use]
pub fn poll(state: &mut DeviceState, client: &ClientId, now: Timestamp) -> (Poll, Effect) {
    if state.record.client.id != *client {
        return (Poll::OtherClient, Effect::Nothing);
    }
    if state.record.expires_at.is_over(now) {
        return (Poll::Expired, Effect::Nothing);
    }
    match state.decision {
        Some(Decision::Approved(grant)) => return (Poll::Approved(grant), Effect::Nothing),
        Some(Decision::Denied) => return (Poll::Denied, Effect::Nothing),
        None => {}
    }
    let early = state.polled_at.is_some_and(|last| now.since(last) < state.interval);
    state.polled_at = Some(now);
    if early {
        // RFC 8628 section 3.5: "the interval MUST be increased by 5 seconds for this and all subsequent requests".
        state.interval = state.interval.saturating_add(Duration::from_secs(5));
        return (Poll::SlowDown, Effect::Write);
    }
    (Poll::Pending, Effect::Write)
}

/// How a device code is used up, as a plain function over its state. If the effect is to write, its user code is free.
#[must_use]
pub fn redeem_device(state: &mut DeviceState, client: &ClientId, attempt: &Digest, now: Timestamp) -> (bool, Effect) {
    if state.record.client.id != *client || state.decision.is_none() {
        return (false, Effect::Nothing);
    }
    if let Some(first) = &state.told_by {
        // Also after its time: it was in time when it was first asked.
        return (first.matches(attempt), Effect::Nothing);
    }
    if state.record.expires_at.is_over(now) {
        return (false, Effect::Nothing);
    }
    state.told_by = Some(*attempt);
    (true, Effect::Write)
}

#[cfg(test)]
mod tests {
    use mcp_transport::auth::{ResourceId, ScopeSet};

    use super::*;
    use crate::types::{Client, ClientAuthMethod, ClientMetadata, ClientSource};

    const START: Timestamp = Timestamp::from_secs(1000);

    fn asked() -> DeviceState {
        let metadata = ClientMetadata::new(ClientAuthMethod::None, Vec::new());
        let client = Client::new(ClientId::parse("tv").unwrap(), ClientSource::Registered, metadata, START);
        DeviceState::new(DeviceRecord::new(
            (Digest::sha256(b"device"), Digest::sha256(b"user")),
            ClientSnapshot::of(&client),
            ResourceId::parse("https://h/mcp").unwrap(),
            ScopeSet::EMPTY,
            START.after(Duration::from_secs(600)),
            Duration::from_secs(5),
        ))
    }

    #[test]
    fn slow_down_adds_five_seconds_each_time() {
        let (mut state, tv) = (asked(), ClientId::parse("tv").unwrap());
        let mut told = |seconds| poll(&mut state, &tv, START.after(Duration::from_secs(seconds))).0;
        assert_eq!(told(0), Poll::Pending, "the first may come at once");
        assert_eq!(told(4), Poll::SlowDown);
        assert_eq!(told(13), Poll::SlowDown, "ten seconds by now");
        assert_eq!(told(28), Poll::Pending, "fifteen");
        assert_eq!(told(600), Poll::Expired);
    }

    #[test]
    fn a_decision_is_told_to_its_client_and_then_goes() {
        let (mut state, tv) = (asked(), ClientId::parse("tv").unwrap());
        assert_eq!(poll(&mut state, &tv, START), (Poll::Pending, Effect::Write));
        assert_eq!(decide(&mut state, Decision::Denied, START), Decided::Done);
        assert_eq!(decide(&mut state, Decision::Denied, START), Decided::TooLate);
        assert!(!state.waits(START));
        let other = ClientId::parse("radio").unwrap();
        assert_eq!(poll(&mut state, &other, START), (Poll::OtherClient, Effect::Nothing));
        let (first, second) = (Digest::sha256(b"first"), Digest::sha256(b"second"));
        assert_eq!(redeem_device(&mut asked(), &tv, &first, START), (false, Effect::Nothing), "nobody has decided");
        for _ in 0..2 {
            assert_eq!(
                poll(&mut state, &tv, START),
                (Poll::Denied, Effect::Nothing),
                "also before the interval is over"
            );
        }
        let end = state.record.expires_at;
        assert_eq!(redeem_device(&mut state, &other, &first, START), (false, Effect::Nothing));
        assert_eq!(redeem_device(&mut state, &tv, &first, end), (false, Effect::Nothing));
        assert_eq!(redeem_device(&mut state, &tv, &first, START), (true, Effect::Write));
        for now in [START, end] {
            assert_eq!(redeem_device(&mut state, &tv, &first, now), (true, Effect::Nothing), "it asks again");
            assert_eq!(redeem_device(&mut state, &tv, &second, now), (false, Effect::Nothing));
        }
        assert_eq!(poll(&mut state, &tv, START), (Poll::Denied, Effect::Nothing), "for whoever was not answered");
        let mut late = asked();
        let end = late.record.expires_at;
        assert_eq!(decide(&mut late, Decision::Denied, end), Decided::TooLate);
        assert_eq!(late.forgotten_at(), end.after(Duration::from_secs(60)));
    }
}
