//! Which revision a request is served under.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Client, Probe, error, initialize, modern, request};
use crate::{
    protocol::{Revision, Revisions},
    stdio::StdioConfig,
};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

fn only(revisions: Revisions) -> Client {
    Client::with(Probe { revisions, ..Probe::default() }, StdioConfig::default())
}

// MCP 2026-07-28, versioning: "A dual-era server MAY serve both eras concurrently on the same endpoint or process".
#[tokio::test(start_paused = true)]
async fn both_eras_are_served_side_by_side() {
    let mut client = Client::new();
    client.modern(1, "echo", &json!(1)).await;
    assert_eq!(client.next().await["result"]["revision"], "2026-07-28");
    client.open("2025-06-18").await;
    client.call(2, "echo", &json!({"a": [1, null]})).await;
    let answer = client.next().await;
    assert_eq!(answer["result"], json!({"revision": "2025-06-18", "arguments": {"a": [1, null]}}));
    client.modern(3, "echo", &json!(1)).await;
    assert_eq!(client.next().await["result"]["revision"], "2026-07-28");
}

// MCP 2026-07-28, versioning: an unsupported version "MUST" be answered by UnsupportedProtocolVersionError "listing the
// versions it does support".
#[tokio::test(start_paused = true)]
async fn an_unsupported_version_is_answered_with_the_supported_ones() {
    let mut client = Client::new();
    let mut call = modern(1, "tools/list", &json!({}));
    call["params"]["_meta"] = json!({VERSION: "1900-01-01"});
    client.send(&call).await;
    let answer = client.next().await;
    assert_eq!(error(&answer), (json!(1), -32022));
    let supported = json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]);
    assert_eq!(answer["error"]["data"], json!({"supported": supported, "requested": "1900-01-01"}));
    // A legacy revision is no version that a request can be made under on its own.
    call["params"]["_meta"] = json!({VERSION: "2025-11-25", CAPABILITIES: {}});
    client.send(&call).await;
    let answer = client.next().await;
    assert_eq!(error(&answer), (json!(1), -32022));
    assert_eq!(answer["error"]["data"]["supported"], json!(["2026-07-28"]));
}

// MCP 2026-07-28, basic: "A request missing any required field is malformed; the server MUST reject it with JSON-RPC
// error code -32602".
#[tokio::test(start_paused = true)]
async fn modern_metadata_that_is_missing_or_of_another_type_is_refused() {
    let mut client = Client::new();
    let info = "io.modelcontextprotocol/clientInfo";
    for meta in [
        json!({VERSION: "2026-07-28"}),
        json!({CAPABILITIES: {}}),
        json!({}),
        json!({VERSION: 20_260_728, CAPABILITIES: {}}),
        json!({VERSION: null, CAPABILITIES: {}}),
        json!({VERSION: "2026-07-28", CAPABILITIES: []}),
        json!({VERSION: "2026-07-28", CAPABILITIES: "all"}),
        json!({VERSION: "2026-07-28", CAPABILITIES: {}, info: "me"}),
        json!({VERSION: "2026-07-28", CAPABILITIES: {}, "io.modelcontextprotocol/logLevel": "loud"}),
        json!({VERSION: "2026-07-28", CAPABILITIES: {}, "progressToken": {}}),
    ] {
        client.send(&request(1, "server/discover", &json!({"_meta": meta}))).await;
        assert_eq!(error(&client.next().await), (json!(1), -32602), "{meta}");
    }
    let whole = json!({VERSION: "2026-07-28", CAPABILITIES: {"elicitation": {}}, info: {"name": "a", "version": "1"},
        "io.modelcontextprotocol/logLevel": "debug", "progressToken": 1, "com.example/other": [1]});
    client.send(&request(1, "server/discover", &json!({"_meta": whole}))).await;
    assert!(client.next().await["result"].is_object());
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_era_is_told_what_to_do() {
    let mut client = Client::new();
    client.send(&request(1, "tools/list", &json!({}))).await;
    let answer = client.next().await;
    assert_eq!(error(&answer), (json!(1), -32602));
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.contains("initialize") && text.contains(VERSION), "{text}");
    for method in ["server/discover", "subscriptions/listen"] {
        client.send(&request(1, method, &json!({}))).await;
        let answer = client.next().await;
        assert_eq!(error(&answer), (json!(1), -32602));
        assert!(answer["error"]["message"].as_str().unwrap().contains(VERSION));
    }
}

// MCP 2026-07-28, stdio, "Backward Compatibility": any error but a modern one makes the client send initialize.
#[tokio::test(start_paused = true)]
async fn a_handler_without_modern_revisions_looks_like_a_legacy_server() {
    let mut client = only(Revisions::legacy());
    client.send(&modern(1, "server/discover", &json!({}))).await;
    assert_eq!(error(&client.next().await), (json!(1), -32601));
    client.modern(2, "echo", &json!(1)).await;
    assert_eq!(error(&client.next().await), (json!(2), -32600));
    client.open("2025-11-25").await;
    client.modern(3, "echo", &json!(1)).await;
    assert_eq!(client.next().await["result"]["revision"], "2025-11-25");
}

