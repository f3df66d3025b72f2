//! A guarded MCP endpoint on a real socket, spoken to in raw bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcp_transport::auth::{ClientId, ResourceId, Verifier};
use mcp_transport::exchange::Exchange;
use mcp_transport::handler::{Handler, Outcome};
use mcp_transport::http::origin::AccessPolicy;
use mcp_transport::http::serve::Server;
use mcp_transport::http::{HttpConfig, McpService};
use mcp_transport::jsonrpc::{Raw, Request};
use mcp_transport::protocol::Revisions;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_layer::Layer as _;

use super::played::{Played, Reply, now};
use crate::resource::{IntrospectionClient, Protection, TokenCheck};
use crate::types::Secret;

/// Says who is calling, or nothing for ever.
#[derive(Debug)]
struct WhoAmI;

#[async_trait]
impl Handler for WhoAmI {
    fn revisions(&self) -> Revisions {
        Revisions::all()
    }

    async fn call(self: Arc<Self>, cx: Exchange, request: Request) -> Outcome {
        if request.method.as_str() == "wait" {
            return std::future::pending().await;
        }
        let who = cx.principal().map_or("nobody", |principal| principal.subject().as_str());
        // The token was for this resource alone: nothing of it goes on.
        let head = cx.http().unwrap();
        assert!(!head.headers.contains_key("authorization"));
        Outcome::complete(Raw::parse(format!(r#"{{"who":"{who}"}}"#)).unwrap())
    }
}

/// An answer, its head in lower case.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

pub(super) struct Guarded(SocketAddr);

fn service() -> McpService {
    McpService::with_config(Arc::new(WhoAmI), HttpConfig::default())
}

impl Guarded {
    /// Guards with a verifier, at the time of all tests.
    pub(super) async fn by(played: &Played, resource: &str, verifier: Arc<dyn Verifier>) -> Self {
        let protection = Protection::with_verifier(played.resource(resource), verifier).unwrap();
        Self::serving(protection.guard().clock(now).layer(service())).await
    }

    /// The whole of a protection, at the time that it is.
    async fn with(protection: &Protection) -> Self {
        Self::serving(protection.protect(service(), AccessPolicy::default())).await
    }

    async fn serving<S, B>(service: S) -> Self
    where
        S: tower_service::Service<
                http::Request<hyper::body::Incoming>,
                Response = http::Response<B>,
                Error = std::convert::Infallible,
            > + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(server.serve(service, std::future::pending()));
        Self(address)
    }

    pub(super) async fn send(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let (address, length) = (self.0, body.len());
        let request =
            format!("{head}\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(30), read).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Asks who is calling, as a client of 2026-07-28.
    pub(super) async fn ping(&self, more: &str) -> Answer {
        self.call("who/am/i", more).await
    }

    async fn call(&self, method: &str, more: &str) -> Answer {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}{more}"
        );
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
        self.send(&head, &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"_meta":{meta}}}}}"#))
            .await
    }

    pub(super) async fn with_token(&self, token: &str) -> Answer {
        self.ping(&format!("\r\nAuthorization: Bearer {token}")).await
    }
}

/// Claims as of the time that it is.
fn current(claims: &mut serde_json::Value) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    claims["iat"] = now.into();
    claims["exp"] = (now + 60).into();
}

