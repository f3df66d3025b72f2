//! Two processes that serve the same sessions, as far as one process can show it: two services, one store, one bus.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use http::{Response, StatusCode};
use mcp_transport::{
    http::McpBody,
    jsonrpc::Raw,
    protocol::{LoggingLevel, Method},
    session::{Phase, SessionChange, SessionId, SessionStore as _},
};

use super::{
    node::{Node, Store, node, nodes, open},
    support::{Message, data_of, frame, initialize, legacy, legacy_tool, listen, notification, text},
};

/// Opens a session that both nodes hold and whose handlers know it.
async fn open_at_both(one: &Node, two: &Node) -> String {
    let session = open(one).await;
    notification(&session, "notifications/initialized", "{}").ask(&two.service).await;
    one.handler.until("opened").await;
    two.handler.until("opened").await;
    session
}

/// Long enough for all that can go on without the clock.
const MOMENT: Duration = Duration::from_millis(1);

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

// Whoever had the GET stream before hears of the new node, and must not take the stream back with its answer.
#[tokio::test(start_paused = true)]
async fn the_get_stream_moves_to_a_node_that_is_new_to_the_session() {
    let (one, two, _) = nodes();
    let session = open(&one).await;
    drop(listen(&session).ask(&one.service).await);
    let mut at_two = listen(&session).ask(&two.service).await;
    tokio::time::sleep(MOMENT).await;
    one.handler.session().peer().emit(&Method::ToolListChanged, None);
    let heard = next_message(&mut at_two).await.expect("the stream goes on");
    assert_eq!(heard["method"], "notifications/tools/list_changed");
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_when_the_get_stream_comes_here_is_heard() {
    let (one, two, _) = nodes();
    let session = open_at_both(&one, &two).await;
    drop(listen(&session).ask(&one.service).await);
    one.line.slow.store(true, Ordering::SeqCst);
    two.handler.session().peer().emit(&Method::ToolListChanged, None);
    tokio::time::sleep(MOMENT).await;
    let moving = tokio::spawn({
        let service = two.service.clone();
        async move { listen(&session).ask(&service).await }
    });
    tokio::time::sleep(MOMENT).await;
    one.line.slow.store(false, Ordering::SeqCst);
    one.line.go.add_permits(1);
    let mut at_two = moving.await.unwrap();
    let heard = tokio::time::timeout(SWEEP, next_message(&mut at_two)).await.expect("nothing is lost").unwrap();
    assert_eq!(heard["method"], "notifications/tools/list_changed");
}

/// Asks a node for what it has never heard of, up to its second look into the store.
async fn half_adopt(session: &str, node: &Node, store: &Store) -> tokio::task::JoinHandle<StatusCode> {
    store.slow.store(true, Ordering::SeqCst);
    store.go.add_permits(1);
    let (service, ping) = (node.service.clone(), legacy(session, "1", "ping", "{}"));
    let asking = tokio::spawn(async move { ping.ask(&service).await.status() });
    tokio::time::sleep(MOMENT).await;
    store.slow.store(false, Ordering::SeqCst);
    asking
}

#[tokio::test(start_paused = true)]
async fn a_session_is_taken_on_though_the_client_goes_away() {
    let (one, two, store) = nodes();
    let session = open(&one).await;
    notification(&session, "notifications/initialized", "{}").ask(&one.service).await;
    let mut at_one = listen(&session).ask(&one.service).await;
    tokio::time::sleep(SWEEP).await;
    half_adopt(&session, &two, &store).await.abort();
    tokio::time::sleep(MOMENT).await;
    store.go.add_permits(1);
    two.handler.until("opened").await;
    assert_eq!(legacy(&session, "2", "ping", "{}").ask(&two.service).await.status(), StatusCode::OK);
    assert_eq!(two.handler.count("opened"), 1);
    two.handler.session().peer().emit(&Method::ToolListChanged, None);
    assert_eq!(next_message(&mut at_one).await.unwrap()["method"], "notifications/tools/list_changed");
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_a_session_is_taken_on_is_known() {
    let (one, two, store) = nodes();
    let session = open(&one).await;
    let id = SessionId::parse(&session).unwrap();
    let kept = |name: &str, value| SessionChange::Kept { name: name.to_owned(), value };
    store.change(&id, &[kept("gone", Some(Raw::NULL))]).await.unwrap();
    let asking = half_adopt(&session, &two, &store).await;
    let changes = [SessionChange::LogLevel(LoggingLevel::Warning), kept("gone", None), kept("new", Some(Raw::NULL))];
    store.change(&id, &changes).await.unwrap();
    store.touch(&[(id, Phase::Ready, SystemTime::now() + SWEEP)]).await.unwrap();
    store.go.add_permits(1);
    assert_eq!(asking.await.unwrap(), StatusCode::OK);
    two.handler.until("opened").await;
    let late = two.handler.session();
    assert_eq!((late.log_level(), late.kept_names()), (Some(LoggingLevel::Warning), vec!["new".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_could_not_be_taken_on_is_not_held() {
    let (one, two, store) = nodes();
    let session = open(&one).await;
    let asking = half_adopt(&session, &two, &store).await;
    store.broken.store(true, Ordering::SeqCst);
    store.go.add_permits(1);
    assert_eq!(asking.await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(two.service.sessions(), 0);
    store.broken.store(false, Ordering::SeqCst);
    assert_eq!(legacy(&session, "2", "ping", "{}").ask(&two.service).await.status(), StatusCode::OK);
}

// The store knows what the bus says, and does not forget it when a node speaks that has missed it.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_ready_stays_ready() {
    let (one, two, store) = nodes();
    let session = open(&one).await;
    let ping = legacy(&session, "1", "ping", "{}");
    ping.ask(&two.service).await;
    one.line.loses_ready.store(true, Ordering::SeqCst);
    notification(&session, "notifications/initialized", "{}").ask(&one.service).await;
    let three = node(3, &one.line, &store);
    ping.ask(&three.service).await;
    three.handler.until("opened").await;
    // Only the one that has missed it speaks to the store at last.
    tokio::time::sleep(SWEEP * 3).await;
    ping.ask(&two.service).await;
    tokio::time::sleep(SWEEP).await;
    let four = node(4, &one.line, &store);
    ping.ask(&four.service).await;
    four.handler.until("opened").await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_used_at_another_node_does_not_end() {
    let (one, two, _) = nodes();
    let session = open_at_both(&one, &two).await;
    let ping = legacy(&session, "1", "ping", "{}");
    for _ in 0..12 {
        tokio::time::sleep(SWEEP).await;
        assert_eq!(ping.ask(&two.service).await.status(), StatusCode::OK);
    }
    // The node that nobody asked has let it go, and takes it on again.
    assert_eq!((one.service.sessions(), two.handler.count("closed Expired")), (0, 0));
    assert_eq!(ping.ask(&one.service).await.status(), StatusCode::OK);
    one.handler.until_times("opened", 2).await;
    // Unused everywhere, it ends everywhere.
    tokio::time::sleep(SWEEP * 12).await;
    for node in [&one, &two] {
        assert_eq!(ping.ask(&node.service).await.status(), StatusCode::NOT_FOUND);
    }
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
    let three = node(3, &one.line, &store);
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
