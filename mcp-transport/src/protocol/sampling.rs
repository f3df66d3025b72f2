//! Sampling: a server asks the client's model.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::object::object;
use super::{Content, Meta, Role, Tool, number};

object! {
    /// The params of `sampling/createMessage`.
    pub struct CreateMessageParams {
        required {
            /// The conversation.
            messages: Vec<SamplingMessage>,
            /// How many tokens there may be at most.
            max_tokens: u64,
        }
        optional {
            /// What the model should be like.
            model_preferences: ModelPreferences => with_model_preferences,
            /// A system prompt.
            system_prompt: String => with_system_prompt,
            /// Which servers' context to include.
            include_context: IncludeContext => with_include_context,
            /// The sampling temperature.
            #[serde(serialize_with = "number::optional")]
            temperature: f64 => with_temperature,
            /// Texts at which to stop.
            stop_sequences: Vec<String> => with_stop_sequences,
            /// For the model's provider.
            metadata: Map<String, Value> => with_metadata,
            /// Tools that the model may ask for (since 2025-11-25).
            tools: Vec<Tool> => with_tools,
            /// Whether it must (since 2025-11-25).
            tool_choice: ToolChoice => with_tool_choice,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// Which servers' context a client includes when it samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum IncludeContext {
    /// None.
    None,
    /// The asking server's.
    ThisServer,
    /// Every server's.
    AllServers,
}

object! {
    /// Whether the model must use a tool.
    #[derive(Default)]
    pub struct ToolChoice {
        optional {
            /// The mode; `auto` if absent.
            mode: ToolChoiceMode => with_mode,
        }
    }
}

/// Whether the model must use a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ToolChoiceMode {
    /// As it likes.
    Auto,
    /// At least one.
    Required,
    /// None.
    None,
}

object! {
    /// What the model should be like. The client decides.
    #[derive(Default)]
    pub struct ModelPreferences {
        optional {
            /// Models that would do, first the most wanted.
            hints: Vec<ModelHint> => with_hints,
            /// How much cost matters, from 0 to 1.
            #[serde(serialize_with = "number::optional")]
            cost_priority: f64 => with_cost_priority,
            /// How much speed matters, from 0 to 1.
            #[serde(serialize_with = "number::optional")]
            speed_priority: f64 => with_speed_priority,
            /// How much capability matters, from 0 to 1.
            #[serde(serialize_with = "number::optional")]
            intelligence_priority: f64 => with_intelligence_priority,
        }
    }
}

object! {
    /// A model that would do.
    #[derive(Default)]
    pub struct ModelHint {
        optional {
            /// A part of the model's name.
            name: String => with_name,
        }
    }
}

object! {
    /// A message of the conversation with the model.
    pub struct SamplingMessage {
        required {
            /// Who says it.
            role: Role,
            /// What is said.
            content: SamplingContent,
        }
        optional {
            /// Metadata of the message.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The result of `sampling/createMessage`, which a client gives.
    pub result CreateMessageResult {
        required {
            /// Who says it.
            role: Role,
            /// What is said.
            content: SamplingContent,
            /// The model that said it.
            model: String,
        }
        optional {
            /// Why it stopped: `endTurn`, `stopSequence`, `maxTokens`, `toolUse` or the provider's own word.
            stop_reason: String => with_stop_reason,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// What is said in a sampling message: one block, or since 2025-11-25 several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SamplingContent {
    /// A single block.
    One(Box<Content>),
    /// Several blocks.
    Many(Vec<Content>),
}

impl SamplingContent {
    /// The blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Content] {
        match self {
            Self::One(block) => std::slice::from_ref(&**block),
            Self::Many(blocks) => blocks,
        }
    }

    /// The blocks themselves.
    #[must_use]
    pub fn into_blocks(self) -> Vec<Content> {
        match self {
            Self::One(block) => vec![*block],
            Self::Many(blocks) => blocks,
        }
    }
}

impl From<Content> for SamplingContent {
    fn from(block: Content) -> Self {
        Self::One(Box::new(block))
    }
}

impl From<Vec<Content>> for SamplingContent {
    fn from(blocks: Vec<Content>) -> Self {
        Self::Many(blocks)
    }
}

impl From<&str> for SamplingContent {
    fn from(text: &str) -> Self {
        Self::One(Box::new(text.into()))
    }
}

impl Serialize for SamplingContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(block) => block.serialize(serializer),
            Self::Many(blocks) => blocks.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SamplingContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match Value::deserialize(deserializer)? {
            Value::Object(members) => Content::from_members(members).map(|block| Self::One(Box::new(block))),
            blocks @ Value::Array(_) => serde_json::from_value(blocks).map(Self::Many),
            _ => return Err(D::Error::custom("content is a block or a list of blocks")),
        }
        .map_err(D::Error::custom)
    }
}
