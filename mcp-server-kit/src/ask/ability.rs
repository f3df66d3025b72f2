//! What a client must have declared before it may be asked.

use mcp_transport::{
    jsonrpc::{Code, ErrorObject, Raw},
    protocol::{ClientCapabilities, Revision},
};
use serde_json::{Map, Value, json};

use super::AskError;
use crate::{cx::Cx, error::ToolError};

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

    /// What it is called in errors.
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
    fn required(&self) -> Value {
        match self {
            Self::Elicitation => json!({ "elicitation": {} }),
            Self::UrlElicitation => json!({ "elicitation": { "url": {} } }),
            Self::Sampling => json!({ "sampling": {} }),
            Self::SamplingTools => json!({ "sampling": { "tools": {} } }),
            Self::Roots => json!({ "roots": {} }),
            Self::Extension(id) => json!({ "extensions": { id: {} } }),
        }
    }

    /// Refuses a question to a client that did not declare it.
    pub(super) fn check(&self, cx: &Cx) -> Result<(), AskError> {
        if self.is_declared(&cx.client().capabilities, cx.revision()) {
            return Ok(());
        }
        Err(AskError::NotDeclared { ability: self.clone(), revision: cx.revision() })
    }

    /// Refuses a call of a client that did not declare all of them, and says which are missing.
    pub(crate) fn check_all(all: &[Self], cx: &Cx) -> Result<(), ToolError> {
        let declared = |ability: &&Self| ability.is_declared(&cx.client().capabilities, cx.revision());
        let missing: Vec<_> = all.iter().filter(|ability| !declared(ability)).collect();
        if missing.is_empty() { Ok(()) } else { Err(not_declared(&missing, cx.revision())) }
    }
}

/// The refusal of a client that did not declare these: in the modern era the protocol's own error (MCP 2026-07-28,
/// basic: -32021, "whose data.requiredCapabilities lists the missing capabilities"), before it a text.
pub(super) fn not_declared(missing: &[&Ability], revision: Revision) -> ToolError {
    let names: Vec<_> = missing.iter().map(|ability| ability.name()).collect();
    let said = format!("the client did not declare {}", names.join(", "));
    if !revision.is_modern() {
        return ToolError::new(said);
    }
    let mut required = Map::new();
    for ability in missing {
        merge(&mut required, ability.required());
    }
    // An empty object means forms, and beside `url` they must be named (2026-07-28, elicitation, "Capabilities").
    let forms = missing.contains(&&Ability::Elicitation) && missing.contains(&&Ability::UrlElicitation);
    if let (true, Some(Value::Object(modes))) = (forms, required.get_mut("elicitation")) {
        modes.insert("form".to_owned(), json!({}));
    }
    let error = ErrorObject::new(Code::MISSING_REQUIRED_CLIENT_CAPABILITY, said);
    let data = Raw::write(&json!({ "requiredCapabilities": required }));
    ToolError::protocol(data.map_or(error.clone(), |data| error.with_data(data)))
}

/// Adds the members of `more`, at every depth.
fn merge(all: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (name, value) in more {
        match all.get_mut(&name) {
            Some(Value::Object(inner)) => merge(inner, value),
            _ => {
                all.insert(name, value);
            }
        }
    }
}
