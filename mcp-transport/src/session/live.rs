//! The live half of a session.

use std::{
    any::{Any, TypeId},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

#[cfg(feature = "http")]
use super::SessionRecord;
use super::{
    AskError, Asks, SessionId,
    kept::{Kept, KeptFull, SessionChange},
};
use crate::{
    auth::Owner,
    exchange::ClientFacts,
    jsonrpc::Raw,
    outbox::{Emitted, Outbox, OutboxLimits},
    protocol::{LoggingLevel, Method, Revision},
};

/// A legacy session, or a legacy stdio connection. Clones share it.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    parts: SessionParts,
    /// Index into [`Revision::ALL`].
    revision: AtomicU8,
    phase: AtomicU8,
    kept: Mutex<Kept>,
    asks: Asks,
    outbox: Outbox,
    state: Mutex<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>,
}

/// What a session is made of.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "drivers of other crates make it")]
pub struct SessionParts {
    /// Its id.
    pub id: SessionId,
    /// The revision that the driver proposes in `initialize`.
    pub revision: Revision,
    /// Whose it is; `None` where no token is needed. Anyone else gets 404.
    pub owner: Option<Owner>,
    /// What the client said about itself.
    pub client: Arc<ClientFacts>,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the lifecycle of MCP 2025-11-25 has these phases")]
pub enum Phase {
    /// `initialize` was answered; `notifications/initialized` has not come.
    Opening,
    /// Open.
    Ready,
    /// Over.
    Closed,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The client said DELETE, or closed the standard input.
    ByClient,
    /// Nobody used it for too long.
    Expired,
    /// The server stops.
    Drained,
}

impl Session {
    /// A session that has just been opened.
    #[must_use]
    pub fn new(parts: SessionParts, limits: OutboxLimits) -> Self {
        Self(Arc::new(Inner {
            revision: AtomicU8::new(index_of(parts.revision)),
            parts,
            phase: AtomicU8::new(Phase::Opening as u8),
            kept: Mutex::default(),
            asks: Asks::default(),
            outbox: Outbox::new(limits),
            state: Mutex::default(),
        }))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.0.parts.id
    }

    /// The revision that `initialize` settled.
    #[must_use]
    pub fn revision(&self) -> Revision {
        let index = usize::from(self.0.revision.load(Ordering::Relaxed));
        Revision::ALL.get(index).copied().unwrap_or(self.0.parts.revision)
    }

    /// For drivers: the answer to `initialize` named another revision than the one that was proposed.
    pub fn settle(&self, revision: Revision) {
        self.0.revision.store(index_of(revision), Ordering::Relaxed);
    }

    /// Whose it is; `None` where no token is needed.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        self.0.parts.owner.as_ref()
    }

    /// What the client said about itself in `initialize`.
    #[must_use]
    pub fn client(&self) -> &Arc<ClientFacts> {
        &self.0.parts.client
    }

