//! Registered clients.

use async_trait::async_trait;
use mcp_transport::auth::ClientId;

use super::error::StoreError;
use crate::types::{Client, Digest, Timestamp};

/// A value with the number of its version, which grows with each change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair with names")]
pub struct Versioned<T> {
    /// Which version it is. Versions of one value are never used twice, also when it was deleted between.
    pub version: u64,
    /// The value.
    pub value: T,
}

/// One page of a list, in the order of the back-end, which does not change between pages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "back-ends make it")]
pub struct Page<T, K> {
    /// What is on it; it may be empty though there are more pages.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<K>,
}

/// What became of an [`insert`](ClientStore::insert).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inserted {
    /// The client is in the store.
    New(Versioned<Client>),
    /// The very same one was there already, and [has taken in](Client::join) the registrant of this one.
    Joined(Versioned<Client>),
    /// Another client has this id.
    IdTaken,
}

/// What became of a [`replace`](ClientStore::replace) or [`delete`](ClientStore::delete).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replaced {
    /// Done.
    Done,
    /// Somebody else has changed it since that version.
    Conflict,
    /// There is no such client.
    Absent,
}

/// What became of a [`touch`](ClientStore::touch).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touched {
    /// The time of its use is noted.
    Done,
    /// There is no such client (any more).
    Absent,
}

/// Keeps registered clients.
#[async_trait]
pub trait ClientStore: Send + Sync + 'static {
    /// The client of this id.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn get(&self, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError>;

    /// Takes in a new client.
    ///
    /// With a fingerprint, a client that was inserted with the same one and is still there takes its place: it
    /// [joins](Client::join) this one, in the same atomic step. The fingerprint is asked before the id, and forgotten with
    /// its client.
    ///
    /// # Errors
    ///
    /// When the store cannot keep it, or has no room. It may be there all the same: see below.
    ///
    /// # Cancel safety
    ///
    /// Dropped, or failed, the client is there or not. With a fingerprint it may also come to be there with the next
    /// insertion of the same one, which joins it then: there are never two, and never a half.
    async fn insert(&self, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, StoreError>;

    /// Puts `client` in the place of the one of the same id, if that still has the version `expected`. The client keeps
    /// its fingerprint only if `keep_fingerprint`.
    ///
    /// # Errors
    ///
    /// When the store cannot keep it. It may have been replaced all the same: its version tells.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the client is the old one or the new one.
    async fn replace(&self, expected: u64, client: Client, keep_fingerprint: bool) -> Result<Replaced, StoreError>;

    /// Notes that the client was used at `now`, and makes a new version of it. Where the noted use is less than
    /// an hour old, nothing need be written.
    ///
    /// Called before a grant of the client is made: a client that is about to expire stays, or is
    /// [absent](Touched::Absent) and the grant is not made.
    ///
    /// # Errors
    ///
    /// When the store cannot note it, or cannot tell whether there is such a client.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the use is noted or not.
    async fn touch(&self, id: &ClientId, now: Timestamp) -> Result<Touched, StoreError>;

    /// Removes the client; with `expected`, only if it still has that version.
    ///
    /// # Errors
    ///
    /// When the store cannot tell whether it is gone. Deleting it again does no harm.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the client is gone, and its fingerprint leads nowhere; or both are as they were.
    async fn delete(&self, id: &ClientId, expected: Option<u64>) -> Result<Replaced, StoreError>;

    /// At most `limit` clients, beginning after the id `after`.
    ///
    /// # Errors
    ///
    /// When the store cannot list them.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn page(&self, after: Option<&ClientId>, limit: u16)
    -> Result<Page<Versioned<Client>, ClientId>, StoreError>;
}
