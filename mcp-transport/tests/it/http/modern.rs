//! 2026-07-28: every request stands alone.

mod streams;

use std::sync::atomic::Ordering;

use mcp_transport::protocol::Revisions;

use super::{
    handler::Scripted,
    support::{Endpoint, META, Message, initialize, modern, modern_with, tool},
};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

// basic, "_meta": a request without the required members is rejected with -32602 and, on HTTP, 400.
#[tokio::test]
async fn required_meta_members_are_required() {
    let endpoint = Endpoint::start().await;
    let capabilities = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
    for meta in [
        "{}".to_owned(),
        format!("{{{capabilities}}}"),
        format!(r#"{{"{VERSION}":20260728,{capabilities}}}"#),
        format!(r#"{{"{VERSION}":null,{capabilities}}}"#),
        format!(r#"{{"{VERSION}":"2026-07-28"}}"#),
        format!(r#"{{"{VERSION}":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}}"#),
        format!(r#"{{"{VERSION}":"2026-07-28",{capabilities},"io.modelcontextprotocol/clientInfo":"me"}}"#),
        format!(r#"{{"{VERSION}":"2026-07-28",{capabilities},"io.modelcontextprotocol/logLevel":"loud"}}"#),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        endpoint.ask(&modern_with("7", "server/discover", &meta, "")).await.is_error_of(400, -32602, "7");
    }
    let without = Message::post(r#"{"jsonrpc":"2.0","id":7,"method":"server/discover"}"#)
        .header("MCP-Protocol-Version", "2026-07-28")
        .header("Mcp-Method", "server/discover");
    endpoint.ask(&without).await.is_error_of(400, -32602, "7");
    // clientInfo is optional.
    let meta = format!(r#"{{"{VERSION}":"2026-07-28",{capabilities}}}"#);
    endpoint.ask(&modern_with("7", "server/discover", &meta, "")).await.is_result(r#"{"revision":"2026-07-28"}"#);
}

// "If the values do not match, the server MUST reject the request with 400 Bad Request and a HeaderMismatch".
#[tokio::test]
async fn the_version_header_says_what_the_body_says() {
    let endpoint = Endpoint::start().await;
    let discover = modern("server/discover", "");
    for mangled in [
        discover.clone().without("MCP-Protocol-Version"),
        discover.clone().header("MCP-Protocol-Version", "2025-11-25"),
        discover.clone().header("MCP-Protocol-Version", ""),
        discover.clone().and("MCP-Protocol-Version", "2026-07-28"),
        // Only Mcp-Name and Mcp-Param-* may be encoded; a proxy would read this one as it stands.
        discover.clone().header("MCP-Protocol-Version", "=?base64?MjAyNi0wNy0yOA==?="),
    ] {
        endpoint.ask(&mangled).await.is_error_of(400, -32020, "1");
    }
    let meta = META.replace("2026-07-28", "v999.0.0");
    endpoint.ask(&modern_with("1", "server/discover", &meta, "")).await.is_error_of(400, -32020, "1");
}

// "it MUST respond with 400 Bad Request and an UnsupportedProtocolVersionError listing its supported versions".
#[tokio::test]
async fn an_unsupported_version_is_answered_with_the_supported_ones() {
    let endpoint = Endpoint::start().await;
    let meta = META.replace("2026-07-28", "v999.0.0");
    let request = modern_with("1", "server/discover", &meta, "").header("MCP-Protocol-Version", "v999.0.0");
    let answer = endpoint.ask(&request).await;
    answer.is_error_of(400, -32022, "1");
    let data = &answer.json()["error"]["data"];
    assert_eq!(data["requested"], "v999.0.0");
    assert_eq!(data["supported"][0], "2026-07-28");
    assert_eq!(data["supported"].as_array().unwrap().len(), 5);

    let legacy_only = Endpoint::with(Scripted::new(Revisions::legacy()), |_| {}).await;
    let answer = legacy_only.ask(&modern("server/discover", "")).await;
    answer.is_error_of(400, -32022, "1");
    assert_eq!(answer.json()["error"]["data"]["supported"][0], "2025-11-25");
}

// "A required standard header is missing", "A header value does not match"; values are case-sensitive, names are not.
#[tokio::test]
async fn the_method_header_says_what_the_body_says() {
    let endpoint = Endpoint::start().await;
    let list = modern("tools/list", "");
    for mangled in [
        list.clone().without("Mcp-Method"),
        list.clone().header("Mcp-Method", "tools/call"),
        list.clone().header("Mcp-Method", "Tools/List"),
        list.clone().header("Mcp-Method", "=?base64?dG9vbHMvbGlzdA==?="),
        list.clone().and("Mcp-Method", "tools/list"),
    ] {
        endpoint.ask(&mangled).await.is_error_of(400, -32020, "1");
    }
    for accepted in [
        list.clone().header("mcp-method", "tools/list"),
        list.clone().header("MCP-METHOD", "tools/list"),
        list.clone().header("Mcp-Method", "  tools/list\t"),
    ] {
        endpoint.ask(&accepted).await.is_result(r#"{"revision":"2026-07-28"}"#);
    }
}

// "Required For: tools/call, resources/read, prompts/get"; servers MUST decode the sentinel before comparing.
#[tokio::test]
async fn the_name_header_says_what_the_body_says() {
    let endpoint = Endpoint::start().await;
    let cases = [
        ("tools/call", r#""name":"echo""#, "echo", "=?base64?ZWNobw==?="),
        ("prompts/get", r#""name":"p r""#, "p r", "=?base64?cCBy?="),
        ("resources/read", r#""uri":"file:///a""#, "file:///a", "=?base64?ZmlsZTovLy9h?="),
        ("tasks/get", r#""taskId":"t1""#, "t1", "=?base64?dDE=?="),
    ];
    for (method, members, name, encoded) in cases {
        let request = modern(method, members);
        for good in [name.to_owned(), format!("  {name}  "), encoded.to_owned()] {
            assert_eq!(
                endpoint.ask(&request.clone().header("Mcp-Name", &good)).await.head.status,
                200,
                "{method} {good}"
            );
        }
        for bad in [
            "other",
            &name.to_uppercase(),
            "",
            "=?base64?b3RoZXI=?=",
            "=?base64?!!?=",
            "=?BASE64?ZWNobw==?=",
            "na\u{ef}ve",
        ] {
            endpoint.ask(&request.clone().header("Mcp-Name", bad)).await.is_error_of(400, -32020, "1");
        }
        let twice = request.clone().header("Mcp-Name", name).and("Mcp-Name", name);
        endpoint.ask(&twice).await.is_error_of(400, -32020, "1");
        let missing = endpoint.ask(&request).await;
        if method == "tasks/get" {
            assert_eq!(missing.head.status, 200);
        } else {
            missing.is_error_of(400, -32020, "1");
        }
    }
    // Compared after the escapes of JSON are undone.
    let escaped = modern("tools/call", r#""name":"\u0065cho""#).header("Mcp-Name", "echo");
    assert_eq!(endpoint.ask(&escaped).await.head.status, 200);
    // A name that is not there is the handler's to refuse.
    endpoint.ask(&modern("tools/call", r#""name":5"#)).await.is_error(200, -32602);
}

// "If the server does not implement the requested RPC method, it MUST respond with 404 Not Found" and -32601.
#[tokio::test]
async fn an_unknown_or_removed_method_is_404() {
    let endpoint = Endpoint::start().await;
    for method in
        ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "unknown/method"]
    {
        endpoint.ask(&modern(method, "")).await.is_error_of(404, -32601, "1");
    }
    assert_eq!(endpoint.service.sessions(), 0);
}

// -32020 to -32022 are 400 also when the handler finds them; everything else that it answers is the answer: 200.
#[tokio::test]
async fn the_status_follows_who_failed() {
    let endpoint = Endpoint::start().await;
    for (code, status) in
        [(-32020, 400), (-32021, 400), (-32022, 400), (-32601, 404), (-32602, 200), (-32603, 200), (5, 200)]
    {
        endpoint.ask(&tool("error", &format!(r#"{{"code":{code}}}"#))).await.is_error_of(status, code, "1");
    }
    endpoint.ask(&tool("panic", "{}")).await.is_error_of(200, -32603, "1");
    endpoint.ask(&tool("echo", "{}")).await.is_result(r#"{"echo":{}}"#);
}

// basic, "Responses": "MUST include the same ID as the request".
#[tokio::test]
async fn the_id_comes_back_as_it_was_written() {
    let endpoint = Endpoint::start().await;
    for id in ["0", "-7", r#""a""#, r#""\u0061\/\n""#, "123456789012345678901234567890", "7.0", r#""""#] {
        let answer = endpoint.ask(&modern_with(id, "tools/list", META, "")).await;
        assert!(answer.body.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#)), "{}", answer.body);
        let refused = modern_with(id, "tools/list", META, "").without("Mcp-Method");
        endpoint.ask(&refused).await.is_error_of(400, -32020, id);
    }
    for id in ["null", "1.5", "true", "{}", "[1]"] {
        endpoint.ask(&modern_with(id, "tools/list", META, "")).await.is_error(400, -32600);
    }
}

// "the server MUST return HTTP status code 202 Accepted with no body"; the client MUST NOT send responses, and the body
// MUST be a single request or notification.
#[tokio::test]
async fn only_single_requests_and_notifications_are_taken() {
    let endpoint = Endpoint::start().await;
    let version = |message: Message| message.header("MCP-Protocol-Version", "2026-07-28");
    let note = Message::post(format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"_meta":{META}}}}}"#));
    let accepted = endpoint.ask(&version(note)).await;
    assert_eq!((accepted.head.status, accepted.body.as_str()), (202, ""));
    endpoint.handler.until("notified notifications/x").await;
    // Two revisions in one message are none, and a legacy one is taken only in a session.
    let about = |revision: &str| {
        let meta = META.replace("2026-07-28", revision);
        Message::post(format!(r#"{{"jsonrpc":"2.0","method":"notifications/y","params":{{"_meta":{meta}}}}}"#))
    };
    endpoint.ask(&about("2026-07-28").header("MCP-Protocol-Version", "2025-11-25")).await.is_error(400, -32020);
    endpoint.ask(&version(about("2026-07-28")).and("MCP-Protocol-Version", "2026-07-28")).await.is_error(400, -32020);
    endpoint.ask(&about("2025-11-25").header("MCP-Protocol-Version", "2025-11-25")).await.is_error(400, -32022);
    endpoint.ask(&about("2025-11-25")).await.is_error(400, -32022);
    assert_eq!(endpoint.handler.count("notified notifications/y"), 0);
    // A handler that panics over one has panicked over that one.
    let mut wire = endpoint.connect().await;
    let panics = Message::post(format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/test/panic","params":{{"_meta":{META}}}}}"#
    ));
    for _ in 0..2 {
        wire.send(&version(panics.clone()).to_string()).await;
        assert_eq!(wire.head().await.status, 202);
    }
    // Closing the stream is what cancels here; the message is taken and does nothing.
    let cancelled = Message::post(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#);
    assert_eq!(endpoint.ask(&version(cancelled)).await.head.status, 202);
    endpoint.ask(&version(Message::post(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#))).await.is_error(400, -32600);
    endpoint
        .ask(&version(Message::post(r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#)))
        .await
        .is_error(400, -32600);
}

// "HTTP GET or DELETE to the MCP endpoint: respond with 405 Method Not Allowed."
#[tokio::test]
async fn get_and_delete_are_not_allowed() {
    let endpoint = Endpoint::start().await;
    let modern_only = Endpoint::with(Scripted::new(Revisions::modern()), |_| {}).await;
    for method in ["GET", "DELETE"] {
        let request = Message::new(method).header("Accept", "text/event-stream");
        for (endpoint, request) in [
            (&endpoint, request.clone().header("MCP-Protocol-Version", "2026-07-28")),
            (&modern_only, request.clone()),
            (&modern_only, request.clone().session("abc")),
        ] {
            let answer = endpoint.ask(&request).await;
            assert_eq!((answer.head.status, answer.head.get("allow")), (405, Some("POST")));
        }
    }
    for method in ["PUT", "PATCH", "OPTIONS"] {
        let answer = endpoint.ask(&Message::new(method)).await;
        assert_eq!((answer.head.status, answer.head.get("allow")), (405, Some("POST, GET, DELETE, OPTIONS")));
    }
}

// A modern-only server "MUST reject a request without the header per Server Validation", and `initialize` too.
#[tokio::test]
async fn a_modern_only_server_refuses_legacy_requests() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::modern()), |_| {}).await;
    let answer = endpoint.ask(&initialize("2025-11-25")).await;
    answer.is_error_of(400, -32022, "0");
    assert_eq!(answer.json()["error"]["data"]["supported"], serde_json::json!(["2026-07-28"]));
    let bare = Message::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    endpoint.ask(&bare).await.is_error_of(400, -32020, "1");
    endpoint.ask(&bare.header("MCP-Protocol-Version", "2025-11-25")).await.is_error_of(400, -32602, "1");
}

// "An Mcp-Session-Id header on a request: ignore it, and do not mint or echo session IDs. A Last-Event-ID header: ignore
// it".
#[tokio::test]
async fn session_and_event_ids_are_ignored() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    for id in [session.as_str(), "no-such-session"] {
        let answer = endpoint.ask(&tool("echo", "{}").session(id).header("Last-Event-ID", "1-1")).await;
        answer.is_result(r#"{"echo":{}}"#);
        assert_eq!(answer.head.get("mcp-session-id"), None);
    }
    assert_eq!(endpoint.service.sessions(), 1);
}

// A dual-era server judges each request by itself: a modern one never slips into a legacy session, nor the reverse.
#[tokio::test]
async fn both_eras_live_on_one_endpoint() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    let list = Message::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).session(&session);
    endpoint.ask(&list).await.is_result(r#"{"revision":"2025-11-25"}"#);
    endpoint.ask(&modern("tools/list", "").session(&session)).await.is_result(r#"{"revision":"2026-07-28"}"#);
    // A modern version header in a legacy session is not the revision of that session.
    endpoint.ask(&list.header("MCP-Protocol-Version", "2026-07-28")).await.is_error(400, -32600);
    assert_eq!(endpoint.handler.dropped.load(Ordering::SeqCst), 0);
}
