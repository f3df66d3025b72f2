//! A server on loopback, and HTTP written by hand.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use mcp_transport::{
    http::{HttpConfig, McpBody, McpService, serve::Server},
    protocol::Revisions,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tower_service::Service;

use super::handler::{PATIENCE, Scripted};

pub(super) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes far too long")
}

/// A running endpoint.
pub(super) struct Endpoint {
    address: std::net::SocketAddr,
    pub(super) service: McpService,
    pub(super) handler: Arc<Scripted>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Endpoint {
    pub(super) async fn start() -> Self {
        Self::with(Scripted::new(Revisions::all()), |_| {}).await
    }

    pub(super) async fn with(handler: Scripted, configure: impl FnOnce(&mut HttpConfig)) -> Self {
        Self::behind(handler, configure, |service| service).await
    }

    /// An endpoint with layers in front of it.
    pub(super) async fn behind<S, B>(
        handler: Scripted,
        configure: impl FnOnce(&mut HttpConfig),
        layers: impl FnOnce(McpService) -> S,
    ) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data: Send, Error = Infallible> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let service = service(&handler, configure);
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let draining = service.clone();
        let server = server.on_drain(move || draining.drain());
        let serving = server.serve(layers(service.clone()), async { stopped.await.unwrap_or_default() });
        let closing = service.clone();
        let serving = tokio::spawn(async move {
            serving.await;
            closing.close().await;
        });
        Self { address, service, handler, stop: Some(stop), serving }
    }

    pub(super) async fn connect(&self) -> Wire {
        Wire {
            stream: TcpStream::connect(self.address).await.unwrap(),
            unread: Vec::new(),
            events: VecDeque::new(),
            text: String::new(),
        }
    }

    /// Sends a request on a connection of its own, and reads the head of the answer.
    pub(super) async fn open(&self, request: &Message) -> (Head, Wire) {
        let mut wire = self.connect().await;
        wire.send(&request.to_string()).await;
        let head = wire.head().await;
        (head, wire)
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn ask(&self, request: &Message) -> Answer {
        let (head, mut wire) = self.open(request).await;
        let body = wire.body(&head).await;
        Answer { head, body }
    }

    /// Opens a session. Gives its id.
    pub(super) async fn session(&self, revision: &str) -> String {
        let answer = self.ask(&initialize(revision)).await;
        assert_eq!(answer.head.status, 200, "{}", answer.body);
        answer.head.get("mcp-session-id").unwrap().to_owned()
    }

    /// Drains, and waits for the end.
    pub(super) async fn stop(mut self) -> Arc<Scripted> {
        self.stop.take().unwrap().send(()).unwrap();
        within(self.serving).await.unwrap();
        self.handler
    }
}

/// The service alone, for tests with a clock of their own.
pub(super) fn service(handler: &Arc<Scripted>, configure: impl FnOnce(&mut HttpConfig)) -> McpService {
    let mut config = HttpConfig::default();
    configure(&mut config);
    McpService::with_config(Arc::clone(handler) as Arc<_>, config)
}

/// A request, as it goes over the wire.
#[derive(Clone)]
pub(super) struct Message {
    method: &'static str,
    target: &'static str,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Message {
    pub(super) fn new(method: &'static str) -> Self {
        Self { method, target: "/mcp", headers: Vec::new(), body: None }.header("Host", "localhost")
    }

    pub(super) fn post(body: impl Into<String>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let message = Self { body: Some(body), ..Self::new("POST") };
        message
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Length", &length)
    }

    /// Asks for another target.
    pub(super) fn at(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    /// Sets a header, in place of one of the same name.
    pub(super) fn header(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Adds a header beside others of the same name.
    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub(super) fn session(self, id: &str) -> Self {
        self.header("Mcp-Session-Id", id)
    }

    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method).uri(self.target);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::from(self.body.clone().unwrap_or_default())).unwrap()
    }

    /// Asks the service directly.
    pub(super) async fn ask(&self, service: &McpService) -> Response<McpBody> {
        let Ok(response) = service.clone().call(self.request()).await;
        response
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} HTTP/1.1\r\n", self.method, self.target)?;
        for (name, value) in &self.headers {
            write!(f, "{name}: {value}\r\n")?;
        }
        write!(f, "\r\n{}", self.body.as_deref().unwrap_or_default())
    }
}

pub(super) const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"}}"#;

/// A modern request with all its headers but `Mcp-Name`. `members` are those of `params` beside `_meta`.
pub(super) fn modern_with(id: &str, method: &str, meta: &str, members: &str) -> Message {
    let comma = if members.is_empty() { "" } else { "," };
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"_meta":{meta}{comma}{members}}}}}"#);
    Message::post(body).header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", method)
}

