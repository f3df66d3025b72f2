mod crash;
mod file;
mod group;
mod measure;
mod power;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::store::Stores;
use crate::store::contract::Handles;
use crate::types::random;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("store-{:016x}", u64::from_be_bytes(random().unwrap())));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("oauth.redb")
    }

    fn open(&self) -> EmbeddedStore {
        open(&self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> EmbeddedStore {
    EmbeddedStore::open(path, EmbeddedOptions::default()).unwrap()
}

async fn handles() -> Handles {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    Handles::new(Stores::all_in(&store), Stores::all_in(&store)).reopened_by(move || {
        let store = folder.open();
        async move { Stores::all_in(&Arc::new(store)) }
    })
}

crate::store_contract!(handles);
