//! A handler that does what it is told, and a client that speaks bytes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::super::{Report, StdioConfig, serve_on};
use crate::{
    Error,
    exchange::Exchange,
    handler::{Handler, Outcome},
    jsonrpc::{ErrorObject, Line, Lines, Notification, Raw, Request},
    protocol::{Method, Revisions},
    session::{AskError, Closed, Session, SessionId},
    stop::Stop,
};

/// What the probe saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) dropped: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) most_running: AtomicUsize,
    pub(super) sent: AtomicUsize,
    pub(super) events: Mutex<Vec<String>>,
}

impl Seen {
    fn note(&self, event: impl Into<String>) {
        self.events.lock().unwrap().push(event.into());
    }

    pub(super) fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

pub(super) struct Probe {
    pub(super) revisions: Revisions,
    /// What `initialize` settles on, instead of what is offered.
    pub(super) settles: Option<&'static str>,
    /// How long `initialize` takes.
    pub(super) opens_in: Duration,
    /// Given when `opened` may ask the client.
    pub(super) asks_when_opened: bool,
    pub(super) seen: Arc<Seen>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            revisions: Revisions::all(),
            settles: None,
            opens_in: Duration::ZERO,
            asks_when_opened: false,
            seen: Arc::default(),
        }
    }
}

struct Running(Arc<Seen>);

impl Running {
    fn new(seen: &Arc<Seen>) -> Self {
        let running = seen.running.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most_running.fetch_max(running, Ordering::SeqCst);
        Self(Arc::clone(seen))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn done(value: &Value) -> Outcome {
    Outcome::complete(Raw::write(value).unwrap())
}

fn raw(value: &Value) -> Raw {
    Raw::write(value).unwrap()
}

impl Probe {
    async fn tool(&self, cx: &Exchange, request: &Request) -> Outcome {
        let arguments: Value =
            request.params.get("arguments").map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
        match request.params.get_str("name").unwrap_or_default().as_ref() {
            "echo" => done(&json!({"revision": cx.revision().as_str(), "arguments": arguments})),
            "lines" => Outcome::complete(Raw::parse("{\r\n  \"a\": \"x\\ny\"\n}").unwrap()),
            "never" => std::future::pending().await,
            "slow" => {
                sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap())).await;
                done(&json!({}))
            }
            "swell" => {
                sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap())).await;
                done(&json!({"data": "x".repeat(arguments["size"].as_u64().unwrap() as usize)}))
            }
            "yield" => {
                for _ in 0..arguments["n"].as_u64().unwrap() {
                    tokio::task::yield_now().await;
                    cx.outbox().emit(&Method::LoggingMessage, Some(&raw(&json!({"of": cx.id()}))));
                }
                done(&json!({}))
            }
            "until-stop" => {
                cx.stop().given().await;
                done(&json!({"stopped": true}))
            }
            "emit" => {
                for n in 0..arguments["n"].as_u64().unwrap() {
                    let text = "x".repeat(arguments["size"].as_u64().unwrap_or(1) as usize);
                    cx.outbox().send(&Method::LoggingMessage, Some(&raw(&json!({"n": n, "data": text})))).await;
                    self.seen.sent.fetch_add(1, Ordering::SeqCst);
                }
                done(&json!({"emitted": true}))
            }
            "emit-and-wait" => {
                cx.outbox().emit(&Method::LoggingMessage, Some(&raw(&json!({"data": 1}))));
                sleep(Duration::from_millis(10)).await;
                cx.outbox().emit(&Method::LoggingMessage, Some(&raw(&json!({"data": 2}))));
                std::future::pending().await
            }
            "ask" => match cx.ask(&Method::Elicit, Some(&raw(&json!({"message": "name?"})))).await {
                Ok(answer) => done(&json!({"answer": serde_json::from_str::<Value>(answer.as_str()).unwrap()})),
                Err(error) => {
                    if error == AskError::Closed {
                        self.seen.note("ask closed");
                    }
                    done(&json!({"failed": error.to_string()}))
                }
            },
            "forbidden" => Outcome::Forbidden(crate::auth::ScopeSet::parse("files:write").unwrap()),
            "panic" => panic!("at once"),
            "panic-later" => {
                sleep(Duration::from_millis(1)).await;
                panic!("later")
            }
            _ => ErrorObject::invalid_params("no such tool").into(),
        }
    }
}

#[async_trait]
impl Handler for Probe {
    fn revisions(&self) -> Revisions {
        self.revisions
    }

