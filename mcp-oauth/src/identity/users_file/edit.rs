//! Changes to the file. Each is one step: a reader sees the file before it or after it, and of two at the same time
//! one waits for the other. All of them block.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::name::UserName;
use super::password::{Hash, PasswordFault};
use super::reload::LARGEST;
use super::table::{Table, TableError, UserState, content};
use crate::private_file;
use crate::types::Secret;

/// What stands in a new file.
const HEADING: &str = "# NAME:PASSWORD[:OPTION].. with the options disabled, groups=A,B name=TEXT email=ADDRESS\n";

/// Why a file of users has not been changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EditError {
    /// It cannot be read.
    #[error("the users file cannot be read")]
    Read(#[source] io::Error),
    /// It cannot be written.
    #[error("the users file cannot be written")]
    Write(#[source] io::Error),
    /// It breaks its rules, or would: what is changed in it is not guessed.
    #[error("the users file is not usable")]
    Table(#[source] TableError),
    /// The password is not taken.
    #[error("the password is not usable")]
    Password(#[source] PasswordFault),
    /// There is a user of this name.
    #[error("there is a user of this name")]
    Exists,
    /// There was a user of this name, whose grants may still be about.
    #[error("the name belonged to a user who was removed, and is not given again")]
    Retired,
    /// There is no user of this name.
    #[error("there is no user of this name")]
    Absent,
}

/// Adds a user. Makes the file if there is none, for its owner alone to read (mode 0600).
///
/// # Errors
///
/// [`EditError::Exists`] and [`EditError::Retired`], when the name is taken; those of the file and of the password.
pub fn add(path: &Path, name: &UserName, password: &Secret) -> Result<(), EditError> {
    // Before the lock: it takes a moment.
    let hash = Hash::of(password).map_err(EditError::Password)?;
    edit(path, |table, lines| {
        if let Some(user) = table.find(name) {
            return Err(if user.state == UserState::Removed { EditError::Retired } else { EditError::Exists });
        }
        lines.push(format!("{name}:{hash}"));
        Ok(())
    })
}

/// Gives a user another password. Browsers on which they are signed in have to sign in again; the grants of clients go on.
///
/// # Errors
///
/// [`EditError::Absent`]; those of the file and of the password.
pub fn set_password(path: &Path, name: &UserName, password: &Secret) -> Result<(), EditError> {
    let hash = Hash::of(password).map_err(EditError::Password)?.to_string();
    edit(path, |table, lines| change(table, lines, name, |fields| hash.clone_into(&mut fields.password)))
}

/// Takes a user's password away: they cannot sign in, and their grants end at the next refresh.
///
/// # Errors
///
/// [`EditError::Absent`]; those of the file.
pub fn withdraw_password(path: &Path, name: &UserName) -> Result<(), EditError> {
    edit(path, |table, lines| change(table, lines, name, |fields| fields.password.clear()))
}

/// Disables a user: they cannot sign in, and their grants end at the next refresh. They keep their password.
///
/// # Errors
///
/// [`EditError::Absent`]; those of the file.
pub fn disable(path: &Path, name: &UserName) -> Result<(), EditError> {
    edit(path, |table, lines| {
        change(table, lines, name, |fields| {
            fields.options.retain(|option| option != "disabled");
            fields.options.push("disabled".to_owned());
        })
    })
}

/// Takes [`disable`] back.
///
/// # Errors
///
/// [`EditError::Absent`]; those of the file.
pub fn enable(path: &Path, name: &UserName) -> Result<(), EditError> {
    edit(path, |table, lines| change(table, lines, name, |fields| fields.options.retain(|option| option != "disabled")))
}

/// Removes a user. A line with their name stays, so that nobody else gets it.
///
/// # Errors
///
/// [`EditError::Absent`]; those of the file.
pub fn remove(path: &Path, name: &UserName) -> Result<(), EditError> {
    edit(path, |table, lines| {
        change(table, lines, name, |fields| {
            fields.password.clear();
            fields.options = vec!["removed".to_owned()];
        })
    })
}

/// The users in the order of their names, and how each stands. Removed ones too.
///
/// # Errors
///
/// Those of the file.
pub fn list(path: &Path) -> Result<Vec<(UserName, UserState)>, EditError> {
    let (text, _) = read(path)?.ok_or_else(|| EditError::Read(io::ErrorKind::NotFound.into()))?;
    let table = Table::parse(&text).map_err(EditError::Table)?;
    Ok(table.iter().map(|(name, user)| (name.clone(), user.state)).collect())
}

/// The part of a line that may change.
struct Tail {
    password: String,
    options: Vec<String>,
}

/// Changes the line of one user, and leaves every other as it is.
fn change(
    table: &Table,
    lines: &mut [String],
    name: &UserName,
    change: impl FnOnce(&mut Tail),
) -> Result<(), EditError> {
    if table.find(name).is_none_or(|user| user.state == UserState::Removed) {
        return Err(EditError::Absent);
    }
    let named = |line: &&mut String| content(line).and_then(|line| line.split(':').next()) == Some(name.as_str());
    let line = lines.iter_mut().find(named).ok_or(EditError::Absent)?;
    let mut fields = line.trim().split(':').skip(1).map(str::to_owned);
    let mut tail = Tail { password: fields.next().unwrap_or_default(), options: fields.collect() };
    change(&mut tail);
    let fields: Vec<String> = [name.as_str().to_owned(), tail.password].into_iter().chain(tail.options).collect();
    *line = fields.join(":");
    Ok(())
}

/// Reads, changes and replaces the file under a lock.
fn edit(path: &Path, change: impl FnOnce(&Table, &mut Vec<String>) -> Result<(), EditError>) -> Result<(), EditError> {
    let path = resolved(path).map_err(EditError::Read)?;
    let _lock = lock(&path).map_err(EditError::Write)?;
    let (text, metadata) = read(&path)?.unzip();
    let text = text.unwrap_or_else(|| HEADING.to_owned());
    let table = Table::parse(&text).map_err(EditError::Table)?;
    let mut lines: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(str::to_owned).collect();
    change(&table, &mut lines)?;
    let text = lines.iter().fold(String::with_capacity(text.len() + 256), |text, line| text + line + "\n");
    // What is written can be read again.
    Table::parse(&text).map_err(EditError::Table)?;
    private_file::replace(&path, text.as_bytes(), metadata.as_ref()).map_err(EditError::Write)
}

/// The file itself, where the path is a link to it: the link stays.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        other => other,
    }
}

fn read(path: &Path) -> Result<Option<(String, Metadata)>, EditError> {
    let file = match File::open(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(EditError::Read)?,
    };
    let metadata = file.metadata().map_err(EditError::Read)?;
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(EditError::Read)?;
    if read as u64 > LARGEST {
        return Err(EditError::Read(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some((text, metadata)))
}

/// Waits for others who change a file of the same folder. The file cannot be locked itself, because it is replaced.
#[cfg(unix)]
fn lock(path: &Path) -> io::Result<File> {
    let folder = File::open(private_file::folder(path))?;
    loop {
        match rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map(|()| folder).map_err(io::Error::from),
        }
    }
}

/// Other systems have no lock here: of two changes at the same time one may be lost.
#[cfg(not(unix))]
fn lock(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
