//! What user code gets with each call.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_transport::{
    auth::Principal,
    exchange::{ClientFacts, Exchange},
    jsonrpc::Raw,
    outbox::Emitted,
    protocol::{Downgrade, LoggingLevel, LoggingMessageParams, Method, Revision},
    session::Session,
    stop::Stop,
};
use serde::Serialize;

use crate::{ask::Keys, rounds::Rounds, server::Server, write};

/// One call, as user code sees it: who asks, what the client can do, and the ways to say something before the answer.
///
/// It is cheap to clone. After the call was answered, what it sends goes nowhere.
#[derive(Clone)]
pub struct Cx(Arc<Inner>);

struct Inner {
    exchange: Exchange,
    server: Arc<Server>,
    rounds: Rounds,
    ask_keys: Keys,
    step_keys: Keys,
    /// The last progress that was said.
    progress: Mutex<f64>,
}

impl Cx {
    pub(crate) fn new(exchange: Exchange, server: Arc<Server>, rounds: Rounds) -> Self {
        Self(Arc::new(Inner {
            exchange,
            server,
            rounds,
            ask_keys: Keys::default(),
            step_keys: Keys::default(),
            progress: Mutex::new(f64::NEG_INFINITY),
        }))
    }

    /// Whether anybody else has it. If nobody has, nobody will: only who has it can give it on.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Everything that the transport knows about the request: its id, `_meta`, the HTTP head, the limits.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    /// The server, to change its lists or to tell of a resource that changed.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.0.server
    }

    /// The revision of the protocol that the call is made under.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.0.exchange.revision()
    }

    /// Whom the token names; `None` where no token is needed.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.0.exchange.principal()
    }

    /// The legacy session; `None` in the modern era.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.0.exchange.session()
    }

    /// What the client said about itself. It is not verified.
    #[must_use]
    pub fn client(&self) -> &Arc<ClientFacts> {
        self.0.exchange.client()
    }

    /// Given when the server stops: a long call should come to its end.
    ///
    /// A cancelled call needs no signal: its future is dropped at the `.await` where it waits.
    #[must_use]
    pub fn stopping(&self) -> &Stop {
        self.0.exchange.stop()
    }

    /// Tells how far the call is, out of `total` if that is known. Nothing is sent unless the client asked for it, and
    /// nothing that is not more than what was said before (MCP 2026-07-28, progress: "The progress value MUST increase
    /// with each notification"). It never waits: a client that reads slowly gets the newest.
    ///
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, tool};
    ///
    /// async fn count(cx: Cx, _: NoArgs) -> &'static str {
    ///     for done in 1..=3 {
    ///         cx.progress(f64::from(done), Some(3.0), Some("counting"));
    ///     }
    ///     "counted"
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let client = TestClient::new(Server::builder("counter", "1.0.0").tool(tool("count", count)).build()?);
    /// client.call_tool("count", serde_json::json!({})).await.unwrap();
    /// assert_eq!(client.notifications("notifications/progress").len(), 3);
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) -> Emitted {
        let Some(token) = self.0.exchange.progress_token() else {
            return Emitted::Dropped;
        };
        // Held until the message is out, so that two threads cannot overtake one another.
        let mut last = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if !done.is_finite() || done <= *last {
            return Emitted::Dropped;
        }
        *last = done;
        let mut out = write::Writer::object(token.len() + message.map_or(0, str::len) + 80);
        out.raw_member("progressToken", token);
        out.number("progress", done);
        if let Some(total) = total.filter(|total| total.is_finite()) {
            out.number("total", total);
        }
        if let (Some(message), true) = (message, self.revision().has_progress_message()) {
            out.member("message", message);
        }
        self.0.exchange.outbox().emit(&Method::Progress, Some(&out.end()))
    }

    /// Sends a log message to the client, if it wants messages of this level and the server declared
    /// [`logging`](crate::ServerBuilder::logging).
    ///
    /// In the modern era a client that wants messages says so with each request; without that nothing is sent (MCP
    /// 2026-07-28, logging). In a legacy session it says so with `logging/setLevel`; until it has, messages from
    /// `info` on are sent (2025-11-25 leaves that to the server). The messages are for the client's developers: never
    /// log secrets here, and use `tracing` for logs of your own.
    ///
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, Server, protocol::LoggingLevel, testing::TestClient, tool};
    ///
    /// async fn sync(cx: Cx, _: NoArgs) {
    ///     cx.log(LoggingLevel::Debug, None, "3 files to look at");
    ///     cx.log(LoggingLevel::Warning, Some("disk"), &serde_json::json!({"free": 12}));
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let server = Server::builder("sync", "1.0.0").logging().tool(tool("sync", sync)).build()?;
    /// let client = TestClient::new(server).log_level(LoggingLevel::Info);
    /// client.call_tool("sync", serde_json::json!({})).await.unwrap();
    /// let heard = client.notifications("notifications/message");
    /// assert_eq!(heard.len(), 1);
    /// assert_eq!(heard[0], serde_json::json!({"level": "warning", "logger": "disk", "data": {"free": 12}}));
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn log<T: Serialize + ?Sized>(&self, level: LoggingLevel, logger: Option<&str>, data: &T) -> Emitted {
        if !self.0.server.logs() || self.log_level().is_none_or(|least| level < least) {
            return Emitted::Dropped;
        }
        let Ok(data) = serde_json::to_value(data) else {
            return Emitted::Dropped;
        };
        let mut params = LoggingMessageParams::new(level, data);
        params.logger = logger.map(str::to_owned);
        params.downgrade(self.revision());
        match Raw::write(&params) {
            Ok(params) => self.0.exchange.outbox().emit(&Method::LoggingMessage, Some(&params)),
            Err(_) => Emitted::Dropped,
        }
    }

    /// [`log`](Self::log) at the level `info`, without the name of a logger.
    pub fn info<T: Serialize + ?Sized>(&self, data: &T) -> Emitted {
        self.log(LoggingLevel::Info, None, data)
    }

    /// The lowest level that is sent; `None` if nothing is.
    #[must_use]
    pub fn log_level(&self) -> Option<LoggingLevel> {
        let said = self.0.exchange.log_level();
        if self.revision().log_level_per_request() { said } else { Some(said.unwrap_or(LoggingLevel::Info)) }
    }

    /// Tells the client that the errand of a URL that it was sent to is done: its
    /// [`elicitation_id`](mcp_transport::protocol::ElicitUrlParams::elicitation_id). Only 2025-11-25 has that message;
    /// elsewhere nothing is sent.
    pub fn elicitation_complete(&self, elicitation_id: &str) -> Emitted {
        if !self.revision().has_elicitation_id() {
            return Emitted::Dropped;
        }
        let mut out = write::Writer::object(elicitation_id.len() + 24);
        out.member("elicitationId", elicitation_id);
        self.0.exchange.outbox().emit(&Method::ElicitationComplete, Some(&out.end()))
    }

    pub(crate) fn rounds(&self) -> &Rounds {
        &self.0.rounds
    }

    /// By what calls that run at the same time differ.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    pub(crate) fn ask_keys(&self) -> &Keys {
        &self.0.ask_keys
    }

    pub(crate) fn step_keys(&self) -> &Keys {
        &self.0.step_keys
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cx").field(&self.0.exchange).finish()
    }
}
