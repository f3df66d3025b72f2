//! How much may wait in an outbox.

/// How much may wait in an outbox for a reader that is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxLimits {
    /// Messages. The default is 64.
    pub messages: usize,
    /// Bytes of all messages. The default is 1 MiB. A single larger message passes while the outbox is empty.
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { messages: 64, bytes: 1 << 20 }
    }
}

impl OutboxLimits {
    /// Bounds of the caller's own.
    #[must_use]
    pub const fn new(messages: usize, bytes: usize) -> Self {
        Self { messages, bytes }
    }
}
