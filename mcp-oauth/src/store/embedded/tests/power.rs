//! A disk that stops in the middle: what was answered is there afterwards, and no error is a verdict.

use std::collections::HashMap;
use std::io;
use std::sync::MutexGuard;

use redb::StorageBackend;

use super::super::open::{database, init, judge};
use super::*;
use crate::store::contract::random::Random;
use crate::store::contract::samples::{IDLE, ROTATION, client, client_id, grant, seconds};
use crate::store::{Advance, Inserted};
use crate::types::GrantId;

/// Something that was done and is not yet certain.
enum Done {
    Wrote(u64, Vec<u8>),
    Sized(u64),
}

#[derive(Default)]
struct State {
    /// What is certain to be there after a power failure.
    certain: Vec<u8>,
    /// What a reader sees now.
    seen: Vec<u8>,
    since: Vec<Done>,
    /// How many more operations succeed; `None`: all.
    left: Option<u64>,
    full: bool,
}

/// A disk in memory that can lose what was not synced.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<State>>);

fn apply(bytes: &mut Vec<u8>, done: &Done) {
    match done {
        Done::Wrote(offset, data) => {
            let offset = usize::try_from(*offset).unwrap();
            if bytes.len() < offset + data.len() {
                bytes.resize(offset + data.len(), 0);
            }
            bytes[offset..offset + data.len()].copy_from_slice(data);
        }
        Done::Sized(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
    }
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The disk works for so many operations more.
    fn stop_after(&self, operations: u64, full: bool) {
        let mut state = self.state();
        (state.left, state.full) = (Some(operations), full);
    }

    /// The state, if the disk still works.
    fn working(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.left = match state.left {
            Some(0) if state.full => return Err(io::ErrorKind::StorageFull.into()),
            Some(0) => return Err(io::Error::other("the disk has stopped")),
            left => left.map(|left| left - 1),
        };
        Ok(state)
    }

    /// What is on it after a power failure: of what was not synced some, and of a long write perhaps a part.
    fn after_power_failure(&self, random: &mut Random) -> Self {
        let state = self.state();
        let mut bytes = state.certain.clone();
        for done in &state.since {
            match done {
                _ if random.one_in(2) => {}
                Done::Wrote(offset, data) if data.len() > 4096 && random.one_in(3) => {
                    let pages = random.below(data.len() as u64 / 4096) * 4096;
                    apply(&mut bytes, &Done::Wrote(*offset, data[..usize::try_from(pages).unwrap()].to_vec()));
                }
                done => apply(&mut bytes, done),
            }
        }
        let state = State { certain: bytes.clone(), seen: bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    fn open(&self) -> Result<EmbeddedStore, EmbeddedError> {
        let (path, options) = (Path::new("disk"), EmbeddedOptions::default());
        let new = self.state().seen.is_empty();
        let database = database(path, self.clone(), options)?;
        if new {
            init(&database).unwrap();
        }
        judge(path, &database)?;
        EmbeddedStore::start(database, path, options)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(state.seen.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.working()?;
        apply(&mut state.seen, &Done::Sized(length));
        state.since.push(Done::Sized(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.working()?;
        state.since.clear();
        state.certain = state.seen.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.working()?;
        let done = Done::Wrote(offset, data.to_vec());
        apply(&mut state.seen, &done);
        state.since.push(done);
        Ok(())
    }
}

/// What callers were answered, and what they asked last.
#[derive(Default)]
struct Told {
    clients: Vec<String>,
    /// The newest generation that was handed out, and whether another one was asked for.
    grants: HashMap<GrantId, (u32, bool)>,
    failures: usize,
}

/// Whether the call was answered. If not, the store could not tell, and says nothing else.
fn answer<T: fmt::Debug>(told: &Mutex<Told>, answer: Result<T, StoreError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) => {
            assert!(matches!(error, StoreError::Unavailable(_) | StoreError::Full), "{error:?}");
            assert!(error.is_transient());
            told.lock().unwrap().failures += 1;
            None
        }
    }
}

/// One of several that register clients and refresh grants until they are told that it does not work.
async fn work(stores: Stores, told: Arc<Mutex<Told>>, name: String) {
    for number in 0..30 {
        let name = format!("{name}.{number}");
        let inserted = stores.clients.insert(client(&name), None).await;
        let Some(inserted) = answer(&told, inserted) else { return };
        assert!(matches!(inserted, Inserted::New(_)));
        told.lock().unwrap().clients.push(name);
        let given = grant("ada", "c");
        let Some(()) = answer(&told, stores.grants.create(given.clone(), None, IDLE).await) else { return };
        for generation in 1..4 {
            told.lock().unwrap().grants.insert(given.id, (generation, true));
            let advanced = stores.grants.advance(given.id, generation, seconds(1), ROTATION).await;
            let Some(advanced) = answer(&told, advanced) else { return };
            assert_eq!(advanced, Advance::Next(generation + 1));
            told.lock().unwrap().grants.insert(given.id, (generation + 1, false));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_055_a_disk_that_stops_loses_nothing_that_was_answered_and_ends_no_grant() {
    let (mut failures, mut kept) = (0, 0);
    for seed in 1..=60 {
        let mut random = Random::seeded(seed);
        let disk = Disk::default();
        let stores = Stores::all_in(&Arc::new(disk.open().unwrap()));
        disk.stop_after(random.below(600), random.one_in(2));
        let told = Arc::new(Mutex::new(Told::default()));
        let tasks: Vec<_> =
            (0..6).map(|number| tokio::spawn(work(stores.clone(), Arc::clone(&told), format!("c{number}")))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let told = std::mem::take(&mut *told.lock().unwrap());
        if told.failures > 0 {
            for maintenance in &stores.maintenance {
                assert!(maintenance.ping().await.is_err(), "it says that it does not serve");
            }
        }
        for name in &told.clients {
            // Reads go on, or say that they cannot tell.
            assert!(!matches!(stores.clients.get(&client_id(name)).await, Ok(None)), "seed {seed}");
        }
        drop(stores);

        // The power fails; once more while the file is mended; then it stays.
        let mut disk = disk.after_power_failure(&mut random);
        disk.stop_after(random.below(30), false);
        drop(disk.open());
        disk = disk.after_power_failure(&mut random);
        let stores = Stores::all_in(&Arc::new(disk.open().unwrap()));
        for name in &told.clients {
            assert!(stores.clients.get(&client_id(name)).await.unwrap().is_some(), "{name} is lost, seed {seed}");
        }
        for (id, (generation, asked)) in &told.grants {
            let answer = stores.grants.advance(*id, *generation, seconds(2), ROTATION).await.unwrap();
            let (next, again) = (Advance::Next(generation + 1), Advance::Again(generation + 1));
            assert!(answer == next || (*asked && answer == again), "{answer:?}, seed {seed}");
        }
        failures += told.failures;
        kept += told.clients.len();
    }
    assert!(failures > 100 && kept > 100, "{failures} failures, {kept} clients");
}
