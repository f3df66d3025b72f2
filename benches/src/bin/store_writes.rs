//! Writes the clients that a server has registered into a new file once more: by redb alone, or by the store alone.
//!
//! What stands in the file of the server is what is written, row by row and byte by byte, so that what is compared is the same
//! writes. Prints one line of JSON.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use mcp_oauth::store::{ClientStore as _, Inserted};
use mcp_oauth::types::{Client, Digest};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::Deserialize;
use serde_json::json;

type Failure = Box<dyn Error + Send + Sync>;

/// Writes registered clients into a new file once more.
#[derive(Parser)]
struct Arguments {
    /// The file of a server that has registered clients, and has ended.
    #[arg(long)]
    from: PathBuf,
    /// The new file.
    #[arg(long)]
    to: PathBuf,
    /// Who writes.
    #[arg(long, value_enum)]
    by: Writer,
    /// How many clients go into each transaction (redb), or are written at once (store).
    #[arg(long, default_value = "64")]
    at_once: NonZeroUsize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Writer {
    /// redb alone, with the same tables, and nothing between.
    Redb,
    /// `EmbeddedStore::insert`, by as many tasks as are written at once.
    Store,
}

/// The layout of `mcp_oauth::store::embedded`, as far as a registration writes to it.
const CLIENTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("clients");
const FINGERPRINTS: TableDefinition<'_, &[u8; 32], &str> = TableDefinition::new("fingerprints");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const CLIENT_VERSION: &str = "client version";

/// A client as it stands in the file.
struct Row {
    id: String,
    fingerprint: Option<[u8; 32]>,
    bytes: Vec<u8>,
    version: u64,
    client: Client,
}

/// What of a row is read.
#[derive(Deserialize)]
struct Read {
    version: u64,
    client: Client,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let rows = rows(&arguments.from)?;
    let (count, at_once) = (rows.len(), arguments.at_once.get());
    let took = match arguments.by {
        Writer::Redb => by_redb(&rows, &arguments.to, at_once)?,
        Writer::Store => by_store(rows, &arguments.to, at_once)?,
    };
    let rate = count as f64 / took.as_secs_f64();
    writeln!(io::stdout(), "{}", json!({ "clients": count, "seconds": took.as_secs_f64(), "rate": rate }))?;
    Ok(())
}

/// The clients in the order in which they were registered.
fn rows(file: &Path) -> Result<Vec<Row>, Failure> {
    let database = Database::open(file)?;
    let reading = database.begin_read()?;
    let mut fingerprints = HashMap::new();
    for entry in reading.open_table(FINGERPRINTS)?.iter()? {
        let (fingerprint, id) = entry?;
        fingerprints.insert(id.value().to_owned(), *fingerprint.value());
    }
    let mut rows = Vec::new();
    for entry in reading.open_table(CLIENTS)?.iter()? {
        let (id, bytes) = entry?;
        let (id, bytes) = (id.value().to_owned(), bytes.value().to_vec());
        let (_, text) = bytes.split_first().ok_or("a row is empty")?;
        let Read { version, client } = serde_json::from_slice(text)?;
        rows.push(Row { fingerprint: fingerprints.remove(&id), id, bytes, version, client });
    }
    rows.sort_by_key(|row| row.version);
    Ok(rows)
}

fn by_redb(rows: &[Row], file: &Path, at_once: usize) -> Result<Duration, Failure> {
    // Makes the tables, as the server had them before it was measured.
    drop(EmbeddedStore::open(file, EmbeddedOptions::default())?);
    let database = Database::builder().set_cache_size(EmbeddedOptions::default().cache_bytes).open(file)?;
    let began = Instant::now();
    for group in rows.chunks(at_once) {
        let writing = database.begin_write()?;
        {
            let mut clients = writing.open_table(CLIENTS)?;
            let mut fingerprints = writing.open_table(FINGERPRINTS)?;
            let mut meta = writing.open_table(META)?;
            for row in group {
                if let Some(fingerprint) = &row.fingerprint {
                    fingerprints.insert(fingerprint, row.id.as_str())?;
                }
                clients.insert(row.id.as_str(), row.bytes.as_slice())?;
                meta.insert(CLIENT_VERSION, row.version)?;
            }
        }
        writing.commit()?;
    }
    Ok(began.elapsed())
}

fn by_store(rows: Vec<Row>, file: &Path, at_once: usize) -> Result<Duration, Failure> {
    let store = Arc::new(EmbeddedStore::open(file, EmbeddedOptions::default())?);
    let each = rows.len().div_ceil(at_once);
    let mut rest = rows.into_iter();
    let shares: Vec<Vec<Row>> = (0..at_once).map(|_| rest.by_ref().take(each).collect()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let began = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for share in shares {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                for Row { client, fingerprint, .. } in share {
                    match store.insert(client, fingerprint.map(Digest::from_bytes)).await? {
                        Inserted::New(_) => {}
                        other => return Err(Failure::from(format!("not a new client: {other:?}"))),
                    }
                }
                Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(began.elapsed())
    })
}
