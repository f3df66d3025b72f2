//! Driving a server in memory: for tests, of the kit's and of yours. No socket, no task, any executor.

mod open;
mod params;

use std::{
    fmt,
    future::{poll_fn, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use mcp_transport::{
    auth::{Principal, ScopeSet},
    exchange::{Asking, ClientFacts, Exchange, Transport},
    handler::{Handler, Head, Outcome, ReplyKind},
    jsonrpc::{Code, ErrorObject, Limits, Message, Raw, Request, RequestId},
    outbox::{Outbox, OutboxLimits},
    protocol::{
        CallToolResult, ClientCapabilities, ElicitationCapability, GetPromptResult, LoggingLevel, Method,
        ReadResourceResult, Revision, RootsCapability, SamplingCapability, Settings,
    },
    session::{Closed, Session, SessionId, SessionParts},
    stop::Stop,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use self::open::OpenCall;

/// How often a client comes back with answers before it gives up.
const MOST_ROUNDS: usize = 16;

/// A client in memory. It speaks the newest revision unless told otherwise, and the legacy ones alike: it opens a
/// session when it needs one.
///
/// ```
/// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, protocol::Revision, tool};
///
/// async fn hello(_cx: Cx, _: NoArgs) -> &'static str {
///     "hello"
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("hello", "1.0.0").tool(tool("hello", hello)).build()?;
/// for revision in Revision::ALL {
///     let client = TestClient::new(server.clone()).revision(revision);
///     let answer = client.call_tool("hello", serde_json::json!({})).await.unwrap();
///     assert_eq!(answer.content[0].as_text(), Some("hello"));
/// }
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub struct TestClient {
    handler: Arc<dyn Handler>,
    revision: Revision,
    capabilities: ClientCapabilities,
    answer: Option<Answer>,
    log_level: Option<LoggingLevel>,
    principal: Option<Arc<Principal>>,
    stop: Stop,
    state: Mutex<State>,
}

type Answer = Box<dyn Fn(&str, &str, &Value) -> Value + Send + Sync>;

#[derive(Default)]
struct State {
    session: Option<Session>,
    messages: Vec<Value>,
    requests: u64,
}

impl TestClient {
    /// A client of `handler`, which declares no capability.
    #[must_use]
    pub fn new<H: Handler>(handler: Arc<H>) -> Self {
        Self {
            handler,
            revision: Revision::LATEST,
            capabilities: ClientCapabilities::default(),
            answer: None,
            log_level: None,
            principal: None,
            stop: Stop::new(),
            state: Mutex::default(),
        }
    }

    /// Speaks this revision.
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }

    /// Declares these capabilities.
    #[must_use]
    pub fn capabilities(mut self, capabilities: ClientCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Declares elicitation (both modes), sampling and roots, and answers what is asked with what `answer` makes of the
    /// key (empty in a legacy session, where there is none), the method and the params.
    #[must_use]
    pub fn answering(mut self, answer: impl Fn(&str, &str, &Value) -> Value + Send + Sync + 'static) -> Self {
        let modes = ElicitationCapability::default().with_form(Settings::new()).with_url(Settings::new());
        self.capabilities = ClientCapabilities::default()
            .with_elicitation(modes)
            .with_sampling(SamplingCapability::default().with_tools(Settings::new()))
            .with_roots(RootsCapability::default());
        self.answer = Some(Box::new(answer));
        self
    }

    /// Wants log messages from this level on (modern: with each request).
    #[must_use]
    pub const fn log_level(mut self, level: LoggingLevel) -> Self {
        self.log_level = Some(level);
        self
    }

    /// Calls as this principal. Scopes are then asked for as over HTTP: a request that needs one which the principal
    /// lacks is [`Outcome::Forbidden`], and the handler is not called. Without a principal none are asked for, as on
    /// stdio.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use mcp_server_kit::auth::{Issuer, Principal, ScopeSet, Subject};
    /// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, tool};
    ///
    /// async fn wipe(_cx: Cx, _: NoArgs) -> &'static str {
    ///     "wiped"
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let scopes = |text| ScopeSet::parse(text).unwrap();
    /// let server = Server::builder("disk", "1.0.0").tool(tool("wipe", wipe).scopes(scopes("admin"))).build()?;
    /// for (granted, may) in [("admin", true), ("read", false)] {
    ///     let issuer = Issuer::parse("https://auth.example").unwrap();
    ///     let principal = Principal::builder(issuer, Subject::parse("ada").unwrap()).scopes(scopes(granted)).build();
    ///     let client = TestClient::new(server.clone()).principal(Arc::new(principal));
    ///     assert_eq!(client.call_tool("wipe", serde_json::json!({})).await.is_ok(), may);
    /// }
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn principal(mut self, principal: Arc<Principal>) -> Self {
        self.principal = Some(principal);
        self
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// The server answered with an error of the protocol.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled; what it has sent so far is kept.
    pub async fn call_tool(&self, name: &str, arguments: Value) -> Result<CallToolResult, ErrorObject> {
        self.typed("tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    /// Gets a prompt.
    ///
    /// # Errors
    /// The server answered with an error.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled; what it has sent so far is kept.
    pub async fn get_prompt(&self, name: &str, arguments: Value) -> Result<GetPromptResult, ErrorObject> {
        self.typed("prompts/get", json!({ "name": name, "arguments": arguments })).await
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// The server answered with an error.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled; what it has sent so far is kept.
    pub async fn read_resource(&self, uri: &str) -> Result<ReadResourceResult, ErrorObject> {
        self.typed("resources/read", json!({ "uri": uri })).await
    }

    /// Sends any request, answers what the server asks, and gives the result as it came.
    ///
    /// # Errors
    /// The server answered with an error, or needs scopes (-32001, of this driver's own), or asked too often.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled; what it has sent so far is kept.
    pub async fn request(&self, method: &str, params: Value) -> Result<Value, ErrorObject> {
        let mut params = params;
        for _ in 0..MOST_ROUNDS {
            let reply = match self.round(method, params.clone()).await {
                Outcome::Reply(reply) => reply,
                Outcome::Error(error) => return Err(error),
                Outcome::Forbidden(_) => return Err(ErrorObject::new(Code::new(-32001), "more scopes are needed")),
            };
            let result: Value = reply.body.decode().map_err(|_| ErrorObject::internal())?;
            if reply.kind != ReplyKind::InputRequired || self.answer.is_none() {
                return Ok(result);
            }
            self.answer_all(&result, &mut params);
        }
        Err(ErrorObject::invalid_params("the server asked too often"))
    }

    /// Sends a request once: what is asked in the result stays unanswered.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled; what it has sent so far is kept.
    pub async fn round(&self, method: &str, params: Value) -> Outcome {
        if self.revision.has_sessions() && method != "initialize" && self.lock().session.is_none() {
            self.open_session().await;
        }
        let mut open = self.open(method, params);
        poll_fn(|task| open.poll(task)).await
    }

    /// Sends a request and leaves it open: for calls that stay pending, and to see what is sent meanwhile. A legacy
    /// session must be there already.
    ///
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, tool};
    ///
    /// async fn endless(cx: Cx, _: NoArgs) {
    ///     cx.progress(1.0, None, None);
    ///     std::future::pending::<()>().await;
    /// }
    ///
    /// let server = Server::builder("slow", "1.0.0").tool(tool("endless", endless)).build()?;
    /// let client = TestClient::new(server);
    /// let mut call = client.open("tools/call", serde_json::json!({"name": "endless"}));
    /// assert!(call.turn().is_none());
    /// assert_eq!(client.notifications("notifications/progress").len(), 1);
    /// drop(call); // cancels it
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// ```
    pub fn open(&self, method: &str, params: Value) -> OpenCall<'_> {
        let id = {
            let mut state = self.lock();
            state.requests += 1;
            RequestId::from(state.requests)
        };
        let method = Method::parse(method);
        let params = self.params(params);
        let mut exchange = Exchange::builder(id.clone(), self.revision, Transport::Memory);
        exchange.params(&params).principal(self.principal.clone()).stop(self.stop.clone());
        if method == Method::Listen {
            exchange.outbox(Outbox::for_subscription(id.clone(), OutboxLimits::default()));
        }
        if let Some(session) = self.lock().session.clone() {
            let asking = if self.answer.is_some() { Asking::Possible } else { Asking::Impossible };
            exchange.session(session, asking);
        }
        let exchange = exchange.build();
        let needs = self.handler.needs(&Head { revision: self.revision, method: &method, params: &params });
        let lacks = |scopes: &ScopeSet| self.principal.as_ref().is_some_and(|who| !who.scopes().is_superset(scopes));
        let call = match needs.scopes {
            Some(scopes) if lacks(&scopes) => Box::pin(ready(Outcome::Forbidden(scopes))),
            _ => Arc::clone(&self.handler).call(exchange.clone(), Request { id, method, params }),
        };
        OpenCall::new(self, exchange, call)
    }

    /// The params of all notifications of this method that have come so far, in order.
    #[must_use]
    pub fn notifications(&self, method: &str) -> Vec<Value> {
        self.collect_session();
        let state = self.lock();
        let wanted = state.messages.iter().filter(|message| message.get("method").is_some_and(|name| name == method));
        wanted.map(|message| message.get("params").cloned().unwrap_or(Value::Null)).collect()
    }

    /// Tells the server to stop; calls that wait for that come to their end.
    pub fn stop(&self) {
        self.stop.give();
    }

    /// The legacy session, if there is one.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.lock().session.clone()
    }

    /// Ends the legacy session.
    ///
    /// # Cancel safety
    /// The session is over even if this is dropped; the server may not have been told.
    pub async fn close(&self) {
        let session = self.lock().session.take();
        if let Some(session) = session {
            session.close();
            Arc::clone(&self.handler).closed(session.id().clone(), Closed::ByClient).await;
        }
    }

    async fn typed<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ErrorObject> {
        let result = self.request(method, params).await?;
        serde_json::from_value(result).map_err(|error| {
            ErrorObject::new(Code::INTERNAL_ERROR, format!("the result does not have its shape: {error}"))
        })
    }

    async fn open_session(&self) {
        let hello = json!({
            "protocolVersion": self.revision.as_str(),
            "capabilities": self.capabilities,
            "clientInfo": { "name": "test", "version": "1" },
        });
        let mut opening = self.open("initialize", hello);
        poll_fn(|task| opening.poll(task)).await;
        let Ok(id) = SessionId::random() else {
            return;
        };
        let mut client = ClientFacts::default();
        client.capabilities = self.capabilities.clone();
        let owner = self.principal.as_ref().map(|principal| principal.owner());
        let parts = SessionParts { id, revision: self.revision, owner, client: Arc::new(client) };
        let session = Session::new(parts, OutboxLimits::default());
        session.ready();
        if let Some(level) = self.log_level {
            session.set_log_level(level);
        }
        self.lock().session = Some(session.clone());
        Arc::clone(&self.handler).opened(session).await;
    }

    /// Takes one frame: keeps a notification, answers a request.
    fn take(&self, frame: Bytes) {
        let Ok(message) = Message::parse(frame, &Limits::default()) else {
            return;
        };
        match message {
            Message::Notification(note) => {
                let params = note.params.raw().and_then(|raw| raw.decode::<Value>().ok());
                let mut kept = json!({ "method": note.method.as_str() });
                if let (Some(kept), Some(params)) = (kept.as_object_mut(), params) {
                    kept.insert("params".to_owned(), params);
                }
                self.lock().messages.push(kept);
            }
            Message::Request(asked) => {
                let params = asked.params.to_raw().decode().unwrap_or(Value::Null);
                let Some(answer) = &self.answer else {
                    return;
                };
                let answer = Raw::write(&answer("", asked.method.as_str(), &params)).unwrap_or(Raw::NULL);
                if let Some(session) = self.session() {
                    session.asks().answer(&asked.id, Ok(answer));
                }
            }
            Message::Response(_) => {}
        }
    }

    fn collect_session(&self) {
        if let Some(session) = self.session() {
            while let Some(frame) = session.outbox().take() {
                self.take(frame);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("revision", &self.revision).finish_non_exhaustive()
    }
}
