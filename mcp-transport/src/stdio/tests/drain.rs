//! How a connection ends.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use tokio::{io::AsyncReadExt as _, time::Instant};

use super::harness::{Client, error, modern, request};
use crate::stdio::Ended;

// MCP 2026-07-28, stdio: "Servers SHOULD exit promptly when their standard input is closed".
#[tokio::test(start_paused = true)]
async fn at_the_end_of_input_calls_are_answered_and_the_server_returns() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.call(1, "slow", &json!({"ms": 3000})).await;
    client.call(2, "until-stop", &json!({})).await;
    let (seen, begun) = (Arc::clone(&client.seen), Instant::now());
    let (rest, report) = client.end().await;
    assert_eq!(rest.iter().map(|answer| answer["id"].clone()).collect::<Vec<_>>(), [2, 1]);
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!((report.ended, report.dropped, report.requests), (Ended::InputClosed, 0, 3));
    assert_eq!(seen.events(), ["opened 2025-11-25", "closed ByClient"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_is_dropped_when_the_time_is_over() {
    let mut client = Client::new();
    client.modern(1, "never", &json!({})).await;
    client.settle().await;
    let (seen, begun) = (Arc::clone(&client.seen), Instant::now());
    let (rest, report) = client.end().await;
    assert!(rest.is_empty());
    assert!((10..12).contains(&begun.elapsed().as_secs()));
    assert_eq!((report.dropped, seen.dropped.load(Ordering::SeqCst)), (1, 1));
}

// Nobody can answer any more: who asked must not wait until the time is over.
#[tokio::test(start_paused = true)]
async fn at_the_end_of_input_a_question_is_given_up() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.call(1, "ask", &json!({})).await;
    client.next().await;
    let (seen, begun) = (Arc::clone(&client.seen), Instant::now());
    let (rest, _) = client.end().await;
    assert_eq!(rest[0]["id"], 1);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(seen.events().contains(&"ask closed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_refuses_new_requests_and_hears_the_rest() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.call(1, "ask", &json!({})).await;
    client.call(2, "never", &json!({})).await;
    let question = client.next().await;
    client.shutdown.give();
    client.settle().await;
    client.call(3, "echo", &json!({})).await;
    assert_eq!(error(&client.next().await), (json!(3), -32603));
    client.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": {}})).await;
    assert_eq!(client.next().await["result"], json!({"answer": {}}));
    client.cancel(2).await;
    let (seen, begun) = (Arc::clone(&client.seen), Instant::now());
    assert!(client.line().await.is_none());
    let report = client.report().await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!((report.ended, report.dropped), (Ended::Shutdown, 0));
    assert_eq!(seen.events().last().unwrap(), "closed Drained");
}

// MCP 2026-07-28, subscriptions: at shutdown the server "SHOULD send a successful subscriptions/listen response";
// cancellation: it "MUST send notifications/cancelled" when it tears the stream down.
#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_listen_streams_with_a_result_and_a_cancellation() {
    let mut client = Client::new();
    client.send(&modern(1, "subscriptions/listen", &json!({}))).await;
    client.next().await;
    client.next().await;
    client.send(&modern(2, "subscriptions/listen", &json!({"refuse": true}))).await;
    // A stream that was never open is not torn down.
    assert_eq!(error(&client.next().await), (json!(2), -32602));
    client.shutdown.give();
    let meta = json!({"io.modelcontextprotocol/subscriptionId": 1});
    let answer = client.next().await;
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "complete", "_meta": meta}}));
    let note = client.next().await;
    assert_eq!((&note["method"], &note["params"]["requestId"]), (&json!("notifications/cancelled"), &json!(1)));
    assert!(client.line().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_listen_stream_that_does_not_end_is_cancelled_when_the_time_is_over() {
    let mut client = Client::new();
    client.send(&modern(1, "subscriptions/listen", &json!({"deaf": true}))).await;
    client.next().await;
    client.next().await;
    let (rest, report) = client.end().await;
    assert_eq!((rest.len(), &rest[0]["method"]), (1, &json!("notifications/cancelled")));
    assert_eq!(report.dropped, 1);
}

// A broken pipe: nobody reads, so nothing is worth finishing.
#[tokio::test(start_paused = true)]
async fn a_broken_output_ends_it_at_once() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    client.call(1, "never", &json!({})).await;
    client.settle().await;
    client.output = None;
    client.send(&request(2, "ping", &json!({}))).await;
    let (seen, begun) = (Arc::clone(&client.seen), Instant::now());
    let report = client.report().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!((report.ended, report.dropped), (Ended::OutputClosed, 1));
    assert_eq!(seen.running.load(Ordering::SeqCst), 0);
    assert_eq!(seen.events().last().unwrap(), "closed ByClient");
}

// A reader that is slow, such as a pipe to something that is busy, is not one that is gone.
#[tokio::test(start_paused = true)]
async fn at_the_end_of_input_a_slow_reader_gets_all_answers() {
    let mut client = Client::new();
    client.modern(1, "emit", &json!({"n": 100, "size": 5000})).await;
    client.modern(2, "echo", &json!({})).await;
    client.close();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let begun = Instant::now();
    let (rest, report) = client.end().await;
    assert_eq!((rest.len(), report.dropped, report.unwritten), (102, 0, 0));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_in_time_is_counted() {
    let mut client = Client::new();
    client.modern(1, "emit", &json!({"n": 100, "size": 5000})).await;
    client.settle().await;
    client.close();
    let mut output = client.output.take().unwrap();
    let begun = Instant::now();
    let report = client.report().await;
    assert!((10..12).contains(&begun.elapsed().as_secs()));
    let mut written = Vec::new();
    output.read_to_end(&mut written).await.unwrap();
    let whole = written.iter().filter(|byte| **byte == b'\n').count() as u64;
    // What is written with others counts once they are all written.
    assert!(whole > 0 && (101 - whole..=101).contains(&report.unwritten), "{} of {whole}", report.unwritten);
    assert_eq!(report.dropped, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_cannot_hold_the_server() {
    let mut client = Client::with_pipe(super::harness::Probe::default(), crate::stdio::StdioConfig::default(), 1024);
    client.modern(1, "emit", &json!({"n": 1000, "size": 1000})).await;
    client.settle().await;
    client.close();
    let begun = Instant::now();
    let output = client.output.take();
    let report = client.report().await;
    drop(output);
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
    assert_eq!(report.dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_hangs_does_not_hold_the_server_beyond_the_drain() {
    let mut client = Client::new();
    client.open("2025-11-25").await;
    for _ in 0..200 {
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/x", "params": {"never": true}})).await;
    }
    client.call(1, "echo", &json!({})).await;
    assert_eq!(client.next().await["id"], 1);
    // Beyond the bound they are dropped.
    assert_eq!(client.seen.events().len(), 1 + 64);
    let begun = Instant::now();
    client.end().await;
    assert!(begun.elapsed() < Duration::from_secs(12));
}
