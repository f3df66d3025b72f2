//! What is used once, or remembered for a while.

use async_trait::async_trait;
use bytes::Bytes;
use mcp_transport::auth::{ScopeSet, Subject};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
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
    /// When the store cannot keep it.
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
    async fn peek(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError>;

    /// Takes it out: exactly one caller gets it.
    ///
    /// # Errors
    ///
    /// When the store cannot tell who was first.
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
}

impl ReplayKind {
    /// A short name, for keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client",
            Self::IdentityAssertion => "identity",
            Self::DpopProof => "dpop",
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
    /// When the store cannot tell. Callers refuse then: an id that may have been used is not accepted.
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

/// Remembers consents.
#[async_trait]
pub trait ConsentStore: Send + Sync + 'static {
    /// The consent of this key.
    ///
    /// # Errors
    ///
    /// When the store cannot tell. Callers ask the user then.
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError>;

    /// Remembers it, in the place of one with the same key.
    ///
    /// # Errors
    ///
    /// When the store cannot keep it.
    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError>;

    /// Forgets it. Gives whether it was there.
    ///
    /// # Errors
    ///
    /// When the store cannot tell whether it is gone.
    async fn forget(&self, key: &Digest) -> Result<bool, StoreError>;

    /// Everything that a user has allowed, at most 1000.
    ///
    /// # Errors
    ///
    /// When the store cannot list them.
    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError>;
}