#[tokio::test]
async fn attack_068_069_071_072_a_protected_endpoint_as_its_clients_see_it() {
    let played = Played::start().await;
    let resource = ResourceId::parse("https://h.example/mcp").unwrap();
    let builder = Protection::builder(played.issuer.clone(), resource).name("Who am I");
    let protection = builder.required_scopes("mcp".parse().unwrap()).build().unwrap();
    assert!(protection.prepare(std::time::SystemTime::now()).await);
    let guarded = Guarded::with(&protection).await;

    // RFC 6750 3: no credentials, no error; RFC 9728 5.1: where the document is.
    let bare = guarded.ping("").await;
    assert_eq!(bare.status, 401);
    let challenge = bare.head.lines().find_map(|line| line.strip_prefix("www-authenticate: ")).unwrap();
    let place = "https://h.example/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.starts_with("bearer ") && challenge.contains(place), "{challenge}");
    assert!(challenge.contains("scope=\"mcp\"") && !challenge.contains("error"), "{challenge}");

    for place in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let forged = "\r\nX-Forwarded-Host: evil.example\r\nOrigin: https://anywhere.example";
        let document = guarded.send(&format!("GET {place} HTTP/1.1{forged}"), "").await;
        assert_eq!(document.status, 200, "{document:?}");
        assert!(document.head.contains("access-control-allow-origin: *"));
        let document: serde_json::Value = serde_json::from_str(&document.body).unwrap();
        assert_eq!(document["resource"], "https://h.example/mcp");
        assert_eq!(document["authorization_servers"], serde_json::json!([played.issuer]));
        assert_eq!(document["scopes_supported"], serde_json::json!(["mcp"]));
    }

    let good = played.token(|claims| {
        current(claims);
        claims["scope"] = "mcp other".into();
    });
    let answer = guarded.with_token(&good).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(r#""who":"ada""#), "{answer:?}");
    assert_eq!(guarded.ping(&format!("\r\nAuthorization: bEaReR  {good} ")).await.status, 200);

    let narrow = guarded.with_token(&played.token(current)).await;
    assert_eq!(narrow.status, 403);
    assert!(narrow.head.contains("error=\"insufficient_scope\"") && narrow.head.contains("scope=\"mcp\""));

    // RFC 6750 2: in one header, in one way.
    for more in [format!("\r\nAuthorization: Bearer {good}\r\nAuthorization: Bearer {good}")] {
        assert_eq!(guarded.ping(&more).await.status, 400);
    }
    let in_query = guarded.send(&format!("GET /mcp?access_token={good} HTTP/1.1"), "").await;
    assert_eq!(in_query.status, 400);

    // A page of another origin is refused before it is asked for a token, one that is admitted can read the challenge.
    assert_eq!(guarded.ping("\r\nOrigin: https://evil.example").await.status, 403);
    let page = guarded.ping("\r\nOrigin: http://localhost:6274").await;
    assert_eq!(page.status, 401);
    assert!(page.head.contains("access-control-allow-origin: http://localhost:6274"), "{page:?}");
    let preflight = guarded
        .send(
            "OPTIONS /mcp HTTP/1.1\r\nOrigin: http://localhost:6274\r\nAccess-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization",
            "",
        )
        .await;
    assert_eq!(preflight.status, 204);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_503_with_a_time_to_come_back() {
    let played = Played::silent("").await;
    let resource = ResourceId::parse("https://h.example/mcp").unwrap();
    let protection = Protection::builder(played.issuer.clone(), resource).build().unwrap();
    assert!(!protection.prepare(std::time::SystemTime::now()).await);
    let guarded = Guarded::with(&protection).await;
    let answer = guarded.with_token(&played.token(current)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 2"), "{answer:?}");
    assert!(!answer.head.contains("www-authenticate"), "a client must not throw its token away");
    assert_eq!(guarded.ping("").await.status, 401);
}

/// What is open ends when its token is revoked, on real sockets. That it does so within five seconds is counted out in
/// `cached/tests/bound`: here a busy machine would have its say.
#[tokio::test]
async fn attack_075_what_is_open_ends_when_its_token_is_revoked() {
    let played = Played::start().await;
    let answer = json!({"active": true, "aud": "https://h.example/mcp", "sub": "ada"});
    played.set("/introspect", Reply::Json(answer));
    let client = IntrospectionClient::new(ClientId::parse("rs").unwrap(), Secret::new("hush".to_owned()));
    let builder = Protection::builder(played.issuer.clone(), ResourceId::parse("https://h.example/mcp").unwrap());
    let protection = builder.check(TokenCheck::Introspection(client)).build().unwrap();
    let guarded = Guarded::with(&protection).await;
    let revoke = async {
        while played.seen("/introspect").is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        played.set("/introspect", Reply::Json(json!({"active": false})));
    };
    // It waits for ever otherwise, and the client half a minute.
    let open = guarded.call("wait", "\r\nAuthorization: Bearer opaque-token");
    futures_util::future::join(open, revoke).await;
    assert_eq!(guarded.with_token("opaque-token").await.status, 401);
}
