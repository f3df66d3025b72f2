//! What a handler knows about the request that it answers.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, LazyLock, OnceLock},
    time::Instant,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    auth::Principal,
    jsonrpc::{Limits, Params, Raw, RequestId, lookup},
    outbox::{Outbox, OutboxLimits},
    protocol::{ClientCapabilities, Implementation, LoggingLevel, Method, Revision},
    session::{AskError, Session},
    stop::Stop,
};

/// The `_meta` members that a modern request carries (MCP 2026-07-28, basic, "Per-request protocol fields").
pub mod meta {
    /// The revision of the request.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// Who the client is.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// What the client can do.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// The lowest level of log messages that the client wants.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// The subscription that a message belongs to.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
    /// Who the server is.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
}

/// One request, from its arrival to its end: who asks, under which revision, over what, and the way back.
///
/// A clone counts a reference. Keep one to emit messages from a task of your own; once the request has been answered
/// they go nowhere.
#[derive(Clone)]
pub struct Exchange(Arc<Inner>);

struct Inner {
    id: RequestId,
    revision: Revision,
    transport: Transport,
    principal: Option<Arc<Principal>>,
    session: Option<Session>,
    meta: Option<Raw>,
    client: OnceLock<Arc<ClientFacts>>,
    http: Option<Box<http::request::Parts>>,
    outbox: Outbox,
    asking: Asking,
    limits: Limits,
    stop: Option<Stop>,
    cancelled: OnceLock<Stop>,
    deadline: Option<Instant>,
}

/// What brought the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// Lines on the standard streams.
    Stdio,
    /// A test, in memory.
    Memory,
}

/// Whether requests of ours can go out while the call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "they can or they cannot")]
pub enum Asking {
    /// They can: a legacy session with a way to stream.
    Possible,
    /// They cannot: the modern era, or a client that accepts no stream.
    Impossible,
}

/// What the client said about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ClientFacts {
    /// What it can do. Nothing else may be asked of it.
    #[serde(default)]
    pub capabilities: ClientCapabilities,
    /// What it calls itself. It is not verified: show it, do not act on it.
    #[serde(default, rename = "clientInfo")]
    pub info: Option<Implementation>,
}

impl Exchange {
    /// For drivers: begins an exchange.
    pub fn builder(id: RequestId, revision: Revision, transport: Transport) -> ExchangeBuilder {
        ExchangeBuilder(Inner {
            outbox: Outbox::new(OutboxLimits::default()),
            id,
            revision,
            transport,
            principal: None,
            session: None,
            meta: None,
            client: OnceLock::new(),
            http: None,
            asking: Asking::Impossible,
            limits: Limits::default(),
            stop: None,
            cancelled: OnceLock::new(),
            deadline: None,
        })
    }

