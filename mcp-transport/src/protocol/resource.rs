//! Resources: what a server lets be read.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::object::object;
use super::{Annotations, Cursor, Icon, InputResponses, Meta};

object! {
    /// A resource that can be read.
    pub struct Resource {
        required {
            /// Where it is.
            uri: String,
            /// Its name for programs.
            name: String,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
            /// What it is, for the model.
            description: String => with_description,
            /// Its media type.
            mime_type: String => with_mime_type,
            /// For whom it is and how much it matters.
            annotations: Annotations => with_annotations,
            /// Its size in bytes, before any encoding.
            size: u64 => with_size,
            /// Its pictures (since 2025-11-25).
            icons: Vec<Icon> => with_icons,
            /// Metadata of the resource.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// Resources by pattern.
    pub struct ResourceTemplate {
        required {
            /// An RFC 6570 template of their URIs.
            uri_template: String,
            /// The template's name for programs.
            name: String,
        }
        optional {
            /// Its name for people (since 2025-06-18).
            title: String => with_title,
            /// What the resources are, for the model.
            description: String => with_description,
            /// Their media type, if all have the same.
            mime_type: String => with_mime_type,
            /// For whom they are and how much they matter.
            annotations: Annotations => with_annotations,
            /// Pictures (since 2025-11-25).
            icons: Vec<Icon> => with_icons,
            /// Metadata of the template.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The result of `resources/list`.
    pub cacheable result ListResourcesResult {
        required {
            /// The resources of this page.
            resources: Vec<Resource>,
        }
        optional {
            /// Where the list goes on; it ends here if absent.
            next_cursor: Cursor => with_next_cursor,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The result of `resources/templates/list`.
    pub cacheable result ListResourceTemplatesResult {
        required {
            /// The templates of this page.
            resource_templates: Vec<ResourceTemplate>,
        }
        optional {
            /// Where the list goes on; it ends here if absent.
            next_cursor: Cursor => with_next_cursor,
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The params of `resources/read`.
    pub struct ReadResourceParams {
        required {
            /// The resource to read.
            uri: String,
        }
        optional {
            /// Answers to the input requests of the last try (since 2026-07-28).
            input_responses: InputResponses => with_input_responses,
            /// The state that came with them (since 2026-07-28).
            request_state: String => with_request_state,
            /// Metadata of the request.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// The result of `resources/read`.
    pub cacheable result ReadResourceResult {
        required {
            /// What was read: one resource, or several below it.
            contents: Vec<ResourceContents>,
        }
        optional {
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// The contents of a resource, told apart by whether they have `text` or `blob`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResourceContents {
    /// Text.
    Text(TextResourceContents),
    /// Bytes, in base64.
    Blob(BlobResourceContents),
}

impl ResourceContents {
    /// Text at a URI.
    #[must_use]
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text(TextResourceContents::new(uri, text))
    }

    /// Bytes at a URI, already in base64.
    #[must_use]
    pub fn blob(uri: impl Into<String>, blob: impl Into<String>) -> Self {
        Self::Blob(BlobResourceContents::new(uri, blob))
    }

    /// Where the contents are from.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::Text(contents) => &contents.uri,
            Self::Blob(contents) => &contents.uri,
        }
    }
}

impl From<TextResourceContents> for ResourceContents {
    fn from(contents: TextResourceContents) -> Self {
        Self::Text(contents)
    }
}

impl From<BlobResourceContents> for ResourceContents {
    fn from(contents: BlobResourceContents) -> Self {
        Self::Blob(contents)
    }
}

impl Serialize for ResourceContents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(contents) => contents.serialize(serializer),
            Self::Blob(contents) => contents.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ResourceContents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        let is_text = members.contains_key("text");
        let members = Value::Object(members);
        if is_text {
            serde_json::from_value(members).map(Self::Text)
        } else {
            serde_json::from_value(members).map(Self::Blob)
        }
        .map_err(serde::de::Error::custom)
    }
}

object! {
    /// A resource's text.
    pub struct TextResourceContents {
        required {
            /// Where it is from.
            uri: String,
            /// The text.
            text: String,
        }
        optional {
            /// Its media type.
            mime_type: String => with_mime_type,
            /// Metadata of the contents.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

object! {
    /// A resource's bytes.
    pub struct BlobResourceContents {
        required {
            /// Where they are from.
            uri: String,
            /// The bytes in base64.
            blob: String,
        }
        optional {
            /// Their media type.
            mime_type: String => with_mime_type,
            /// Metadata of the contents.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}
