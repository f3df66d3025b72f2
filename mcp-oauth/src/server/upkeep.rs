//! Whether anybody looks after the server. Nothing that it answers depends on it, so nobody would notice for weeks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::types::Timestamp;

/// How long a server may answer before somebody has to have begun.
const PATIENCE: Duration = Duration::from_secs(300);

/// Whether anybody has begun to look after the server.
#[derive(Debug)]
pub(crate) struct Upkeep {
    built: Timestamp,
    /// Somebody has, or it was said that nobody has.
    settled: AtomicBool,
}

impl Upkeep {
    /// Of a server that was built now.
    pub(crate) const fn from(now: Timestamp) -> Self {
        Self { built: now, settled: AtomicBool::new(false) }
    }

    /// Somebody looks after the server.
    pub(crate) fn begin(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// Says once in the log that nobody does, where a request comes long after the start.
    pub(crate) fn look(&self, now: impl FnOnce() -> Timestamp) {
        if !self.settled.load(Ordering::Relaxed)
            && self.built.after(PATIENCE).is_over(now())
            && !self.settled.swap(true, Ordering::Relaxed)
        {
            tracing::error!(
                "nobody looks after the authorization server: its keys do not change, and its stores are not swept; \
                 run AuthorizationServer::maintain in a task, on every node"
            );
        }
    }
}
