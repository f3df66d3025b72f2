//! The endpoint over TLS and HTTP/2: what HTTP/1.1 says with a header or by closing, HTTP/2 says otherwise.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Version, header::HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_transport::{http::serve::Server, protocol::Revisions};
use tokio::net::TcpStream;

use super::{
    handler::Scripted,
    support::{Message, initialize, legacy, legacy_tool, modern, service, tool, within},
};
use crate::serve::tls::{Files, handshake};

/// One connection of a client.
struct Client {
    requests: SendRequest<Full<Bytes>>,
    handler: Arc<Scripted>,
    _files: Files,
}

async fn client() -> Client {
    let files = Files::new();
    let certificate = files.renew();
    let handler = Arc::new(Scripted::new(Revisions::all()));
    let server = Server::bind("127.0.0.1:0").await.unwrap().tls(files.config());
    let address = server.local_addr().unwrap();
    tokio::spawn(server.serve(service(&handler, |_| {}), std::future::pending()));
    let stream = handshake(TcpStream::connect(address).await.unwrap(), &certificate, &[b"h2"]).await.unwrap();
    let (requests, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Client { requests, handler, _files: files }
}

impl Client {
    /// Sends a message. The host is in `:authority`, and in no header (RFC 9113 section 8.3.1).
    fn send(
        &mut self,
        authority: &str,
        message: &Message,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let mut request = message.clone().without("Host").request();
        *request.uri_mut() = format!("https://{authority}/mcp").parse().unwrap();
        self.requests.send_request(request)
    }

    async fn ask(&mut self, message: &Message) -> Response<Incoming> {
        within(self.send("localhost", message)).await.unwrap()
    }

    async fn text(&mut self, message: &Message) -> String {
        let response = self.ask(message).await;
        assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}

async fn event(response: &mut Response<Incoming>) -> String {
    let frame = within(response.body_mut().frame()).await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn both_eras_are_served_on_one_connection() {
    let mut client = client().await;
    assert!(client.text(&tool("echo", r#"{"a":1}"#)).await.contains(r#""result":{"echo":{"a":1}}"#));
    let opened = client.ask(&initialize("2025-11-25")).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(client.text(&legacy(&session, "1", "tools/list", "{}")).await.contains("2025-11-25"));
    let streamed = client.text(&legacy_tool(&session, "2", "emit", r#"{"n":2}"#)).await;
    assert_eq!(streamed.matches("event: message").count(), 3, "{streamed}");
}

// DNS rebinding over HTTP/2: `:authority` is the host, whatever a header says beside it.
#[tokio::test]
async fn the_authority_is_judged_as_the_host() {
    let mut client = client().await;
    let echo = tool("echo", "{}");
    for (authority, status) in
        [("localhost", 200), ("127.0.0.1:8443", 200), ("evil.test", 403), ("localhost.evil.test:8443", 403)]
    {
        let response = within(client.send(authority, &echo)).await.unwrap();
        assert_eq!(response.status(), status, "{authority}");
    }
    for (authority, host) in [("evil.test", "localhost"), ("localhost", "evil.test")] {
        let mut request = echo.request();
        *request.uri_mut() = format!("https://{authority}/mcp").parse().unwrap();
        request.headers_mut().insert(HOST, HeaderValue::from_static(host));
        let response = within(client.requests.send_request(request)).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{authority} {host}");
    }
    assert_eq!(client.handler.count("began echo"), 2);
    let evil = echo.header("Origin", "https://evil.test");
    assert_eq!(client.ask(&evil).await.status(), StatusCode::FORBIDDEN);
}

// "Closing the stream" is RST_STREAM here (RFC 9113 section 6.4): it cancels that modern call, before its first byte
// and in mid-stream, and no other; it cancels no legacy call.
#[tokio::test]
async fn a_reset_stream_cancels_its_modern_call_only() {
    let mut client = client().await;
    let opened = client.ask(&initialize("2025-06-18")).await;
    let session = opened.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let mut other = client.ask(&modern("subscriptions/listen", r#""notifications":{}"#)).await;
    assert!(event(&mut other).await.contains("acknowledged"));

    let silent = tokio::spawn(client.send("localhost", &tool("pending", "{}")));
    client.handler.until("began pending").await;
    silent.abort();
    client.handler.until("cancelled pending").await;

    client.handler.go.add_permits(1);
    let mut open = client.ask(&tool("trickle", r#"{"n":9}"#)).await;
    assert!(event(&mut open).await.contains(r#""data":0"#));
    drop(open);
    client.handler.until("cancelled trickle").await;

    let legacy = tokio::spawn(client.send("localhost", &legacy_tool(&session, "1", "patient", "{}")));
    client.handler.until("began patient").await;
    legacy.abort();
    // The one that listens hears on, and the reset has long been read.
    for times in 1..=2 {
        client.handler.until_times("listening", times).await;
        client.handler.change.notify_waiters();
        assert!(event(&mut other).await.contains("list_changed"));
        assert!(client.text(&tool("echo", "{}")).await.contains("echo"));
    }
    assert_eq!(client.handler.count("cancelled patient"), 0);
}
