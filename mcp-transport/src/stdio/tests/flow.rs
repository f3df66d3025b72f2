//! Concurrency, cancellation, messages before the answer, requests of ours.

use std::sync::atomic::Ordering;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::harness::{Client, Probe, error, modern, request};
use crate::stdio::StdioConfig;

#[tokio::test(start_paused = true)]
async fn answers_come_as_they_are_ready() {
    let mut client = Client::new();
    for (id, ms) in [(1, 300), (2, 100), (3, 200)] {
        client.modern(id, "slow", &json!({"ms": ms})).await;
    }
    client.modern(4, "echo", &json!(1)).await;
    for id in [4, 2, 3, 1] {
        assert_eq!(client.next().await["id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn ids_come_back_as_they_were_written() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    for id in ["\"\\u0061\"", "7", "\"7\"", "-3", "123456789012345678901"] {
        client.write(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n").as_bytes()).await;
        let answer = client.next().await;
        assert_eq!(answer["id"], serde_json::from_str::<serde_json::Value>(id).unwrap());
    }
}

// MCP 2026-07-28, stdio: servers "MUST NOT send any further messages for it".
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_dropped_and_says_nothing_more() {
    let mut client = Client::new();
    client.modern(1, "emit-and-wait", &json!({})).await;
    assert_eq!(client.next().await["params"]["data"], 1);
    client.cancel(1).await;
    client.silence().await;
    assert_eq!(client.seen.dropped.load(Ordering::SeqCst), 1);
    // The id is free again.
    client.modern(1, "echo", &json!(1)).await;
    assert_eq!(client.next().await["id"], 1);
    assert_eq!(client.end().await.1.cancelled, 1);
}

// MCP 2026-07-28, cancellation: invalid cancellations "SHOULD be ignored"; both parties "MUST handle these race
// conditions gracefully".
#[tokio::test(start_paused = true)]
async fn a_cancellation_of_nothing_is_ignored() {
    let mut client = Client::new();
    client.modern(1, "echo", &json!(1)).await;
    client.next().await;
    client.cancel(1).await;
    client.cancel(99).await;
    for params in [json!({}), json!({"requestId": null}), json!({"requestId": {"a": 1}}), json!({"reason": 5})] {
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})).await;
    }
    client.silence().await;
    assert_eq!(client.end().await.1.cancelled, 0);
}

#[tokio::test(start_paused = true)]
async fn an_id_in_flight_is_refused_and_its_call_goes_on() {
    let mut client = Client::new();
    client.modern(1, "slow", &json!({"ms": 50})).await;
    client.modern(1, "echo", &json!(1)).await;
    assert_eq!(error(&client.next().await), (json!(1), -32600));
    assert_eq!(client.next().await, json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_call_come_before_its_answer() {
    let mut client = Client::new();
    client.modern(1, "emit", &json!({"n": 200})).await;
    for n in 0..200 {
        assert_eq!(client.next().await["params"]["n"], n);
    }
    assert_eq!(client.next().await["result"], json!({"emitted": true}));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_internal_error_of_its_call_alone() {
    let mut client = Client::new();
    client.modern(1, "slow", &json!({"ms": 100})).await;
    client.modern(2, "panic", &json!({})).await;
    assert_eq!(error(&client.next().await), (json!(2), -32603));
    client.modern(3, "panic-later", &json!({})).await;
    assert_eq!(error(&client.next().await), (json!(3), -32603));
    assert_eq!(client.next().await["id"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_want_of_scopes_is_an_error_that_names_them() {
    let mut client = Client::new();
    client.modern(1, "forbidden", &json!({})).await;
    let answer = client.next().await;
    assert_eq!(error(&answer), (json!(1), -32600));
    assert!(answer["error"]["message"].as_str().unwrap().contains("files:write"));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_bound_requests_wait_and_cancellations_get_through() {
    let config = StdioConfig { max_in_flight: 2, max_waiting: 3, ..StdioConfig::default() };
    let mut client = Client::with(Probe::default(), config);
    client.open("2025-11-25").await;
    for id in 1..=2 {
        client.call(id, "never", &json!({})).await;
    }
    for id in 3..=6 {
        client.call(id, "slow", &json!({"ms": 10})).await;
    }
    // Two run, three wait, the sixth is one too many.
    let answer = client.next().await;
    assert_eq!(error(&answer), (json!(6), -32603));
    // "The receiver MUST respond promptly" (MCP 2025-11-25, ping).
    client.send(&request(7, "ping", &json!({}))).await;
    assert_eq!(client.next().await["id"], 7);
    // An id that waits is in flight too.
    client.call(4, "echo", &json!({})).await;
    assert_eq!(error(&client.next().await), (json!(4), -32600));
    client.silence().await;
    client.cancel(4).await;
    client.cancel(1).await;
    assert_eq!(client.next().await["id"], 3);
    assert_eq!(client.next().await["id"], 5);
    client.silence().await;
    assert_eq!(client.seen.most_running.load(Ordering::SeqCst), 3, "two calls and the ping");
}

#[tokio::test(start_paused = true)]
async fn listen_streams_are_counted_on_their_own() {
    let config = StdioConfig { max_in_flight: 1, ..StdioConfig::default() };
    let mut client = Client::with(Probe::default(), config);
    client.send(&modern(1, "subscriptions/listen", &json!({}))).await;
    client.next().await;
    client.next().await;
    client.modern(2, "slow", &json!({"ms": 10})).await;
    assert_eq!(client.next().await["id"], 2);
    client.send(&modern(3, "subscriptions/listen", &json!({}))).await;
    assert_eq!(error(&client.next().await), (json!(3), -32603));
}

#[tokio::test(start_paused = true)]
async fn a_tool_asks_the_client_and_gets_its_answer() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.call(1, "ask", &json!({})).await;
    let question = client.next().await;
    assert_eq!(
        (&question["method"], &question["params"]),
        (&json!("elicitation/create"), &json!({"message": "name?"}))
    );
    // Answers that nobody waits for change nothing.
    client.send(&json!({"jsonrpc": "2.0", "id": 77, "result": {}})).await;
    client.send(&json!({"jsonrpc": "2.0", "error": {"code": 1, "message": "?"}})).await;
    client.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}})).await;
    assert_eq!(client.next().await["result"], json!({"answer": {"action": "accept"}}));
    client.call(2, "ask", &json!({})).await;
    let question = client.next().await;
    client.send(&json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "no"}})).await;
    assert!(client.next().await["result"]["failed"].as_str().unwrap().contains("no"));
}

