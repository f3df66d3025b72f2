//! The sessions that this process holds.

mod sink;

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use rustc_hash::FxBuildHasher;

use self::sink::Elsewhere;
pub(super) use self::sink::Sink;
use super::{
    config::HttpConfig,
    replay::{Budget, Replay},
    service::Shared,
};
use crate::{
    error::Chain,
    exchange::Exchange,
    jsonrpc::RequestId,
    session::{BusGuard, BusMessage, Session, SessionId},
};

/// How many streams of requests are kept for a client that comes back, in one session.
const KEPT: usize = 16;

/// A session and what runs in it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Session,
    /// Seconds on the service's clock.
    used: AtomicU64,
    /// When the session ends, as this process has last told the store or read there.
    stored: Mutex<SystemTime>,
    /// Connections that wait for an answer or read a stream.
    attached: AtomicUsize,
    /// Notifications that the handler has not done with.
    notes: AtomicUsize,
    running: Mutex<Calls>,
    streams: Mutex<Streams>,
    elsewhere: Mutex<Elsewhere>,
    pub(super) bus: OnceLock<BusGuard>,
}

#[derive(Debug, Default)]
struct Calls {
    /// Mostly one or two, and never more than a session may run: looked through, not hashed. Each has a number of ours, by
    /// which it is found again when it is over.
    calls: Vec<(u64, Exchange)>,
    begun: u64,
    /// The session is over: nothing may begin any more.
    over: bool,
}

#[derive(Debug, Default)]
struct Streams {
    made: u32,
    posts: Vec<Arc<Replay>>,
    own: Option<Arc<Replay>>,
}

impl Live {
    pub(super) fn new(session: Session, now: u64, expires_at: SystemTime) -> Self {
        Self {
            session,
            used: AtomicU64::new(now),
            stored: Mutex::new(expires_at),
            attached: AtomicUsize::new(0),
            notes: AtomicUsize::new(0),
            running: Mutex::default(),
            streams: Mutex::default(),
            elsewhere: Mutex::default(),
            bus: OnceLock::new(),
        }
    }

