//! Files that nobody else may read, made or replaced as a whole: for whoever keeps keys or stores beside a server.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

#[cfg(test)]
use crate::types::Secret;
use crate::types::random;

/// Makes a file of what `fill` writes, which can be read and written by its owner only (mode 0600). It gets its name once it
/// is whole and on the disk; until then `fill` finds it under another one beside it, the path that it is given. Of several
/// processes that make the same file one does.
///
/// ```
/// use std::io::Write as _;
/// use mcp_oauth::private_file;
///
/// let path = std::env::temp_dir().join(format!("master-key-{}", std::process::id()));
/// private_file::make(&path, |mut file, _| file.write_all(b"chocolate"))?;
/// assert_eq!(std::fs::read(&path)?, b"chocolate");
///
/// let error = private_file::make(&path, |mut file, _| file.write_all(b"vanilla")).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of `fill` and of the file system, which has to have links; [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there
/// is such a file. Nothing is left of it then.
pub fn make(path: &Path, fill: impl FnOnce(&File, &Path) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path)?;
    let file = create(&beside)?;
    let filled = fill(&file, &beside).and_then(|()| file.sync_all());
    // Unlike a rename, a link does not take the place of another's file.
    let made = filled.and_then(|()| fs::hard_link(&beside, path));
    let removed = fs::remove_file(&beside);
    made.and(removed)?;
    sync_folder(folder(path))
}

/// Puts `contents` in the place of the file, so that a reader sees the old text or the new one, never a part. The file
/// can be read and written by its owner only (mode 0600); one that is replaced keeps its owner and mode, given as
/// `like`.
///
/// What was written survives a crash of the machine: file and folder are synced.
pub(crate) fn replace(path: &Path, contents: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let beside = beside(path)?;
    let file = create(&beside)?;
    let written = fill(file, contents, like).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may be half written; nobody knows its name.
        let _ = fs::remove_file(&beside);
    }
    written?;
    sync_folder(folder(path))
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// A name in the same folder, hence on the same file system, that nobody can have prepared.
pub(crate) fn beside(path: &Path) -> io::Result<PathBuf> {
    let number = u64::from_ne_bytes(random().map_err(io::Error::other)?);
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{number:016x}.new"));
    Ok(path.with_file_name(name))
}

/// A new file, which can be read and written by its owner only.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn fill(mut file: File, contents: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    file.write_all(contents)?;
    if let Some(like) = like {
        keep_owner(&file, like)?;
        file.set_permissions(like.permissions())?;
    }
    file.sync_all()
}

/// A server that runs as another user still reads the file after an administrator has changed it.
#[cfg(unix)]
fn keep_owner(file: &File, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};

    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Sees to it that a new name in this folder is on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A folder of its own for a test, which takes it away at the end.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

#[cfg(test)]
impl Scratch {
    pub(crate) fn new() -> Self {
        let name = Secret::random("mcp-oauth-test-").unwrap();
        let folder = std::env::temp_dir().join(name.expose());
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[cfg(test)]
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

    use super::*;

    #[test]
    fn a_new_file_is_private_and_a_replaced_one_keeps_its_mode() {
        let scratch = Scratch::new();
        let path = scratch.file("f");
        replace(&path, b"one", None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);

        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let like = fs::metadata(&path).unwrap();
        replace(&path, b"two", Some(&like)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_ne!(fs::metadata(&path).unwrap().ino(), like.ino());
        assert_eq!(scratch.names(), ["f"]);
    }

    #[test]
    fn a_file_that_is_made_is_private_and_whole_or_not_there() {
        let scratch = Scratch::new();
        let path = scratch.file("f");
        let make = |contents: &[u8]| {
            make(&path, |mut file, beside| {
                assert_eq!(fs::metadata(beside)?.mode() & 0o777, 0o600);
                file.write_all(contents)?;
                assert!(!path.exists() || fs::read(&path)? == b"one");
                if contents.is_empty() { Err(io::Error::other("nothing")) } else { Ok(()) }
            })
        };
        assert_eq!(make(b"").unwrap_err().to_string(), "nothing");
        assert!(scratch.names().is_empty());
        make(b"one").unwrap();
        assert_eq!(make(b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&path).unwrap(), scratch.names()), (b"one".to_vec(), vec!["f".to_owned()]));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_that_somebody_has_laid_is_replaced_and_not_followed() {
        let scratch = Scratch::new();
        let (target, path) = (scratch.file("target"), scratch.file("f"));
        fs::write(&target, "theirs").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        replace(&path, b"ours", None).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn nothing_is_left_of_a_write_that_fails() {
        let scratch = Scratch::new();
        let path = scratch.file("f");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"one", None).is_err());
        assert_eq!(scratch.names(), ["f"]);
        assert!(replace(&scratch.file("no/f"), b"one", None).is_err());
    }
}