pub(super) fn modern(method: &str, members: &str) -> Message {
    modern_with("1", method, META, members)
}

/// A modern `tools/call`.
pub(super) fn tool(name: &str, arguments: &str) -> Message {
    modern("tools/call", &format!(r#""name":"{name}","arguments":{arguments}"#)).header("Mcp-Name", name)
}

pub(super) fn initialize(revision: &str) -> Message {
    Message::post(format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{{}}}}}}"#
    ))
}

/// A legacy request in a session.
pub(super) fn legacy(session: &str, id: &str, method: &str, params: &str) -> Message {
    Message::post(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)).session(session)
}

pub(super) fn legacy_tool(session: &str, id: &str, name: &str, arguments: &str) -> Message {
    legacy(session, id, "tools/call", &format!(r#"{{"name":"{name}","arguments":{arguments}}}"#))
}

pub(super) fn notification(session: &str, method: &str, params: &str) -> Message {
    Message::post(format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)).session(session)
}

pub(super) fn listen(session: &str) -> Message {
    Message::new("GET").header("Accept", "text/event-stream").session(session)
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Checks the status and the code of an error.
    #[track_caller]
    pub(super) fn is_error(&self, status: u16, code: i64) {
        assert_eq!((self.head.status, self.json()["error"]["code"].as_i64()), (status, Some(code)), "{}", self.body);
    }

    /// Checks the status, the code and the id, as it was written.
    #[track_caller]
    pub(super) fn is_error_of(&self, status: u16, code: i64, id: &str) {
        self.is_error(status, code);
        assert!(self.body.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":"#)), "{}", self.body);
    }

    #[track_caller]
    pub(super) fn is_result(&self, body: &str) {
        assert_eq!(self.head.status, 200, "{}", self.body);
        assert!(self.body.contains(&format!(r#""result":{body}"#)), "{}", self.body);
    }
}

/// One connection of a client.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    unread: Vec<u8>,
    events: VecDeque<String>,
    text: String,
}

impl Wire {
    pub(super) async fn send(&mut self, text: &str) {
        within(self.stream.write_all(text.as_bytes())).await.unwrap();
    }

    /// Reads what comes next; `false` at the end.
    async fn more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        let count = within(self.stream.read(&mut buffer)).await.unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..count]);
        count > 0
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.unread.drain(..end + 2).collect::<Vec<u8>>();
                return String::from_utf8(line[..end].to_vec()).unwrap();
            }
            assert!(self.more().await, "closed in mid-line: {:?}", String::from_utf8_lossy(&self.unread));
        }
    }

    async fn exactly(&mut self, count: usize) -> String {
        while self.unread.len() < count {
            assert!(self.more().await, "closed in mid-body");
        }
        String::from_utf8(self.unread.drain(..count).collect()).unwrap()
    }

    pub(super) async fn head(&mut self) -> Head {
        let first = self.line().await;
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { return Head { status, headers } };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    pub(super) async fn body(&mut self, head: &Head) -> String {
        if let Some(length) = head.get("content-length") {
            return self.exactly(length.parse().unwrap()).await;
        }
        if head.get("transfer-encoding").is_none() {
            return String::new();
        }
        let mut all = String::new();
        while let Some(chunk) = self.chunk().await {
            all.push_str(&chunk);
        }
        all
    }

    /// The next chunk; `None` behind the last.
    pub(super) async fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(&self.line().await, 16).unwrap();
        let chunk = self.exactly(size).await;
        assert_eq!(self.line().await, "");
        (size > 0).then_some(chunk)
    }

    /// The next event of a stream, without the empty line behind it; `None` at its end.
    pub(super) async fn event(&mut self) -> Option<String> {
        while self.events.is_empty() {
            let chunk = self.chunk().await?;
            self.text.push_str(&chunk);
            while let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                self.events.push_back(std::mem::replace(&mut self.text, rest).trim_end().to_owned());
            }
        }
        self.events.pop_front()
    }

    /// The data of the next event that has some.
    pub(super) async fn message(&mut self) -> Option<serde_json::Value> {
        loop {
            let event = self.event().await?;
            if let Some(data) = data_of(&event) {
                return Some(data);
            }
        }
    }
}

pub(super) fn data_of(event: &str) -> Option<serde_json::Value> {
    let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
    (!data.is_empty()).then(|| serde_json::from_str(data).unwrap())
}

pub(super) fn id_of(event: &str) -> String {
    event.lines().find_map(|line| line.strip_prefix("id: ")).unwrap_or_else(|| panic!("no id: {event}")).to_owned()
}

/// The next frame of a body, as text.
pub(super) async fn frame(body: &mut McpBody) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

pub(super) async fn text(response: Response<McpBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
