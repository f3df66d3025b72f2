//! Legacy sessions: how they begin, who may use them, how they end.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use mcp_transport::{protocol::Revisions, session::MemorySessions};

use super::{
    handler::Scripted,
    support::{Endpoint, Message, initialize, legacy, legacy_tool, listen, notification, service, text, within},
};

const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

// lifecycle, "Version Negotiation": "If the server supports the requested protocol version, it MUST respond with the same
// version. Otherwise, the server MUST respond with another protocol version it supports."
#[tokio::test]
async fn initialize_settles_the_revision() {
    let endpoint = Endpoint::start().await;
    for revision in REVISIONS {
        let answer = endpoint.ask(&initialize(revision)).await;
        assert_eq!(answer.json()["result"]["protocolVersion"], revision);
        let id = answer.head.get("mcp-session-id").unwrap();
        // "The session ID MUST only contain visible ASCII characters (ranging from 0x21 to 0x7E)."
        assert!(id.len() == 32 && id.bytes().all(|byte| (0x21..=0x7E).contains(&byte)), "{id}");
        let list = endpoint.ask(&legacy(id, "1", "tools/list", "{}")).await;
        list.is_result(&format!(r#"{{"revision":"{revision}"}}"#));
    }
    for unknown in ["2026-07-28", "1999-01-01", "", "draft"] {
        let answer = endpoint.ask(&initialize(unknown)).await;
        assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25", "{unknown}");
    }
    let nothing = Message::post(r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{}}"#);
    endpoint.ask(&nothing).await.is_error_of(400, -32602, r#""i""#);
    // A client that accepts only a stream gets its answer, and its session, on one.
    let (head, mut wire) = endpoint.open(&initialize("2025-11-25").header("Accept", "text/event-stream")).await;
    assert!(head.get("mcp-session-id").is_some());
    assert_eq!(wire.message().await.unwrap()["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(wire.message().await, None);
}

// The bridge of an older child answers with an older revision: that one counts from then on.
#[tokio::test]
async fn the_answer_to_initialize_may_name_a_lower_revision() {
    let mut handler = Scripted::new(Revisions::all());
    handler.settles = Some("2025-03-26");
    let endpoint = Endpoint::with(handler, |_| {}).await;
    let session = endpoint.session("2025-11-25").await;
    endpoint.ask(&legacy(&session, "1", "tools/list", "{}")).await.is_result(r#"{"revision":"2025-03-26"}"#);
    let batch = Message::post(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).session(&session);
    assert_eq!(endpoint.ask(&batch).await.head.status, 200);
}

// transports, "Session Management", 2 and 3: 400 without the id, 404 once the session is over.
#[tokio::test]
async fn a_session_is_needed_and_ends_by_delete() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    endpoint.ask(&notification(&session, "notifications/initialized", "{}")).await;
    endpoint.handler.until("opened").await;
    let list = legacy(&session, "5", "tools/list", "{}");
    endpoint.ask(&list.clone().without("Mcp-Session-Id")).await.is_error_of(400, -32600, "5");
    endpoint.ask(&list.clone().and("Mcp-Session-Id", &session)).await.is_error_of(400, -32600, "5");
    let long = "x".repeat(257);
    for unknown in ["0123456789abcdef0123456789abcdef", "", "a b", "\u{e9}", &long] {
        endpoint.ask(&list.clone().session(unknown)).await.is_error_of(404, -32600, "5");
    }
    for other in [Message::new("DELETE"), Message::new("GET").header("Accept", "text/event-stream")] {
        assert_eq!(endpoint.ask(&other).await.head.status, 400);
        assert_eq!(endpoint.ask(&other.session("unknown")).await.head.status, 404);
    }
    let (_, mut stream) = endpoint.open(&listen(&session)).await;
    let mut waiting = endpoint.connect().await;
    waiting.send(&legacy_tool(&session, "6", "pending", "{}").to_string()).await;
    endpoint.handler.until("began pending").await;

    let delete = Message::new("DELETE").session(&session);
    assert_eq!(endpoint.ask(&delete).await.head.status, 204);
    assert_eq!(endpoint.ask(&delete).await.head.status, 404);
    endpoint.ask(&list).await.is_error_of(404, -32600, "5");
    endpoint.ask(&notification(&session, "notifications/initialized", "{}")).await.is_error(404, -32600);
    assert_eq!(endpoint.ask(&listen(&session)).await.head.status, 404);
    // What ran in it is dropped, what was open ends, and the handler is told once.
    endpoint.handler.until("cancelled pending").await;
    endpoint.handler.until("closed ByClient").await;
    while stream.event().await.is_some() {}
    // A request whose session is gone hears so, or its client would wait for an answer.
    assert_eq!(waiting.head().await.status, 404);
    assert_eq!(endpoint.service.sessions(), 0);
    let handler = endpoint.stop().await;
    assert_eq!(handler.count("closed ByClient"), 1);
    assert_eq!(handler.count("closed Drained"), 0);
}

// "If the server receives a request with an invalid or unsupported MCP-Protocol-Version, it MUST respond with 400 Bad
// Request." The header exists since 2025-06-18; what it says before that is ignored, unless it is no version at all.
#[tokio::test]
async fn the_version_header_names_the_revision_of_the_session() {
    let endpoint = Endpoint::start().await;
    for revision in REVISIONS {
        let session = endpoint.session(revision).await;
        let list = legacy(&session, "1", "tools/list", "{}");
        assert_eq!(endpoint.ask(&list).await.head.status, 200);
        assert_eq!(endpoint.ask(&list.clone().header("MCP-Protocol-Version", revision)).await.head.status, 200);
        endpoint.ask(&list.clone().header("MCP-Protocol-Version", "1999-01-01")).await.is_error_of(400, -32022, "1");
        endpoint.ask(&list.clone().header("MCP-Protocol-Version", "\u{e9}")).await.is_error_of(400, -32022, "1");
        let other = if revision == "2025-06-18" { "2025-11-25" } else { "2025-06-18" };
        let status = endpoint.ask(&list.clone().header("MCP-Protocol-Version", other)).await.head.status;
        assert_eq!(status, if revision < "2025-06-18" { 200 } else { 400 }, "{revision}");
        // Never a modern one: a proxy that reads only headers would believe Mcp-Method, which nobody compares here.
        let disguised = list.clone().header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", "ping");
        endpoint.ask(&disguised).await.is_error_of(400, -32600, "1");
        let delete = Message::new("DELETE").session(&session).header("MCP-Protocol-Version", "nonsense");
        assert_eq!(endpoint.ask(&delete).await.head.status, 400);
    }
}

#[tokio::test]
async fn a_refused_initialize_leaves_no_session() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| {
        config.sessions = Arc::new(MemorySessions::new(1));
    })
    .await;
    let by = |name: &str| {
        Message::post(format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-11-25","clientInfo":"{name}"}}}}"#
        ))
    };
    // There is room for one session: each attempt must have given its room back before the next.
    for (name, code) in [("refused", -32602), ("panic", -32603)] {
        let answer = loop {
            let answer = endpoint.ask(&by(name)).await;
            if answer.head.status != 503 {
                break answer;
            }
        };
        answer.is_error(200, code);
        assert_eq!(answer.head.get("mcp-session-id"), None);
    }
    // A client that goes away before it knows its session leaves none either.
    let mut wire = endpoint.connect().await;
    wire.send(&by("pending").to_string()).await;
    drop(wire);
    endpoint.handler.until_times("cancelled initialize", 3).await;
    assert_eq!(endpoint.service.sessions(), 0);
    within(async { while endpoint.ask(&initialize("2025-11-25")).await.head.status != 200 {} }).await;
}

// The number of sessions is bounded: 503, and when to come back.
#[tokio::test]
async fn too_many_sessions_are_refused_until_one_ends() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| {
        config.sessions = Arc::new(MemorySessions::new(2));
    })
    .await;
    let first = endpoint.session("2025-11-25").await;
    endpoint.session("2025-11-25").await;
    let full = endpoint.ask(&initialize("2025-11-25")).await;
    full.is_error_of(503, -32603, "0");
    assert_eq!(full.head.get("retry-after"), Some("30"));
    assert_eq!(endpoint.ask(&Message::new("DELETE").session(&first)).await.head.status, 204);
    endpoint.session("2025-11-25").await;
}

