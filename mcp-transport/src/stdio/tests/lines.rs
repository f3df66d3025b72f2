//! Framing, defects, batches.

use serde_json::{Value, json};

use super::harness::{Client, Probe, error, initialize, modern, request};
use crate::stdio::{Ended, StdioConfig};

// MCP 2026-07-28, stdio: "Messages are delimited by newlines".
#[tokio::test(start_paused = true)]
async fn messages_are_cut_at_newlines_wherever_the_pieces_end() {
    let mut client = Client::new();
    let mut text = String::new();
    for id in 1..=3 {
        text += &format!("{}\r\n\n  \n", modern(id, "server/discover", &json!({})));
    }
    for byte in text.as_bytes() {
        client.write(&[*byte]).await;
    }
    for id in 1..=3 {
        assert_eq!(client.next().await["id"], id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_last_line_without_an_end_is_answered() {
    let mut client = Client::new();
    client.write(modern(1, "server/discover", &json!({})).to_string().as_bytes()).await;
    let (rest, report) = client.end().await;
    assert_eq!((rest.len(), rest[0]["id"].clone()), (1, json!(1)));
    assert_eq!((report.ended, report.requests, report.dropped), (Ended::InputClosed, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_line_over_the_cap_is_an_error_and_the_next_is_sound() {
    let config = StdioConfig { max_line: 1000, ..StdioConfig::default() };
    let mut client = Client::with(Probe::default(), config);
    let long = modern(1, "tools/call", &json!({"name": "x".repeat(1000)}));
    client.send(&long).await;
    client.write(&vec![b'y'; 300_000]).await;
    client.write(b"\n").await;
    client.send(&modern(2, "server/discover", &json!({}))).await;
    for _ in 0..2 {
        let answer = client.next().await;
        assert_eq!(error(&answer), (Value::Null, -32600));
        // The schema of 2025-11-25 and later makes the id optional and never null.
        assert!(!answer.as_object().unwrap().contains_key("id"));
    }
    assert_eq!(client.next().await["id"], 2);
}

// MCP 2026-07-28, stdio: the server "MUST NOT write anything to its stdout that is not a valid MCP message".
#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_answered_by_one_error() {
    let mut client = Client::new();
    for (line, id, code) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"#, Value::Null, -32700),
        ("garbage", Value::Null, -32700),
        ("{\"a\":\"\u{1}\"}", Value::Null, -32700),
        ("7", Value::Null, -32600),
        (r#"{"id":1,"method":"ping"}"#, json!(1), -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, Value::Null, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#, Value::Null, -32600),
        (r#"{"jsonrpc":"2.0","id":"x","method":"ping","params":[1]}"#, json!("x"), -32602),
        ("[]", Value::Null, -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, Value::Null, -32600),
    ] {
        client.write(format!("{line}\n").as_bytes()).await;
        assert_eq!(error(&client.next().await), (id, code), "{line}");
    }
    client.write(b"\xff\xfe\n").await;
    assert_eq!(error(&client.next().await), (Value::Null, -32700));
    client.silence().await;
    assert_eq!(client.end().await.1.refused, 11);
}

#[tokio::test(start_paused = true)]
async fn before_2025_11_25_an_unknown_id_is_null() {
    let mut client = Client::new();
    client.open("2025-06-18").await;
    client.write(b"garbage\n").await;
    assert_eq!(client.next().await.as_object().unwrap().get("id"), Some(&Value::Null));
}

// An answer to one of our requests that makes no sense must not look like the answer to one of the client's.
#[tokio::test(start_paused = true)]
async fn a_broken_response_is_not_answered_under_its_id() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    for line in [r#"{"jsonrpc":"2.0","id":1,"error":7}"#, r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#] {
        client.write(format!("{line}\n").as_bytes()).await;
        assert_eq!(error(&client.next().await), (Value::Null, -32600), "{line}");
    }
}

// As above; in a batch it is an entry that is no message.
#[tokio::test(start_paused = true)]
async fn a_broken_response_in_a_batch_is_not_answered_under_its_id() {
    let mut client = Client::new();
    client.open("2025-03-26").await;
    client.write(b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":7}]\n").await;
    let answers = client.next().await;
    assert_eq!((answers.as_array().unwrap().len(), error(&answers[0])), (1, (Value::Null, -32600)));
}

// JSON-RPC 2.0 section 4.1: "The Server MUST NOT reply to a Notification, including those that are within a batch
// request."
#[tokio::test(start_paused = true)]
async fn a_notification_is_not_answered_whatever_its_params_are() {
    let mut client = Client::new();
    client.open("2025-03-26").await;
    for params in ["[1]", "7", r#"{"_meta":3}"#] {
        let note = format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#);
        client.write(format!("{note}\n[{note},{note}]\n").as_bytes()).await;
    }
    client.silence().await;
    // What has an id, however bad, is no notification.
    client.write(b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\",\"params\":[1]}\n").await;
    assert_eq!(error(&client.next().await), (Value::Null, -32602));
    assert_eq!(client.end().await.1.refused, 1);
}

// MCP 2026-07-28, stdio: messages "MUST NOT contain embedded newlines".
#[tokio::test(start_paused = true)]
async fn a_result_of_several_lines_goes_out_as_one() {
    let mut client = Client::new();
    client.modern(1, "lines", &json!({})).await;
    assert_eq!(client.next().await["result"], json!({"a": "x\ny"}));
}

// MCP 2025-03-26, basic, "Batching": implementations "MUST support receiving JSON-RPC batches".
#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_by_one_array_once_all_answers_are_there() {
    let mut client = Client::new();
    client.open("2025-03-26").await;
    let slow = request(1, "tools/call", &json!({"name": "slow", "arguments": {"ms": 50}}));
    let note = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
    let quick = request(2, "ping", &json!({}));
    client.send(&json!([slow, note, 5, quick])).await;
    client.send(&request(3, "ping", &json!({}))).await;
    assert_eq!(client.next().await["id"], 3);
    let answers = client.next().await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!(1), &json!({})));
    assert_eq!(error(&answers[1]), (Value::Null, -32600));
    assert_eq!(answers[2]["id"], 2);
    assert!(client.seen.events().contains(&"notifications/roots/list_changed under 2025-03-26".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_answers_is_not_answered() {
    let mut client = Client::new();
    client.open("2025-03-26").await;
    let note = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"});
    client.send(&json!([note, note])).await;
    client.send(&json!([request(1, "tools/call", &json!({"name": "never"}))])).await;
    client.cancel(1).await;
    client.silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_entry_is_left_out_of_the_array() {
    let mut client = Client::new();
    client.open("2025-03-26").await;
    let never = request(1, "tools/call", &json!({"name": "never"}));
    client.send(&json!([never, request(2, "ping", &json!({}))])).await;
    client.silence().await;
    client.cancel(1).await;
    let answers = client.next().await;
    assert_eq!((answers.as_array().unwrap().len(), &answers[0]["id"]), (1, &json!(2)));
}

// MCP 2025-06-18 took batches out; MCP 2025-03-26, lifecycle: initialize "MUST NOT be part of a JSON-RPC batch".
#[tokio::test(start_paused = true)]
async fn other_revisions_have_no_batches() {
    let mut client = Client::new();
    client.send(&json!([initialize(0, "2025-03-26")])).await;
    assert_eq!(error(&client.next().await), (Value::Null, -32600));
    client.open("2025-06-18").await;
    client.send(&json!([request(1, "ping", &json!({})), request(2, "ping", &json!({}))])).await;
    assert_eq!(error(&client.next().await), (Value::Null, -32600));
    client.silence().await;
}
