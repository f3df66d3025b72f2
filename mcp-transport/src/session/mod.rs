//! Legacy sessions: what they are, where they are kept, how a message finds the process that holds one.
//!
//! Revisions before 2026-07-28 begin with `initialize` and go on in a session. A [`Session`] is the live half of one,
//! held by the process that talks to the client; a [`SessionRecord`] is what a [`SessionStore`] keeps of it, so that
//! another process, or this one after a restart, can go on; a [`SessionBus`] carries what arrives at the wrong process.

mod asks;
mod bus;
mod id;
mod kept;
mod live;
#[cfg(feature = "http")]
mod memory;
mod store;

#[cfg(feature = "http")]
pub use self::memory::MemorySessions;
pub use self::{
    asks::{AskError, Asks},
    bus::{BusGuard, BusMessage, BusSink, LocalBus, SessionBus},
    id::SessionId,
    kept::{KEPT_MOST, KeptFull, SessionChange},
    live::{Closed, Peer, Phase, Session, SessionParts},
    store::{Created, SessionRecord, SessionStore},
};
