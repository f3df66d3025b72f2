//! The smallest servers.

use serde_json::{Value, json};

use crate::program::{Http, Piped, modern};

#[tokio::test]
async fn hello_on_stdio_serves_both_eras() {
    let mut legacy = Piped::start(env!("CARGO_BIN_EXE_hello_stdio"));
    assert_eq!(legacy.initialize(&json!({})).await["result"]["protocolVersion"], "2025-11-25");
    let list = legacy.ask(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })).await;
    let tool = &list["result"]["tools"][0];
    assert_eq!((&tool["name"], &tool["description"]), (&json!("greet"), &json!("Greets somebody.")));
    assert_eq!(tool["inputSchema"]["properties"]["name"]["description"], "Whom to greet.");
    let params = json!({ "name": "greet", "arguments": { "name": "Ada" } });
    let answer = legacy.ask(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params })).await;
    assert_eq!(answer["result"]["content"][0]["text"], "Hello, Ada!");
    legacy.end().await;

    let mut modern_client = Piped::start(env!("CARGO_BIN_EXE_hello_stdio"));
    let answer = modern_client.ask(&modern(1, "greet", &json!({ "name": "Ada" }), &json!({}))).await;
    assert_eq!(answer["result"]["content"][0]["text"], "Hello, Ada!");
    modern_client.end().await;
}

#[tokio::test]
async fn hello_over_http_answers_and_stops_when_asked() {
    let hello = Http::start(env!("CARGO_BIN_EXE_hello_http"), &["127.0.0.1:0"], &[]).await;
    let (status, _, body) = hello.call("greet", &json!({ "name": "Ada" }), "").await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["result"]["content"][0]["text"]), (200, &json!("Hello, Ada!")));
    // A web page of another origin is refused (2026-07-28, streamable HTTP, "Security & Endpoint").
    let (status, ..) = hello.call("greet", &json!({ "name": "Ada" }), "\r\nOrigin: https://evil.example").await;
    assert_eq!(status, 403);
    hello.stop().await;
}
