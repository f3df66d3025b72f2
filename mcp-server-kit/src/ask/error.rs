//! Why a question has no answer.

use mcp_transport::{protocol::Revision, session};

use super::{Ability, ability::not_declared};
use crate::error::ToolError;

/// Why a question has no answer.
///
/// With `?` in a tool, a missing ability becomes the protocol's own error (-32021) in the modern era, and a text in
/// a legacy session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The client did not declare that it can do this, so it must not be asked.
    #[error("the client did not declare {}", .ability.name())]
    NotDeclared {
        /// What it cannot do.
        ability: Ability,
        /// The revision of the call.
        revision: Revision,
    },
    /// There is no way to ask: the call is of a method that cannot wait for answers, it is within a step, or the
    /// connection has no way back.
    #[error("the client cannot be asked here")]
    Nowhere,
    /// Too many questions of the legacy session wait for their answers.
    #[error("too many questions wait for the client already")]
    TooMany,
    /// The client answered a legacy question with an error.
    #[error("the client answered with error {0}")]
    Refused(i64),
    /// The answer to a legacy question does not have the shape that was asked for.
    #[error("the answer does not have the shape that was asked for")]
    Misshapen,
    /// The form is not one that answers could be checked with, for this reason.
    #[error("the form {0}")]
    Form(String),
    /// The session ended first.
    #[error("the session ended before the client answered")]
    Closed,
    /// Two questions, or two steps, of one call have the same key.
    #[error("the key `{0}` is in use already")]
    KeyTaken(String),
}

impl AskError {
    pub(crate) fn to_tool_error(&self) -> ToolError {
        match self {
            Self::NotDeclared { ability, revision } => not_declared(&[ability], *revision),
            // Both are for whoever wrote the tool.
            Self::KeyTaken(_) | Self::Form(_) => ToolError::new(crate::error::FAILED).with_cause(self.clone()),
            Self::Nowhere | Self::TooMany | Self::Refused(_) | Self::Misshapen | Self::Closed => {
                ToolError::new(self.to_string())
            }
        }
    }
}

impl From<session::AskError> for AskError {
    fn from(error: session::AskError) -> Self {
        match error {
            session::AskError::Refused(error) => Self::Refused(error.code.get()),
            session::AskError::Closed => Self::Closed,
            session::AskError::TooMany => Self::TooMany,
            _ => Self::Nowhere,
        }
    }
}
