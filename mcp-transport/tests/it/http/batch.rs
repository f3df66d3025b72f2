//! Batches, which only 2025-03-26 has.

use std::sync::Arc;

use mcp_transport::protocol::Revisions;

use super::{
    handler::Scripted,
    support::{Answer, Endpoint, Message, frame, initialize, legacy, service},
};

fn batch(session: &str, entries: &[&str]) -> Message {
    Message::post(format!("[{}]", entries.join(","))).session(session)
}

fn call(id: &str, name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}","arguments":{{"n":2}}}}}}"#)
}

const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/test/x"}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":9,"result":{}}"#;

/// The ids of the answers, and whether each is an error.
fn outcomes(answer: &Answer) -> Vec<(String, bool)> {
    let mut all: Vec<_> = answer.json().as_array().unwrap().iter().map(outcome).collect();
    all.sort();
    all
}

fn outcome(message: &serde_json::Value) -> (String, bool) {
    (message["id"].to_string(), message.get("error").is_some())
}

fn expected(all: &[(&str, bool)]) -> Vec<(String, bool)> {
    all.iter().map(|(id, error)| ((*id).to_owned(), *error)).collect()
}

// 2025-06-18, changelog: "Remove support for JSON-RPC batching".
#[tokio::test]
async fn other_revisions_refuse_batches() {
    let endpoint = Endpoint::start().await;
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let session = endpoint.session(revision).await;
        endpoint.ask(&batch(&session, &[&call("1", "echo")])).await.is_error(400, -32600);
        endpoint.ask(&batch(&session, &[NOTE])).await.is_error(400, -32600);
    }
    assert_eq!(endpoint.handler.count("began echo"), 0);
    assert_eq!(endpoint.handler.count("notified notifications/test/x"), 0);
    assert_eq!(endpoint.ask(&Message::post(format!("[{NOTE}]"))).await.head.status, 400);
}

// 2025-03-26, basic: "MCP implementations MUST support receiving JSON-RPC batches." Requests get one array, in any order;
// notifications and responses get nothing.
#[tokio::test]
async fn requests_of_a_batch_are_answered_together() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let entries =
        [&call("1", "echo"), NOTE, r#"{"jsonrpc":"2.0","id":"b","method":"no/such"}"#, ANSWER, &call("3", "panic")];
    let answer = endpoint.ask(&batch(&session, &entries)).await;
    assert_eq!(answer.head.get("content-type"), Some("application/json"));
    assert_eq!(outcomes(&answer), expected(&[(r#""b""#, true), ("1", false), ("3", true)]));
    endpoint.handler.until("notified notifications/test/x").await;
}

// 2025-03-26, transports: "If the input consists solely of (any number of) JSON-RPC responses or notifications: the server
// MUST return HTTP status code 202 Accepted with no body."
#[tokio::test]
async fn a_batch_without_requests_is_accepted() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    for entries in [&[NOTE][..], &[ANSWER], &[NOTE, ANSWER, NOTE]] {
        let answer = endpoint.ask(&batch(&session, entries)).await;
        assert_eq!((answer.head.status, answer.body.as_str()), (202, ""));
    }
}

// JSON-RPC 2.0 section 6: entries that are no messages are answered on their own; an empty array is an invalid request.
// 2025-03-26, lifecycle: "The initialize request MUST NOT be part of a JSON-RPC batch".
#[tokio::test]
async fn bad_entries_are_answered_on_their_own() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let entries = [
        "1",
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{}}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"ping","params":[]}"#,
        r#"{"jsonrpc":"1.0","id":3,"method":"ping"}"#,
        &call("4", "echo"),
        &call("4", "echo"),
    ];
    let answer = endpoint.ask(&batch(&session, &entries)).await;
    let all = [("1", true), ("2", true), ("3", true), ("4", false), ("4", true), ("null", true)];
    assert_eq!(outcomes(&answer), expected(&all));
    assert_eq!(endpoint.service.sessions(), 1);
    assert_eq!(endpoint.handler.count("ended echo"), 1);
    endpoint.ask(&batch(&session, &[])).await.is_error(400, -32600);
    let many = vec![NOTE; 65];
    endpoint.ask(&batch(&session, &many)).await.is_error(400, -32600);
    assert_eq!(endpoint.ask(&batch(&session, &many[..64])).await.head.status, 202);
}

