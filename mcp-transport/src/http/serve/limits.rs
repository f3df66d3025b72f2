//! What a server's connections are held to.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) header_read_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) max_header_bytes: usize,
    pub(super) max_concurrent_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
            max_connections: 10_000,
            max_header_bytes: 32 * 1024,
            max_concurrent_streams: 256,
        }
    }
}

/// Longer than a connection lasts, and short enough to be added to any time of day.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

impl Limits {
    /// Whoever wants no limit may name the longest time there is.
    pub(super) fn within_reason(self) -> Self {
        Self {
            header_read_timeout: self.header_read_timeout.min(LONGEST),
            idle_timeout: self.idle_timeout.min(LONGEST),
            write_timeout: self.write_timeout.min(LONGEST),
            ..self
        }
    }
}
