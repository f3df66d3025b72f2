//! Answers that stream, and clients that leave them.

use super::super::support::{Endpoint, META, modern, modern_with, tool, within};

// "the server MUST return either Content-Type: application/json or Content-Type: text/event-stream".
#[tokio::test]
async fn the_kind_of_answer_follows_need_and_accept() {
    let endpoint = Endpoint::start().await;
    let (plain, emits) = (tool("echo", "{}"), tool("emit", r#"{"n":2}"#));
    let json = Some("application/json");
    let sse = Some("text/event-stream");
    for (accept, of_plain, of_emits) in [
        ("application/json, text/event-stream", json, sse),
        ("*/*", json, sse),
        ("application/json", json, json),
        ("application/*", json, json),
        ("text/event-stream", sse, sse),
        ("text/event-stream;q=0, */*", json, json),
        ("application/json;q=0, */*;q=0.5", sse, sse),
        ("APPLICATION/JSON;Q=1, text/html", json, json),
    ] {
        for (request, kind) in [(&plain, of_plain), (&emits, of_emits)] {
            let answer = endpoint.ask(&request.clone().header("Accept", accept)).await;
            assert_eq!((answer.head.status, answer.head.get("content-type")), (200, kind), "{accept}");
        }
    }
    assert_eq!(endpoint.ask(&plain.clone().without("Accept")).await.head.get("content-type"), json);
    for garbage in ["text/html", "application/json;q=0", "nonsense", "application/json;q=x", "*/*;q=0"] {
        assert_eq!(endpoint.ask(&plain.clone().header("Accept", garbage)).await.head.status, 406, "{garbage}");
    }
}

// "If the server does not implement the requested RPC method, it MUST respond with 404 Not Found", whatever the client
// lists: a stream would have to begin with 200.
#[tokio::test]
async fn a_status_of_its_own_is_kept_for_a_client_that_takes_streams_only() {
    let endpoint = Endpoint::start().await;
    let unknown = modern("no/such", "").header("Accept", "text/event-stream");
    let answer = endpoint.ask(&unknown).await;
    assert_eq!(answer.head.get("content-type"), Some("application/json"));
    answer.is_error(404, -32601);
}

// "Closing the SSE response stream MUST be treated by the server as cancellation of that request."
#[tokio::test]
async fn closing_before_the_first_byte_cancels() {
    let endpoint = Endpoint::start().await;
    let mut wire = endpoint.connect().await;
    wire.send(&tool("pending", "{}").to_string()).await;
    endpoint.handler.until("began pending").await;
    drop(wire);
    endpoint.handler.until("cancelled pending").await;
}

#[tokio::test]
async fn closing_in_mid_stream_cancels_that_request_only() {
    let endpoint = Endpoint::start().await;
    endpoint.handler.go.add_permits(1);
    let (_, mut first) = endpoint.open(&tool("trickle", r#"{"n":3}"#)).await;
    assert_eq!(first.message().await.unwrap()["params"]["data"], 0);
    let mut other = endpoint.connect().await;
    other.send(&tool("pending", "{}").to_string()).await;
    endpoint.handler.until("began pending").await;
    drop(first);
    endpoint.handler.until("cancelled trickle").await;
    endpoint.handler.go.add_permits(1);
    assert_eq!(other.head().await.status, 200);
    endpoint.handler.until("ended pending").await;
}

// "servers SHOULD include the X-Accel-Buffering: no header"; the final response SHOULD terminate the stream; no requests
// of ours go out on it, and no event has an id, because streams are not resumable.
#[tokio::test]
async fn a_stream_carries_notifications_and_then_the_response() {
    let endpoint = Endpoint::start().await;
    let (head, mut wire) = endpoint.open(&tool("emit", r#"{"n":2}"#)).await;
    assert_eq!(head.get("x-accel-buffering"), Some("no"));
    assert_eq!(head.get("cache-control"), Some("no-store"));
    let mut events = Vec::new();
    while let Some(event) = wire.event().await {
        events.push(event);
    }
    assert_eq!(
        events,
        [
            r#"event: message
data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":0}}"#,
            r#"event: message
data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#,
            r#"event: message
data: {"jsonrpc":"2.0","id":1,"result":{"name":"emit"}}"#,
        ]
    );
    endpoint.ask(&tool("ask", "{}")).await.is_error(200, -32603);
}

// subscriptions: the acknowledgement comes first, every message carries the subscription's id, streams are apart.
#[tokio::test]
async fn subscriptions_are_acknowledged_stamped_and_apart() {
    let endpoint = Endpoint::start().await;
    let listen =
        |id: &str| modern_with(id, "subscriptions/listen", META, r#""notifications":{"toolsListChanged":true}"#);
    let (head, mut first) = endpoint.open(&listen("1")).await;
    assert_eq!((head.status, head.get("content-type")), (200, Some("text/event-stream")));
    let (_, mut second) = endpoint.open(&listen(r#""s""#)).await;
    for (wire, id) in [(&mut first, serde_json::json!(1)), (&mut second, serde_json::json!("s"))] {
        let acknowledged = wire.message().await.unwrap();
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["notifications"]["toolsListChanged"], true);
        let changed = wire.message().await.unwrap();
        assert_eq!(changed["method"], "notifications/tools/list_changed");
        for message in [acknowledged, changed] {
            assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
        }
    }
    endpoint.handler.until_times("listening", 2).await;
    endpoint.handler.change.notify_waiters();
    for wire in [&mut first, &mut second] {
        assert_eq!(wire.message().await.unwrap()["method"], "notifications/tools/list_changed");
    }
    drop(first);
    endpoint.handler.until("over listen").await;
    // A client that takes no stream cannot listen.
    endpoint.ask(&listen("3").header("Accept", "application/json")).await.is_error_of(406, -32600, "3");
    // On drain the call returns its result, and the stream ends with it.
    let stopping = tokio::spawn(endpoint.stop());
    // MCP 2026-07-28, subscriptions, "Graceful Closure": the result carries the subscription's id.
    let closed = serde_json::json!({"_meta": {"io.modelcontextprotocol/subscriptionId": "s"}});
    assert_eq!(second.message().await.unwrap()["result"], closed);
    assert_eq!(second.message().await, None);
    within(stopping).await.unwrap();
}
