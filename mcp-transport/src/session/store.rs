//! Where sessions are kept.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use async_trait::async_trait;

use super::{Phase, SessionChange, SessionId};
use crate::{
    Error,
    auth::Owner,
    jsonrpc::Raw,
    protocol::{LoggingLevel, Revision},
};

/// What is kept of a session, so that any process can go on with it.
///
/// A store that writes it down member by member makes it again with [`new`](Self::new) and sets the rest. A member that
/// it does not know yet is one that its sessions forget when they move to another process.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// The level that `logging/setLevel` asked for.
    pub log_level: Option<LoggingLevel>,
    /// What the handler keeps with the session, by names of its own: subscriptions, say. Opaque to the store, and at most
    /// [`KEPT_MOST`](super::KEPT_MOST) bytes.
    pub kept: BTreeMap<String, Raw>,
    /// When it ends unless it is used.
    pub expires_at: SystemTime,
}

impl SessionRecord {
    /// The record of a session that is being opened.
    #[must_use]
    pub const fn new(
        id: SessionId,
        owner: Option<Owner>,
        revision: Revision,
        client: Raw,
        expires_at: SystemTime,
    ) -> Self {
        let kept = BTreeMap::new();
        Self { id, owner, revision, client, phase: Phase::Opening, log_level: None, kept, expires_at }
    }

    /// Makes a change: for stores that keep whole records.
    pub fn change(&mut self, change: SessionChange) {
        match change {
            SessionChange::LogLevel(level) => self.log_level = Some(level),
            SessionChange::Kept { name, value: Some(value) } => drop(self.kept.insert(name, value)),
            SessionChange::Kept { name, value: None } => drop(self.kept.remove(&name)),
        }
    }
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
    /// each request, and when a session becomes ready; sessions without a record are passed over. A session that is
    /// [`Ready`](Phase::Ready) stays so, whatever a process says that has not heard of it.
    ///
    /// # Errors
    /// The store could not be reached.
    async fn touch(&self, used: &[(SessionId, Phase, SystemTime)]) -> Result<(), Error>;

    /// Makes changes to a record, one after the other. Each is one step that leaves the rest of the record alone: two
    /// processes that change different things at once lose nothing, and of the same thing the last is kept. A session
    /// without a record is passed over: it is over.
    ///
    /// What it costs if a store forgets a change: the session goes on, and behaves at another process, or after a
    /// restart, as if its client had not asked for it.
    ///
    /// # Errors
    /// The store could not be reached. The changes are made again later, all of them.
    async fn change(&self, id: &SessionId, changes: &[SessionChange]) -> Result<(), Error>;

    /// Takes the record away. `true` for exactly one of several callers.
    ///
    /// # Errors
    /// The store could not be reached.
    async fn remove(&self, id: &SessionId) -> Result<bool, Error>;
}
