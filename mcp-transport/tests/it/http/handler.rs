//! A handler that does what a test asks for in the name of the tool.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_transport::{
    auth::ScopeSet,
    exchange::Exchange,
    handler::{Handler, Head, MirroredParam, Needs, Outcome},
    jsonrpc::{Code, ErrorObject, Notification, Raw, Request, lookup},
    outbox::Emitted,
    protocol::{Method, Revisions},
    session::{Closed, Session, SessionId},
};
use tokio::sync::{Notify, Semaphore};

/// Longer than anything here takes on a busy machine; reached only if a test fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Scripted {
    revisions: Revisions,
    /// The revision that the answer to `initialize` names, if not the one proposed.
    pub(super) settles: Option<&'static str>,
    log: Mutex<Vec<String>>,
    logged: Notify,
    /// Lets one pending call, or one step of a call, go on.
    pub(super) go: Semaphore,
    /// Wakes the subscriptions.
    pub(super) change: Notify,
    pub(super) queued: AtomicUsize,
    pub(super) dropped: AtomicUsize,
    pub(super) session: Mutex<Option<Session>>,
}

/// Writes `ended NAME` when the call comes to its end, else `cancelled NAME`.
struct Watch<'a>(&'a Scripted, String, &'static str);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.note(format!("{} {}", self.2, self.1));
    }
}

impl Scripted {
    pub(super) fn new(revisions: Revisions) -> Self {
        Self {
            revisions,
            settles: None,
            log: Mutex::default(),
            logged: Notify::new(),
            go: Semaphore::new(0),
            change: Notify::new(),
            queued: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            session: Mutex::default(),
        }
    }

    fn note(&self, entry: String) {
        self.log.lock().unwrap().push(entry);
        self.logged.notify_waiters();
    }

