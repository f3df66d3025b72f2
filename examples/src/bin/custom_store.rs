//! A store of one's own for one kind of record, beside a store in a file for the rest: `custom_store [ADDR:PORT]`.
//!
//! Consents go into a JSON file here, which a person can read. Any of the traits of `mcp_oauth::store` can be taken
//! over in this way. A store that keeps everything can be held to all its promises by `store::contract` (feature
//! `testing`).
//!
//! Both files are in the folder `EXAMPLE_DATA`, and what clients and users have outlives the program. The keys of the
//! server are in the store too, sealed with the key `EXAMPLE_MASTER_KEY`, which is kept elsewhere:
//! `openssl rand -base64 32`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use mcp_oauth::{
    identity::{Owner, Terminal},
    server::{AuthorizationServer, Peer},
    store::{
        ConsentRecord, ConsentStore, ConsentsOf, StoreError, Stores,
        embedded::{EmbeddedOptions, EmbeddedStore},
    },
    types::{Digest, Timestamp},
};
use mcp_transport::{
    auth::{Issuer, ResourceId, Subject},
    http::serve::{self, Server},
    seal::SealKey,
    signal,
};

/// Consents in one JSON file, which is written anew for each change: good for a handful of users.
struct ConsentFile {
    path: PathBuf,
    records: Mutex<BTreeMap<Digest, ConsentRecord>>,
}

impl ConsentFile {
    fn open(path: &Path) -> io::Result<Self> {
        let records: Vec<ConsentRecord> = match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let records = records.into_iter().map(|record| (record.key(), record)).collect();
        Ok(Self { path: path.to_owned(), records: Mutex::new(records) })
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<Digest, ConsentRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all of them beside the file and then in its place: whoever reads sees the old or the new, and never a half.
    fn write(&self, records: &BTreeMap<Digest, ConsentRecord>) -> Result<(), StoreError> {
        let write = || {
            let text = serde_json::to_vec(&records.values().collect::<Vec<_>>())?;
            let beside = self.path.with_extension("new");
            let mut file = fs::File::create(&beside)?;
            io::Write::write_all(&mut file, &text)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        };
        // An error of a store is no verdict about what was asked for: the server answers 503.
        write().map_err(|error: io::Error| StoreError::Unavailable(error.into()))
    }
}

#[async_trait]
impl ConsentStore for ConsentFile {
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError> {
        // What is over is absent, whether it has been removed or not.
        Ok(self.records().get(key).filter(|record| !record.expires_at.is_over(now)).cloned())
    }

    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError> {
        let mut records = self.records();
        let mut next = records.clone();
        next.insert(record.key(), record);
        self.write(&next)?;
        // Only what is on the disk is remembered.
        *records = next;
        Ok(())
    }

    async fn forget(&self, key: &Digest) -> Result<bool, StoreError> {
        let mut records = self.records();
        let mut next = records.clone();
        let found = next.remove(key).is_some();
        self.write(&next)?;
        *records = next;
        Ok(found)
    }

    async fn forget_all(&self, of: &ConsentsOf) -> Result<u64, StoreError> {
        let mut records = self.records();
        let mut next = records.clone();
        next.retain(|_, record| !of.includes(record));
        let forgotten = records.len() - next.len();
        if forgotten > 0 {
            self.write(&next)?;
            *records = next;
        }
        Ok(forgotten as u64)
    }

    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError> {
        let good = |record: &&ConsentRecord| record.subject == *subject && !record.expires_at.is_over(now);
        Ok(self.records().values().filter(good).take(1000).cloned().collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let data = PathBuf::from(std::env::var("EXAMPLE_DATA").unwrap_or_else(|_| "auth-data".to_owned()));
    let master = std::env::var("EXAMPLE_MASTER_KEY").map_err(|_| "EXAMPLE_MASTER_KEY is no 32 bytes in base64")?;
    let listener = Server::bind(address).await?;
    let public = format!("http://{}", listener.local_addr()?);

    // The store makes the folder, for its owner alone.
    let store = EmbeddedStore::open(&data.join("store.redb"), EmbeddedOptions::default())?;
    let mut stores = Stores::all_in(&Arc::new(store));
    stores.consents = Arc::new(ConsentFile::open(&data.join("consents.json"))?);

    let server = AuthorizationServer::builder(Issuer::parse(&public)?)
        .resource(ResourceId::parse(&format!("{public}/mcp"))?)
        .identity(Arc::new(Owner::new(Arc::new(Terminal))))
        .stores(stores)
        .master_key(SealKey::from_base64(&master)?)
        .build()
        .await?;
    let maintained = server.clone();
    tokio::spawn(async move { maintained.maintain().await });
    // It is told who asks by what the accept loop knows: its limits are by address.
    let service = server.service();
    let connected = move |ends: serve::ConnectInfo| {
        let peer = Peer::direct(ends.remote.ip());
        service.clone().peer(move |_| Some(peer))
    };
    eprintln!("listening on {public}");
    listener.serve_with(connected, signal::asked_to_stop()?).await;
    Ok(())
}
