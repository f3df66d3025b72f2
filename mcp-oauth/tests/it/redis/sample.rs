//! Records to keep.

use std::time::Duration;

use mcp_oauth::store::Rotation;
use mcp_oauth::types::{
    Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, CodeRecord, Digest, Grant, GrantId,
    Timestamp,
};
use mcp_transport::auth::ClientId;
use serde_json::json;

/// When all tests begin: far from the real time, which no store may judge by.
pub(super) const START: Timestamp = Timestamp::from_secs(1_000_000);

pub(super) const RULES: Rotation =
    Rotation { grace: Duration::from_secs(120), most_replays: 100, idle: Duration::from_secs(3600), rotate: true };

pub(super) const IDLE: Duration = Duration::from_secs(3600);

pub(super) fn seconds(after: u64) -> Timestamp {
    START.after(Duration::from_secs(after))
}

pub(super) fn client(id: &str) -> Client {
    let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["http://localhost/cb".parse().unwrap()]);
    Client::new(ClientId::parse(id).unwrap(), ClientSource::Registered, metadata, START)
}

/// A grant of this user to this client, which ends after 10,000 seconds.
pub(super) fn grant(subject: &str, id: &str) -> Grant {
    serde_json::from_value(json!({
        "id": GrantId::random().unwrap(),
        "client": ClientSnapshot::of(&client(id)),
        "identity": {"provider": "users", "subject": subject},
        "resource": "https://h/mcp",
        "scopes": "a b",
        "refreshable": true,
        "salt": Digest::sha256(b"salt"),
        "refresh_key": "k",
        "authenticated_at": START,
        "created_at": START,
        "expires_at": seconds(10_000),
    }))
    .unwrap()
}

pub(super) fn code() -> CodeRecord {
    let redirect = "http://localhost/cb".parse().unwrap();
    CodeRecord::new(Digest::sha256(b"code"), seconds(60), redirect, Digest::sha256(b"challenge"))
}

/// Numbers that look random and are the same in each run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
