//! What is used once, or remembered for a while.

use async_trait::async_trait;
use bytes::Bytes;
use mcp_transport::auth::{ClientId, ScopeSet, Subject};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::grant::By;
use crate::types::{Digest, Timestamp};

/// What a small thing is for. Things of different kinds never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlowKind {
    /// The state of a sign-in at another provider.
    UpstreamState,
    /// A pushed authorization request (RFC 9126).
    PushedRequest,
    /// An access token without a grant that has been revoked (RFC 7009).
    RevokedToken,
    /// A one-time code for signing in.
    SignInCode,
    /// Until when the sessions of a user have ended, all that began before.
    SessionsEnded,
    /// A consent form that has been sent, and what the user has decided.
    ConsentForm,
}

impl FlowKind {
    /// How many bytes a thing may have.
    pub const LONGEST: usize = 64 << 10;

    /// A short name, for keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamState => "upstream",
            Self::PushedRequest => "pushed",
            Self::RevokedToken => "revoked",
            Self::SignInCode => "signin",
            Self::SessionsEnded => "sessions",
            Self::ConsentForm => "consent",
        }
    }
}

/// What became of a [`put`](FlowStore::put).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stored {
    /// Kept.
    New,
    /// Something is there already, and has not been touched.
    Exists,
}

/// Keeps small things for a while.
#[async_trait]
pub trait FlowStore: Send + Sync + 'static {
    /// Keeps `value` until `expires_at`, unless something is there. At most [`FlowKind::LONGEST`] bytes: for more there is
    /// [no room](StoreError::Full).
    ///
    /// # Errors
    ///
    /// When the store cannot keep it, or has no room. It may be there all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the value is there or not.
    async fn put(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Stored, StoreError>;

    /// Keeps `value` until `expires_at`, in the place of what is there, unless that stays as long or longer: of any number of
    /// calls the one with the latest end is what is kept, in whatever order they come.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put). What was there before is there still, unless this call has happened.
    async fn raise(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Looks at it.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn peek(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError>;

    /// Takes it out: exactly one caller gets it.
    ///
    /// # Errors
    ///
    /// When the store cannot tell who was first. It may be gone all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is there or gone; if it is gone, nobody gets it.
    async fn take(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError>;
}

/// What kind of id may be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplayKind {
    /// The `jti` of a client assertion (RFC 7523 section 3).
    ClientAssertion,
    /// The `jti` of an identity assertion grant.
    IdentityAssertion,
    /// The `jti` of a DPoP proof (RFC 9449 section 11.1).
    DpopProof,
    /// Something of an embedder's own, such as what one of their grants takes.
    Embedder,
}

impl ReplayKind {
    /// A short name, for keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client",
            Self::IdentityAssertion => "identity",
            Self::DpopProof => "dpop",
            Self::Embedder => "embedder",
        }
    }
}

/// Remembers what may be used once.
#[async_trait]
pub trait ReplayCache: Send + Sync + 'static {
    /// Whether this is the first use of the id. It is remembered until `expires_at`; whoever accepts it must refuse it
    /// from then on by its own time.
    ///
    /// # Errors
    ///
    /// When the store cannot tell, or has no room. Callers refuse then: an id that may have been used is not accepted.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the use is noted or not. If it is, the id is used up, and nobody was told that they were the first.
    async fn first_use(
        &self,
        kind: ReplayKind,
        id: &Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

/// What a user has allowed a client before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConsentRecord {
    /// Whose it is.
    pub subject: Subject,
    /// The id of the client.
    pub client_id: String,
    /// The name of the client, as it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Where the user was sent.
    pub redirect_uri: String,
    /// The resource.
    pub resource: String,
    /// What was allowed.
    pub scopes: ScopeSet,
    /// When.
    pub given_at: Timestamp,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

impl ConsentRecord {
    /// What its key is made of: user, client, redirect and resource. Another redirect is another consent.
    #[must_use]
    pub fn key(&self) -> Digest {
        let parts = [self.subject.as_str(), &self.client_id, &self.redirect_uri, &self.resource];
        Digest::of("consent", &parts.map(str::as_bytes))
    }
}

/// Whose consents are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsentsOf {
    /// Those of this user.
    Subject(Subject),
    /// Those to this client.
    Client(ClientId),
    /// Those of this user to this client.
    Both(Subject, ClientId),
}

impl ConsentsOf {
    /// Whether this consent is one of them.
    #[must_use]
    pub fn includes(&self, record: &ConsentRecord) -> bool {
        match self {
            Self::Subject(subject) => record.subject == *subject,
            Self::Client(client) => record.client_id == client.as_str(),
            Self::Both(subject, client) => record.subject == *subject && record.client_id == client.as_str(),
        }
    }
}

impl From<&By> for ConsentsOf {
    fn from(by: &By) -> Self {
        match by {
            By::Subject(subject) => Self::Subject(subject.clone()),
            By::Client(client) => Self::Client(client.clone()),
        }
    }
}

/// Remembers consents.
#[async_trait]
pub trait ConsentStore: Send + Sync + 'static {
    /// The consent of this key.
    ///
    /// # Errors
    ///
    /// When the store cannot tell. The server asks nobody then, and grants nothing: it answers that it cannot.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError>;

    /// Remembers it, in the place of one with the same key.
    ///
    /// # Errors
    ///
    /// When the store cannot keep it, or has no room. It may be remembered all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the consent is the old one or the new one.
    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError>;

    /// Forgets it. Gives whether it was there.
    ///
    /// # Errors
    ///
    /// When the store cannot tell whether it is gone. Forgetting it again does no harm.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is forgotten or not.
    async fn forget(&self, key: &Digest) -> Result<bool, StoreError>;

    /// Forgets all of these that there are when it is called, and gives how many that were. One that is over may be among
    /// them.
    ///
    /// # Errors
    ///
    /// When the store cannot tell whether they are gone; some may be.
    async fn forget_all(&self, of: &ConsentsOf) -> Result<u64, StoreError>;

    /// Everything that a user has allowed, at most 1000.
    ///
    /// # Errors
    ///
    /// When the store cannot list them.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError>;
}
