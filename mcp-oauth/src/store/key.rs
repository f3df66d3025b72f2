//! The server's keys, sealed.

use async_trait::async_trait;
use bytes::Bytes;

use super::error::StoreError;

/// A document and the number of its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair with names")]
pub struct Revised {
    /// Which revision it is; the first is 1.
    pub revision: u64,
    /// The document. It is sealed: the store cannot read it.
    pub document: Bytes,
}

/// What became of a [`publish`](KeyStore::publish).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// It is the document now, with this revision.
    Done(u64),
    /// Another node was faster: load what it made.
    Conflict,
}

/// Keeps the document with the server's keys. Any node may change it; the revision tells who was first.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The document.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn load(&self) -> Result<Option<Revised>, StoreError>;

    /// Puts `document` in the place of the revision `expected`; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// When the store cannot tell who was first. The document may be published all the same: [`load`](Self::load)
    /// tells.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the document is the old one or the new one: [`load`](Self::load) tells.
    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError>;
}
