//! The `_meta` member, and its keys that the protocol defines.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::object::object;
use super::{ClientCapabilities, Implementation, LoggingLevel, ProgressToken, RawId, ShapeError};

/// The keys of `_meta` that the protocol defines.
pub mod key {
    /// The token for progress notifications, in a request.
    pub const PROGRESS_TOKEN: &str = "progressToken";
    /// The revision that a modern request speaks.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// Who sends a modern request.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// What the sender of a modern request can do.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// From what level a modern request wants log messages.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// Who answers, in a modern result.
    pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
    /// The listen request to which a modern notification belongs.
    pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
    /// The experimental task of 2025-11-25 to which a message belongs.
    pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
    /// The tasks that a request continues (the tasks extension).
    pub const RELATED_TASK_IDS: &str = "io.modelcontextprotocol/relatedTaskIds";
    /// W3C trace context, `traceparent` (SEP-414).
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace context, `tracestate` (SEP-414).
    pub const TRACESTATE: &str = "tracestate";
    /// W3C baggage (SEP-414).
    pub const BAGGAGE: &str = "baggage";
}

/// The `_meta` object of params, results, content and definitions: open, with a few keys of the protocol's own.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meta(Map<String, Value>);

impl Meta {
    /// An empty object.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All members.
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All members, to be changed.
    pub const fn members_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// The members themselves.
    #[must_use]
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// Sets a member.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    /// The progress token.
    ///
    /// # Errors
    /// A token that is neither a string nor a number is a [`ShapeError`]; so below for each member's own shape.
    pub fn progress_token(&self) -> Result<Option<ProgressToken>, ShapeError> {
        self.read(key::PROGRESS_TOKEN, "a progress token: a string or a number")
    }

    /// The revision that the request says it speaks, known or not.
    ///
    /// # Errors
    /// A value that is not a string.
    pub fn protocol_version(&self) -> Result<Option<&str>, ShapeError> {
        match self.0.get(key::PROTOCOL_VERSION) {
            None => Ok(None),
            Some(Value::String(version)) => Ok(Some(version)),
            Some(_) => Err(ShapeError::new("a protocol version: a string")),
        }
    }

    /// Who sends the request.
    ///
    /// # Errors
    /// A value that is not an implementation.
    pub fn client_info(&self) -> Result<Option<Implementation>, ShapeError> {
        self.read(key::CLIENT_INFO, "client information with name and version")
    }

    /// What the sender of the request can do.
    ///
    /// # Errors
    /// A value that is not a capabilities object.
    pub fn client_capabilities(&self) -> Result<Option<ClientCapabilities>, ShapeError> {
        self.read(key::CLIENT_CAPABILITIES, "a client capabilities object")
    }

    /// From what level the request wants log messages; none at all if absent.
    ///
    /// # Errors
    /// A value that is not a level.
    pub fn log_level(&self) -> Result<Option<LoggingLevel>, ShapeError> {
        self.read(key::LOG_LEVEL, "a logging level")
    }

    /// Who answers.
    ///
    /// # Errors
    /// A value that is not an implementation.
    pub fn server_info(&self) -> Result<Option<Implementation>, ShapeError> {
        self.read(key::SERVER_INFO, "server information with name and version")
    }

    /// The listen request to which the notification belongs.
    ///
    /// # Errors
    /// A value that is neither a string nor a number.
    pub fn subscription_id(&self) -> Result<Option<RawId>, ShapeError> {
        self.read(key::SUBSCRIPTION_ID, "a subscription id: a string or a number")
    }

    /// Sets a member to anything that can be written as JSON; what cannot (a map with keys that are no strings) is
    /// left out.
    #[must_use]
    pub fn with_typed(mut self, key: &str, value: &impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    fn read<T: DeserializeOwned>(&self, key: &str, expected: &'static str) -> Result<Option<T>, ShapeError> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        match serde_json::from_value(value.clone()) {
            Ok(typed) => Ok(Some(typed)),
            Err(_) => Err(ShapeError::new(expected)),
        }
    }
}

impl From<Map<String, Value>> for Meta {
    fn from(members: Map<String, Value>) -> Self {
        Self(members)
    }
}

object! {
    /// Params that say nothing: of `ping`, `roots/list`, `server/discover` and the notifications of changed lists.
    #[derive(Default)]
    pub struct EmptyParams {
        optional {
            /// Metadata of the message.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `notifications/cancelled`.
    #[derive(Default)]
    pub struct CancelledParams {
        optional {
            /// The request to be cancelled. Only 2025-11-25 makes it optional, for the cancelling of tasks.
            request_id: RawId => with_request_id,
            /// Why, for logs and people.
            reason: String => with_reason,
            /// Metadata of the notification.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
