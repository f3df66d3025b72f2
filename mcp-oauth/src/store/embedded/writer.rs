//! The one thread that writes: group commit.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redb::Database;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::error::{Failure, is_full};
use super::tables::Tables;
use crate::store::StoreError;

/// How many pieces of work wait at most. Those who come then wait for their turn to wait.
const QUEUE: usize = 4096;
/// How many go into one transaction at most.
const GROUP: usize = 1024;
/// How long a transaction is held back at most for those who were in the one before; and never for longer than a quarter of
/// what that one took, so that a fast disk is not kept waiting.
const GATHER: Duration = Duration::from_millis(1);

/// Does one piece of work inside a transaction, if there is one, and gives who is to be told when it is over.
type Work = Box<dyn FnOnce(Option<&mut Tables<'_>>) -> Ran + Send>;

/// A piece of work that has run.
struct Ran {
    failed: bool,
    tell: Box<dyn FnOnce(Result<(), StoreError>)>,
}

/// What the thread has done since it was started.
#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    transactions: AtomicU64,
}

/// How much a store has written since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedCounts {
    /// Calls that wanted to write something.
    pub calls: u64,
    /// Transactions that were written to the disk for them. A call that turned out to have nothing to write needs none.
    pub transactions: u64,
}

/// The way to the thread. Dropping it waits until the thread has done what is queued.
pub(super) struct Writer {
    queue: Option<Sender<(Work, OwnedSemaphorePermit)>>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(database: Arc<Database>) -> io::Result<Self> {
        let (queue, works) = mpsc::channel();
        let counts = Arc::<Counts>::default();
        let counted = Arc::clone(&counts);
        let thread =
            thread::Builder::new().name("oauth-store".to_owned()).spawn(move || run(&database, &works, &counted))?;
        Ok(Self { queue: Some(queue), room: Arc::new(Semaphore::new(QUEUE)), thread: Some(thread), counts })
    }

    /// Runs `work` in the next transaction, and gives its answer once that is on the disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let (told, answer) = oneshot::channel::<Result<T, StoreError>>();
        let work: Work = Box::new(move |tables| {
            let result = match tables {
                Some(tables) => work(tables).map_err(StoreError::from),
                None => Err(poisoned()),
            };
            let failed = result.is_err();
            let tell = move |committed: Result<(), StoreError>| {
                // Nobody may be waiting any more.
                let _ = told.send(result.and_then(|answer| committed.map(|()| answer)));
            };
            Ran { failed, tell: Box::new(tell) }
        });
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(|_| gone())?;
        // From here on it happens.
        self.queue.as_ref().and_then(|queue| queue.send((work, permit)).ok()).ok_or_else(gone)?;
        answer.await.map_err(|_| gone())?
    }

    pub(super) fn counts(&self) -> EmbeddedCounts {
        let Counts { calls, transactions } = &*self.counts;
        EmbeddedCounts { calls: calls.load(Ordering::Relaxed), transactions: transactions.load(Ordering::Relaxed) }
    }

    /// How many pieces of work are in the queue or in the hands of the thread.
    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        QUEUE - self.room.available_permits()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread has ended: it met a file that is damaged in a way that the database does not stand.
fn gone() -> StoreError {
    StoreError::Unavailable("the thread that writes has ended".into())
}

/// The transaction has failed before its turn came.
fn poisoned() -> StoreError {
    StoreError::Unavailable(Box::new(redb::Error::TransactionPoisoned))
}

fn run(database: &Database, works: &Receiver<(Work, OwnedSemaphorePermit)>, counts: &Counts) {
    let (mut before, mut wait) = (1, Duration::ZERO);
    while let Ok(first) = works.recv() {
        let group = gather(works, first, before, wait);
        before = group.len();
        counts.calls.fetch_add(group.len() as u64, Ordering::Relaxed);
        let began = Instant::now();
        commit(database, group, counts);
        wait = GATHER.min(began.elapsed() / 4);
    }
}

/// Those that wait; and for a moment those who were in the group before, because they have just been answered and most often
/// come again at once. Otherwise every second group would be the few who came first.
fn gather(
    works: &Receiver<(Work, OwnedSemaphorePermit)>,
    first: (Work, OwnedSemaphorePermit),
    before: usize,
    wait: Duration,
) -> Vec<(Work, OwnedSemaphorePermit)> {
    let mut group = vec![first];
    group.extend(works.try_iter().take(GROUP - 1));
    let until = Instant::now() + wait;
    while group.len() < before {
        match works.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(next) => group.push(next),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    group
}

/// Does the work of a group in one transaction, and tells all of them.
fn commit(database: &Database, group: Vec<(Work, OwnedSemaphorePermit)>, counts: &Counts) {
    let mut ran = Vec::with_capacity(group.len());
    let (works, permits): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    let mut works = works.into_iter();
    let outcome = transact(database, &mut works, &mut ran, counts);
    ran.extend(works.map(|work| work(None)));
    drop(permits);
    let failure = outcome.err().map(Arc::new);
    for Ran { tell, .. } in ran {
        tell(match &failure {
            None => Ok(()),
            Some(error) if is_full(error) => Err(StoreError::Full),
            Some(error) => Err(StoreError::Unavailable(Box::new(Arc::clone(error)))),
        });
    }
}

fn transact(
    database: &Database,
    works: &mut impl Iterator<Item = Work>,
    ran: &mut Vec<Ran>,
    counts: &Counts,
) -> Result<(), redb::Error> {
    let writes = Cell::new(0);
    let transaction = database.begin_write()?;
    {
        let mut tables = Tables::of(&transaction, &writes);
        for work in works {
            let before = writes.get();
            let done = work(Some(&mut tables));
            let half = done.failed && writes.get() > before;
            ran.push(done);
            if half {
                // What it has written cannot be taken back alone.
                return Err(redb::Error::TransactionPoisoned);
            }
        }
        tables.finish()?;
    }
    if writes.get() == 0 {
        return Ok(transaction.abort()?);
    }
    transaction.commit()?;
    counts.transactions.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
