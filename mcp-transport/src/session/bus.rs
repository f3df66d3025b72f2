//! How a message that arrives at one process reaches the one that holds the session's stream.

use std::{any::Any, fmt, sync::Arc};

use async_trait::async_trait;

use super::{Closed, SessionChange, SessionId};
use crate::{
    Error,
    jsonrpc::{ErrorObject, Raw, RequestId},
};

/// What one process tells the others about a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BusMessage {
    /// The client answered a request of ours that this process does not know.
    Answer {
        /// The id of our request.
        id: RequestId,
        /// What the client said.
        outcome: Result<Raw, ErrorObject>,
    },
    /// The client cancelled a request that does not run here.
    Cancelled(RequestId),
    /// `notifications/initialized` came.
    Ready,
    /// The client or the handler changed something about the session. The store has it too.
    Changed(SessionChange),
    /// The client's GET stream is at the sender from now on. A stream elsewhere ends, and what others have to say to the
    /// client outside any request goes to the sender as [`Message`](Self::Message).
    Listening,
    /// The sender has just taken the session on, and wants to know who holds the client's GET stream: that one says
    /// [`Holds`](Self::Holds).
    Joined,
    /// The answer to [`Joined`](Self::Joined): the client's GET stream is at the sender. As [`Listening`](Self::Listening),
    /// but whoever has the stream by now ignores it: the client may have gone on there in between.
    Holds,
    /// A notification or request of ours, whole, for whoever holds the client's GET stream; others ignore it.
    Message(Raw),
    /// The session is over.
    Ended(Closed),
}

/// Takes what other processes say about a session.
pub trait BusSink: Send + Sync + 'static {
    /// Takes one message. It must not block.
    fn deliver(&self, message: BusMessage);
}

/// Ends the delivery when it is dropped.
#[derive(Default)]
pub struct BusGuard(#[expect(dead_code, reason = "held for its drop")] Option<Box<dyn Any + Send + Sync>>);

impl BusGuard {
    /// Holds whatever the bus needs to undo when the session leaves this process.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl fmt::Debug for BusGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BusGuard")
    }
}

/// Carries messages between the processes that serve the same sessions.
///
/// Delivery is at most once and unordered between senders; what one process sends about one session arrives in its order.
/// An answer that is lost makes the asking call wait until its own timeout; a [`BusMessage::Message`] that is lost is one
/// that the client does not hear; a change that is lost is in the store all the same. Nothing else depends on it.
///
/// A bus that knows a message under no name of its own, because this crate is newer than it, should say so in its log and
/// drop it.
#[async_trait]
pub trait SessionBus: fmt::Debug + Send + Sync + 'static {
    /// Gives `message` to every other process that has joined `session`.
    ///
    /// # Errors
    /// The bus could not be reached.
    async fn send(&self, session: &SessionId, message: BusMessage) -> Result<(), Error>;

    /// From now until the guard is dropped, `sink` gets what other processes send about `session`.
    fn join(&self, session: &SessionId, sink: Arc<dyn BusSink>) -> BusGuard;
}

/// The bus of a server that is one process: there is nobody else.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LocalBus;

#[async_trait]
impl SessionBus for LocalBus {
    async fn send(&self, _session: &SessionId, _message: BusMessage) -> Result<(), Error> {
        Ok(())
    }

    fn join(&self, _session: &SessionId, _sink: Arc<dyn BusSink>) -> BusGuard {
        BusGuard::default()
    }
}
