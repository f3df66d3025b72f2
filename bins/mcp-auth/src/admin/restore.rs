//! A copy of the store put back.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use mcp_oauth::private_file;
use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use serde_json::json;

use super::{AdminError, Socket};
use crate::error::{Failure, chain};
use crate::place::Place;
use crate::stores::StoreUrl;

/// Puts the copy in the place of the store, if there is none and no server runs. Every page of it is read first.
///
/// # Cancel safety
///
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
    // It gets its name once it is known to be good.
    let put = private_file::make(path, |file, beside| put(copy, file, beside));
    put.map_err(|error| AdminError::Restore(chain(&error)))?;
    writeln!(io::stdout(), "{}", json!({"store": path})).map_err(Failure::Output)
}

fn put(copy: &Path, mut file: &File, path: &Path) -> io::Result<()> {
    if io::copy(&mut File::open(copy)?, &mut file)? == 0 {
        // An empty file would become a new store.
        return Err(io::Error::other("it is empty"));
    }
    let mut options = EmbeddedOptions::default();
    options.check = true;
    EmbeddedStore::open(path, options).map(drop).map_err(io::Error::other)
}
