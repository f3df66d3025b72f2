//! The stream of a session (GET), keep-alives, and readers that stop reading.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::StatusCode;
use mcp_transport::{
    http::{McpService, Streams},
    jsonrpc::Raw,
    outbox::{Emitted, OutboxLimits},
    protocol::{Method, Revisions},
};
use tokio::time::Instant;

use super::{
    handler::Scripted,
    support::{
        Endpoint, Message, data_of, frame, id_of, initialize, legacy_tool, listen, modern, notification, service, tool,
        within,
    },
};

fn say(endpoint: &Endpoint, n: u32) {
    let params = Raw::parse(format!(r#"{{"level":"info","data":{n}}}"#)).unwrap();
    assert_eq!(endpoint.handler.session().peer().emit(&Method::LoggingMessage, Some(&params)), Emitted::Queued);
}

async fn heard(stream: &mut super::support::Wire) -> serde_json::Value {
    stream.message().await.unwrap()["params"]["data"].clone()
}

// transports, "Listening for Messages from the Server", 2.
#[tokio::test]
async fn get_needs_to_accept_a_stream() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    for accept in ["application/json", "text/html", "text/event-stream;q=0"] {
        assert_eq!(endpoint.ask(&listen(&session).header("Accept", accept)).await.head.status, 406, "{accept}");
    }
    for accept in ["text/event-stream", "*/*", "text/*", "application/json, text/event-stream"] {
        let (head, _stream) = endpoint.open(&listen(&session).header("Accept", accept)).await;
        assert_eq!((head.status, head.get("content-type")), (200, Some("text/event-stream")), "{accept}");
        assert_eq!(head.get("x-accel-buffering"), Some("no"));
    }
}

// "The server MUST send each of its JSON-RPC messages on only one of the connected streams".
#[tokio::test]
async fn messages_outside_requests_come_once_in_order_on_the_newest_connection() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-06-18").await;
    // What is said before anybody listens waits.
    say(&endpoint, 0);
    let (_, mut first) = endpoint.open(&listen(&session)).await;
    assert_eq!(heard(&mut first).await, 0);
    let (_, mut second) = endpoint.open(&listen(&session)).await;
    assert_eq!(first.message().await, None);
    // The calls of the session have streams of their own.
    endpoint.ask(&legacy_tool(&session, "1", "emit", r#"{"n":3}"#)).await;
    for n in 1..4 {
        say(&endpoint, n);
        assert_eq!(heard(&mut second).await, n);
    }
    drop(second);
    let (_, mut third) = endpoint.open(&listen(&session)).await;
    say(&endpoint, 4);
    assert_eq!(heard(&mut third).await, 4);
}

// "The server MAY use this header to replay messages ... on the stream that was disconnected"; it "MUST NOT replay
// messages that would have been delivered on a different stream".
#[tokio::test]
async fn the_session_stream_is_taken_up_behind_the_last_event() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let (_, mut stream) = endpoint.open(&listen(&session)).await;
    let primed = stream.event().await.unwrap();
    assert_eq!(primed, "id: 0-0\nretry: 3000\ndata:");
    let mut ids = vec![id_of(&primed)];
    for n in 0..3 {
        say(&endpoint, n);
        let event = stream.event().await.unwrap();
        assert_eq!(data_of(&event).unwrap()["params"]["data"], n);
        ids.push(id_of(&event));
    }
    drop(stream);
    endpoint.ask(&legacy_tool(&session, "1", "emit", r#"{"n":2}"#)).await;
    for (seen, id) in ids.iter().enumerate() {
        let (_, mut again) = endpoint.open(&listen(&session).header("Last-Event-ID", id)).await;
        for n in seen..3 {
            assert_eq!(heard(&mut again).await, n, "behind {id}");
        }
    }
}

#[tokio::test]
async fn an_event_id_of_nothing_is_refused() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let other = endpoint.session("2025-11-25").await;
    endpoint.ask(&legacy_tool(&session, "1", "emit", r#"{"n":2}"#)).await;
    let resume = |session: &str, id: &str| listen(session).header("Last-Event-ID", id);
    for id in ["0-0", "1-4", "1-99999999999999999999", "2-0", "1", "x", "1-x", "-1-0", "1-0-0", "\u{e9}"] {
        assert_eq!(endpoint.ask(&resume(&session, id)).await.head.status, 400, "{id}");
    }
    assert_eq!(endpoint.ask(&resume(&session, "1-0").and("Last-Event-ID", "1-1")).await.head.status, 400);
    // Event ids belong to their session.
    assert_eq!(endpoint.ask(&resume(&other, "1-0")).await.head.status, 400);
    assert_eq!(endpoint.ask(&resume(&session, "1-0")).await.head.status, 200);
    // An empty one is what a browser sends that has none.
    assert_eq!(endpoint.open(&resume(&session, "")).await.0.status, 200);
}

// What was answered is kept for a client that comes back, for a session as a whole within the bound of one stream.
#[tokio::test]
async fn streams_that_are_over_share_one_bound() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let answered = async |bytes: usize| {
        let call = legacy_tool(&session, "1", "echo", &format!(r#"{{"m":"{}"}}"#, "x".repeat(bytes)));
        assert_eq!(endpoint.ask(&call.header("Accept", "text/event-stream")).await.head.status, 200);
    };
    let resumed = async |stream: usize| {
        endpoint.ask(&listen(&session).header("Last-Event-ID", &format!("{stream}-0"))).await.head.status
    };
    for _ in 0..3 {
        answered(400 << 10).await;
    }
    assert_eq!([resumed(1).await, resumed(2).await, resumed(3).await], [200; 3]);
    answered(2 << 20).await;
    assert_eq!([resumed(1).await, resumed(2).await, resumed(4).await], [400, 200, 200]);
    answered(1).await;
    assert_eq!([resumed(2).await, resumed(4).await, resumed(5).await], [400, 400, 200]);
}

// And for all sessions within a bound of their own, oldest first.
#[tokio::test]
async fn streams_of_all_sessions_share_one_bound() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| config.replay_total = 1 << 20).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        let session = endpoint.session("2025-11-25").await;
        let call = legacy_tool(&session, "1", "echo", &format!(r#"{{"m":"{}"}}"#, "x".repeat(400 << 10)));
        assert_eq!(endpoint.ask(&call.header("Accept", "text/event-stream")).await.head.status, 200);
        sessions.push(session);
    }
    let mut statuses = Vec::new();
    for session in &sessions {
        statuses.push(endpoint.ask(&listen(session).header("Last-Event-ID", "1-0")).await.head.status);
    }
    assert_eq!(statuses, [400, 400, 200, 200]);
    // A session that ends gives back what it held.
    for session in &sessions {
        assert_eq!(endpoint.ask(&Message::new("DELETE").session(session)).await.head.status, 204);
    }
}

// server-sse-multiple-streams: several requests at once, each with an answer of its own.
#[tokio::test]
async fn streams_run_side_by_side() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let mut streams = Vec::new();
    for id in 1..4 {
        let mut wire = endpoint.connect().await;
        wire.send(&legacy_tool(&session, &id.to_string(), "trickle", r#"{"n":1}"#).to_string()).await;
        streams.push((id, wire));
    }
    endpoint.handler.until_times("began trickle", 3).await;
    endpoint.handler.go.add_permits(6);
    for (id, wire) in &mut streams {
        assert_eq!(wire.head().await.status, 200);
        assert_eq!(wire.message().await.unwrap()["params"]["data"], 0);
        assert_eq!(wire.message().await.unwrap()["id"], *id);
        assert_eq!(wire.message().await, None);
    }
}

async fn open(service: &McpService, revision: &str) -> String {
    let response = initialize(revision).ask(service).await;
    let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert_eq!(notification(&session, "notifications/initialized", "{}").ask(service).await.status(), 202);
    session
}

// "servers are encouraged to periodically emit an SSE comment line as a keep-alive"; a call that is silent for as long
// becomes a stream, if the client takes one.
#[tokio::test(start_paused = true)]
async fn silence_is_broken_every_15_seconds() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let session = open(&service, "2025-11-25").await;
    for request in [tool("pending", "{}"), legacy_tool(&session, "1", "pending", "{}")] {
        let begin = Instant::now();
        let mut response = request.ask(&service).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let silent = begin.elapsed().as_secs();
        assert!((14..=16).contains(&silent), "{silent}");
        let mut comments = 0;
        while comments < 3 {
            let text = frame(response.body_mut()).await.unwrap();
            comments += usize::from(text == ": keep-alive\n\n");
        }
        let silent = begin.elapsed().as_secs();
        assert!((58..=62).contains(&silent), "{silent}");
        handler.go.add_permits(1);
        assert!(frame(response.body_mut()).await.unwrap().contains(r#""result":{"name":"pending"}"#));
        assert_eq!(frame(response.body_mut()).await, None);
    }
    // A client that takes only JSON waits for it.
    let waiting = tokio::spawn({
        let service = service.clone();
        async move { tool("pending", "{}").header("Accept", "application/json").ask(&service).await }
    });
    tokio::time::sleep(Duration::from_secs(100)).await;
    handler.go.add_permits(1);
    assert_eq!(waiting.await.unwrap().headers()["content-type"], "application/json");
    // The session's own stream and a subscription are kept alive too.
    for request in [listen(&session), modern("subscriptions/listen", r#""notifications":{}"#)] {
        let mut response = request.ask(&service).await;
        while frame(response.body_mut()).await.unwrap() != ": keep-alive\n\n" {}
    }
}

// A client that stops reading a stream cannot make memory grow past the stream's bound.
#[tokio::test(start_paused = true)]
async fn an_unread_stream_drops_what_is_emitted() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let session = open(&service, "2025-11-25").await;
    let (outbox, ring) = (64, 256);
    for (request, most) in
        [(tool("emit_aside", "{}"), outbox + 1), (legacy_tool(&session, "1", "emit_aside", "{}"), outbox + ring + 1)]
    {
        handler.queued.store(0, Ordering::SeqCst);
        handler.dropped.store(0, Ordering::SeqCst);
        let times = handler.count("emitted") + 1;
        let response = request.ask(&service).await;
        assert_eq!(response.status(), StatusCode::OK);
        handler.until_times("emitted", times).await;
        let (queued, dropped) = (handler.queued.load(Ordering::SeqCst), handler.dropped.load(Ordering::SeqCst));
        assert_eq!(queued + dropped, 10_000);
        assert!(queued <= most, "{queued}");
    }
    // The same for messages outside any request, whether or not anybody listens.
    let peer = handler.session();
    let queued = (0..1000).filter(|_| peer.peer().emit(&Method::LoggingMessage, None) == Emitted::Queued).count();
    assert_eq!(queued, outbox);
    let response = listen(&session).ask(&service).await;
    assert_eq!(peer.peer().emit(&Method::LoggingMessage, None), Emitted::Dropped);
    drop(response);
}

// The same in bytes, where messages are large: what waits, the outbox's and the ring's part together, stays within what
// the stream may hold, give or take the one message that is on its way.
#[tokio::test(start_paused = true)]
async fn an_unread_stream_holds_no_more_bytes_than_it_may() {
    let (outbox, ring) = (100 << 10, 300 << 10);
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| {
        config.outbox = OutboxLimits::new(usize::MAX, outbox);
        config.replay = OutboxLimits::new(usize::MAX, ring);
    });
    let session = open(&service, "2025-11-25").await;
    for (request, most) in
        [(tool("send_forever", "{}"), outbox), (legacy_tool(&session, "1", "send_forever", "{}"), outbox + ring)]
    {
        handler.queued.store(0, Ordering::SeqCst);
        let mut response = request.ask(&service).await;
        assert_eq!(response.status(), StatusCode::OK);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let queued = handler.queued.load(Ordering::SeqCst);
        // Each message is as long as the first.
        let mut text = String::new();
        while !text.contains("data: {") {
            text.push_str(&frame(response.body_mut()).await.unwrap());
        }
        let size = text.lines().find_map(|line| line.strip_prefix("data: {")).unwrap().len() + 1;
        let held = queued * size;
        assert!(size > 1024 && held <= most + 2 * size, "{held} bytes wait");
        assert!(held > most - 2 * size, "the bound in bytes is what stopped it: {held}");
    }
}

// A sender waits for its reader, and is let go when the session ends: at the bound of the ring nothing may get stuck.
#[tokio::test(start_paused = true)]
async fn senders_to_unread_streams_wait_and_end_with_their_session() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let session = open(&service, "2025-06-18").await;
    let mut unread = Vec::new();
    // More streams than are kept for clients that come back.
    for id in 1..=20 {
        unread.push(legacy_tool(&session, &id.to_string(), "send_forever", "{}").ask(&service).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let queued = handler.queued.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handler.queued.load(Ordering::SeqCst), queued);
    assert!(queued <= 20 * (256 + 64 + 1), "{queued}");
    // A call that waits for its reader can be cancelled.
    notification(&session, "notifications/cancelled", r#"{"requestId":20}"#).ask(&service).await;
    handler.until("cancelled send_forever").await;
    // Reading frees the sender.
    let mut body = unread.remove(5).into_body();
    assert!(frame(&mut body).await.unwrap().contains("notifications/message"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(handler.queued.load(Ordering::SeqCst) > queued);
    let delete = Message::new("DELETE").session(&session).ask(&service).await;
    assert_eq!(delete.status(), StatusCode::NO_CONTENT);
    handler.until_times("cancelled send_forever", 20).await;
}

// A modern call whose client does not read is not polled, and its senders wait: over a real socket, until it closes.
#[tokio::test]
async fn a_modern_stream_that_nobody_reads_stops_its_call() {
    let endpoint = Endpoint::start().await;
    let mut wire = endpoint.connect().await;
    wire.send(&tool("send_forever", "{}").to_string()).await;
    endpoint.handler.until("began send_forever").await;
    within(async {
        let mut before = usize::MAX;
        loop {
            let queued = endpoint.handler.queued.load(Ordering::SeqCst);
            if queued == before {
                break;
            }
            before = queued;
            // Long enough that a running call would have gone on; a wrong guess only ends the wait early.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    drop(wire);
    endpoint.handler.until("cancelled send_forever").await;
}

// A server that calls nobody back must not spin either: a client that takes only JSON gets no messages, and a handler
// that sends for ever lets others run and can be cancelled.
#[tokio::test(start_paused = true)]
async fn sending_for_ever_to_a_client_that_takes_no_stream_hurts_nobody_else() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let session = open(&service, "2025-06-18").await;
    let forever = tokio::spawn({
        let (service, request) = (service.clone(), legacy_tool(&session, "1", "send_forever", "{}"));
        async move { request.header("Accept", "application/json").ask(&service).await }
    });
    handler.until("began send_forever").await;
    notification(&session, "notifications/cancelled", r#"{"requestId":1}"#).ask(&service).await;
    handler.until("cancelled send_forever").await;
    assert_eq!(forever.await.unwrap().status(), StatusCode::ACCEPTED);
}

// 2026-07-28, streamable HTTP, "Sending Messages", 6: "the server MUST return either `Content-Type: application/json` ..
// or `Content-Type: text/event-stream`"; which one is the server's to choose.
#[tokio::test]
async fn every_result_can_be_a_stream() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| config.streams = Streams::Always).await;
    let session = endpoint.session("2025-11-25").await;
    for echo in [tool("echo", "{}"), legacy_tool(&session, "1", "echo", "{}")] {
        let (head, mut stream) = endpoint.open(&echo).await;
        assert_eq!((head.status, head.get("content-type")), (200, Some("text/event-stream")));
        assert_eq!(stream.message().await.unwrap()["result"]["echo"], serde_json::json!({}));
        assert_eq!(stream.message().await, None, "the stream ends with the answer");

        // Who cannot read a stream gets none.
        let answer = endpoint.ask(&echo.header("Accept", "application/json")).await;
        assert_eq!(answer.json()["result"]["echo"], serde_json::json!({}));
    }
    // The status of an error says which.
    endpoint.ask(&modern("no/such", "")).await.is_error(404, -32601);
    endpoint.ask(&legacy_tool(&session, "2", "error", r#"{"code":-32000}"#)).await.is_error(200, -32000);
}
