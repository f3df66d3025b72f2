//! What happened, for whoever has to answer for it.

use std::fmt;
use std::net::IpAddr;

use mcp_transport::auth::{ClientId, ResourceId, Subject};

pub use super::limits::Limit;
use crate::types::{EndReason, GrantId, Timestamp};

/// Something that was decided. It holds no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// From which address, if it is known.
    pub address: Option<IpAddr>,
    /// By or for which client.
    pub client: Option<ClientId>,
    /// By or for which user.
    pub subject: Option<Subject>,
    /// For which resource.
    pub resource: Option<ResourceId>,
    /// In which grant.
    pub grant: Option<GrantId>,
    /// How often. Once, but where requests were refused by a limit: those are summed up.
    pub count: u64,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A client registered itself.
    ClientRegistered,
    /// A client changed its registration.
    ClientChanged,
    /// A client ended its registration.
    ClientDeleted,
    /// A client could not show who it is.
    ClientRefused,
    /// A user signed in.
    SignedIn,
    /// A user signed out, or was signed out, on all browsers.
    SignedOut,
    /// Somebody failed to sign in.
    SignInRefused,
    /// A user allowed what a client asked for.
    Consented,
    /// A user refused it.
    Declined,
    /// The access policy refused it.
    Denied,
    /// An access token was issued.
    TokenIssued,
    /// A refresh token was used.
    Refreshed,
    /// A refresh token that had been replaced was answered with its successor.
    RefreshReplayed,
    /// A refresh token that had been replaced was answered with its successor as often as is allowed: it was put off.
    RefreshCrowded,
    /// The store had lost the newest generation of a grant, and learnt it from the client.
    RefreshResynced,
    /// A grant ended.
    GrantEnded(EndReason),
    /// A code was presented by another client than its own.
    CodeOfOtherClient,
    /// A token was revoked.
    TokenRevoked,
    /// An administrator, or the user, took back what a client is allowed without being asked again.
    ConsentWithdrawn,
    /// Requests were refused by a limit. There is one such event a minute for each limit at most, whatever comes: its address
    /// is that of the last one, where that is known. [`AuditSink::refused`] hears of each.
    Limited(Limit),
    /// An administrator began a change of the signing key. Those that come by themselves are not told.
    KeysRotated,
    /// An administrator revoked a signing key: everything that it has signed is refused.
    KeyRevoked,
}

impl EventKind {
    /// Its name, in lower case with underscores: for logs and for the labels of metrics. Why a grant ended and which limit
    /// refused have names of their own.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRegistered => "client_registered",
            Self::ClientChanged => "client_changed",
            Self::ClientDeleted => "client_deleted",
            Self::ClientRefused => "client_refused",
            Self::SignedIn => "signed_in",
            Self::SignedOut => "signed_out",
            Self::SignInRefused => "sign_in_refused",
            Self::Consented => "consented",
            Self::Declined => "declined",
            Self::Denied => "denied",
            Self::TokenIssued => "token_issued",
            Self::Refreshed => "refreshed",
            Self::RefreshReplayed => "refresh_replayed",
            Self::RefreshCrowded => "refresh_crowded",
            Self::RefreshResynced => "refresh_resynced",
            Self::GrantEnded(_) => "grant_ended",
            Self::CodeOfOtherClient => "code_of_other_client",
            Self::TokenRevoked => "token_revoked",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Limited(_) => "limited",
            Self::KeysRotated => "keys_rotated",
            Self::KeyRevoked => "key_revoked",
        }
    }
}

impl Event {
    /// Something that happened now.
    #[must_use]
    pub const fn new(kind: EventKind, at: Timestamp) -> Self {
        Self { at, kind, address: None, client: None, subject: None, resource: None, grant: None, count: 1 }
    }

    /// From this address.
    #[must_use]
    pub const fn from(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// By or for this client.
    #[must_use]
    pub fn client(mut self, client: &ClientId) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// By or for this user.
    #[must_use]
    pub fn subject(mut self, subject: &Subject) -> Self {
        self.subject = Some(subject.clone());
        self
    }

    /// For this resource.
    #[must_use]
    pub fn resource(mut self, resource: &ResourceId) -> Self {
        self.resource = Some(resource.clone());
        self
    }

    /// So often.
    #[must_use]
    pub const fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// In this grant.
    #[must_use]
    pub const fn grant(mut self, grant: GrantId) -> Self {
        self.grant = Some(grant);
        self
    }
}

/// Takes events down. It is called on the way of a request: it must not wait, and has a bound of its own.
pub trait AuditSink: Send + Sync + fmt::Debug + 'static {
    /// Takes one down.
    fn record(&self, event: Event);

    /// A limit has refused a request: for whoever counts. It is called for each one, however many there are, and must cost next
    /// to nothing. The event of it comes once a minute.
    fn refused(&self, limit: Limit) {
        let _ = limit;
    }
}

/// Writes events into the log, under the target `mcp_oauth::audit`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no state")]
pub struct LogAudit;

impl AuditSink for LogAudit {
    fn record(&self, event: Event) {
        tracing::info!(
            target: "mcp_oauth::audit",
            kind = ?event.kind,
            at = %event.at,
            address = event.address.map(tracing::field::display),
            client = event.client.as_ref().map(tracing::field::display),
            subject = event.subject.as_ref().map(tracing::field::display),
            resource = event.resource.as_ref().map(tracing::field::display),
            grant = event.grant.map(tracing::field::display),
            count = (event.count > 1).then_some(event.count),
        );
    }
}