// MCP 2026-07-28, stdio: "The server MUST NOT write JSON-RPC requests to stdout".
#[tokio::test(start_paused = true)]
async fn a_modern_call_cannot_ask() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.modern(1, "ask", &json!({})).await;
    let answer = client.next().await;
    assert!(answer["result"]["failed"].is_string(), "{answer}");
}

// MCP 2025-11-25, lifecycle: "The server SHOULD NOT send requests other than pings and logging before receiving the
// initialized notification".
#[tokio::test(start_paused = true)]
async fn requests_of_ours_wait_until_the_client_is_ready() {
    let probe = Probe { asks_when_opened: true, ..Probe::default() };
    let mut client = Client::with(probe, StdioConfig::default());
    client.send(&super::harness::initialize(0, "2025-11-25")).await;
    client.next().await;
    client.call(1, "ask", &json!({})).await;
    client.call(2, "echo", &json!({})).await;
    assert_eq!(client.next().await["id"], 2);
    client.silence().await;
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let (one, two) = (client.next().await, client.next().await);
    // One is the tool's, the other what `opened` asks outside any request.
    let mut methods = [one["method"].as_str().unwrap(), two["method"].as_str().unwrap()];
    methods.sort_unstable();
    assert_eq!(methods, ["elicitation/create", "ping"]);
    for question in [one, two] {
        client.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": {}})).await;
    }
    assert_eq!(client.next().await["result"], json!({"answer": {}}));
    client.settle().await;
    assert_eq!(client.seen.events(), ["opened 2025-11-25", "client says {}"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_takes_its_question_back() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.call(1, "ask", &json!({})).await;
    let question = client.next().await;
    client.cancel(1).await;
    let note = client.next().await;
    assert_eq!(note["method"], "notifications/cancelled");
    assert_eq!(note["params"]["requestId"], question["id"]);
    client.silence().await;
}

// MCP 2026-07-28, subscriptions: the server "MUST send notifications/subscriptions/acknowledged as the first message",
// and all messages carry the id.
#[tokio::test(start_paused = true)]
async fn a_listen_stream_is_acknowledged_stamped_and_cancelled() {
    let mut client = Client::new();
    client.send(&modern(9, "subscriptions/listen", &json!({}))).await;
    for method in ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"] {
        let note = client.next().await;
        assert_eq!(note["method"], method);
        assert_eq!(note["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 9);
    }
    client.cancel(9).await;
    client.silence().await;
    assert_eq!(client.seen.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_makes_calls_wait() {
    let mut client = Client::with_pipe(Probe::default(), StdioConfig::default(), 4096);
    client.modern(1, "emit", &json!({"n": 100_000, "size": 100})).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let sent = client.seen.sent.load(Ordering::SeqCst);
    // What fits into the pipe, the writer's hands (two rounds of the queue) and the outbox.
    assert!(sent < 400, "{sent} messages went out to nobody");
    // What it says is heard: the call is cancelled, and what was not yet with the writer is thrown away.
    client.cancel(1).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(client.seen.dropped.load(Ordering::SeqCst), 1);
    client.modern(2, "echo", &json!(1)).await;
    while client.next().await["id"] != 2 {}
}

/// Floods a connection with calls that each bring about 64 KiB, and reads nothing. Gives how many were answered within the
/// bound of 256 KiB; then reads all answers.
async fn answered_unread(calls: u64, tool: &str, config: StdioConfig) -> usize {
    let config = StdioConfig { max_output_bytes: 256 << 10, ..config };
    let mut client = Client::with_pipe(Probe::default(), config, 1 << 16);
    let mut input = client.input.take().unwrap();
    let arguments =
        json!({"size": 64 << 10, "ms": 1, "n": 1, "data": "x".repeat(if tool == "echo" { 64 << 10 } else { 0 })});
    let flood = tokio::spawn({
        let line = move |id| format!("{}\n", modern(id, "tools/call", &json!({"name": tool, "arguments": arguments})));
        let lines: Vec<String> = (1..=calls).map(line).collect();
        async move {
            for line in lines {
                input.write_all(line.as_bytes()).await.unwrap();
            }
            input
        }
    });
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let answered = client.seen.dropped.load(Ordering::SeqCst);
    let mut ids = std::collections::HashSet::new();
    while ids.len() < calls as usize {
        let line = client.next().await;
        if let Some(id) = line["id"].as_u64() {
            assert!(ids.insert(id) && line.get("result").is_some(), "{id}");
        }
    }
    drop(flood.await.unwrap());
    answered
}

#[tokio::test(start_paused = true)]
async fn bytes_that_nobody_reads_are_bounded() {
    // What fits below the bound, and one that was begun while there was room for a byte.
    let answered = answered_unread(40, "echo", StdioConfig::default()).await;
    assert!((3..=5).contains(&answered), "{answered}");
    // Calls that take their time: those that ran when the room went.
    let config = StdioConfig { max_in_flight: 2, ..StdioConfig::default() };
    let answered = answered_unread(40, "swell", config.clone()).await;
    assert!((3..=7).contains(&answered), "{answered}");
    // Messages before the answer.
    let answered = answered_unread(40, "emit", config).await;
    assert!((3..=7).contains(&answered), "{answered}");
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_bound_passes_alone() {
    let config = StdioConfig { max_output_bytes: 1000, ..StdioConfig::default() };
    let mut client = Client::with(Probe::default(), config);
    client.open("2025-11-25").await;
    for id in 1..=3 {
        client.call(id, "swell", &json!({"ms": 1, "size": 5000})).await;
    }
    client.send(&request(4, "ping", &json!({}))).await;
    for _ in 1..=4 {
        client.next().await;
    }
}

// Threads race: an answer with a cancellation, a message with an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_each_call_is_answered_once_and_after_its_messages() {
    const CALLS: u64 = 2000;
    let mut client = Client::with_pipe(Probe::default(), StdioConfig::default(), 1 << 22);
    for id in 1..=CALLS {
        client.modern(id, "yield", &json!({"n": id % 7})).await;
        if id % 5 == 0 {
            client.cancel(id).await;
        }
    }
    let (lines, report) = client.end().await;
    let mut answered = std::collections::HashSet::new();
    for line in &lines {
        match line.get("method") {
            Some(_) => assert!(!answered.contains(&line["params"]["of"].as_u64().unwrap()), "{line}"),
            None => assert!(answered.insert(line["id"].as_u64().unwrap()), "{line}"),
        }
    }
    let refused = lines.iter().filter(|line| line.get("error").is_some()).count() as u64;
    assert_eq!(refused, report.refused);
    assert_eq!(answered.len() as u64 + report.cancelled, CALLS);
    assert!((1..=CALLS).filter(|id| id % 5 > 0).all(|id| answered.contains(&id)));
}
