//! Copying the store while it is used.

use std::fs;
use std::path::Path;

use redb::{
    Database, Durability, Key, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition, Value,
    WriteTransaction,
};

use super::EmbeddedOptions;
use super::error::{EmbeddedError, Failure};
use super::open::{create, failed, sync_name};
use super::tables::{
    CLIENTS, CONSENTS, CONSENTS_OF_CLIENT, CONSENTS_OF_SUBJECT, DEVICES, EXPIRY, FINGERPRINTS, FLOWS, GRANTS,
    GRANTS_OF_CLIENT, GRANTS_OF_SUBJECT, KEYS, META, REPLAYS, USER_CODES, each_table,
};

/// Copies the last transaction into a new file.
pub(super) fn copy(from: &Database, path: &Path) -> Result<(), EmbeddedError> {
    let to = create(path, EmbeddedOptions::default())?;
    let copied = copy_all(from, &to).map_err(|failure| failed(path, failure));
    let closed = to.close().map_err(|error| EmbeddedError::of(path, error));
    let kept = copied.and(closed).and_then(|()| sync_name(path).map_err(|error| EmbeddedError::io(path, error)));
    if kept.is_err() {
        let _ = fs::remove_file(path);
    }
    kept
}

fn copy_all(from: &Database, to: &Database) -> Result<(), Failure> {
    let from = from.begin_read()?;
    let mut to = to.begin_write()?;
    to.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
    macro_rules! copy {
        ($table:ident) => {
            copy_table(&from, &to, $table)?
        };
    }
    each_table!(copy);
    Ok(to.commit()?)
}

fn copy_table<K: Key, V: Value>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), Failure> {
    let from = from.open_table(table)?;
    let mut to = to.open_table(table)?;
    for entry in from.iter()? {
        let (key, value) = entry?;
        to.insert(key.value(), value.value())?;
    }
    Ok(())
}
