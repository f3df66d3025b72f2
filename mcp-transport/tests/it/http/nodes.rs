//! Two processes that serve the same sessions, as far as one process can show it: two services, one store, one bus.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use http::{Response, StatusCode};
use mcp_transport::{
    Error,
    http::{McpBody, McpService},
    jsonrpc::Raw,
    protocol::{LoggingLevel, Method, Revisions},
    session::{
        BusGuard, BusMessage, BusSink, Created, MemorySessions, Phase, SessionBus, SessionChange, SessionId,
        SessionRecord, SessionStore,
    },
};

use super::{
    handler::Scripted,
    support::{Message, data_of, frame, initialize, legacy, legacy_tool, listen, notification, service, text},
};

type Sinks = Arc<Mutex<Vec<(u8, SessionId, Arc<dyn BusSink>)>>>;

/// One node's end of the bus.
#[derive(Clone)]
struct Bus(u8, Sinks);

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bus({})", self.0)
    }
}

#[async_trait]
impl SessionBus for Bus {
    async fn send(&self, session: &SessionId, message: BusMessage) -> Result<(), Error> {
        let sinks = self.1.lock().unwrap().clone();
        for (_, _, sink) in sinks.iter().filter(|(node, id, _)| *node != self.0 && id == session) {
            sink.deliver(message.clone());
        }
        Ok(())
    }

    fn join(&self, session: &SessionId, sink: Arc<dyn BusSink>) -> BusGuard {
        self.1.lock().unwrap().push((self.0, session.clone(), sink));
        BusGuard::default()
    }
}

/// A store that can be out of reach.
#[derive(Debug, Default)]
struct Store {
    inner: MemorySessions,
    broken: AtomicBool,
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

struct Node {
    handler: Arc<Scripted>,
    service: McpService,
    sinks: Sinks,
}

fn nodes() -> (Node, Node, Arc<Store>) {
    let (store, sinks) = (Arc::new(Store::default()), Sinks::default());
    (node(1, &sinks, &store), node(2, &sinks, &store), store)
}

fn node(number: u8, sinks: &Sinks, store: &Arc<Store>) -> Node {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| {
        config.sessions = Arc::clone(store) as Arc<_>;
        config.bus = Arc::new(Bus(number, Arc::clone(sinks)));
    });
    Node { handler, service, sinks: Arc::clone(sinks) }
}

async fn open(node: &Node) -> String {
    let response = initialize("2025-06-18").ask(&node.service).await;
    response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
}

/// Opens a session that both nodes hold and whose handlers know it.
async fn open_at_both(one: &Node, two: &Node) -> String {
    let session = open(one).await;
    notification(&session, "notifications/initialized", "{}").ask(&two.service).await;
    one.handler.until("opened").await;
    two.handler.until("opened").await;
    session
}

/// Longer than the time between two looks after the sessions.
const SWEEP: Duration = Duration::from_secs(7);

