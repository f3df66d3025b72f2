//! Stores by URL.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::{EmbeddedError, EmbeddedOptions, EmbeddedStore};
use mcp_oauth::store::memory::{MemoryLimits, MemoryStore};

use crate::environment::Environment;

/// Which store is meant.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// In memory: forgotten at the end of the process.
    Memory,
    /// In a file.
    File(PathBuf),
}

/// A URL that names no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidStore {
    /// Another scheme.
    #[error("a store is file:PATH or memory:")]
    Scheme,
    /// No path.
    #[error("name the file of the store, as in file:/var/lib/mcp-auth/store.redb")]
    NoPath,
}

/// A store that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stores: Stores,
    /// The same, where it is a file.
    pub(crate) file: Option<Arc<EmbeddedStore>>,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("the store cannot be opened: {0}{why}", why = Because(.0))]
    File(#[from] EmbeddedError),
}

/// What an error says of its cause.
struct Because<'a>(&'a EmbeddedError);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(self.0) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StoreUrl {
    /// Reads a URL.
    pub(crate) fn parse(url: &str, _: &Environment) -> Result<Self, InvalidStore> {
        let (scheme, rest) = url.split_once(':').ok_or(InvalidStore::Scheme)?;
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "file" => {
                // `file:///PATH` is the form of RFC 8089, `file:PATH` what people write; that may be relative.
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() { Err(InvalidStore::NoPath) } else { Ok(Self::File(PathBuf::from(path))) }
            }
            _ => Err(InvalidStore::Scheme),
        }
    }

    /// Whether another process can see what this one keeps in it.
    pub(crate) const fn is_kept(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Opens it. Blocks on the disk.
    pub(crate) fn open(&self) -> Result<Opened, OpenError> {
        match self {
            Self::Memory => {
                let store = Arc::new(MemoryStore::new(MemoryLimits::default()));
                Ok(Opened { stores: Stores::all_in(&store), file: None })
            }
            Self::File(path) => {
                let store = Arc::new(EmbeddedStore::open(path, EmbeddedOptions::default())?);
                Ok(Opened { stores: Stores::all_in(&store), file: Some(store) })
            }
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_by_url() {
        let parse = |url: &str| StoreUrl::parse(url, &Environment::default());
        assert_eq!(parse("memory:"), Ok(StoreUrl::Memory));
        for (url, path) in [("file:/a/b.redb", "/a/b.redb"), ("file:///a/b", "/a/b"), ("file:b", "b")] {
            assert_eq!(parse(url), Ok(StoreUrl::File(PathBuf::from(path))));
        }
        for (url, fault) in [
            ("file:", InvalidStore::NoPath),
            ("file://", InvalidStore::NoPath),
            ("memory:x", InvalidStore::Scheme),
            ("mysql://h", InvalidStore::Scheme),
            ("/a/b", InvalidStore::Scheme),
        ] {
            assert_eq!(parse(url), Err(fault), "{url}");
        }
    }
}
