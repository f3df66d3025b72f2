//! The settings of the Streamable HTTP service.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{headers::Accepts, origin::AccessPolicy};
use crate::{
    handler::Outcome,
    jsonrpc::Limits,
    outbox::OutboxLimits,
    session::{LocalBus, MemorySessions, SessionBus, SessionStore},
};

/// Settings of [`McpService`](super::McpService). The defaults serve a server on loopback.
///
/// ```
/// use std::time::Duration;
/// use mcp_transport::http::HttpConfig;
/// use mcp_transport::http::origin::{AccessPolicy, HostPolicy, OriginPolicy};
///
/// let mut config = HttpConfig::default();
/// config.access = AccessPolicy::new(HostPolicy::loopback().allow("mcp.example.com")?, OriginPolicy::loopback());
/// config.session_idle = Duration::from_secs(300);
/// assert_eq!(config.access.openings().count(), 0, "nothing of it is a danger that must be said in the log");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpConfig {
    /// Which hosts and origins may speak to us. Loopback only by default; an endpoint with a public URL has
    /// [`AccessPolicy::for_resource`].
    pub access: AccessPolicy,
    /// Size and depth of a message. 4 MiB and 128 levels by default.
    pub limits: Limits,
    /// The time for a request body to come in. 30 seconds by default.
    pub body_timeout: Duration,
    /// What may wait on one stream for a client that reads slowly. 64 messages and 1 MiB by default.
    pub outbox: OutboxLimits,
    /// Which answers come as a stream of events. Only those that need it by default.
    pub streams: Streams,
    /// Silence after which a stream gets a comment, and a call without an answer becomes a stream. 15 seconds by
    /// default; counted in whole seconds.
    pub keep_alive: Duration,
    /// What a client of a legacy stream is told to wait before it connects again. 3 seconds by default.
    pub retry: Duration,
    /// What is kept of a legacy stream for a client that comes back with `Last-Event-ID`. 256 messages and 1 MiB by
    /// default. While a connection reads the stream, a call that sends more waits for it; while none does, the call
    /// goes on and the oldest messages are let go. A client that comes back later gets those that are left and a
    /// comment that says how many it missed.
    pub replay: OutboxLimits,
    /// What the legacy streams of all sessions may hold together, in bytes of messages. 256 MiB by default. Beyond it,
    /// streams that are over and that nobody reads are let go, oldest first; a client that comes back for one gets 400.
    /// If that is not enough, what has been read is let go as well, calls whose stream is read wait for each of their
    /// messages to be read, and of a stream that nobody reads only the newest message is kept.
    pub replay_total: usize,
    /// A legacy session that is not used for so long ends. An hour by default.
    pub session_idle: Duration,
    /// Requests that may run at once in one legacy session. 256 by default.
    pub session_requests: usize,
    /// Where legacy sessions are kept. In memory, at most 10,000 and 1,000 of one owner, by default.
    pub sessions: Arc<dyn SessionStore>,
    /// How processes that serve the same sessions speak to each other. There is one process by default.
    pub bus: Arc<dyn SessionBus>,
    /// The wall clock, for the expiry of tokens and records.
    pub clock: fn() -> SystemTime,
}

/// Which answers come as a stream of events, where the client's `Accept` leaves the choice to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Streams {
    /// Those that send something before the answer, or keep the client waiting for long. The rest is JSON, which costs
    /// both sides less.
    #[default]
    WhenNeeded,
    /// Every result, as other servers do it: for clients that were only ever tried with those. Errors stay JSON, because
    /// their status is part of what they say; so do the result of `initialize` and the answers to a batch.
    Always,
}

impl HttpConfig {
    /// Whether the answer to a call that sent nothing before it is JSON.
    pub(super) fn is_json(&self, accepts: Accepts, outcome: &Outcome) -> bool {
        let streamed = self.streams == Streams::Always && accepts.sse() && matches!(outcome, Outcome::Reply(_));
        accepts.json() && !streamed
    }

    pub(super) fn retry_ms(&self) -> u64 {
        u64::try_from(self.retry.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            access: AccessPolicy::default(),
            limits: Limits::default(),
            body_timeout: Duration::from_secs(30),
            outbox: OutboxLimits::default(),
            streams: Streams::WhenNeeded,
            keep_alive: Duration::from_secs(15),
            retry: Duration::from_secs(3),
            replay: OutboxLimits::new(256, 1 << 20),
            replay_total: 256 << 20,
            session_idle: Duration::from_secs(3600),
            session_requests: 256,
            sessions: Arc::new(MemorySessions::default()),
            bus: Arc::new(LocalBus::default()),
            clock: SystemTime::now,
        }
    }
}
