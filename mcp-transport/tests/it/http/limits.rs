//! What a body may be: its size, its time, its kind and its text.

use std::time::Duration;

use mcp_transport::{jsonrpc::Limits, protocol::Revisions};
use tokio::io::AsyncWriteExt as _;

use super::{
    handler::Scripted,
    support::{Endpoint, META, Message, modern, tool, within},
};

async fn small() -> Endpoint {
    Endpoint::with(Scripted::new(Revisions::all()), |config| {
        let mut limits = Limits::default();
        limits.bytes = 2048;
        config.limits = limits;
        config.body_timeout = Duration::from_millis(100);
    })
    .await
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_unread() {
    let endpoint = small().await;
    let fits = tool("echo", &format!(r#"{{"a":"{}"}}"#, "x".repeat(1024)));
    assert_eq!(endpoint.ask(&fits).await.head.status, 200);
    // None of the body is sent.
    let head = tool("echo", "{}").header("Content-Length", "2049").to_string();
    let mut wire = endpoint.connect().await;
    wire.send(head.split_once("\r\n\r\n").unwrap().0).await;
    wire.send("\r\n\r\n").await;
    assert_eq!(wire.head().await.status, 413);
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let endpoint = small().await;
    let head = tool("echo", "{}").without("Content-Length").header("Transfer-Encoding", "chunked").to_string();
    let mut wire = endpoint.connect().await;
    wire.send(head.split_once("\r\n\r\n").unwrap().0).await;
    wire.send("\r\n\r\n").await;
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    for _ in 0..5 {
        wire.send(&chunk).await;
    }
    assert_eq!(wire.head().await.status, 413);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_timed_out() {
    let endpoint = small().await;
    let text = tool("echo", "{}").to_string();
    let mut wire = endpoint.connect().await;
    wire.send(&text[..text.len() - 5]).await;
    assert_eq!(wire.head().await.status, 408);
    assert_eq!(endpoint.handler.log(), Vec::<String>::new());
}

// The type is what makes a browser ask first: nothing close to it will do.
#[tokio::test]
async fn only_json_is_taken() {
    let endpoint = Endpoint::start().await;
    let request = tool("echo", "{}");
    for kind in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert_eq!(endpoint.ask(&request.clone().header("Content-Type", kind)).await.head.status, 200, "{kind}");
    }
    for kind in
        ["text/plain", "application/jsonp", "application/json; charset=latin1", "", "application/json, text/plain"]
    {
        assert_eq!(endpoint.ask(&request.clone().header("Content-Type", kind)).await.head.status, 415, "{kind}");
    }
    assert_eq!(endpoint.ask(&request.clone().without("Content-Type")).await.head.status, 415);
    assert_eq!(endpoint.ask(&request.and("Content-Type", "application/json")).await.head.status, 415);
}

// JSON-RPC 2.0 section 5.1: -32700 for what is no JSON, -32600 for what is no message.
#[tokio::test]
async fn bodies_that_are_no_messages_are_refused() {
    let endpoint = Endpoint::start().await;
    for (body, code) in [
        ("", -32700),
        (" ", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#, -32700),
        (r#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#, -32700),
        ("\"\u{1}\"", -32700),
        ("1", -32600),
        ("null", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#, -32600),
        ("[]", -32600),
    ] {
        endpoint.ask(&Message::post(body)).await.is_error(400, code);
    }
    // The id comes back where it could be read.
    endpoint.ask(&Message::post(r#"{"jsonrpc":"2.0","id":"\u0061","method":"ping","params":[]}"#)).await.is_error_of(
        400,
        -32602,
        r#""\u0061""#,
    );
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_refused() {
    let endpoint = Endpoint::start().await;
    let text = Message::post("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"~~\"}").to_string();
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'~' { 0xFF } else { byte }).collect();
    let mut wire = endpoint.connect().await;
    within(wire.stream.write_all(&bytes)).await.unwrap();
    let head = wire.head().await;
    assert_eq!(head.status, 400);
    assert!(wire.body(&head).await.contains("-32700"));
}

#[tokio::test]
async fn nesting_is_bounded() {
    let endpoint = Endpoint::start().await;
    let nested = |levels: usize| tool("echo", &format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)));
    assert_eq!(endpoint.ask(&nested(120)).await.head.status, 200);
    endpoint.ask(&nested(128)).await.is_error(400, -32600);
    endpoint.ask(&nested(100_000)).await.is_error(400, -32600);
    endpoint.ask(&Message::post("[".repeat(100_000))).await.is_error(400, -32600);
}

// Two readers that choose differently between two members of one name are a hole.
#[tokio::test]
async fn a_member_named_twice_is_refused() {
    let endpoint = Endpoint::start().await;
    for members in [
        r#""name":"echo","name":"panic""#,
        r#""name":"echo","n\u0061me":"panic""#,
        r#""name":"echo","arguments":{"a":1,"a":1}"#,
        r#""name":"echo","arguments":{"a":[{"b":1,"b":1}]}"#,
    ] {
        let request = modern("tools/call", members).header("Mcp-Name", "echo");
        let answer = endpoint.ask(&request).await;
        answer.is_error(400, -32600);
        // Which id would be the right one? The modern schema has no null, so there is none; before, it is null.
        assert_eq!(answer.json().get("id"), None);
        let legacy = endpoint.ask(&request.without("MCP-Protocol-Version")).await;
        legacy.is_error_of(400, -32600, "null");
    }
    let twice = format!(r#"{{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list","params":{{"_meta":{META}}}}}"#);
    endpoint.ask(&Message::post(twice)).await.is_error(400, -32600);
    assert_eq!(endpoint.handler.log(), Vec::<String>::new());
}