    /// Whether anybody else has it. If nobody has, nobody will: only who has it can give it on.
    #[cfg(feature = "http")]
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The id of the request.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// The revision that the request is answered under.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.0.revision
    }

    /// What brought the request.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.0.transport
    }

    /// Whom the token names; `None` where no token is needed.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.0.principal.as_ref()
    }

    /// The legacy session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.0.session.as_ref()
    }

    /// What the client said about itself: with this request in the modern era, in `initialize` before. Decoded on
    /// first use; what does not decode counts as not said.
    #[must_use]
    pub fn client(&self) -> &Arc<ClientFacts> {
        self.0.client.get_or_init(|| {
            if let Some(session) = &self.0.session {
                return Arc::clone(session.client());
            }
            Arc::new(ClientFacts {
                capabilities: self.decode_meta(meta::CLIENT_CAPABILITIES).unwrap_or_default(),
                info: self.decode_meta(meta::CLIENT_INFO),
            })
        })
    }

    /// The request's `_meta`, as it was sent.
    #[must_use]
    pub fn meta(&self) -> Option<&Raw> {
        self.0.meta.as_ref()
    }

    /// The JSON text of a member of the request's `_meta`. Looked for each time: most requests are answered without.
    fn meta_member(&self, name: &str) -> Option<&str> {
        lookup(self.0.meta.as_ref()?.as_str(), &[name])
    }

    fn decode_meta<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.meta_member(name).and_then(|json| serde_json::from_str(json).ok())
    }

    /// The token under which the client wants to hear of progress: the JSON text of a string or a number, as
    /// it was written.
    #[must_use]
    pub fn progress_token(&self) -> Option<&str> {
        self.meta_member("progressToken")
    }

    /// The lowest level of log messages that may be sent: with the request in the modern era, by `logging/setLevel`
    /// before. `None` means none in the modern era; before, the server decides.
    #[must_use]
    pub fn log_level(&self) -> Option<LoggingLevel> {
        if self.0.revision.log_level_per_request() {
            return self.decode_meta(meta::LOG_LEVEL);
        }
        self.0.session.as_ref().and_then(Session::log_level)
    }

    /// The HTTP request without its body; `None` on other transports. It holds the `Authorization` header: do not
    /// show or forward it.
    #[must_use]
    pub fn http(&self) -> Option<&http::request::Parts> {
        self.0.http.as_deref()
    }

    /// A value that the embedder put into the extensions of the HTTP request.
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.http.as_ref().and_then(|parts| parts.extensions.get())
    }

    /// The way to send messages before the answer.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Legacy: asks the client on the open stream, and waits for its answer. In the modern era a server asks with an
    /// input-required result instead, so this is [`AskError::Unsupported`] there.
    ///
    /// # Errors
    /// Why there is no result.
    ///
    /// # Cancel safety
    /// If the future is dropped, the client is told by `notifications/cancelled` and its answer is ignored.
    pub async fn ask(&self, method: &Method, params: Option<&Raw>) -> Result<Raw, AskError> {
        match (&self.0.session, self.0.asking) {
            (Some(session), Asking::Possible) => session.asks().ask(&self.0.outbox, method, params).await,
            (Some(_) | None, _) => Err(AskError::Unsupported),
        }
    }

    /// Whether [`ask`](Self::ask) has a way to the client.
    #[must_use]
    pub fn asking(&self) -> Asking {
        self.0.asking
    }

    /// Given when the server drains: a long call should come to its end. A call that does not is dropped when the time
    /// to drain is over.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        /// For an exchange whose driver never drains.
        static NEVER: LazyLock<Stop> = LazyLock::new(Stop::new);
        self.0.stop.as_ref().unwrap_or(&NEVER)
    }

    /// For drivers: given when the client has cancelled the request. The driver then drops the call.
    #[must_use]
    pub fn cancelled(&self) -> &Stop {
        self.0.cancelled.get_or_init(Stop::new)
    }

    /// For drivers: whether the client has cancelled the request.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.get().is_some_and(Stop::is_given)
    }

    /// When the driver gives up on the call.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// The limits in force for messages.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The text of a header, if it is there once and is text.
    #[must_use]
    pub fn header(&self, name: &http::HeaderName) -> Option<Cow<'_, str>> {
        let mut values = self.http()?.headers.get_all(name).iter();
        let (first, rest) = (values.next()?, values.next());
        rest.is_none().then(|| String::from_utf8_lossy(first.as_bytes()))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("id", &self.0.id)
            .field("revision", &self.0.revision)
            .field("transport", &self.0.transport)
            .field("session", &self.0.session)
            .finish_non_exhaustive()
    }
}

/// Makes an [`Exchange`]; for drivers.
#[must_use]
pub struct ExchangeBuilder(Inner);

impl ExchangeBuilder {
    /// The id of the request, instead of the one that the exchange was begun with.
    pub fn id(&mut self, id: RequestId) -> &mut Self {
        self.0.id = id;
        self
    }

    /// Notes the request's `_meta`.
    pub fn params(&mut self, params: &Params) -> &mut Self {
        self.0.meta = params.get_raw("_meta");
        self
    }

    /// Whom the token names.
    pub fn principal(&mut self, principal: Option<Arc<Principal>>) -> &mut Self {
        self.0.principal = principal;
        self
    }

    /// The legacy session, and whether requests of ours can go out during this call.
    pub fn session(&mut self, session: Session, asking: Asking) -> &mut Self {
        self.0.session = Some(session);
        self.0.asking = asking;
        self
    }

    /// The HTTP request without its body. It is boxed, because it is large and what holds it is moved.
    pub fn http(&mut self, parts: Box<http::request::Parts>) -> &mut Self {
        self.0.http = Some(parts);
        self
    }

    /// The way out, instead of an outbox with the default limits.
    pub fn outbox(&mut self, outbox: Outbox) -> &mut Self {
        self.0.outbox = outbox;
        self
    }

    /// The limits in force.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.0.limits = limits;
        self
    }

    /// The signal to drain.
    pub fn stop(&mut self, stop: Stop) -> &mut Self {
        self.0.stop = Some(stop);
        self
    }

    /// When the driver gives up.
    pub fn deadline(&mut self, deadline: Option<Instant>) -> &mut Self {
        self.0.deadline = deadline;
        self
    }

    /// The exchange.
    #[must_use]
    pub fn build(self) -> Exchange {
        Exchange(Arc::new(self.0))
    }
}

impl fmt::Debug for ExchangeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeBuilder").field("id", &self.0.id).finish_non_exhaustive()
    }
}
