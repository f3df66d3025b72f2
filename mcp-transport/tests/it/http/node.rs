//! Nodes that share a store and a bus, both of which can fail.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use mcp_transport::{
    Error,
    http::McpService,
    protocol::Revisions,
    session::{
        BusGuard, BusMessage, BusSink, Created, MemorySessions, Phase, SessionBus, SessionChange, SessionId,
        SessionRecord, SessionStore,
    },
};
use tokio::sync::Semaphore;

use super::{
    handler::Scripted,
    support::{initialize, service},
};

type Sinks = Mutex<Vec<(u8, SessionId, Arc<dyn BusSink>)>>;

/// What all nodes share of the bus.
pub(super) struct Line {
    sinks: Sinks,
    pub(super) loses_ready: AtomicBool,
    /// Messages for the client wait for a permit.
    pub(super) slow: AtomicBool,
    pub(super) go: Semaphore,
}

impl Default for Line {
    fn default() -> Self {
        let (sinks, loses_ready, slow) = Default::default();
        Self { sinks, loses_ready, slow, go: Semaphore::new(0) }
    }
}

/// One node's end of the bus.
#[derive(Clone)]
pub(super) struct Bus(u8, Arc<Line>);

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bus({})", self.0)
    }
}

#[async_trait]
impl SessionBus for Bus {
    async fn send(&self, session: &SessionId, message: BusMessage) -> Result<(), Error> {
        match message {
            BusMessage::Ready if self.1.loses_ready.load(Ordering::SeqCst) => return Ok(()),
            BusMessage::Message(_) if self.1.slow.load(Ordering::SeqCst) => self.1.go.acquire().await.unwrap().forget(),
            _ => {}
        }
        let sinks = self.1.sinks.lock().unwrap().clone();
        for (_, _, sink) in sinks.iter().filter(|(node, id, _)| *node != self.0 && id == session) {
            sink.deliver(message.clone());
        }
        Ok(())
    }

    fn join(&self, session: &SessionId, sink: Arc<dyn BusSink>) -> BusGuard {
        self.1.sinks.lock().unwrap().push((self.0, session.clone(), sink));
        BusGuard::default()
    }
}

/// A store that can be out of reach, or slow.
#[derive(Debug)]
pub(super) struct Store {
    inner: MemorySessions,
    pub(super) broken: AtomicBool,
    /// Each load waits for a permit.
    pub(super) slow: AtomicBool,
    pub(super) go: Semaphore,
}

impl Default for Store {
    fn default() -> Self {
        let (inner, broken, slow) = Default::default();
        Self { inner, broken, slow, go: Semaphore::new(0) }
    }
}

impl Store {
    fn reach(&self) -> Result<&MemorySessions, Error> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the store cannot be reached").into());
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: SessionRecord, now: SystemTime) -> Result<Created, Error> {
        self.reach()?.create(record, now).await
    }

    async fn load(&self, id: &SessionId, now: SystemTime) -> Result<Option<SessionRecord>, Error> {
        if self.slow.load(Ordering::SeqCst) {
            self.go.acquire().await.unwrap().forget();
        }
        self.reach()?.load(id, now).await
    }

    async fn touch(&self, used: &[(SessionId, Phase, SystemTime)]) -> Result<(), Error> {
        self.reach()?.touch(used).await
    }

    async fn change(&self, id: &SessionId, changes: &[SessionChange]) -> Result<(), Error> {
        self.reach()?.change(id, changes).await
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, Error> {
        self.reach()?.remove(id).await
    }
}

pub(super) struct Node {
    pub(super) handler: Arc<Scripted>,
    pub(super) service: McpService,
    pub(super) line: Arc<Line>,
}

pub(super) fn nodes() -> (Node, Node, Arc<Store>) {
    let (store, line) = (Arc::new(Store::default()), Arc::default());
    (node(1, &line, &store), node(2, &line, &store), store)
}

pub(super) fn node(number: u8, line: &Arc<Line>, store: &Arc<Store>) -> Node {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| {
        config.sessions = Arc::clone(store) as Arc<_>;
        config.bus = Arc::new(Bus(number, Arc::clone(line)));
        config.session_idle = Duration::from_secs(60);
    });
    Node { handler, service, line: Arc::clone(line) }
}

pub(super) async fn open(node: &Node) -> String {
    let response = initialize("2025-06-18").ask(&node.service).await;
    response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
}
