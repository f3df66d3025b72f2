//! How many writes an answer takes: each is a system call, and with Nagle's algorithm off a packet.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use mcp_transport::{http::McpService, protocol::Revisions};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};

use super::{
    handler::Scripted,
    support::{Message, initialize, legacy_tool, service, tool, within},
};

/// A connection that keeps each write apart.
struct Recorded {
    stream: DuplexStream,
    writes: Arc<Mutex<Vec<String>>>,
}

impl AsyncRead for Recorded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = written {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(count).collect();
            self.writes.lock().unwrap().push(String::from_utf8(bytes).unwrap());
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

struct Connection {
    client: DuplexStream,
    writes: Arc<Mutex<Vec<String>>>,
}

impl Connection {
    fn to(service: &McpService) -> Self {
        let (client, stream) = tokio::io::duplex(64 << 10);
        let writes = Arc::default();
        let io = TokioIo::new(Recorded { stream, writes: Arc::clone(&writes) });
        let serving = http1::Builder::new().serve_connection(io, TowerToHyperService::new(service.clone()));
        tokio::spawn(serving);
        Self { client, writes }
    }

    async fn send(&mut self, message: &Message) {
        self.client.write_all(message.to_string().as_bytes()).await.unwrap();
    }

    /// Reads until the text has come. Gives the writes that it took.
    async fn until(&mut self, text: &str) -> Vec<String> {
        let mut all = String::new();
        while !all.contains(text) {
            let mut buffer = [0; 16 << 10];
            let count = within(self.client.read(&mut buffer)).await.unwrap();
            assert_ne!(count, 0, "{text} did not come: {all}");
            all.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

// Latency: nothing that is there waits for a write of its own.
#[tokio::test]
async fn the_head_and_the_first_event_are_one_write_and_each_event_is_one() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let opened = initialize("2025-11-25").ask(&service).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    for (request, events) in [
        (tool("trickle", r#"{"n":2}"#), 1),
        // Behind the event that primes.
        (legacy_tool(&session, "1", "trickle", r#"{"n":2}"#), 2),
    ] {
        let mut connection = Connection::to(&service);
        handler.go.add_permits(1);
        connection.send(&request).await;
        let [first] = &connection.until(r#""data":0"#).await[..] else { panic!("more than one write") };
        assert!(first.starts_with("HTTP/1.1 200") && first.matches("data: ").count() == events, "{first}");
        handler.go.add_permits(1);
        let [second] = &connection.until(r#""data":1"#).await[..] else { panic!("more than one write") };
        assert_eq!(second.matches("data: ").count(), 1, "{second}");
        handler.go.add_permits(1);
        // The answer and the end of the stream.
        let last = connection.until("\r\n0\r\n\r\n").await;
        assert!(last.len() <= 2 && last[0].contains(r#""result":"#), "{last:?}");
    }
}

#[tokio::test]
async fn an_answer_without_a_stream_is_one_write() {
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let service = service(&handler, |_| {});
    let mut connection = Connection::to(&service);
    connection.send(&initialize("2025-11-25")).await;
    let [opened] = &connection.until("result").await[..] else { panic!("more than one write") };
    let session = opened.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap().to_owned();
    for request in [tool("echo", r#"{"a":"b"}"#), legacy_tool(&session, "1", "echo", r#"{"a":"b"}"#)] {
        connection.send(&request).await;
        let [answer] = &connection.until(r#""echo":{"a":"b"}}"#).await[..] else { panic!("more than one write") };
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
