//! What a store can fail with.

use thiserror::Error;

/// The cause of an error, for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store could not do what it was asked.
///
/// It says nothing about what it was asked for. Endpoints answer 503 with `Retry-After` to those that pass, and 500 to
/// those that do not; nothing is ever revoked because of one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or is not ready. Passes.
    #[error("the store cannot be reached")]
    Unavailable(#[source] BoxError),
    /// It did not answer in time; whether the call took effect is not known. Passes.
    #[error("the store did not answer in time")]
    Timeout,
    /// It has no room, or refuses to write. Passes once somebody makes room.
    #[error("the store has no room")]
    Full,
    /// A record cannot be read: written by a newer version, or damaged.
    #[error("a record of the store cannot be read: {0}")]
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout | Self::Full)
    }
}