// An answer to one of our requests that makes no sense must not look like the answer to one of the client's.
#[tokio::test]
async fn a_broken_response_is_not_answered_under_its_id() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let broken = r#"{"jsonrpc":"2.0","id":1,"error":7}"#;
    let answer = endpoint.ask(&batch(&session, &[broken, &call("1", "echo")])).await;
    assert_eq!(outcomes(&answer), expected(&[("1", false), ("null", true)]));
    endpoint.ask(&Message::post(broken).session(&session)).await.is_error(400, -32600);
}

// JSON-RPC 2.0 section 4.1: "The Server MUST NOT reply to a Notification, including those that are within a batch request."
#[tokio::test]
async fn a_notification_of_a_batch_is_not_answered_whatever_its_params_are() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/test/x","params":[1]}"#;
    let answer = endpoint.ask(&batch(&session, &[note, &call("1", "echo")])).await;
    assert_eq!(outcomes(&answer), expected(&[("1", false)]));
    let answer = endpoint.ask(&batch(&session, &[note, note])).await;
    assert_eq!((answer.head.status, answer.body.as_str()), (202, ""));
}

// "If the input contains any number of JSON-RPC requests, the server MUST either return text/event-stream or
// application/json": a batch whose call sends something first becomes a stream with all the answers.
#[tokio::test]
async fn a_batch_that_emits_becomes_a_stream() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let entries = [&call("1", "echo"), &call("2", "emit"), &call("3", "echo")];
    let entries = entries.map(String::as_str);
    let (head, mut stream) = endpoint.open(&batch(&session, &entries)).await;
    assert_eq!(head.get("content-type"), Some("text/event-stream"));
    let (mut answers, mut sent) = (Vec::new(), Vec::new());
    while let Some(message) = stream.message().await {
        if message.get("id").is_some() {
            answers.push(outcome(&message));
        } else {
            sent.push(message["params"]["data"].clone());
        }
    }
    answers.sort();
    assert_eq!(answers, expected(&[("1", false), ("2", false), ("3", false)]));
    assert_eq!(sent, [0, 1]);
    let only_json = endpoint.ask(&batch(&session, &entries).header("Accept", "application/json")).await;
    assert_eq!(outcomes(&only_json), expected(&[("1", false), ("2", false), ("3", false)]));
    let (head, mut stream) = endpoint.open(&batch(&session, &entries[..1]).header("Accept", "text/event-stream")).await;
    assert_eq!(head.get("content-type"), Some("text/event-stream"));
    assert_eq!(stream.message().await.unwrap()["id"], 1);
    assert_eq!(stream.message().await, None);
}

// "Disconnection SHOULD NOT be interpreted as the client cancelling its request": not in a batch either.
#[tokio::test]
async fn a_batch_survives_its_connection() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let mut wire = endpoint.connect().await;
    wire.send(&batch(&session, &[&call("1", "pending"), &call("2", "pending")]).to_string()).await;
    endpoint.handler.until_times("began pending", 2).await;
    drop(wire);
    endpoint.ask(&legacy(&session, "1", "ping", "{}")).await.is_error(400, -32600);
    endpoint.handler.go.add_permits(2);
    endpoint.handler.until_times("ended pending", 2).await;
    assert_eq!(endpoint.handler.count("cancelled pending"), 0);
}

// A batch may cancel a request of its own; nothing is left to answer then.
#[tokio::test]
async fn a_batch_whose_requests_are_cancelled_is_accepted() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-03-26").await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let answer = endpoint.ask(&batch(&session, &[&call("1", "pending"), cancel])).await;
    assert_eq!((answer.head.status, answer.body.as_str()), (202, ""));
}

#[tokio::test(start_paused = true)]
async fn a_silent_batch_becomes_a_stream_as_well() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let opened = initialize("2025-03-26").ask(&service).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap();
    let mut response = batch(session, &[&call("1", "pending"), &call("2", "echo")]).ask(&service).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(frame(response.body_mut()).await.unwrap().contains(r#""id":2"#));
    handler.go.add_permits(1);
    assert!(frame(response.body_mut()).await.unwrap().contains(r#""id":1"#));
    assert_eq!(frame(response.body_mut()).await, None);
}