// MCP 2026-07-28, versioning: a modern server "SHOULD name the protocol versions it supports in any error it returns to
// an initialize request".
#[tokio::test(start_paused = true)]
async fn a_modern_handler_names_its_versions_to_initialize() {
    let mut client = only(Revisions::modern());
    let answer = client.open("2025-11-25").await;
    assert_eq!(error(&answer), (json!(0), -32022));
    assert_eq!(answer["error"]["data"], json!({"supported": ["2026-07-28"], "requested": "2025-11-25"}));
    assert!(answer["error"]["message"].as_str().unwrap().contains("2026-07-28"));
    client.send(&request(1, "ping", &json!({}))).await;
    assert_eq!(error(&client.next().await), (json!(1), -32602));
}

// MCP 2025-11-25, lifecycle: "If the server supports the requested protocol version, it MUST respond with the same
// version. Otherwise, the server MUST respond with another protocol version it supports. This SHOULD be the latest".
#[tokio::test(start_paused = true)]
async fn the_session_takes_the_version_asked_for_or_the_newest() {
    for revision in Revisions::legacy().iter() {
        let mut client = Client::new();
        assert_eq!(client.open(revision.as_str()).await["result"]["protocolVersion"], revision.as_str());
        client.call(1, "echo", &json!(1)).await;
        assert_eq!(client.next().await["result"]["revision"], revision.as_str());
    }
    for other in ["2026-07-28", "1.0", "2099-01-01"] {
        assert_eq!(Client::new().open(other).await["result"]["protocolVersion"], "2025-11-25", "{other}");
    }
    let mut client = only(Revisions::only(Revision::V2025_03_26));
    assert_eq!(client.open("2025-11-25").await["result"]["protocolVersion"], "2025-03-26");
}

#[tokio::test(start_paused = true)]
async fn the_session_follows_a_reply_that_settles_lower() {
    let probe = Probe { settles: Some("2024-11-05"), ..Probe::default() };
    let mut client = Client::with(probe, StdioConfig::default());
    client.open("2025-11-25").await;
    client.call(1, "echo", &json!(1)).await;
    assert_eq!(client.next().await["result"]["revision"], "2024-11-05");
    assert_eq!(client.seen.events(), ["opened 2024-11-05"]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_names_no_legacy_version_opens_no_session() {
    for settles in ["2099-01-01", "2026-07-28"] {
        let probe = Probe { settles: Some(settles), ..Probe::default() };
        let mut client = Client::with(probe, StdioConfig::default());
        assert_eq!(error(&client.open("2025-11-25").await), (json!(0), -32603));
        client.call(1, "echo", &json!(1)).await;
        assert_eq!(error(&client.next().await), (json!(1), -32602));
    }
}

#[tokio::test(start_paused = true)]
async fn initialize_opens_one_session_and_says_what_is_wrong_with_it() {
    let mut client = Client::new();
    client.send(&request(1, "initialize", &json!({}))).await;
    assert_eq!(error(&client.next().await), (json!(1), -32602));
    client.send(&request(1, "initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": 5}))).await;
    assert_eq!(error(&client.next().await), (json!(1), -32602));
    client.open("2025-11-25").await;
    client.send(&initialize(2, "2025-11-25")).await;
    assert_eq!(error(&client.next().await), (json!(2), -32600));
    client.call(3, "echo", &json!(1)).await;
    assert!(client.next().await["result"].is_object());
}

// MCP 2025-11-25, lifecycle: a client may ping "before the server has responded to the initialize request".
#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_before_during_and_after_the_handshake() {
    let probe = Probe { opens_in: Duration::from_secs(1), ..Probe::default() };
    let mut client = Client::with(probe, StdioConfig::default());
    client.send(&request(1, "ping", &json!({}))).await;
    assert_eq!(client.next().await, json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    client.send(&initialize(2, "2025-11-25")).await;
    client.send(&request(3, "ping", &json!({}))).await;
    assert_eq!(client.next().await["id"], 3);
    assert_eq!(client.next().await["id"], 2);
    client.send(&request(4, "ping", &json!({}))).await;
    assert_eq!(client.next().await["id"], 4);
}

#[tokio::test(start_paused = true)]
async fn what_an_impatient_client_sends_waits_for_the_session() {
    let probe = Probe { opens_in: Duration::from_secs(1), ..Probe::default() };
    let mut client = Client::with(probe, StdioConfig::default());
    client.send(&initialize(1, "2025-06-18")).await;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})).await;
    client.call(2, "echo", &json!(1)).await;
    client.call(3, "echo", &json!(1)).await;
    client.cancel(3).await;
    // "The initialize request MUST NOT be cancelled by clients" (MCP 2025-11-25, cancellation): it goes on.
    client.cancel(1).await;
    client.modern(4, "echo", &json!(1)).await;
    assert_eq!(client.next().await["id"], 4);
    let (rest, report) = client.end().await;
    let ids: Vec<&Value> = rest.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(rest[1]["result"]["revision"], "2025-06-18");
    assert_eq!(report.cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn notifications_reach_the_handler_under_the_revision_of_the_session() {
    let mut client = Client::new();
    let note = json!({"jsonrpc": "2.0", "method": "notifications/x"});
    client.send(&note).await;
    client.open("2025-06-18").await;
    client.send(&note).await;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let seen = std::sync::Arc::clone(&client.seen);
    client.end().await;
    // The driver owns `initialized`, and a session is opened and closed once.
    assert_eq!(seen.events(), ["opened 2025-06-18", "notifications/x under 2025-06-18", "closed ByClient"]);
}
