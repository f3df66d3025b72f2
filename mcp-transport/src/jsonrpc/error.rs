//! Errors as they go over the wire.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::{DefectKind, Raw};

/// A JSON-RPC error code (JSON-RPC 2.0 section 5.1; MCP 2026-07-28, basic, "Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(i64);

impl Code {
    /// The text is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// The value is not a message, or not one that is allowed here.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// No such method.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// Our own fault.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// No such resource, until 2025-11-25; later revisions use [`INVALID_PARAMS`](Self::INVALID_PARAMS).
    pub const RESOURCE_NOT_FOUND: Self = Self(-32002);
    /// 2025-11-25 only: the user must visit a URL first.
    pub const URL_ELICITATION_REQUIRED: Self = Self(-32042);
    /// Modern: the HTTP headers do not say what the body says.
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// Modern: the client did not declare a capability that this request needs.
    pub const MISSING_REQUIRED_CLIENT_CAPABILITY: Self = Self(-32021);
    /// Modern: the server does not speak this revision.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(-32022);

    /// A code of the application's own. New codes belong outside -32768 to -32000, which JSON-RPC reserves.
    #[must_use]
    pub const fn new(code: i64) -> Self {
        Self(code)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The `error` member of a response: what the peer is told. Causes belong into the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErrorObject {
    /// What kind of error.
    pub code: Code,
    /// One sentence.
    pub message: Cow<'static, str>,
    /// More, in the shape that the code defines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Raw>,
}

impl ErrorObject {
    /// An error without data.
    #[cold]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Adds data.
    #[must_use]
    pub fn with_data(mut self, data: Raw) -> Self {
        self.data = Some(data);
        self
    }

    /// -32601 for `method`.
    #[must_use]
    #[cold]
    pub fn method_not_found(method: &str) -> Self {
        Self::new(Code::METHOD_NOT_FOUND, format!("method not found: {}", shown(method)))
    }

    /// -32602 with the reason.
    #[cold]
    pub fn invalid_params(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::INVALID_PARAMS, reason)
    }

    /// -32603 with a fixed text; the cause is for the log.
    #[must_use]
    #[cold]
    pub fn internal() -> Self {
        Self::new(Code::INTERNAL_ERROR, "internal error")
    }
}

impl From<DefectKind> for ErrorObject {
    fn from(kind: DefectKind) -> Self {
        Self::new(kind.code(), kind.to_string())
    }
}

/// What a peer wrote, short enough and clean enough to be said back to it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(100).collect()
}