    pub(super) fn touch(&self, now: u64) {
        self.used.store(now, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn stored(&self, expires_at: SystemTime) {
        *lock(&self.stored) = expires_at;
    }

    /// Whether another process has used the session since this one spoke to the store, if that says `expires_at`.
    pub(super) fn is_used_elsewhere(&self, expires_at: SystemTime) -> bool {
        expires_at > *lock(&self.stored)
    }

    /// Notes that a connection is there. A session is used as long as one is.
    pub(super) fn attach(self: &Arc<Self>) -> Attached {
        self.attached.fetch_add(1, Ordering::Relaxed);
        Attached(Arc::clone(self))
    }

    /// Notes a notification that goes to the handler. `None` if too many are there already.
    pub(super) fn note(self: &Arc<Self>, most: usize) -> Option<Noted> {
        let noted = Noted(Arc::clone(self));
        (self.notes.fetch_add(1, Ordering::Relaxed) < most).then_some(noted)
    }

    /// Notes a request that runs.
    pub(super) fn run(self: &Arc<Self>, cx: &Exchange, most: usize) -> Result<Running, NotRun> {
        let mut running = lock(&self.running);
        if running.over {
            return Err(NotRun::Over);
        }
        if running.calls.iter().any(|(_, other)| other.id() == cx.id()) {
            return Err(NotRun::IdInUse);
        }
        if running.calls.len() >= most {
            return Err(NotRun::TooMany);
        }
        running.begun += 1;
        let number = running.begun;
        running.calls.push((number, cx.clone()));
        Ok(Running { live: Arc::clone(self), number })
    }

    /// Cancels a request that runs here. `false` if none of this id does.
    pub(super) fn cancel(&self, id: &RequestId) -> bool {
        let running = lock(&self.running).calls.iter().find(|(_, cx)| cx.id() == id).cloned();
        running.inspect(|(_, cx)| cx.cancelled().give()).is_some()
    }

    /// A stream for the messages of one POST.
    pub(super) fn open_stream(&self, config: &HttpConfig, budget: &Arc<Budget>) -> Arc<Replay> {
        let mut streams = lock(&self.streams);
        streams.made = streams.made.wrapping_add(1).max(1);
        let (limits, revision) = (config.replay, self.session.revision());
        let stream = Replay::new(streams.made, revision, limits, config.retry_ms(), budget);
        // All streams that are over share the bound of one, oldest first: a stream may hold one message as large as a
        // body, and so many of those for each session are more than a server has.
        let mut held: usize = streams.posts.iter().map(|stream| stream.held()).sum();
        streams.posts.retain(|stream| {
            let goes = held > limits.bytes && stream.is_done();
            // What runs may have grown since the sum was made.
            held = held.saturating_sub(if goes { stream.held() } else { 0 });
            !goes
        });
        if streams.posts.len() >= KEPT {
            // A stream that still runs is kept if any other can go.
            let oldest = streams.posts.iter().position(|stream| stream.is_done()).unwrap_or_default();
            streams.posts.remove(oldest);
        }
        streams.posts.push(Arc::clone(&stream));
        stream
    }

    /// The stream for messages outside any request.
    pub(super) fn own_stream(&self, config: &HttpConfig, budget: &Arc<Budget>) -> Arc<Replay> {
        let mut streams = lock(&self.streams);
        let own = streams
            .own
            .get_or_insert_with(|| Replay::new(0, self.session.revision(), config.replay, config.retry_ms(), budget));
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

    /// Whether a connection of the client is there. A call that runs alone does not count: nobody may ever come back for
    /// its answer, and a session that it kept would never end.
    pub(super) fn is_busy(&self) -> bool {
        self.attached.load(Ordering::Relaxed) > 0
    }

    /// Lets go of streams that are over.
    pub(super) fn forget_streams(&self) {
        let mut streams = lock(&self.streams);
        streams.posts.retain(|stream| !stream.is_done());
        streams.posts.shrink_to_fit();
    }

    /// Tells the other processes that hold the session.
    pub(super) async fn tell(&self, shared: &Shared, message: BusMessage) {
        if let Err(cause) = shared.config.bus.send(self.session.id(), message).await {
            tracing::error!(error = %Chain(&cause), "other processes could not be told about a session");
        }
    }

    /// Tells the store, and then the other processes, what was changed here. What the store does not take is told again.
    pub(super) async fn tell_changes(&self, shared: &Shared) {
        let changes = self.session.take_changes();
        if changes.is_empty() {
            return;
        }
        if let Err(cause) = shared.config.sessions.change(self.session.id(), &changes).await {
            tracing::error!(error = %Chain(&cause), "what was changed in a session could not be stored");
            return self.session.untold(changes);
        }
        for change in changes {
            self.tell(shared, BusMessage::Changed(change)).await;
        }
    }

    /// Ends everything: calls, streams, asks.
    pub(super) fn shut(&self) {
        let running: Vec<(u64, Exchange)> = {
            let mut running = lock(&self.running);
            running.over = true;
            running.calls.clone()
        };
        for (_, cx) in running {
            cx.cancelled().give();
        }
        self.forwards_nothing();
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
    Over,
}

/// Takes a request out of its session's table when it is over.
#[derive(Debug)]
pub(super) struct Running {
    live: Arc<Live>,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.live.running).calls.retain(|(number, _)| *number != self.number);
    }
}

/// A connection that is there.
#[derive(Debug)]
pub(super) struct Attached(Arc<Live>);

impl Deref for Attached {
    type Target = Arc<Live>;

    fn deref(&self) -> &Arc<Live> {
        &self.0
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.attached.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A notification that the handler has not done with.
#[derive(Debug)]
pub(super) struct Noted(Arc<Live>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.notes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sessions that this process holds, by id.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Hashed without a secret: no client writes the ids that get in here, we or the store draw them at random.
    sessions: Mutex<HashMap<SessionId, Arc<Live>, FxBuildHasher>>,
    budget: OnceLock<Arc<Budget>>,
}

impl Table {
    /// What the streams of all sessions share.
    pub(super) fn budget(&self, config: &HttpConfig) -> &Arc<Budget> {
        self.budget.get_or_init(|| Budget::new(config.replay_total))
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Live>> {
        lock(&self.sessions).get(id).cloned()
    }

    /// Takes a session in.
    ///
    /// # Errors
    /// The one that is there already.
    pub(super) fn insert(&self, live: Arc<Live>) -> Result<Arc<Live>, Arc<Live>> {
        match lock(&self.sessions).entry(live.session.id().clone()) {
            Entry::Occupied(there) => Err(Arc::clone(there.get())),
            Entry::Vacant(room) => Ok(Arc::clone(room.insert(live))),
        }
    }

    pub(super) fn remove(&self, id: &SessionId) -> Option<Arc<Live>> {
        lock(&self.sessions).remove(id.as_str())
    }

    pub(super) fn all(&self) -> Vec<Arc<Live>> {
        lock(&self.sessions).values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.sessions).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
