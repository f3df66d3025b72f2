//! Administration: one implementation of each command, used in the running server and without one.
//!
//! | file | what it holds |
//! |---|---|
//! | `commands` | the commands as they stand on the command line |
//! | `request` | what is asked and answered, the same over the socket and in one process |
//! | `desk` | [`Desk`]: who answers; `clients`, `grants`, `consents`, `keys`, `upkeep` have the commands |
//! | `socket` | [`Socket`]: the running server's end, for its own user alone |
//! | `line` | to the running server, or to a desk in this process |
//! | `ask` | from the command line to a request, and the answer printed |
//! | `restore` | a copy put back, while no server runs |
//! | `users`, `password` | users in a file: no server is asked, it reads the file again |
//!
//! There is no administration over HTTP.

pub(crate) mod ask;
mod clients;
pub(crate) mod commands;
mod consents;
mod desk;
mod grants;
mod keys;
mod line;
mod password;
pub(crate) mod request;
pub(crate) mod restore;
#[cfg(unix)]
mod socket;
#[cfg(not(unix))]
#[path = "no_socket.rs"]
mod socket;
mod upkeep;
pub(crate) mod users;

use std::io;
use std::path::PathBuf;

use mcp_oauth::identity::users_file::{EditError, UserNameError};
use mcp_oauth::server::KeychainError;
use mcp_oauth::store::StoreError;

pub(crate) use self::desk::Desk;
pub(crate) use self::socket::Socket;
use crate::error::chain;

/// Why a command cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing; the command that lists them.
    #[error("there is no such {0}; 'mcp-auth {1} list' names those that there are")]
    Absent(&'static str, &'static str),
    #[error(
        "there is no such registered client, and nothing was ended; 'grants revoke --client' ends what a client was allowed \
         that is known by a metadata document"
    )]
    NoClientToDelete,
    #[error(
        "there is a client of this id already; give another --client-id, or delete that one with 'mcp-auth clients delete'"
    )]
    Taken,
    #[error("the store holds no keys yet: the server makes them at its first start")]
    NoKeys,
    #[error("the keys in the store cannot be opened: there is no master key at {}; check --master-key-file", .0.display())]
    NoMasterKey(PathBuf),
    #[error("nothing is kept in memory:, and no server runs in this data folder")]
    NothingKept,
    #[error("there is no store at {} and no server runs in this data folder; check --data and --store", .0.display())]
    NoStore(PathBuf),
    #[error("only a store in a file can be copied and put back")]
    NoFile,
    #[error("the copy cannot be made: {0}")]
    Copy(String),
    #[error("the copy cannot be put back: {0}")]
    Restore(String),
    #[error("{} is there already: move it away first", .0.display())]
    StoreThere(PathBuf),
    #[error("the store fails: {}", chain(.0))]
    Store(#[from] StoreError),
    #[error("{}", chain(.0))]
    Keys(#[from] KeychainError),
    #[error("random bytes are missing: {0}")]
    Random(#[from] mcp_oauth::types::RandomError),
    #[error("the running server cannot be asked: {0}")]
    Socket(#[source] io::Error),
    #[error("the running server hung up; it answers its own user and root alone")]
    HungUp,
    #[error("the running server answers what cannot be read; it may be of another version")]
    Unreadable,
    /// The running server says why.
    #[error("{0}")]
    Refused(String),
    #[error("name the file of the users with --users-file")]
    NoUsersFile,
    #[error("{0:?}: {1}")]
    UserName(String, #[source] UserNameError),
    #[error("{}", chain(.0))]
    Users(#[from] EditError),
    #[error("the password cannot be read: {0}")]
    Password(#[source] io::Error),
}

impl AdminError {
    /// 2 where the command line has to be mended, else 1.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::NoUsersFile
            | Self::UserName(..)
            | Self::NoMasterKey(_)
            | Self::NoStore(_)
            | Self::NothingKept
            | Self::StoreThere(_) => 2,
            _ => 1,
        }
    }
}
