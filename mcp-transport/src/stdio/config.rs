//! What can be set, and what is said at the end.

use std::time::Duration;

use crate::{jsonrpc::Limits, outbox::OutboxLimits, stop::Stop};

/// The bounds of one connection. All have defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StdioConfig {
    /// The longest line, in bytes. A longer one is answered with an error and passed over. The default is 4 MiB.
    pub max_line: usize,
    /// How deep a message and how long a batch may be; [`max_line`](Self::max_line) bounds the bytes.
    pub limits: Limits,
    /// How many requests run at once, and, counted on their own, how many listen streams are open, and how many
    /// notifications are being taken. At least one, by default 64.
    pub max_in_flight: usize,
    /// How many requests may wait for their turn. The default is 1024.
    pub max_waiting: usize,
    /// How many bytes the requests that wait may have together. The default is 16 MiB.
    pub max_waiting_bytes: usize,
    /// How many bytes of output may wait for a client that is slow to read. Beyond that, calls wait with what they send, no
    /// request that waits for its turn is started, and no further line is looked at. A single larger message passes alone.
    /// The default is 8 MiB.
    pub max_output_bytes: usize,
    /// How much each call, and the session, may have waiting for a client that is slow to read.
    pub outbox: OutboxLimits,
    /// How long calls may go on, and their answers may wait for a client that is slow to read, when the input has ended or
    /// [`shutdown`](Self::shutdown) was given. The default is 10 seconds.
    pub drain: Duration,
    /// Give it to end the connection: no new request is taken, those in flight are drained.
    pub shutdown: Stop,
}

impl Default for StdioConfig {
    fn default() -> Self {
        Self {
            max_line: 4 << 20,
            limits: Limits::default(),
            max_in_flight: 64,
            max_waiting: 1024,
            max_waiting_bytes: 16 << 20,
            max_output_bytes: 8 << 20,
            outbox: OutboxLimits::default(),
            drain: Duration::from_secs(10),
            shutdown: Stop::new(),
        }
    }
}

/// Why the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The client closed its side (MCP 2026-07-28, stdio, "Shutdown").
    InputClosed,
    /// The program asked for it.
    Shutdown,
    /// Nobody reads the output any more.
    OutputClosed,
}

/// What happened on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Why it ended.
    pub ended: Ended,
    /// Requests that reached the handler.
    pub requests: u64,
    /// Requests and lines that the driver itself answered with an error.
    pub refused: u64,
    /// Requests that the client cancelled in time.
    pub cancelled: u64,
    /// Calls that were not done when the time to drain was over, or when the output broke.
    pub dropped: u64,
    /// Answers and other messages that were ready and could not be written: the client did not read them in time, or at
    /// all.
    pub unwritten: u64,
}

impl Report {
    pub(super) const fn new() -> Self {
        Self { ended: Ended::InputClosed, requests: 0, refused: 0, cancelled: 0, dropped: 0, unwritten: 0 }
    }
}
