//! The fields of a form.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::protocol::object::object;

/// A field of a form.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FieldSchema {
    /// A text.
    String(StringSchema),
    /// A number.
    Number(NumberSchema),
    /// Yes or no.
    Boolean(BooleanSchema),
    /// One of several texts.
    Enum(EnumSchema),
    /// One of several titled texts (since 2025-11-25).
    TitledEnum(TitledEnumSchema),
    /// Some of several texts (since 2025-11-25).
    MultiSelect(MultiSelectSchema),
    /// Some of several titled texts (since 2025-11-25).
    TitledMultiSelect(TitledMultiSelectSchema),
    /// A field that this crate does not know, whole.
    Other(Map<String, Value>),
}

object! {
    /// A text field.
    #[derive(Default)]
    pub struct StringSchema {
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// The least number of characters.
            min_length: u64 => with_min_length,
            /// The greatest number of characters.
            max_length: u64 => with_max_length,
            /// What kind of text it is.
            format: StringFormat => with_format,
            /// What is filled in beforehand (since 2025-11-25).
            default: String => with_default,
        }
    }
}

/// What kind of text a text field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StringFormat {
    /// An e-mail address.
    Email,
    /// A URI.
    Uri,
    /// A date.
    Date,
    /// A date and a time.
    DateTime,
}

object! {
    /// A number field.
    pub struct NumberSchema {
        required {
            /// Whether it takes any number or whole ones only.
            #[serde(rename = "type")]
            kind: NumberKind,
        }
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// The least number.
            minimum: Number => with_minimum,
            /// The greatest number.
            maximum: Number => with_maximum,
            /// What is filled in beforehand (since 2025-11-25).
            default: Number => with_default,
        }
    }
}

impl NumberSchema {
    /// A field for any number.
    #[must_use]
    pub fn number() -> Self {
        Self::new(NumberKind::Number)
    }

    /// A field for a whole number.
    #[must_use]
    pub fn integer() -> Self {
        Self::new(NumberKind::Integer)
    }
}

/// Whether a number field takes any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NumberKind {
    /// Any number.
    Number,
    /// A whole number.
    Integer,
}

object! {
    /// A yes-or-no field.
    #[derive(Default)]
    pub struct BooleanSchema {
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// What is filled in beforehand.
            default: bool => with_default,
        }
    }
}

object! {
    /// A choice of one text.
    pub struct EnumSchema {
        required {
            /// The texts.
            #[serde(rename = "enum")]
            values: Vec<String>,
        }
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// How the texts are shown, in the same order: the way of 2025-06-18, still allowed.
            enum_names: Vec<String> => with_enum_names,
            /// What is chosen beforehand (since 2025-11-25).
            default: String => with_default,
        }
    }
}

object! {
    /// A choice of one titled text.
    pub struct TitledEnumSchema {
        required {
            /// The texts and their titles.
            #[serde(rename = "oneOf")]
            options: Vec<EnumOption>,
        }
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// What is chosen beforehand.
            default: String => with_default,
        }
    }
}

object! {
    /// A choice of some texts.
    pub struct MultiSelectSchema {
        required {
            /// The texts.
            items: EnumItems,
        }
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// The least number of texts.
            min_items: u64 => with_min_items,
            /// The greatest number of texts.
            max_items: u64 => with_max_items,
            /// What is chosen beforehand.
            default: Vec<String> => with_default,
        }
    }
}

object! {
    /// A choice of some titled texts.
    pub struct TitledMultiSelectSchema {
        required {
            /// The texts and their titles.
            items: TitledItems,
        }
        optional {
            /// Its label.
            title: String => with_title,
            /// What it is for.
            description: String => with_description,
            /// The least number of texts.
            min_items: u64 => with_min_items,
            /// The greatest number of texts.
            max_items: u64 => with_max_items,
            /// What is chosen beforehand.
            default: Vec<String> => with_default,
        }
    }
}

