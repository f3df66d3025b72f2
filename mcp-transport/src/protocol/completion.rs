//! Completion of arguments.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::Meta;
use super::object::object;

object! {
    /// The params of `completion/complete`.
    pub struct CompleteParams {
        required {
            /// What has the argument.
            #[serde(rename = "ref")]
            reference: Reference,
            /// The argument, as far as it is typed.
            argument: CompleteArgument,
        }
        optional {
            /// What is known already (since 2025-06-18).
            context: CompleteContext => with_context,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// An argument, as far as it is typed.
    pub struct CompleteArgument {
        required {
            /// Its name.
            name: String,
            /// What is typed.
            value: String,
        }
    }
}

object! {
    /// What is known already when an argument is completed.
    #[derive(Default)]
    pub struct CompleteContext {
        optional {
            /// The arguments given so far.
            arguments: BTreeMap<String, String> => with_arguments,
        }
    }
}

/// What has the argument that is to be completed, told apart by its `type`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reference {
    /// `ref/prompt`
    Prompt(PromptReference),
    /// `ref/resource`
    Resource(ResourceTemplateReference),
}

object! {
    /// A prompt, by name.
    pub struct PromptReference {
        required {
            /// The prompt's name.
            name: String,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
        }
    }
}

object! {
    /// A resource template, by its URI.
    pub struct ResourceTemplateReference {
        required {
            /// The URI, or the template of URIs.
            uri: String,
        }
    }
}

impl From<PromptReference> for Reference {
    fn from(reference: PromptReference) -> Self {
        Self::Prompt(reference)
    }
}

impl From<ResourceTemplateReference> for Reference {
    fn from(reference: ResourceTemplateReference) -> Self {
        Self::Resource(reference)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "type")]
        enum Known<'a> {
            #[serde(rename = "ref/prompt")]
            Prompt(&'a PromptReference),
            #[serde(rename = "ref/resource")]
            Resource(&'a ResourceTemplateReference),
        }
        match self {
            Self::Prompt(reference) => Known::Prompt(reference),
            Self::Resource(reference) => Known::Resource(reference),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut members = Map::<String, Value>::deserialize(deserializer)?;
        let kind = members.remove("type");
        let members = Value::Object(members);
        match kind.as_ref().and_then(Value::as_str) {
            Some("ref/prompt") => serde_json::from_value(members).map(Self::Prompt),
            Some("ref/resource") => serde_json::from_value(members).map(Self::Resource),
            _ => {
                return Err(D::Error::custom("a reference has type ref/prompt or ref/resource"));
            }
        }
        .map_err(D::Error::custom)
    }
}

object! {
    /// The result of `completion/complete`.
    pub result CompleteResult {
        required {
            /// What was found.
            completion: Completion,
        }
        optional {
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// Values that an argument could take.
    pub struct Completion {
        required {
            /// The values, best first, at most 100.
            values: Vec<String>,
        }
        optional {
            /// How many there are in all.
            total: u64 => with_total,
            /// Whether there are more than these.
            has_more: bool => with_has_more,
        }
    }
}