#[tokio::test]
async fn a_session_goes_on_at_another_node() {
    let (one, two, _) = nodes();
    let session = open(&one).await;
    let answer = text(legacy(&session, "1", "tools/list", "{}").ask(&two.service).await).await;
    assert!(answer.contains(r#""revision":"2025-06-18""#), "{answer}");
    // Ready at one is ready at the other; each handler hears of the session once.
    notification(&session, "notifications/initialized", "{}").ask(&two.service).await;
    two.handler.until("opened").await;
    one.handler.until("opened").await;
    // Ended at one is ended at the other, with what runs there.
    let pending = tokio::spawn({
        let (service, call) = (one.service.clone(), legacy_tool(&session, "2", "pending", "{}"));
        async move { call.ask(&service).await }
    });
    one.handler.until("began pending").await;
    let deleted = Message::new("DELETE").session(&session).ask(&two.service).await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    one.handler.until("cancelled pending").await;
    assert_eq!(pending.await.unwrap().status(), StatusCode::NOT_FOUND);
    for node in [&one, &two] {
        node.handler.until("closed ByClient").await;
        let gone = legacy(&session, "3", "ping", "{}").ask(&node.service).await;
        assert_eq!(gone.status(), StatusCode::NOT_FOUND);
        assert_eq!(node.service.sessions(), 0);
        assert_eq!(node.handler.count("opened"), 1);
    }
}

#[tokio::test]
async fn answers_and_cancellations_find_the_node_that_waits() {
    let (one, two, _) = nodes();
    let session = open(&one).await;
    let mut asking = legacy_tool(&session, "1", "ask", "{}").ask(&one.service).await;
    let question = frame(asking.body_mut()).await.unwrap();
    let question = data_of(&question).unwrap();
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"at":2}}}}"#, question["id"]);
    let accepted = Message::post(answer).session(&session).ask(&two.service).await;
    assert_eq!(accepted.status(), StatusCode::ACCEPTED);
    assert!(frame(asking.body_mut()).await.unwrap().contains(r#"{"answer":{"at":2}}"#));

    let pending = tokio::spawn({
        let (service, call) = (one.service.clone(), legacy_tool(&session, "2", "pending", "{}"));
        async move { call.ask(&service).await }
    });
    one.handler.until("began pending").await;
    notification(&session, "notifications/cancelled", r#"{"requestId":2}"#).ask(&two.service).await;
    one.handler.until("cancelled pending").await;
    assert_eq!(pending.await.unwrap().status(), StatusCode::ACCEPTED);
}

async fn next_message(stream: &mut Response<McpBody>) -> Option<serde_json::Value> {
    loop {
        if let Some(data) = data_of(&frame(stream.body_mut()).await?) {
            return Some(data);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_at_one_node_reaches_the_get_stream_at_the_other() {
    let (one, two, _) = nodes();
    let session = open_at_both(&one, &two).await;
    let (here, there) = (one.handler.session(), two.handler.session());
    let note = |text: &str| Raw::parse(format!(r#"{{"level":"info","data":"{text}"}}"#)).unwrap();
    // What was said before anybody listened waits for the one who does.
    there.peer().emit(&Method::LoggingMessage, Some(&note("early")));
    let mut at_one = listen(&session).ask(&one.service).await;
    assert_eq!(next_message(&mut at_one).await.unwrap()["params"]["data"], "early");
    there.peer().emit(&Method::LoggingMessage, Some(&note("late")));
    assert_eq!(next_message(&mut at_one).await.unwrap()["params"]["data"], "late");
    // A question finds its way too, and so does its answer.
    let asking = tokio::spawn(async move { there.peer().ask(&Method::ListRoots, None).await });
    let question = next_message(&mut at_one).await.unwrap();
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"roots":[]}}}}"#, question["id"]);
    Message::post(answer).session(&session).ask(&one.service).await;
    assert_eq!(asking.await.unwrap().unwrap().as_str(), r#"{"roots":[]}"#);

    // The client goes on at the other node: that stream takes the place of this one.
    let mut at_two = listen(&session).ask(&two.service).await;
    assert_eq!(next_message(&mut at_one).await, None);
    here.peer().emit(&Method::LoggingMessage, Some(&note("moved")));
    two.handler.session().peer().emit(&Method::ToolListChanged, None);
    let mut said = [next_message(&mut at_two).await.unwrap(), next_message(&mut at_two).await.unwrap()]
        .map(|message| message["method"].as_str().unwrap().to_owned());
    said.sort();
    assert_eq!(said, ["notifications/message", "notifications/tools/list_changed"]);
}

// A node that takes a session on later asks where the stream is.
#[tokio::test(start_paused = true)]
async fn who_holds_the_get_stream_says_so_when_asked() {
    let (one, two, _) = nodes();
    let session = open(&one).await;
    let mut stream = listen(&session).ask(&one.service).await;
    notification(&session, "notifications/initialized", "{}").ask(&two.service).await;
    two.handler.until("opened").await;
    two.handler.session().peer().emit(&Method::ToolListChanged, None);
    let heard = next_message(&mut stream).await.unwrap();
    assert_eq!(heard["method"], "notifications/tools/list_changed");
}

// MCP 2025-11-25, logging: `logging/setLevel` holds for the session, and so for all that serve it.
#[tokio::test(start_paused = true)]
async fn what_is_set_at_one_node_holds_at_the_other_and_is_stored() {
    let (one, two, store) = nodes();
    let session = open_at_both(&one, &two).await;
    let (here, there) = (one.handler.session(), two.handler.session());
    there.set_log_level(LoggingLevel::Warning);
    there.keep("a", Some(Raw::parse("[1]").unwrap())).unwrap();
    there.keep("b", Some(Raw::NULL)).unwrap();
    // A store out of reach is told later.
    store.broken.store(true, Ordering::SeqCst);
    tokio::time::sleep(SWEEP).await;
    assert_eq!(here.log_level(), None);
    store.broken.store(false, Ordering::SeqCst);
    tokio::time::sleep(SWEEP).await;
    assert_eq!(here.log_level(), Some(LoggingLevel::Warning));
    assert_eq!(here.find_kept("a").unwrap().as_str(), "[1]");
    here.keep("b", None).unwrap();
    tokio::time::sleep(SWEEP).await;
    assert_eq!(there.kept_names(), ["a"]);
    let id = SessionId::parse(&session).unwrap();
    let record = store.load(&id, SystemTime::now()).await.unwrap().unwrap();
    assert_eq!(record.log_level, Some(LoggingLevel::Warning));
    assert_eq!(record.kept.into_keys().collect::<Vec<_>>(), ["a"]);
    // A node that takes the session on later knows it from there.
    let three = node(3, &one.sinks, &store);
    legacy(&session, "9", "ping", "{}").ask(&three.service).await;
    three.handler.until("opened").await;
    let late = three.handler.session();
    assert_eq!((late.log_level(), late.kept_names()), (Some(LoggingLevel::Warning), vec!["a".to_owned()]));
}

// A store that cannot be reached is never read as "no such session": the client would throw its session away.
#[tokio::test]
async fn a_store_out_of_reach_is_503() {
    let (one, two, store) = nodes();
    let session = open(&one).await;
    store.broken.store(true, Ordering::SeqCst);
    let ping = legacy(&session, "1", "ping", "{}");
    assert_eq!(ping.ask(&one.service).await.status(), StatusCode::OK);
    let lost = ping.ask(&two.service).await;
    assert_eq!((lost.status(), lost.headers()["retry-after"].as_bytes()), (StatusCode::SERVICE_UNAVAILABLE, &b"1"[..]));
    assert!(text(lost).await.starts_with(r#"{"jsonrpc":"2.0","id":1,"error":"#));
    assert_eq!(initialize("2025-06-18").ask(&one.service).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    store.broken.store(false, Ordering::SeqCst);
    assert_eq!(ping.ask(&two.service).await.status(), StatusCode::OK);
}
