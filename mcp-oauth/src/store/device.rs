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
    /// `slow_down`: it came before its interval was over, which is now five seconds longer.
    SlowDown,
    /// `access_denied`. Told once, then it is gone.
    Denied,
    /// The grant. Told once, then it is gone.
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
    /// When the store cannot keep it.
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError>;

    /// The one that waits under this user code.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError>;

    /// Notes what the user said, if nobody has said it before.
    ///
    /// # Errors
    ///
    /// When the store cannot tell who was first.
    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError>;

    /// What to tell the device. An answer that ends it is given to exactly one caller. An expired one is remembered for
    /// at least another minute, so that the device can be told.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError>;
}
