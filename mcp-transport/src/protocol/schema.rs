//! A JSON Schema as its author wrote it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::ShapeError;

/// A JSON Schema object, verbatim: the order and the spelling of its members stay as they came.
///
/// Two schemas are equal if their JSON values are.
///
/// ```
/// use mcp_transport::protocol::JsonSchema;
///
/// let schema = JsonSchema::parse(r#"{"type":"object","$anchor":"a","properties":{}}"#).unwrap();
/// assert_eq!(serde_json::to_string(&schema).unwrap(), schema.as_str());
/// assert!(JsonSchema::parse("true").is_err());
/// ```
#[derive(Clone)]
pub struct JsonSchema(Arc<RawValue>);

impl JsonSchema {
    /// Takes the JSON text of an object.
    ///
    /// # Errors
    /// Text that is not one well-formed JSON object is a [`ShapeError`].
    pub fn parse(text: &str) -> Result<Self, ShapeError> {
        serde_json::from_str(text).map_err(|_| EXPECTED)
    }

    /// Takes an object that is at hand as a value.
    ///
    /// # Errors
    /// A value that is not an object is a [`ShapeError`].
    pub fn from_value(value: &Value) -> Result<Self, ShapeError> {
        Self::from_raw(serde_json::value::to_raw_value(value).map_err(|_| EXPECTED)?)
    }

    /// Takes raw JSON.
    ///
    /// # Errors
    /// A value that is not an object is a [`ShapeError`].
    pub fn from_raw(raw: Box<RawValue>) -> Result<Self, ShapeError> {
        if raw.get().trim_ascii_start().starts_with('{') { Ok(Self(raw.into())) } else { Err(EXPECTED) }
    }

    /// The schema of an object without members of its own: `{"type":"object"}`.
    #[must_use]
    pub fn object() -> Self {
        Self::parse(r#"{"type":"object"}"#).expect("the text is an object")
    }

    /// The schema's JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The schema as a value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

const EXPECTED: ShapeError = ShapeError::new("a JSON Schema object");

impl PartialEq for JsonSchema {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str() || self.to_value() == other.to_value()
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for JsonSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(raw).map_err(serde::de::Error::custom)
    }
}
