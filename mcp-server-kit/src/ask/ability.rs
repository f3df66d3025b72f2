//! What a client must have declared before it may be asked.

use mcp_transport::protocol::{ClientCapabilities, Revision};
use serde_json::{Value, json};

use super::AskError;
use crate::cx::Cx;

/// What a client can declare, and a tool can need.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// Its user fills in forms.
    Elicitation,
    /// Its user goes to URLs.
    UrlElicitation,
    /// Its model answers.
    Sampling,
    /// Its model answers, and calls tools meanwhile.
    SamplingTools,
    /// It names roots.
    Roots,
    /// An extension, by its identifier (modern era).
    Extension(String),
}

impl Ability {
    /// Whether the client declared it, in a revision that has it.
    #[must_use]
    pub fn is_declared(&self, client: &ClientCapabilities, revision: Revision) -> bool {
        let elicitation = client.elicitation.as_ref().filter(|_| revision.has_elicitation());
        match self {
            Self::Elicitation => elicitation.is_some_and(|modes| modes.supports_form()),
            Self::UrlElicitation => {
                revision.has_url_elicitation() && elicitation.is_some_and(|modes| modes.supports_url())
            }
            Self::Sampling => client.sampling.is_some(),
            Self::SamplingTools => {
                revision.has_sampling_tools() && client.sampling.as_ref().is_some_and(|parts| parts.tools.is_some())
            }
            Self::Roots => client.roots.is_some(),
            Self::Extension(id) => client.extensions.as_ref().is_some_and(|all| all.contains_key(id)),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Elicitation => "elicitation",
            Self::UrlElicitation => "elicitation by URL",
            Self::Sampling => "sampling",
            Self::SamplingTools => "sampling with tools",
            Self::Roots => "roots",
            Self::Extension(id) => id,
        }
    }

    /// The shape of client capabilities that holds it.
    pub(super) fn required(&self) -> Value {
        match self {
            Self::Elicitation => json!({ "elicitation": {} }),
            Self::UrlElicitation => json!({ "elicitation": { "url": {} } }),
            Self::Sampling => json!({ "sampling": {} }),
            Self::SamplingTools => json!({ "sampling": { "tools": {} } }),
            Self::Roots => json!({ "roots": {} }),
            Self::Extension(id) => json!({ "extensions": { id: {} } }),
        }
    }

    /// Refuses a call of a client that did not declare it.
    pub(crate) fn check(&self, cx: &Cx) -> Result<(), AskError> {
        if self.is_declared(&cx.client().capabilities, cx.revision()) {
            return Ok(());
        }
        Err(AskError::NotDeclared { ability: self.clone(), revision: cx.revision() })
    }
}
