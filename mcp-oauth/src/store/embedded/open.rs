//! How the file is made and opened.

use std::cell::Cell;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend, TableError};

use super::EmbeddedOptions;
use super::error::{EmbeddedError, Failure};
use super::tables::{CONSENTS_OF_CLIENT, LAYOUT, LAYOUT_NAME, META, Tables, make_tables};
use crate::private_file;

/// Opens the database in this file, or makes it.
pub(super) fn open(path: &Path, options: EmbeddedOptions) -> Result<Database, EmbeddedError> {
    let there = match fs::metadata(path) {
        // Somebody may have made an empty file for us: it becomes a store in place.
        Ok(metadata) => metadata.len() > 0 || !metadata.is_file(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path)?;
            true
        }
        Err(error) => return Err(EmbeddedError::io(path, error)),
    };
    let mut file = OpenOptions::new();
    let file = file.read(true).write(true).open(path).map_err(|error| EmbeddedError::io(path, error))?;
    make_private(&file).map_err(|error| EmbeddedError::io(path, error))?;
    let database = database(path, backend(path, file)?, options)?;
    if !there {
        init(&database).map_err(|failure| failed(path, failure))?;
    }
    judge(path, &database)?;
    complete(&database).map_err(|failure| failed(path, failure))?;
    Ok(database)
}

fn backend(path: &Path, file: File) -> Result<FileBackend, EmbeddedError> {
    FileBackend::new(file).map_err(|error| EmbeddedError::of(path, error))
}

/// The database in an open file.
pub(super) fn database(
    path: &Path,
    backend: impl StorageBackend,
    options: EmbeddedOptions,
) -> Result<Database, EmbeddedError> {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(options.check);
    // redb trusts a file that was closed well, and may panic over one that was damaged after that.
    match catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(backend))) {
        Ok(opened) => opened.map_err(|error| EmbeddedError::of(path, error)),
        Err(_) => Err(EmbeddedError::damaged(path, "its pages contradict each other")),
    }
}

/// Makes a store that is whole before it has its name: a crash meanwhile leaves none, and not half of one.
fn make(path: &Path) -> Result<(), EmbeddedError> {
    let at = |error| EmbeddedError::io(path, error);
    let folder = private_file::folder(path);
    make_folder(folder).map_err(at)?;
    let new = private_file::beside(path).map_err(at)?;
    let made = make_at(&new, path);
    let _ = fs::remove_file(&new);
    made?;
    private_file::sync_folder(folder).map_err(at)
}

fn make_at(new: &Path, path: &Path) -> Result<(), EmbeddedError> {
    drop(create(new, EmbeddedOptions::default())?);
    match fs::hard_link(new, path) {
        Ok(()) => Ok(()),
        // Another process was faster, and its store is as good.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without links: made in place, which a crash can leave half done.
        Err(_) => create(path, EmbeddedOptions::default()).map(drop),
    }
}

/// Makes a new file, which must not exist, with an empty store in it.
pub(super) fn create(path: &Path, options: EmbeddedOptions) -> Result<Database, EmbeddedError> {
    let file = private_file::create(path).map_err(|error| EmbeddedError::io(path, error))?;
    let database = database(path, backend(path, file)?, options)?;
    init(&database).map_err(|failure| failed(path, failure))?;
    Ok(database)
}

/// Makes the tables.
pub(super) fn init(database: &Database) -> Result<(), Failure> {
    let (transaction, writes) = (database.begin_write()?, Cell::new(0));
    make_tables(&transaction)?;
    {
        let mut tables = Tables::of(&transaction, &writes);
        if tables.layout()? == 0 {
            tables.set_layout()?;
        }
    }
    Ok(transaction.commit()?)
}

/// Makes the index that files of before it do not have.
fn complete(database: &Database) -> Result<(), Failure> {
    use redb::ReadableDatabase as _;

    match database.begin_read()?.open_table(CONSENTS_OF_CLIENT) {
        Ok(_) => return Ok(()),
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let (transaction, writes) = (database.begin_write()?, Cell::new(0));
    make_tables(&transaction)?;
    super::consents::list_by_client(&mut Tables::of(&transaction, &writes))?;
    Ok(transaction.commit()?)
}

/// Whether the file has our layout.
pub(super) fn judge(path: &Path, database: &Database) -> Result<(), EmbeddedError> {
    use redb::ReadableDatabase as _;

    let found = || -> Result<Option<u64>, Failure> {
        let meta = database.begin_read()?.open_table(META)?;
        Ok(redb::ReadableTable::get(&meta, LAYOUT_NAME)?.map(|layout| layout.value()))
    };
    match found().map_err(|failure| failed(path, failure))? {
        Some(LAYOUT) => Ok(()),
        Some(found) if found > LAYOUT => Err(EmbeddedError::Newer { path: path.to_owned(), found, known: LAYOUT }),
        _ => Err(EmbeddedError::damaged(path, "it has no layout")),
    }
}

/// What a failure means for whoever opens or copies this file.
pub(super) fn failed(path: &Path, failure: Failure) -> EmbeddedError {
    match failure {
        Failure::Database(error) => EmbeddedError::of(path, error),
        Failure::Corrupt(what) => EmbeddedError::damaged(path, what),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Takes from everybody else what they may do with the file.
#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(permissions.mode() & !0o077);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

/// Files have no modes here; whoever may read them is decided by the folder.
#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// Sees to it that the name of this file is on the disk.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    private_file::sync_folder(private_file::folder(path))
}
