//! The master key in a file: read, or made at the first start. For whoever keeps it beside the store.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_transport::seal::SealKey;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::private_file;

/// What is wrong with the file of a master key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MasterKeyError {
    /// It cannot be read, or cannot be made.
    #[error("the master key {} cannot be read or made: {source}", .path.display())]
    File {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner and its group may read it, or others may write to it.
    #[error("others may read the master key {path}; 'chmod 600 {path}' keeps it to its owner", path = .0.display())]
    Open(PathBuf),
    /// It holds something else.
    #[error("the master key {} is not 32 random bytes in base64", .0.display())]
    NoKey(PathBuf),
}

impl MasterKeyError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

/// The key in this file, made if there is none: for [`master_key`](crate::server::AuthorizationServerBuilder::master_key). The
/// file holds 32 random bytes in base64, and can be read by its owner alone (mode 0600). Of several processes that make it at
/// the same time one does, and all get the same key. Without it nobody can read the keys in the store: copy it with that.
///
/// ```
/// use mcp_oauth::master_key;
///
/// let path = std::env::temp_dir().join(format!("master-key-of-{}", std::process::id()));
/// let key = master_key::read_or_make(&path)?;
/// assert_eq!(master_key::read_or_make(&path)?.expose(), key.expose());
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// When it cannot be read or made, holds something else, or others may read it.
pub fn read_or_make(path: &Path) -> Result<SealKey, MasterKeyError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    make(path).map_err(|source| MasterKeyError::file(path, source))?;
    read(path)?.ok_or_else(|| MasterKeyError::file(path, io::ErrorKind::NotFound.into()))
}

/// The key in this file, if there is one: nothing is made.
///
/// # Errors
///
/// As [`read_or_make`].
pub fn read(path: &Path) -> Result<Option<SealKey>, MasterKeyError> {
    let failed = |source| MasterKeyError::file(path, source);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    // A group may be what hands the key to the server, as orchestrators do.
    if is_open(&file.metadata().map_err(failed)?, 0o027) {
        return Err(MasterKeyError::Open(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(1024).read_to_string(&mut text);
    // What is no text is no base64 either.
    read.map_err(failed)?;
    SealKey::from_base64(&text).map(Some).map_err(|_| MasterKeyError::NoKey(path.to_owned()))
}

/// Whether any of these permissions are given.
#[cfg(unix)]
fn is_open(metadata: &fs::Metadata, permissions: u32) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & permissions != 0
}

/// Other systems have no such permissions.
#[cfg(not(unix))]
const fn is_open(_: &fs::Metadata, _: u32) -> bool {
    false
}

/// Writes a new key, unless another process was faster.
fn make(path: &Path) -> io::Result<()> {
    let key = SealKey::random().map_err(io::Error::other)?;
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.expose())));
    match private_file::make(path, |mut file, _| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            tracing::info!(path = %path.display(), "a master key was made; without it the keys in the store are lost");
            Ok(())
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;
    use crate::private_file::Scratch;

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let scratch = Scratch::new();
        let path = scratch.file("key");
        assert!(read(&path).unwrap().is_none());
        let key = read_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let before = fs::read(&path).unwrap();
        make(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(read_or_make(&path).unwrap().expose(), key.expose());
    }

    #[test]
    fn of_many_at_once_one_makes_it_and_all_have_the_same() {
        const MANY: usize = 8;
        let scratch = Scratch::new();
        for round in 0..20 {
            let path = scratch.file(&format!("key-{round}"));
            let start = std::sync::Barrier::new(MANY);
            let keys: Vec<_> = std::thread::scope(|scope| {
                let threads = [(); MANY].map(|()| {
                    scope.spawn(|| {
                        start.wait();
                        read_or_make(&path).unwrap()
                    })
                });
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| key.expose() == keys[0].expose()));
        }
    }

    #[test]
    fn what_others_may_read_and_what_is_no_key_is_refused_without_showing_it() {
        let scratch = Scratch::new();
        let path = scratch.file("key");
        read_or_make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_or_make(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::write(&path, "chocolate").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let said = read_or_make(&path).unwrap_err().to_string();
        assert!(said.contains("32 random bytes") && !said.contains("chocolate"), "{said}");
    }
}
