use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::client::Connection;
use crate::requests::{self, Target};

/// A connection in memory to a bare server with the given answer.
fn connect(template: &str) -> Connection<tokio::io::DuplexStream> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let service = service(Template::parse(template).unwrap());
    tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(far), service).await });
    Connection::new(near)
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work);
}

fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}").into()
}

#[test]
fn a_call_is_answered_with_the_template_and_three_headers() {
    run(async {
        let mut connection = connect(Template::LEGACY);
        let request = Target::new("h").legacy_call(Some("any"));
        // Twice, because the connection must stay usable.
        for _ in 0..2 {
            let answer = connection.exchange(&request).await.unwrap();
            let expected = Template::LEGACY
                .replace("{id}", requests::ID)
                .replace("{message}", &format!("\"{}\"", requests::MESSAGE));
            assert_eq!(answer.status, 200);
            assert_eq!(String::from_utf8_lossy(answer.body), expected);
            let mut names: Vec<_> = answer.headers().map(|(name, _)| name).collect();
            names.sort_unstable();
            assert_eq!(names, ["content-length", "content-type", "date"]);
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
    });
}

#[test]
fn escapes_in_the_message_survive_the_round_trip() {
    run(async {
        let body = modern("a\\u0062\\n\\\"");
        let mut connection = connect(Template::MODERN);
        let answer = connection.exchange(&post(&body)).await.unwrap();
        let value: serde_json::Value = serde_json::from_slice(answer.body).unwrap();
        assert_eq!(value["result"]["content"][0]["text"], "ab\n\"");
    });
}

fn modern(message: &str) -> String {
    requests::modern_body().replace(requests::MESSAGE, message)
}

#[test]
fn the_handshake_gives_a_session() {
    run(async {
        let mut connection = connect(Template::LEGACY);
        let session = connection.open_session(&Target::new("h")).await.unwrap();
        assert_eq!(session.unwrap(), SESSION.to_str().unwrap());
    });
}

#[test]
fn other_messages_are_refused() {
    run(async {
        let mut connection = connect(Template::MODERN);
        for body in [
            "{",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            &requests::legacy_body().replace("tools/call", "prompts/get"),
            &requests::legacy_body().replace("\"echo\"", "\"other\""),
        ] {
            assert_eq!(connection.exchange(&post(body)).await.unwrap().status, 400, "{body}");
        }
        let elsewhere = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(connection.exchange(elsewhere).await.unwrap().status, 404);
        let patch = b"PATCH /mcp HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(connection.exchange(patch).await.unwrap().status, 405);
    });
}

#[test]
fn a_stream_opens_and_stays_silent() {
    run(async {
        let (mut near, far) = tokio::io::duplex(1 << 12);
        let service = service(Template::parse(Template::LEGACY).unwrap());
        let server = http1::Builder::new().serve_connection(TokioIo::new(far), service);
        let server = tokio::spawn(async move { server.await.is_ok() });
        near.write_all(&Target::new("h").get(None)).await.unwrap();
        let mut head = [0; 512];
        let length = near.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        drop(near);
        server.await.unwrap();
    });
}
