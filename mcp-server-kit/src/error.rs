//! What can go wrong: in a tool while it runs, and in a server while it is put together.

use std::{any::Any, borrow::Cow, error, fmt, time::Duration};

use mcp_transport::{auth::ScopeSet, jsonrpc::ErrorObject};

use crate::ask::AskError;

/// Why a tool, a prompt or a resource has no answer: a text for whoever asked, and a cause for the log.
///
/// - [`ToolError::new`] is a text that the model (or, for prompts and resources, the person) can act on.
/// - `?` on any error of the standard kind keeps that error for the log and says only that the call failed: an error
///   that was not written for the client may name files, hosts or secrets.
/// - [`ToolError::protocol`] is a JSON-RPC error, for what the protocol itself must be told.
/// - [`ToolError::forbidden`] asks for more scopes: on HTTP a 403 with a challenge, as long as nothing was sent yet.
///
/// ```
/// use mcp_server_kit::ToolError;
///
/// fn read(name: &str) -> Result<String, ToolError> {
///     if name.contains('/') {
///         return Err(ToolError::new("give the name of a file without a folder"));
///     }
///     Ok(std::fs::read_to_string(name)?) // the model is told "the call failed", the log is told why
/// }
/// assert_eq!(read("no such file").unwrap_err().text(), "the call failed");
/// assert!(read("a/b").unwrap_err().text().starts_with("give the name"));
/// ```
#[derive(Debug)]
pub struct ToolError(Box<Kind>);

#[derive(Debug)]
pub(crate) enum Kind {
    Told { text: Cow<'static, str>, cause: Option<Box<dyn error::Error + Send + Sync>> },
    Protocol(ErrorObject),
    Forbidden(ScopeSet),
    NotFound,
}

/// What is said of a cause that is for the log only.
pub(crate) const FAILED: &str = "the call failed";

impl ToolError {
    /// An error that whoever asked can act on; `text` goes out as it is.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Kind::Told { text: text.into(), cause: None }))
    }

    /// Adds what the log should know and the client should not.
    #[must_use]
    pub fn with_cause(mut self, more: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        if let Kind::Told { cause, .. } = &mut *self.0 {
            *cause = Some(more.into());
        }
        self
    }

    /// An error of the protocol instead of a result.
    #[must_use]
    pub fn protocol(error: ErrorObject) -> Self {
        Self(Box::new(Kind::Protocol(error)))
    }

    /// The principal lacks these scopes.
    #[must_use]
    pub fn forbidden(scopes: ScopeSet) -> Self {
        Self(Box::new(Kind::Forbidden(scopes)))
    }

    /// There is no such resource: the error that the revision has for it, with the URI. From a tool it is
    /// only a text.
    #[must_use]
    pub fn not_found() -> Self {
        Self(Box::new(Kind::NotFound))
    }

    pub(crate) fn too_late(limit: Duration) -> Self {
        Self::new(format!("the call was given up after {} s", limit.as_secs_f64()))
    }

    /// What the client is told.
    #[must_use]
    pub fn text(&self) -> &str {
        match &*self.0 {
            Kind::Told { text, .. } => text,
            Kind::Protocol(error) => &error.message,
            Kind::Forbidden(_) => "more scopes are needed",
            Kind::NotFound => "not found",
        }
    }

    /// What the log is told beyond that.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn error::Error + Send + Sync + 'static)> {
        match &*self.0 {
            Kind::Told { cause, .. } => cause.as_deref(),
            Kind::Protocol(_) | Kind::Forbidden(_) | Kind::NotFound => None,
        }
    }

    pub(crate) fn into_kind(self) -> Kind {
        *self.0
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<E: error::Error + Send + Sync + 'static> From<E> for ToolError {
    fn from(cause: E) -> Self {
        // An ask that cannot be asked has an answer of its own on the wire; coherence allows no `From` beside this one.
        if let Some(ask) = (&cause as &dyn Any).downcast_ref::<AskError>() {
            return ask.to_tool_error();
        }
        Self(Box::new(Kind::Told { text: Cow::Borrowed(FAILED), cause: Some(Box::new(cause)) }))
    }
}

/// Why a server, or a part that is added to one while it runs, does not make sense. It is for the person who wrote the
/// server, and says what to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A name that the specification does not recommend (MCP 2026-07-28, tools, "Tool Names").
    #[error("`{0}` is no name of a tool: use 1 to 128 of A-Z, a-z, 0-9, `_`, `-` and `.`")]
    Name(String),
    /// A prompt without a name, or with one that cannot be shown.
    #[error("`{0}` is no name of a prompt: it is empty or has control characters")]
    PromptName(String),
    /// Two things of one kind have one name, or one URI.
    #[error("there are two {kind} called `{name}`")]
    Duplicate {
        /// What they are.
        kind: &'static str,
        /// What both are called.
        name: String,
    },
    /// A schema that cannot be used.
    #[error("the {which} schema of `{name}` {why}")]
    Schema {
        /// Whose schema.
        name: String,
        /// Input or output.
        which: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An `x-mcp-header` that clients must refuse (MCP 2026-07-28, tools, "x-mcp-header").
    #[error("the mirrored parameter `{parameter}` of `{name}` {why}")]
    Mirror {
        /// The tool.
        name: String,
        /// The parameter.
        parameter: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A URI or a template of URIs that cannot be read.
    #[error("`{uri}` is no URI of a resource: {why}")]
    Uri {
        /// The URI or template.
        uri: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A completion for an argument or variable that does not exist.
    #[error("`{name}` has no argument `{argument}` to complete")]
    Completion {
        /// The prompt or template.
        name: String,
        /// The argument.
        argument: String,
    },
    /// A method of the protocol that was registered as one of an extension: it would never be called.
    #[error("`{0}` is a method of the protocol and not of an extension")]
    Method(String),
    /// An identifier of an extension that the specification does not allow (MCP 2026-07-28, extensions).
    #[error("`{0}` is no identifier of an extension: it is a prefix such as `com.example`, a slash and a name")]
    Extension(String),
    /// A method of an extension that the server did not declare.
    #[error("`{method}` is a method of `{extension}`, which is not declared; say so with `extension`")]
    ExtensionNotDeclared {
        /// The method.
        method: String,
        /// The extension that it was registered for.
        extension: String,
    },
    /// A list that the server did not declare cannot get entries at run time.
    #[error("the server did not declare {0}; say so when it is built")]
    NotDeclared(&'static str),
    /// A value of yours could not be written as JSON.
    #[error("a part of the server could not be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The system has no random bytes for the key that seals request state.
    #[error("there is no key for request state")]
    Key(#[source] mcp_transport::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_for_the_log_and_the_text_for_the_client() {
        let secret = std::io::Error::other("password=hunter2");
        let error = ToolError::from(secret);
        assert_eq!(error.text(), FAILED);
        assert!(!error.to_string().contains("hunter2"));
        assert!(error.cause().unwrap().to_string().contains("hunter2"));
        let told = ToolError::new("try a smaller number").with_cause("it was 7");
        assert_eq!(told.text(), "try a smaller number");
        assert_eq!(told.cause().unwrap().to_string(), "it was 7");
    }
}
