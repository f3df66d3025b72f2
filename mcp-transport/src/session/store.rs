//! Where sessions are kept.

use std::{fmt, time::SystemTime};

use async_trait::async_trait;

use super::{Phase, SessionId};
use crate::{Error, auth::Owner, jsonrpc::Raw, protocol::Revision};

/// What is kept of a session, so that any process can go on with it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "stores of other crates write and read it")]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// The revision that `initialize` settled.
    pub revision: Revision,
    /// The params of `initialize`: what the client said about itself.
    pub client: Raw,
    /// [`Phase::Opening`] or [`Phase::Ready`]; a session that is over has no record.
    pub phase: Phase,
    /// When it ends unless it is used.
    pub expires_at: SystemTime,
}

/// Whether a session could be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is created or there is no room")]
pub enum Created {
    /// It is kept.
    Yes,
    /// The store holds as many sessions as it may, of all owners or of this one; none was evicted.
    Full,
}

/// Keeps sessions. The methods that could race are one atomic step each.
///
/// Time comes from the caller: a store compares, it does not ask a clock. What a wrong answer costs: a store that loses
/// a record ends the session (the client starts a new one: 404, then `initialize`); a store that gives back a record
/// that was removed lets a session live on that its client has ended, so [`remove`](Self::remove) must win.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps a new session. Records that have expired do not count against the store's bound. A store should also bound
    /// what one owner keeps, or one client's sessions keep everybody else out.
    ///
    /// # Errors
    /// The store could not be reached; the session is then not created.
    async fn create(&self, record: SessionRecord, now: SystemTime) -> Result<Created, Error>;

    /// The record, if it is there and has not expired.
    ///
    /// # Errors
    /// The store could not be reached. That is never read as "no such session".
    async fn load(&self, id: &SessionId, now: SystemTime) -> Result<Option<SessionRecord>, Error>;

    /// Moves the expiry of sessions that were used, and notes those that are ready. Called in bulk and late, not with
    /// each request; sessions without a record are passed over.
    ///
    /// # Errors
    /// The store could not be reached.
    async fn touch(&self, used: &[(SessionId, Phase, SystemTime)]) -> Result<(), Error>;

    /// Takes the record away. `true` for exactly one of several callers.
    ///
    /// # Errors
    /// The store could not be reached.
    async fn remove(&self, id: &SessionId) -> Result<bool, Error>;
}
