//! A copy of the store put back.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use serde_json::json;

use super::{AdminError, Socket};
use crate::error::{Failure, chain};
use crate::place::Place;
use crate::stores::StoreUrl;

/// Puts the copy in the place of the store, if there is none and no server runs. Every page of it is read first.
///
/// # Cancel safety
/// Dropped, the store is there or not, and never a part of it.
pub(crate) async fn run(copy: &Path, place: Place) -> Result<(), Failure> {
    let StoreUrl::File(path) = &place.store else { return Err(AdminError::NoFile.into()) };
    if Socket::is_answered(&place.socket()).await {
        return Err(Failure::Running);
    }
    if path.exists() {
        return Err(AdminError::StoreThere(path.clone()).into());
    }
    place.prepare()?;
    let failed = |error: io::Error| AdminError::Restore(error.to_string());
    // It gets its name once it is known to be good.
    let beside = path.with_extension("restoring");
    let put = put(copy, &beside).and_then(|()| fs::hard_link(&beside, path).map_err(failed));
    // The other name, or what is no good.
    let removed = fs::remove_file(&beside);
    put?;
    removed.map_err(failed)?;
    writeln!(io::stdout(), "{}", json!({"store": path})).map_err(Failure::Output)
}

fn put(copy: &Path, beside: &Path) -> Result<(), AdminError> {
    let failed = |error: io::Error| AdminError::Restore(error.to_string());
    if fs::copy(copy, beside).map_err(failed)? == 0 {
        // An empty file would become a new store.
        return Err(AdminError::Restore("it is empty".to_owned()));
    }
    // The copy may be readable for others; the store is not.
    #[cfg(unix)]
    fs::set_permissions(beside, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(failed)?;
    let mut options = EmbeddedOptions::default();
    options.check = true;
    EmbeddedStore::open(beside, options).map_err(|error| AdminError::Restore(chain(&error)))?;
    fs::File::open(beside).and_then(|file| file.sync_all()).map_err(failed)
}