    /// What happened so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn clear(&self) {
        self.log.lock().unwrap().clear();
    }

    pub(super) fn count(&self, entry: &str) -> usize {
        self.log().iter().filter(|each| *each == entry).count()
    }

    /// Waits until something has happened so many times.
    pub(super) async fn until_times(&self, entry: &str, times: usize) {
        let seen = async {
            loop {
                let logged = self.logged.notified();
                tokio::pin!(logged);
                logged.as_mut().enable();
                if self.count(entry) >= times {
                    return;
                }
                logged.await;
            }
        };
        if tokio::time::timeout(PATIENCE, seen).await.is_err() {
            panic!("{entry} did not happen: {:?}", self.log());
        }
    }

    pub(super) async fn until(&self, entry: &str) {
        self.until_times(entry, 1).await;
    }

    pub(super) fn session(&self) -> Session {
        self.session.lock().unwrap().clone().unwrap()
    }

    async fn tool(self: &Arc<Self>, cx: &Exchange, name: &str, arguments: &str) -> Outcome {
        let number = |member: &str| lookup(arguments, &[member]).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        match name {
            "echo" | "mirrored" | "scoped" | "scoped_too" => return reply(&format!(r#"{{"echo":{arguments}}}"#)),
            // What the handler gets to see of its caller.
            "caller" => {
                let subject = cx.principal().map(|principal| principal.subject().to_string());
                let headers = cx.http().map(|parts| format!("{:?}", parts.headers));
                return reply(&serde_json::json!({"subject": subject, "headers": headers}).to_string());
            }
            "pending" => self.step().await,
            "wait_and_toil" => {
                self.step().await;
                return Box::pin(self.tool(cx, "toil", arguments)).await;
            }
            // Ends by itself when the server drains.
            "patient" => cx.stop().given().await,
            "emit" => {
                for n in 0..number("n") {
                    assert_eq!(emit(cx, n), Emitted::Queued);
                }
            }
            // One message each time the test says so.
            "trickle" => {
                for n in 0..number("n") {
                    self.step().await;
                    emit(cx, n);
                }
                self.step().await;
            }
            "send_forever" => {
                let text = "x".repeat(1024);
                let params = raw(&format!(r#"{{"level":"info","data":"{text}"}}"#));
                while cx.outbox().send(&Method::LoggingMessage, Some(&params)).await == Emitted::Queued {
                    self.queued.fetch_add(1, Ordering::SeqCst);
                }
            }
            // Says each thing that it does; then it asks, if it is told to.
            "toil" => {
                for n in 0..number("n") {
                    let params = raw(&format!(r#"{{"level":"info","data":{n}}}"#));
                    cx.outbox().send(&Method::LoggingMessage, Some(&params)).await;
                    self.queued.fetch_add(1, Ordering::SeqCst);
                }
                if arguments.contains("ask") {
                    let answer = cx.ask(&Method::Elicit, Some(&raw(r#"{"message":"who?"}"#))).await;
                    self.note(format!("asked: {}", answer.map_or_else(|error| error.to_string(), |_| "answer".into())));
                }
            }
            // A task beside the call emits, whether or not anybody polls the call.
            "emit_aside" => {
                let (this, cx) = (Arc::clone(self), cx.clone());
                tokio::spawn(async move {
                    for n in 0..10_000 {
                        let counter = match emit(&cx, n) {
                            Emitted::Queued => &this.queued,
                            _ => &this.dropped,
                        };
                        counter.fetch_add(1, Ordering::SeqCst);
                    }
                    this.note("emitted".into());
                });
                std::future::pending().await
            }
            "ask" => {
                return match cx.ask(&Method::Elicit, Some(&raw(r#"{"message":"who?"}"#))).await {
                    Ok(answer) => reply(&format!(r#"{{"answer":{}}}"#, answer.as_str())),
                    Err(error) => ErrorObject::new(Code::INTERNAL_ERROR, error.to_string()).into(),
                };
            }
            "detach" => {
                cx.outbox().detach();
                self.step().await;
            }
            "emit_and_detach" => {
                emit(cx, 0);
                cx.outbox().detach();
                self.step().await;
            }
            "panic" => panic!("as it was told"),
            "error" => return ErrorObject::new(Code::new(number("code")), "as it was told").into(),
            _ => return ErrorObject::invalid_params("no such tool").into(),
        }
        reply(&format!(r#"{{"name":"{name}"}}"#))
    }

    async fn step(&self) {
        self.go.acquire().await.unwrap().forget();
    }

    async fn listen(&self, cx: &Exchange) -> Outcome {
        // What comes before the acknowledgement must wait for it.
        cx.outbox().emit(&Method::ToolListChanged, None);
        cx.outbox()
            .emit(&Method::SubscriptionsAcknowledged, Some(&raw(r#"{"notifications":{"toolsListChanged":true}}"#)));
        loop {
            let change = self.change.notified();
            self.note("listening".into());
            tokio::select! {
                () = cx.stop().given() => return reply("{}"),
                () = change => drop(cx.outbox().emit(&Method::ToolListChanged, None)),
            }
        }
    }
}

fn emit(cx: &Exchange, n: i64) -> Emitted {
    cx.outbox().emit(&Method::LoggingMessage, Some(&raw(&format!(r#"{{"level":"info","data":{n}}}"#))))
}

fn raw(text: &str) -> Raw {
    Raw::parse(text.to_owned()).unwrap()
}

fn reply(text: &str) -> Outcome {
    Outcome::complete(raw(text))
}

#[async_trait]
impl Handler for Scripted {
    fn revisions(&self) -> Revisions {
        self.revisions
    }

    fn needs(&self, head: &Head<'_>) -> Needs {
        match head.params.get_str("name").as_deref() {
            Some("mirrored") => {}
            Some("scoped") => return Needs::NONE.with_scopes(ScopeSet::parse("a b").unwrap()),
            Some("scoped_too") => return Needs::NONE.with_scopes(ScopeSet::parse("b c").unwrap()),
            _ => return Needs::NONE,
        }
        let param = |name, path: &[&str]| MirroredParam::new(name, path.iter().map(|key| Box::from(*key))).unwrap();
        Needs::NONE.with_mirrored(Arc::new([
            param("Region", &["region"]),
            param("Count", &["count"]),
            param("Dry", &["dry"]),
            param("Deep", &["where", "deep"]),
        ]))
    }

    async fn call(self: Arc<Self>, cx: Exchange, request: Request) -> Outcome {
        match &request.method {
            Method::Initialize if !cx.revision().is_modern() => {
                let name = request.params.get_str("clientInfo").unwrap_or_default().into_owned();
                let mut watch = Watch(&self, "initialize".into(), "cancelled");
                match name.as_str() {
                    "pending" => self.step().await,
                    "refused" => return ErrorObject::invalid_params("not you").into(),
                    "panic" => panic!("as it was told"),
                    _ => {}
                }
                watch.2 = "ended";
                *self.session.lock().unwrap() = cx.session().cloned();
                let version = self.settles.unwrap_or(cx.revision().as_str());
                reply(&format!(r#"{{"protocolVersion":"{version}","capabilities":{{}}}}"#))
            }
            Method::CallTool => {
                let name = request.params.get_str("name").unwrap_or_default().into_owned();
                self.note(format!("began {name}"));
                let mut watch = Watch(&self, name.clone(), "cancelled");
                let outcome = self.tool(&cx, &name, request.params.get("arguments").unwrap_or("{}")).await;
                watch.2 = "ended";
                outcome
            }
            Method::Listen => {
                let _watch = Watch(&self, "listen".into(), "over");
                self.listen(&cx).await
            }
            Method::ListTools | Method::Discover | Method::ReadResource | Method::GetPrompt | Method::GetTask => {
                reply(&format!(r#"{{"revision":"{}"}}"#, cx.revision()))
            }
            Method::Ping if !cx.revision().is_modern() => reply("{}"),
            other => ErrorObject::method_not_found(other.as_str()).into(),
        }
    }

    async fn notify(self: Arc<Self>, _cx: Exchange, notification: Notification) {
        match notification.method.as_str() {
            "notifications/test/panic" => panic!("as it was told"),
            "notifications/test/pending" => {
                let _watch = Watch(&self, "notify".into(), "over");
                self.note("began notify".into());
                self.step().await;
            }
            other => self.note(format!("notified {other}")),
        }
    }

    async fn opened(self: Arc<Self>, session: Session) {
        *self.session.lock().unwrap() = Some(session.clone());
        self.note("opened".into());
        // Asking the client as soon as the session is open must not hold its 202 back.
        if session.client().info.is_some() {
            let answer = session.peer().ask(&Method::ListRoots, None).await;
            self.note(format!(
                "roots {}",
                answer.map_or_else(|error| error.to_string(), |raw| raw.as_str().to_owned())
            ));
        }
    }

    async fn closed(self: Arc<Self>, _session: SessionId, why: Closed) {
        self.note(format!("closed {why:?}"));
        panic!("a handler that panics here must hurt nothing else");
    }
}