// What a client says about itself is kept as long as the session, so it is bounded: 16 KiB of params.
#[tokio::test]
async fn initialize_is_bounded() {
    let endpoint = Endpoint::start().await;
    let of = |bytes: usize| {
        let around = r#"{"protocolVersion":"2025-11-25","clientInfo":{"name":""}}"#;
        let params = around.replace(r#""""#, &format!(r#""{}""#, "x".repeat(bytes - around.len())));
        assert_eq!(params.len(), bytes);
        Message::post(format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#))
    };
    for large in [16 * 1024 + 1, 65 * 1024] {
        endpoint.ask(&of(large)).await.is_error_of(400, -32602, "0");
    }
    assert_eq!(endpoint.service.sessions(), 0);
    assert_eq!(endpoint.ask(&of(16 * 1024)).await.head.status, 200);
    assert_eq!(endpoint.service.sessions(), 1);
}

// A session that never became ready is mostly a probe: it must not take a place for an hour.
#[tokio::test(start_paused = true)]
async fn a_session_that_never_became_ready_ends_after_a_minute() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let response = initialize("2025-11-25").ask(&service).await;
    let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(legacy(&id, "1", "ping", "{}").ask(&service).await.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(service.sessions(), 1);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(service.sessions(), 0);
}

// A session that nobody uses ends, once; one that is used, or that a connection waits in, does not.
#[tokio::test(start_paused = true)]
async fn an_idle_session_expires() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| config.session_idle = Duration::from_secs(60));
    let open = async || {
        let response = initialize("2025-11-25").ask(&service).await;
        let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let initialized = notification(&id, "notifications/initialized", "{}").ask(&service).await;
        assert_eq!(initialized.status(), StatusCode::ACCEPTED);
        id
    };
    let (idle, used, listened) = (open().await, open().await, open().await);
    let stream = listen(&listened).ask(&service).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(legacy(&used, "1", "ping", "{}").ask(&service).await.status(), StatusCode::OK);
    }
    assert_eq!(legacy(&idle, "1", "ping", "{}").ask(&service).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(service.sessions(), 2);
    assert_eq!(legacy(&listened, "1", "ping", "{}").ask(&service).await.status(), StatusCode::OK);
    drop(stream);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(service.sessions(), 0);
    // The handler panics each time that it is told; the housekeeping goes on.
    assert_eq!(handler.count("closed Expired"), 3);
}

