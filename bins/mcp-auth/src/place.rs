//! Where the server keeps things: a folder of its own, with the store, the master key, and the socket of administration.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mcp_oauth::master_key::{self, MasterKeyError};
use mcp_transport::net::Tls;
use mcp_transport::seal::SealKey;

use crate::environment::Environment;
use crate::options::PlaceOptions;
use crate::stores::{InvalidStore, StoreUrl};

/// Where everything is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder.
    pub(crate) data: PathBuf,
    /// The store.
    pub(crate) store: StoreUrl,
    /// Whom outbound connections trust beside the platform's authorities.
    pub(crate) tls: Option<Tls>,
    /// The users, where they sign in with a password.
    pub(crate) users_file: Option<PathBuf>,
    /// The file of the master key.
    pub(crate) master_key_file: PathBuf,
}

/// What is wrong with the place, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("name the folder of the server with --data: neither XDG_DATA_HOME nor HOME says where it is")]
    NoFolder,
    #[error("--store: {0}")]
    Store(#[source] InvalidStore),
    #[error("--ca-file: {0}")]
    Authorities(#[source] mcp_transport::net::Error),
    #[error("the data folder {} cannot be used: {source}; name another one with --data", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("others may write to the data folder {path}; 'chmod go-w {path}' keeps it to its owner", path = .0.display())]
    Open(PathBuf),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
}

impl Place {
    /// Checks what the command line says. Nothing is made.
    pub(crate) fn new(options: &PlaceOptions, environment: &Environment) -> Result<Self, PlaceError> {
        let given = options.data.clone().filter(|data| !data.as_os_str().is_empty());
        let data = given.or_else(|| environment.data_home().map(|home| home.join("mcp-auth")));
        let data = data.ok_or(PlaceError::NoFolder)?;
        let store = match options.store.as_deref().filter(|store| !store.is_empty()) {
            Some(url) => StoreUrl::parse(url, environment),
            None => match environment.get("REDIS_URL") {
                Some(url) => StoreUrl::parse(url, environment),
                None => Ok(StoreUrl::File(data.join("store.redb"))),
            },
        };
        let master_key_file = options.master_key_file.clone().unwrap_or_else(|| data.join("master-key"));
        let tls = options.ca_file.as_ref().map(Tls::with_ca_file).transpose().map_err(PlaceError::Authorities)?;
        let users_file = options.users_file.clone().filter(|file| !file.as_os_str().is_empty());
        let limit = Duration::from_secs(u64::from(options.store_timeout.get()));
        let store = store.map_err(PlaceError::Store)?.answered_within(limit);
        Ok(Self { store, tls, users_file, master_key_file, data })
    }

    /// The same place with a store that is forgotten: to try a configuration.
    pub(crate) fn in_memory(&self) -> Self {
        Self { store: StoreUrl::Memory, ..self.clone() }
    }

    /// Where the one-time code of the owner is written where there is no terminal.
    pub(crate) fn owner_code(&self) -> PathBuf {
        self.data.join("owner-code")
    }

    /// Takes away the code of a server that was killed: it is good for nothing.
    pub(crate) fn forget_owner_code(&self) {
        if let Err(error) = fs::remove_file(self.owner_code())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.owner_code().display(), %error, "an old one-time code cannot be removed");
        }
    }

    /// The socket of administration.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data.join("admin.sock")
    }

    /// Makes the folder, for its owner alone, if it is missing; one that others may write to is refused, because they
    /// could lay a key of theirs there.
    pub(crate) fn prepare(&self) -> Result<(), PlaceError> {
        let failed = |source| PlaceError::Folder { path: self.data.clone(), source };
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(&self.data).map_err(failed)?;
        let metadata = fs::metadata(&self.data).map_err(failed)?;
        if is_open(&metadata, 0o022) { Err(PlaceError::Open(self.data.clone())) } else { Ok(()) }
    }

    /// Whether there is a master key.
    pub(crate) fn has_master_key(&self) -> bool {
        self.master_key_file.exists()
    }

    /// The key that seals the keys in the store. Made if there is none.
    pub(crate) fn master_key(&self) -> Result<SealKey, PlaceError> {
        Ok(master_key::read_or_make(&self.master_key_file)?)
    }

    /// The same key, if there is one: nothing is made.
    pub(crate) fn kept_master_key(&self) -> Result<Option<SealKey>, PlaceError> {
        Ok(master_key::read(&self.master_key_file)?)
    }
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

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    use super::*;
    use crate::testing::Scratch;

    fn place(data: &Path) -> Place {
        let options = PlaceOptions {
            store_timeout: std::num::NonZeroU32::MIN,
            data: Some(data.to_owned()),
            store: None,
            master_key_file: None,
            users_file: None,
            ca_file: None,
            log_format: crate::options::LogFormat::Text,
        };
        Place::new(&options, &Environment::default()).unwrap()
    }

    #[test]
    fn the_folder_and_the_key_are_private() {
        let scratch = Scratch::new();
        let place = place(&scratch.path("a/b"));
        place.prepare().unwrap();
        let key = place.master_key().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&place.data), mode(&place.master_key_file)), (0o700, 0o600));
        // The same key again, and nothing is left beside it.
        assert_eq!(place.master_key().unwrap().expose(), key.expose());
        assert_eq!(fs::read_dir(&place.data).unwrap().count(), 1);
    }

    #[test]
    fn what_others_may_touch_is_refused() {
        let scratch = Scratch::new();
        let place = place(&scratch.path("data"));
        place.prepare().unwrap();
        place.master_key().unwrap();
        fs::set_permissions(&place.master_key_file, fs::Permissions::from_mode(0o644)).unwrap();
        let said = place.master_key().unwrap_err().to_string();
        assert!(said.contains("chmod 600"), "{said}");
        fs::set_permissions(&place.data, fs::Permissions::from_mode(0o770)).unwrap();
        let said = place.prepare().unwrap_err().to_string();
        assert!(said.contains("chmod go-w"), "{said}");
    }
}