object! {
    /// The texts of a [`MultiSelectSchema`].
    pub struct EnumItems {
        required {
            /// Always `string`.
            #[serde(rename = "type")]
            kind: StringKind,
            /// The texts.
            #[serde(rename = "enum")]
            values: Vec<String>,
        }
    }
}

impl From<Vec<String>> for EnumItems {
    fn from(values: Vec<String>) -> Self {
        Self::new(StringKind::String, values)
    }
}

/// The type of a text: `string`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StringKind {
    /// `string`
    String,
}

object! {
    /// The texts of a [`TitledMultiSelectSchema`].
    pub struct TitledItems {
        required {
            /// The texts and their titles.
            #[serde(rename = "anyOf")]
            options: Vec<EnumOption>,
        }
    }
}

impl From<Vec<EnumOption>> for TitledItems {
    fn from(options: Vec<EnumOption>) -> Self {
        Self::new(options)
    }
}

object! {
    /// A text to choose, and its title.
    pub struct EnumOption {
        required {
            /// The text.
            #[serde(rename = "const")]
            value: String,
            /// How it is shown.
            title: String,
        }
    }
}

macro_rules! field_from {
    ($($variant:ident($schema:ty),)*) => {$(
        impl From<$schema> for FieldSchema {
            fn from(schema: $schema) -> Self {
                Self::$variant(schema)
            }
        }
    )*};
}

field_from! {
    String(StringSchema),
    Number(NumberSchema),
    Boolean(BooleanSchema),
    Enum(EnumSchema),
    TitledEnum(TitledEnumSchema),
    MultiSelect(MultiSelectSchema),
    TitledMultiSelect(TitledMultiSelectSchema),
}

impl Serialize for FieldSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "type")]
        enum Known<'a> {
            #[serde(rename = "string")]
            String(&'a StringSchema),
            #[serde(rename = "string")]
            Enum(&'a EnumSchema),
            #[serde(rename = "string")]
            TitledEnum(&'a TitledEnumSchema),
            #[serde(rename = "boolean")]
            Boolean(&'a BooleanSchema),
            #[serde(rename = "array")]
            MultiSelect(&'a MultiSelectSchema),
            #[serde(rename = "array")]
            TitledMultiSelect(&'a TitledMultiSelectSchema),
        }
        let known = match self {
            Self::String(schema) => Known::String(schema),
            Self::Boolean(schema) => Known::Boolean(schema),
            Self::Enum(schema) => Known::Enum(schema),
            Self::TitledEnum(schema) => Known::TitledEnum(schema),
            Self::MultiSelect(schema) => Known::MultiSelect(schema),
            Self::TitledMultiSelect(schema) => Known::TitledMultiSelect(schema),
            Self::Number(schema) => return schema.serialize(serializer),
            Self::Other(members) => return members.serialize(serializer),
        };
        known.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FieldSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        Self::from_members(members).map_err(serde::de::Error::custom)
    }
}

impl FieldSchema {
    fn from_members(mut members: Map<String, Value>) -> Result<Self, serde_json::Error> {
        fn take(mut members: Map<String, Value>) -> Value {
            members.remove("type");
            Value::Object(members)
        }
        let titled_items = members.get("items").is_some_and(|items| items.get("anyOf").is_some());
        let kind = members.get("type").and_then(Value::as_str);
        Ok(match kind {
            Some("string") if members.contains_key("oneOf") => Self::TitledEnum(serde_json::from_value(take(members))?),
            Some("string") if members.contains_key("enum") => Self::Enum(serde_json::from_value(take(members))?),
            Some("string") => Self::String(serde_json::from_value(take(members))?),
            Some("boolean") => Self::Boolean(serde_json::from_value(take(members))?),
            Some("array") if titled_items => Self::TitledMultiSelect(serde_json::from_value(take(members))?),
            Some("array") => Self::MultiSelect(serde_json::from_value(take(members))?),
            Some("number" | "integer") => {
                Self::Number(serde_json::from_value(Value::Object(std::mem::take(&mut members)))?)
            }
            _ => Self::Other(members),
        })
    }
}