// A call that runs without a connection does not keep its session for ever: nobody may come back for its answer.
#[tokio::test(start_paused = true)]
async fn a_forgotten_call_ends_with_its_session() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |config| config.session_idle = Duration::from_secs(60));
    let id = initialize("2025-11-25").ask(&service).await.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let mut answer = Box::pin(legacy_tool(&id, "1", "pending", "{}").ask(&service).await);
    // Silent for 15 s, it has become a stream; then the client goes away and does not come back.
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert!(super::support::frame(answer.body_mut()).await.is_some());
    drop(answer);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(handler.count("cancelled pending"), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(handler.count("cancelled pending"), 1);
    assert_eq!(service.sessions(), 0);
}

// "shutdown": sessions end when the server does, and the handler hears of each that was open.
#[tokio::test]
async fn draining_closes_open_sessions_once() {
    let endpoint = Endpoint::start().await;
    for _ in 0..3 {
        let session = endpoint.session("2025-06-18").await;
        endpoint.ask(&notification(&session, "notifications/initialized", "{}")).await;
    }
    // Never ready: the handler did not hear of it.
    let session = endpoint.session("2025-06-18").await;
    let (_, mut stream) = endpoint.open(&listen(&session)).await;
    let handler = endpoint.stop().await;
    assert_eq!(stream.event().await, None);
    assert_eq!(handler.count("opened"), 3);
    assert_eq!(handler.count("closed Drained"), 3);
}

// Requests before `notifications/initialized` are served: the client SHOULD NOT, and may, send them.
#[tokio::test]
async fn requests_before_initialized_are_served() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let response = initialize("2025-11-25").ask(&service).await;
    let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(text(legacy_tool(&id, "1", "echo", "{}").ask(&service).await).await.contains(r#""echo":{}"#));
    assert_eq!(handler.count("opened"), 0);
    for _ in 0..2 {
        notification(&id, "notifications/initialized", "{}").ask(&service).await;
    }
    assert_eq!(handler.count("opened"), 1);
}
