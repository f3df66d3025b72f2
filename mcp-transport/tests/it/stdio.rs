//! The stdio driver's errors against the official schemas.

use std::sync::Arc;

use async_trait::async_trait;
use mcp_transport::{
    exchange::Exchange,
    handler::{Handler, Outcome},
    jsonrpc::{ErrorObject, Raw, Request},
    protocol::{Method, Revision, Revisions},
    stdio::{StdioConfig, serve_on},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::schema::envelopes::check_error;

/// It opens sessions and knows no method.
struct Empty;

#[async_trait]
impl Handler for Empty {
    fn revisions(&self) -> Revisions {
        Revisions::all()
    }

    async fn call(self: Arc<Self>, cx: Exchange, request: Request) -> Outcome {
        match &request.method {
            Method::Initialize => Outcome::complete(
                Raw::write(&json!({"protocolVersion": cx.revision().as_str(), "capabilities": {}})).unwrap(),
            ),
            method => ErrorObject::method_not_found(method.as_str()).into(),
        }
    }
}

/// The answers to these lines.
async fn answers(lines: &[String]) -> Vec<Value> {
    let (mut input, reader) = tokio::io::duplex(1 << 16);
    let (writer, mut output) = tokio::io::duplex(1 << 16);
    let served = tokio::spawn(serve_on(Arc::new(Empty), reader, writer, StdioConfig::default()));
    for line in lines {
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    drop(input);
    let mut text = String::new();
    output.read_to_string(&mut text).await.unwrap();
    served.await.unwrap().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lines, and the code and the id of their answers.
fn defects() -> Vec<(String, i64, Option<Value>)> {
    vec![
        ("{".to_owned(), -32700, None),
        ("7".to_owned(), -32600, None),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_owned(), -32600, None),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#.to_owned(), -32600, Some(json!(1))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#.to_owned(), -32602, Some(json!(1))),
    ]
}

fn check(revision: Revision, answers: &[Value], expected: &[(String, i64, Option<Value>)]) {
    assert_eq!(answers.len(), expected.len());
    for (answer, (line, code, id)) in answers.iter().zip(expected) {
        assert_eq!(answer["error"]["code"], *code, "{line}: {answer}");
        check_error(revision, answer, id.as_ref());
    }
}

#[tokio::test]
async fn errors_of_modern_requests_are_those_of_the_schema() {
    let modern = |version: &str, method: &str| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}).to_string()
    };
    let mut expected = defects();
    expected.extend([
        (modern("1999-01-01", "server/discover"), -32022, Some(json!(1))),
        (modern("2025-11-25", "server/discover"), -32022, Some(json!(1))),
        (modern("2026-07-28", "no/such"), -32601, Some(json!(1))),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(), -32602, Some(json!(1))),
    ]);
    let lines: Vec<String> = expected.iter().map(|(line, ..)| line.clone()).collect();
    check(Revision::LATEST, &answers(&lines).await, &expected);
}

#[tokio::test]
async fn errors_in_a_session_are_those_of_its_schema() {
    for revision in Revision::ALL.into_iter().filter(|revision| revision.has_sessions()) {
        let mut expected = defects();
        let list = r#"{"jsonrpc":"2.0","id":"a","method":"no/such"}"#.to_owned();
        expected.push((list, -32601, Some(json!("a"))));
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": revision.as_str(), "capabilities": {}, "clientInfo": client});
        let mut lines = vec![json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).to_string()];
        lines.extend(expected.iter().map(|(line, ..)| line.clone()));
        check(revision, &answers(&lines).await[1..], &expected);
    }
}
