//! The table as the file has it now.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::table::{Table, TableError};
use crate::types::Timestamp;

/// The largest file that is read, in bytes.
pub(super) const LARGEST: u64 = 32 << 20;
/// How often the file is looked at, at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Why a file of users cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It cannot be read.
    #[error("the users file cannot be read")]
    Read(#[source] io::Error),
    /// It has more than 32 MiB.
    #[error("the users file has more than 32 MiB")]
    Large,
    /// It breaks its rules.
    #[error("the users file is not usable")]
    Table(#[source] TableError),
}

/// A file of users that is read again when it has changed.
#[derive(Debug)]
pub(super) struct Reloading {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    table: Arc<Table>,
    /// What the file looked like when it was read last, well or not; `None` if it was not there.
    seen: Option<Stamp>,
    looked_at: Timestamp,
}

/// What changes when a file does. The number of the file tells two apart that were written in the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    unix: (u64, i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            unix: (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Reloading {
    pub(super) fn open(path: &Path, now: Timestamp) -> Result<Self, LoadError> {
        let (stamp, table) = load(path).map_err(|(_, fault)| fault)?;
        let state = State { table: Arc::new(table), seen: Some(stamp), looked_at: now };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is an assignment: there is no state between two.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table as it was read last.
    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.state().table)
    }

    /// Whether it is time to look at the file. A clock that was set back makes it so, too.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let looked_at = self.state().looked_at;
        now < looked_at || now.since(looked_at) >= INTERVAL
    }

    /// The table as the file has it, looked at once a second at most. Blocks while it reads the file.
    ///
    /// Of several callers at the same time one reads; the others get what was there before.
    pub(super) fn current(&self, now: Timestamp) -> Arc<Table> {
        let seen = {
            let mut state = self.state();
            if now >= state.looked_at && now.since(state.looked_at) < INTERVAL {
                return Arc::clone(&state.table);
            }
            state.looked_at = now;
            state.seen
        };
        // A look alone costs little; reading is for files that have changed.
        let stamp = std::fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        if stamp == seen {
            return self.table();
        }
        match load(&self.path) {
            Ok((stamp, table)) => {
                tracing::info!(path = %self.path.display(), users = table.len(), "the users file was read again");
                let mut state = self.state();
                state.seen = Some(stamp);
                state.table = Arc::new(table);
            }
            Err((stamp, fault)) => {
                let fault: &dyn std::error::Error = &fault;
                tracing::error!(
                    path = %self.path.display(),
                    fault,
                    "the users file is not usable; the users are those that were read before"
                );
                // Said once for each state of the file.
                self.state().seen = stamp;
            }
        }
        self.table()
    }
}

/// Reads and parses. What the file looked like is found out before it is read, so that a change after that is noticed.
fn load(path: &Path) -> Result<(Stamp, Table), (Option<Stamp>, LoadError)> {
    let unread = |fault| (None, LoadError::Read(fault));
    let file = File::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    let stamp = Stamp::of(&metadata);
    let failed = |fault| (Some(stamp), fault);
    warn_of_others(path, &metadata);
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(|fault| failed(LoadError::Read(fault)))?;
    if read as u64 > LARGEST {
        return Err(failed(LoadError::Large));
    }
    let table = Table::parse(&text).map_err(|fault| failed(LoadError::Table(fault)))?;
    Ok((stamp, table))
}

#[cfg(unix)]
fn warn_of_others(path: &Path, metadata: &Metadata) {
    use std::os::unix::fs::MetadataExt as _;

    let mode = metadata.mode() & 0o777;
    // A group may be that of the server, which an administrator writes for.
    if mode & 0o007 != 0 || mode & 0o020 != 0 {
        tracing::warn!(
            path = %path.display(),
            mode = format_args!("{mode:03o}"),
            "others may read or write the users file; 'chmod 600' keeps it to its owner"
        );
    }
}

#[cfg(not(unix))]
const fn warn_of_others(_: &Path, _: &Metadata) {}