    /// How far it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => Phase::Opening,
            1 => Phase::Ready,
            _ => Phase::Closed,
        }
    }

    /// The level that `logging/setLevel` asked for.
    #[must_use]
    pub fn log_level(&self) -> Option<LoggingLevel> {
        self.kept().level()
    }

    /// Sets the level of log messages. Other processes that hold the session hear of it within seconds.
    pub fn set_log_level(&self, level: LoggingLevel) {
        // A level takes no room.
        let _ = self.kept().change(SessionChange::LogLevel(level));
    }

    /// Keeps a value with the session where it outlives this process, and where other processes that hold the session see
    /// it within seconds; `None` takes it away. What need not outlive the process belongs into [`state`](Self::state).
    ///
    /// Where two processes change one value at once, the last is kept: give each thing a name of its own.
    ///
    /// # Errors
    /// The session keeps as much as it may, [`KEPT_MOST`](super::KEPT_MOST) bytes.
    pub fn keep(&self, name: impl Into<String>, value: Option<Raw>) -> Result<(), KeptFull> {
        self.kept().change(SessionChange::Kept { name: name.into(), value })
    }

    /// The value that is kept under this name.
    #[must_use]
    pub fn find_kept(&self, name: &str) -> Option<Raw> {
        self.kept().values().get(name).cloned()
    }

    /// The names of all that is kept.
    #[must_use]
    pub fn kept_names(&self) -> Vec<String> {
        self.kept().values().keys().cloned().collect()
    }

    /// For drivers: what was changed here and nobody was told yet, for the store and for other processes.
    #[must_use]
    pub fn take_changes(&self) -> Vec<SessionChange> {
        self.kept().take_changes()
    }

    /// For drivers: changes that could not be told. They are among the next [`take_changes`](Self::take_changes) unless
    /// something newer took their place.
    pub fn untold(&self, changes: Vec<SessionChange>) {
        self.kept().untold(changes);
    }

    /// For drivers: another process has changed this, or the record of the session says so.
    pub fn apply(&self, change: SessionChange) {
        self.kept().apply(change);
    }

    /// Learns what has changed between two looks at the record. What was changed here meanwhile is newer than both.
    #[cfg(feature = "http")]
    pub(crate) fn catch_up(&self, before: &SessionRecord, record: &SessionRecord) {
        self.kept().catch_up(before, record);
    }

    /// Messages outside any request: the GET stream of HTTP, the standard output of stdio.
    #[must_use]
    pub fn peer(&self) -> Peer<'_> {
        Peer { session: self }
    }

    /// A value that lives as long as the session: the one of type `T`, made on first use.
    pub fn state<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut values = self.values();
        let found = values.iter().find(|(id, _)| *id == TypeId::of::<T>()).map(|(_, value)| Arc::clone(value));
        if let Some(value) = found.and_then(|value| value.downcast::<T>().ok()) {
            return value;
        }
        let value = Arc::new(make());
        values.push((TypeId::of::<T>(), Arc::clone(&value) as Arc<dyn Any + Send + Sync>));
        value
    }

    /// For drivers: the requests of ours that wait for an answer.
    #[must_use]
    pub fn asks(&self) -> &Asks {
        &self.0.asks
    }

    /// For drivers: the messages outside any request.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// For drivers: `notifications/initialized` came. `true` the first time.
    pub fn ready(&self) -> bool {
        self.0
            .phase
            .compare_exchange(Phase::Opening as u8, Phase::Ready as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// For drivers: the session is over. Gives the phase that it was in.
    pub fn close(&self) -> Phase {
        let before = match self.0.phase.swap(Phase::Closed as u8, Ordering::AcqRel) {
            0 => Phase::Opening,
            1 => Phase::Ready,
            _ => Phase::Closed,
        };
        self.0.asks.close();
        self.0.outbox.close();
        before
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn values(&self) -> MutexGuard<'_, Vec<(TypeId, Arc<dyn Any + Send + Sync>)>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index_of(revision: Revision) -> u8 {
    let index = Revision::ALL.iter().position(|each| *each == revision);
    index.and_then(|index| u8::try_from(index).ok()).unwrap_or_default()
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", self.id())
            .field("revision", &self.revision())
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

/// The client of a session, reached outside any request of its own.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    session: &'a Session,
}

impl Peer<'_> {
    /// Sends a notification without waiting; see [`Outbox::emit`].
    pub fn emit(&self, method: &Method, params: Option<&Raw>) -> Emitted {
        self.session.outbox().emit(method, params)
    }

    /// Sends a notification, and waits for room; see [`Outbox::send`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message was not sent.
    pub async fn send(&self, method: &Method, params: Option<&Raw>) -> Emitted {
        self.session.outbox().send(method, params).await
    }

    /// Asks the client and waits for its answer. On HTTP the question waits until the client opens its GET stream.
    ///
    /// # Errors
    /// Why there is no result.
    ///
    /// # Cancel safety
    /// If the future is dropped, the client is told by `notifications/cancelled` and its answer is ignored.
    pub async fn ask(&self, method: &Method, params: Option<&Raw>) -> Result<Raw, AskError> {
        self.session.asks().ask(self.session.outbox(), method, params).await
    }
}
