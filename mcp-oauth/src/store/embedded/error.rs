//! What opening, copying, reading and writing the file can fail with.

use std::io;
use std::path::{Path, PathBuf};

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};
use thiserror::Error;

use crate::store::{BoxError, StoreError};

/// The file of a store cannot be opened or copied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Another process has it open, or another store in this one.
    #[error("{} is in use by another process", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged, or no file of a store.
    #[error("{} is damaged, or not the file of a store", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BoxError,
    },
    /// A newer version of this program has written it.
    #[error("{} was written by a newer version (layout {found}, known is {known})", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout that it has.
        found: u64,
        /// The newest layout that this version knows.
        known: u64,
    },
    /// The system does not let us read or write it.
    #[error("{} cannot be read or written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl EmbeddedError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, source: impl Into<BoxError>) -> Self {
        Self::Damaged { path: path.to_owned(), source: source.into() }
    }

    /// What an error of the database means for whoever opens this file.
    pub(super) fn of(path: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                Self::InUse { path: path.to_owned() }
            }
            redb::Error::Io(error)
                if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Self::io(path, error)
            }
            other => Self::damaged(path, other),
        }
    }
}

/// Why a piece of work failed inside a transaction.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database did not do it.
    Database(redb::Error),
    /// A record cannot be read.
    Corrupt(&'static str),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) if is_full(&error) => Self::Full,
            Failure::Database(error) => Self::Unavailable(Box::new(error)),
            Failure::Corrupt(what) => Self::Corrupt(what),
        }
    }
}

/// Whether the disk has no room.
pub(super) fn is_full(error: &redb::Error) -> bool {
    let kind = match error {
        redb::Error::Io(error) => error.kind(),
        redb::Error::Backend(error) => match error.downcast_ref::<io::Error>() {
            Some(error) => error.kind(),
            None => return false,
        },
        _ => return false,
    };
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Database(error.into())
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::Database(error.into())
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        Self::Database(error.into())
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::Database(error.into())
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error.into())
    }
}
