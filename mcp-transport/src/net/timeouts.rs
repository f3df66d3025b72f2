//! How long and how much.

use std::time::Duration;

/// How long the steps of a request may take.
///
/// | step | default |
/// |---|---|
/// | `connect` | 10 s |
/// | `head` | 30 s |
/// | `idle` | none |
/// | `total` | 60 s |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub(super) connect: Duration,
    pub(super) head: Duration,
    pub(super) idle: Option<Duration>,
    pub(super) total: Option<Duration>,
}

impl Timeouts {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: None,
            total: Some(Duration::from_secs(60)),
        }
    }

    /// For lookup, TCP and TLS together, over all addresses of the name.
    #[must_use]
    pub const fn connect(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// From the request to the head of its response, the connection included; for each redirect anew.
    #[must_use]
    pub const fn head(mut self, limit: Duration) -> Self {
        self.head = limit;
        self
    }

    /// Between two pieces of the body. `None` leaves it to `total`.
    #[must_use]
    pub const fn idle(mut self, limit: Option<Duration>) -> Self {
        self.idle = limit;
        self
    }

    /// For everything, from the request over redirects to the end of the body. `None` is for streams that stay open.
    #[must_use]
    pub const fn total(mut self, limit: Option<Duration>) -> Self {
        self.total = limit;
        self
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::new()
    }
}