    async fn call(self: Arc<Self>, cx: Exchange, request: Request) -> Outcome {
        let _running = Running::new(&self.seen);
        match &request.method {
            Method::Initialize => {
                if self.opens_in > Duration::ZERO {
                    sleep(self.opens_in).await;
                }
                let version = self.settles.unwrap_or(cx.revision().as_str());
                done(
                    &json!({"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "probe", "version": "1"}}),
                )
            }
            Method::Ping if cx.revision().has_sessions() => done(&json!({})),
            Method::Discover if cx.revision().is_modern() => done(&json!({"supportedVersions": ["2026-07-28"]})),
            Method::CallTool => self.tool(&cx, &request).await,
            Method::Listen if cx.revision().is_modern() => {
                if request.params.get("refuse").is_some() {
                    return ErrorObject::invalid_params("refused").into();
                }
                cx.outbox().emit(&Method::ToolListChanged, None);
                cx.outbox().send(&Method::SubscriptionsAcknowledged, Some(&raw(&json!({"notifications": {}})))).await;
                if request.params.get("deaf").is_some() {
                    std::future::pending::<()>().await;
                }
                cx.stop().given().await;
                done(&json!({"resultType": "complete"}))
            }
            other => ErrorObject::method_not_found(other.as_str()).into(),
        }
    }

    async fn notify(self: Arc<Self>, cx: Exchange, notification: Notification) {
        self.seen.note(format!("{} under {}", notification.method, cx.revision()));
        if notification.params.get("never").is_some() {
            std::future::pending().await
        }
    }

    async fn opened(self: Arc<Self>, session: Session) {
        self.seen.note(format!("opened {}", session.revision()));
        if self.asks_when_opened {
            let answer = session.peer().ask(&Method::Ping, None).await;
            self.seen.note(format!("client says {}", answer.unwrap().as_str()));
        }
    }

    async fn closed(self: Arc<Self>, _session: SessionId, why: Closed) {
        self.seen.note(format!("closed {why:?}"));
    }
}

/// The other side of a connection.
pub(super) struct Client {
    pub(super) input: Option<DuplexStream>,
    pub(super) output: Option<DuplexStream>,
    lines: Lines,
    pub(super) seen: Arc<Seen>,
    pub(super) shutdown: Stop,
    served: JoinHandle<Result<Report, Error>>,
}

impl Client {
    pub(super) fn new() -> Self {
        Self::with(Probe::default(), StdioConfig::default())
    }

    pub(super) fn with(probe: Probe, config: StdioConfig) -> Self {
        Self::with_pipe(probe, config, 1 << 16)
    }

    pub(super) fn with_pipe(probe: Probe, config: StdioConfig, pipe: usize) -> Self {
        let (input, reader) = tokio::io::duplex(pipe);
        let (writer, output) = tokio::io::duplex(pipe);
        let (seen, shutdown) = (Arc::clone(&probe.seen), config.shutdown.clone());
        let served = tokio::spawn(serve_on(Arc::new(probe), reader, writer, config));
        Self { input: Some(input), output: Some(output), lines: Lines::new(16 << 20), seen, shutdown, served }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    pub(super) async fn send(&mut self, value: &Value) {
        self.write(format!("{value}\n").as_bytes()).await;
    }

    /// A tool call in the session.
    pub(super) async fn call(&mut self, id: u64, name: &str, arguments: &Value) {
        self.send(&request(id, "tools/call", &json!({"name": name, "arguments": arguments}))).await;
    }

    /// A modern tool call.
    pub(super) async fn modern(&mut self, id: u64, name: &str, arguments: &Value) {
        self.send(&modern(id, "tools/call", &json!({"name": name, "arguments": arguments}))).await;
    }

    /// Opens a legacy session.
    pub(super) async fn open(&mut self, version: &str) -> Value {
        self.send(&initialize(0, version)).await;
        let answer = self.next().await;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        answer
    }

    pub(super) async fn cancel(&mut self, id: u64) {
        let params = json!({"requestId": id, "reason": "enough"});
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})).await;
    }

    /// The next line, which is one JSON value.
    pub(super) async fn next(&mut self) -> Value {
        timeout(Duration::from_secs(60), self.line()).await.expect("a line").expect("not the end")
    }

    pub(super) async fn line(&mut self) -> Option<Value> {
        loop {
            match self.lines.next_line() {
                Some(Line::Text(text)) => return Some(serde_json::from_slice(&text).expect("one JSON value per line")),
                Some(Line::TooLong) => panic!("a line of more than 16 MiB"),
                None => {}
            }
            let mut buffer = [0; 4096];
            let length = self.output.as_mut().unwrap().read(&mut buffer).await.unwrap();
            if length == 0 {
                assert_eq!(self.lines.finish(), None, "the last line has an end");
                return None;
            }
            self.lines.extend(&buffer[..length]);
        }
    }

    /// Asserts that nothing comes.
    pub(super) async fn silence(&mut self) {
        if let Ok(line) = timeout(Duration::from_secs(1), self.line()).await {
            panic!("expected nothing, got {line:?}");
        }
    }

    /// Lets everything run that can.
    pub(super) async fn settle(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    pub(super) fn close(&mut self) {
        self.input = None;
    }

    /// Closes the input; gives all lines that still come, and the report.
    pub(super) async fn end(mut self) -> (Vec<Value>, Report) {
        self.close();
        let mut rest = Vec::new();
        while let Some(line) = self.line().await {
            rest.push(line);
        }
        (rest, self.served.await.unwrap().unwrap())
    }

    pub(super) async fn report(self) -> Report {
        self.served.await.unwrap().unwrap()
    }
}

pub(super) fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

pub(super) fn modern(id: u64, method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    request(id, method, &params)
}

pub(super) fn initialize(id: u64, version: &str) -> Value {
    let client = json!({"name": "test", "version": "1"});
    request(id, "initialize", &json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client}))
}

/// The id and the error code of an answer.
pub(super) fn error(answer: &Value) -> (Value, i64) {
    (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}")))
}
