//! Content blocks: what tools, prompts and messages are made of.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::object::object;
use super::{Meta, Resource, ResourceContents, number, result};

/// A block of content, told apart by its `type`.
///
/// Tools and prompts have the first five kinds, sampling has text, images, audio and the two of tool use.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// `text`
    Text(TextContent),
    /// `image`
    Image(ImageContent),
    /// `audio` (since 2025-03-26)
    Audio(AudioContent),
    /// `resource_link`: a resource that can be read (since 2025-06-18)
    ResourceLink(Box<Resource>),
    /// `resource`: a resource's contents, embedded
    Resource(Box<EmbeddedResource>),
    /// `tool_use`: the model wants a tool to be called (since 2025-11-25)
    ToolUse(ToolUseContent),
    /// `tool_result`: what the tool answered (since 2025-11-25)
    ToolResult(Box<ToolResultContent>),
    /// A kind that this crate does not know, whole.
    Other(Map<String, Value>),
}

impl Content {
    /// A block of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// A picture: base64 data and its media type.
    #[must_use]
    pub fn image(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Image(ImageContent::new(data, mime_type))
    }

    /// Sound: base64 data and its media type.
    #[must_use]
    pub fn audio(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Audio(AudioContent::new(data, mime_type))
    }

    /// A link to a resource.
    #[must_use]
    pub fn resource_link(resource: Resource) -> Self {
        Self::ResourceLink(Box::new(resource))
    }

    /// A resource's contents, embedded.
    #[must_use]
    pub fn resource(contents: impl Into<ResourceContents>) -> Self {
        Self::Resource(Box::new(EmbeddedResource::new(contents)))
    }

    /// The text, if the block is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(content) => Some(&content.text),
            _ => None,
        }
    }

    /// Takes a block that is at hand as a value.
    ///
    /// # Errors
    /// A block without a `type`, or of a known type without its required members.
    pub(super) fn from_members(mut members: Map<String, Value>) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let Some(Value::String(kind)) = members.get("type") else {
            return Err(Error::custom("a content block has a type"));
        };
        let known = match kind.as_str() {
            "text" => Kind::Text,
            "image" => Kind::Image,
            "audio" => Kind::Audio,
            "resource_link" => Kind::ResourceLink,
            "resource" => Kind::Resource,
            "tool_use" => Kind::ToolUse,
            "tool_result" => Kind::ToolResult,
            _ => return Ok(Self::Other(members)),
        };
        members.remove("type");
        let members = Value::Object(members);
        Ok(match known {
            Kind::Text => Self::Text(serde_json::from_value(members)?),
            Kind::Image => Self::Image(serde_json::from_value(members)?),
            Kind::Audio => Self::Audio(serde_json::from_value(members)?),
            Kind::ResourceLink => Self::ResourceLink(serde_json::from_value(members)?),
            Kind::Resource => Self::Resource(serde_json::from_value(members)?),
            Kind::ToolUse => Self::ToolUse(serde_json::from_value(members)?),
            Kind::ToolResult => Self::ToolResult(serde_json::from_value(members)?),
        })
    }
}

enum Kind {
    Text,
    Image,
    Audio,
    ResourceLink,
    Resource,
    ToolUse,
    ToolResult,
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        enum Known<'a> {
            Text(&'a TextContent),
            Image(&'a ImageContent),
            Audio(&'a AudioContent),
            ResourceLink(&'a Resource),
            Resource(&'a EmbeddedResource),
            ToolUse(&'a ToolUseContent),
            ToolResult(&'a ToolResultContent),
        }
        let known = match self {
            Self::Text(content) => Known::Text(content),
            Self::Image(content) => Known::Image(content),
            Self::Audio(content) => Known::Audio(content),
            Self::ResourceLink(resource) => Known::ResourceLink(resource),
            Self::Resource(content) => Known::Resource(content),
            Self::ToolUse(content) => Known::ToolUse(content),
            Self::ToolResult(content) => Known::ToolResult(content),
            Self::Other(members) => return members.serialize(serializer),
        };
        known.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::from_members(members).map_err(serde::de::Error::custom)
    }
}

object! {
    /// Text.
    pub struct TextContent {
        required {
            /// The text.
            text: String,
        }
        optional {
            /// For whom it is and how much it matters.
            annotations: Annotations => with_annotations,
            /// Metadata of the block.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// A picture.
    pub struct ImageContent {
        required {
            /// The picture in base64.
            data: String,
            /// Its media type.
            mime_type: String,
        }
        optional {
            /// For whom it is and how much it matters.
            annotations: Annotations => with_annotations,
            /// Metadata of the block.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// Sound.
    pub struct AudioContent {
        required {
            /// The sound in base64.
            data: String,
            /// Its media type.
            mime_type: String,
        }
        optional {
            /// For whom it is and how much it matters.
            annotations: Annotations => with_annotations,
            /// Metadata of the block.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// A resource's contents within a message.
    pub struct EmbeddedResource {
        required {
            /// The contents.
            resource: ResourceContents,
        }
        optional {
            /// For whom it is and how much it matters.
            annotations: Annotations => with_annotations,
            /// Metadata of the block.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The model's wish that a tool be called.
    pub struct ToolUseContent {
        required {
            /// The call's id, which its result repeats.
            id: String,
            /// The tool's name.
            name: String,
            /// The arguments.
            input: Map<String, Value>,
        }
        optional {
            /// Metadata of the block.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// What a tool answered to a [`ToolUseContent`].
    pub struct ToolResultContent {
        required {
            /// The id of the call.
            tool_use_id: String,
            /// The answer.
            content: Vec<Content>,
        }
        optional {
            /// The answer as data.
            #[serde(deserialize_with = "result::nullable")]
            structured_content: Value => with_structured_content,
            /// Whether the call failed.
            is_error: bool => with_is_error,
            /// Metadata of the block.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// Who speaks, or for whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

object! {
    /// For whom something is, how much it matters and how old it is.
    #[derive(Default)]
    pub struct Annotations {
        optional {
            /// For whom it is.
            audience: Vec<Role> => with_audience,
            /// How much it matters, from 0 (not at all) to 1 (required).
            #[serde(serialize_with = "number::optional")]
            priority: f64 => with_priority,
            /// When it last changed, as an ISO 8601 time (since 2025-06-18).
            last_modified: String => with_last_modified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_kept_whole() {
        let text = r#"{"data":{"b":1},"type":"video"}"#;
        let content: Content = serde_json::from_str(text).unwrap();
        assert!(matches!(content, Content::Other(_)));
        let written: Value = serde_json::to_value(&content).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_block_without_a_type_or_its_members_is_an_error() {
        for text in [r#"{"text":"a"}"#, r#"{"type":"text"}"#, r#"{"type":7}"#, "[]"] {
            assert!(serde_json::from_str::<Content>(text).is_err(), "{text}");
        }
    }
}
