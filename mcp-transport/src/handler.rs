//! The waist: every transport serves any handler, and everything that answers MCP messages is a handler.
//!
//! A *driver* ([`http`](crate::http), [`stdio`](crate::stdio), a test in memory) brings messages; a [`Handler`]
//! answers them. Neither knows the other's kind.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;

use crate::{
    auth::ScopeSet,
    exchange::Exchange,
    jsonrpc::{ErrorObject, Notification, Params, Raw, Request},
    protocol::{Method, Revision, Revisions},
    session::{Closed, Session, SessionId},
};

/// Whatever answers MCP messages: a server of the kit, a child process, a remote server, a router over these.
///
/// # Cancel safety
/// **Dropping the future of [`call`](Self::call) cancels the call.** A driver drops it only when the protocol says so:
/// the response stream of a modern HTTP request was closed, `notifications/cancelled` came, the session ended, or the
/// time to drain is over. The disconnect of a legacy HTTP client is none of these (MCP 2025-11-25, transports,
/// "Sending Messages to the Server", 6).
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Revisions that this handler answers natively. A driver refuses the others with this list (-32022).
    fn revisions(&self) -> Revisions;

    /// What must hold before [`call`](Self::call): scopes, header-mirrored parameters. From cached data, without I/O.
    fn needs(&self, head: &Head<'_>) -> Needs {
        let _ = head;
        Needs::NONE
    }

    /// One request to its end: also `initialize`, `server/discover`, `subscriptions/listen`, `tasks/*`.
    ///
    /// The body of a reply is the `result` member exactly as it goes out: with `resultType` where the revision has it.
    async fn call(self: Arc<Self>, cx: Exchange, request: Request) -> Outcome;

    /// A notification of the client that the driver does not own. It owns `initialized` and `cancelled`.
    async fn notify(self: Arc<Self>, cx: Exchange, notification: Notification) {
        let _ = (cx, notification);
    }

    /// A legacy session, or a legacy stdio connection, is ready: the client sent `notifications/initialized`.
    async fn opened(self: Arc<Self>, session: Session) {
        let _ = session;
    }

    /// A session is over. Called once for each session that was ready.
    async fn closed(self: Arc<Self>, session: SessionId, why: Closed) {
        let _ = (session, why);
    }
}

/// A request before it is called: what [`Handler::needs`] judges by.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "drivers of other crates make it")]
pub struct Head<'a> {
    /// The revision that the request is made under.
    pub revision: Revision,
    /// The method.
    pub method: &'a Method,
    /// The parameters.
    pub params: &'a Params,
}

/// What must hold before a request is called.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Needs {
    /// All scopes of the operation, in one set: a 403 names them all (MCP 2026-07-28, authorization, "Scope Challenge
    /// Handling").
    pub scopes: Option<ScopeSet>,
    /// Parameters that the headers must mirror.
    pub mirrored: Option<Arc<[MirroredParam]>>,
}

impl Needs {
    /// Nothing.
    pub const NONE: Self = Self { scopes: None, mirrored: None };

    /// Needs all of `scopes`.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// Needs the headers to say what the arguments say.
    #[must_use]
    pub fn with_mirrored(mut self, mirrored: Arc<[MirroredParam]>) -> Self {
        self.mirrored = Some(mirrored);
        self
    }
}

/// An argument of a tool that a header mirrors: `x-mcp-header` in its schema (MCP 2026-07-28, streamable HTTP, "Custom
/// Headers from Tool Parameters").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MirroredParam {
    /// `mcp-param-` and the annotated name, in lower case.
    pub header: http::HeaderName,
    /// The chain of `properties` keys that leads from the arguments to the value.
    pub path: Box<[Box<str>]>,
}

impl MirroredParam {
    /// The parameter at `path`, mirrored in the header `Mcp-Param-{name}`; `None` if that is no header name.
    #[must_use]
    pub fn new(name: &str, path: impl IntoIterator<Item = Box<str>>) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let header = http::HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes()).ok()?;
        Some(Self { header, path: path.into_iter().collect() })
    }
}

/// What came of a request.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "every driver must know every outcome")]
pub enum Outcome {
    /// A result.
    Reply(Reply),
    /// An error.
    Error(ErrorObject),
    /// The principal lacks scopes: 403 with a challenge on HTTP, an error elsewhere. Only before the first message that
    /// was emitted; after one it is an error too.
    Forbidden(ScopeSet),
}

impl Outcome {
    /// A complete result.
    #[must_use]
    pub const fn complete(body: Raw) -> Self {
        Self::Reply(Reply { kind: ReplyKind::Complete, body })
    }
}

impl From<ErrorObject> for Outcome {
    fn from(error: ErrorObject) -> Self {
        Self::Error(error)
    }
}

/// A result and its kind.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers of other crates make it")]
pub struct Reply {
    /// What `resultType` says.
    pub kind: ReplyKind,
    /// The `result` member, an object, as it goes out.
    pub body: Raw,
}

/// What `resultType` says (MCP 2026-07-28, basic, "ResultType").
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kinds of extensions are `Other`")]
pub enum ReplyKind {
    /// The request is done. Also what an absent `resultType` means.
    Complete,
    /// The client must answer questions and ask again.
    InputRequired,
    /// A kind that an extension defines; it passes unparsed.
    Other(Cow<'static, str>),
}
