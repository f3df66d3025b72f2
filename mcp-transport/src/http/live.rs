//! The sessions that this process holds.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::replay::Replay;
use crate::{
    exchange::Exchange,
    jsonrpc::RequestId,
    outbox::OutboxLimits,
    session::{BusGuard, BusMessage, BusSink, Session, SessionId},
};

/// How many streams of requests are kept for a client that comes back, in one session.
const KEPT: usize = 16;

/// A session and what runs in it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Session,
    /// Seconds on the service's clock.
    used: AtomicU64,
    running: Mutex<HashMap<RequestId, Exchange>>,
    streams: Mutex<Streams>,
    pub(super) bus: OnceLock<BusGuard>,
}

#[derive(Debug, Default)]
struct Streams {
    made: u32,
    posts: Vec<Arc<Replay>>,
    own: Option<Arc<Replay>>,
}

impl Live {
    pub(super) fn new(session: Session, now: u64) -> Self {
        Self {
            session,
            used: AtomicU64::new(now),
            running: Mutex::default(),
            streams: Mutex::default(),
            bus: OnceLock::new(),
        }
    }

    pub(super) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes a request that runs. `None` if its id is in use, or if too many run.
    pub(super) fn run(self: &Arc<Self>, cx: &Exchange, most: usize) -> Result<Running, NotRun> {
        let mut running = lock(&self.running);
        if running.contains_key(cx.id()) {
            return Err(NotRun::IdInUse);
        }
        if running.len() >= most {
            return Err(NotRun::TooMany);
        }
        running.insert(cx.id().clone(), cx.clone());
        Ok(Running { live: Arc::clone(self), id: cx.id().clone() })
    }

    /// Cancels a request that runs here. `false` if none of this id does.
    pub(super) fn cancel(&self, id: &RequestId) -> bool {
        let running = lock(&self.running).get(id).cloned();
        running.inspect(|cx| cx.cancelled().give()).is_some()
    }

    /// A stream for the messages of one POST.
    pub(super) fn open_stream(&self, limits: OutboxLimits, retry_ms: u64) -> Arc<Replay> {
        let mut streams = lock(&self.streams);
        streams.made = streams.made.wrapping_add(1).max(1);
        let stream = Arc::new(Replay::new(streams.made, self.session.revision(), limits, retry_ms));
        if streams.posts.len() >= KEPT {
            // A stream that still runs is kept if any other can go.
            let oldest = streams.posts.iter().position(|stream| stream.is_done()).unwrap_or_default();
            streams.posts.remove(oldest);
        }
        streams.posts.push(Arc::clone(&stream));
        stream
    }

    /// The stream for messages outside any request.
    pub(super) fn own_stream(&self, limits: OutboxLimits, retry_ms: u64) -> Arc<Replay> {
        let mut streams = lock(&self.streams);
        let own =
            streams.own.get_or_insert_with(|| Arc::new(Replay::new(0, self.session.revision(), limits, retry_ms)));
        Arc::clone(own)
    }

    /// The stream with this number.
    pub(super) fn stream(&self, number: u32) -> Option<Arc<Replay>> {
        let streams = lock(&self.streams);
        if number == 0 {
            return streams.own.clone();
        }
        streams.posts.iter().find(|stream| stream.stream() == number).cloned()
    }

    /// Whether something runs or is being read.
    pub(super) fn is_busy(&self) -> bool {
        if !lock(&self.running).is_empty() {
            return true;
        }
        let streams = lock(&self.streams);
        streams.own.iter().chain(&streams.posts).any(|stream| stream.is_connected())
    }

    /// Lets go of streams that are over.
    pub(super) fn forget_streams(&self) {
        let mut streams = lock(&self.streams);
        streams.posts.retain(|stream| !stream.is_done());
        streams.posts.shrink_to_fit();
    }

    /// Ends everything: calls, streams, asks.
    pub(super) fn shut(&self) {
        let running: Vec<Exchange> = lock(&self.running).values().cloned().collect();
        for cx in running {
            cx.cancelled().give();
        }
        let streams = std::mem::take(&mut *lock(&self.streams));
        for stream in streams.own.iter().chain(&streams.posts) {
            stream.finish();
        }
    }
}

/// Why a request did not run.
#[derive(Clone, Copy, Debug)]
pub(super) enum NotRun {
    IdInUse,
    TooMany,
}

/// Takes a request out of its session's table when it is over.
#[derive(Debug)]
pub(super) struct Running {
    live: Arc<Live>,
    id: RequestId,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.live.running).remove(&self.id);
    }
}

/// The sessions that this process holds, by id.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<HashMap<SessionId, Arc<Live>>>);

impl Table {
    pub(super) fn find(&self, id: &str) -> Option<Arc<Live>> {
        lock(&self.0).get(id).cloned()
    }

    /// Takes a session in, or gives the one that is there already.
    pub(super) fn insert(&self, live: Arc<Live>) -> Arc<Live> {
        Arc::clone(lock(&self.0).entry(live.session.id().clone()).or_insert(live))
    }

    pub(super) fn remove(&self, id: &SessionId) -> Option<Arc<Live>> {
        lock(&self.0).remove(id.as_str())
    }

    pub(super) fn all(&self) -> Vec<Arc<Live>> {
        lock(&self.0).values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

/// Takes what other processes say about a session that this one holds.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) live: Weak<Live>,
    pub(super) shared: Weak<super::service::Shared>,
}

impl BusSink for Sink {
    fn deliver(&self, message: BusMessage) {
        let (Some(live), Some(shared)) = (self.live.upgrade(), self.shared.upgrade()) else {
            return;
        };
        match message {
            BusMessage::Answer { id, outcome } => drop(live.session.asks().answer(&id, outcome)),
            BusMessage::Cancelled(id) => drop(live.cancel(&id)),
            BusMessage::Ready => drop(live.session.ready()),
            BusMessage::Ended(why) => shared.end_here(&live, why),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
