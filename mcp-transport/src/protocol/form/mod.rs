//! The restricted schema of an elicitation form: a flat object of simple fields.

mod field;

use std::fmt;

use super::object::object;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use field::{
    BooleanSchema, EnumItems, EnumOption, EnumSchema, FieldSchema, MultiSelectSchema, NumberKind, NumberSchema,
    StringFormat, StringKind, StringSchema, TitledEnumSchema, TitledItems, TitledMultiSelectSchema,
};

object! {
    /// The fields of a form.
    ///
    /// ```
    /// use mcp_transport::protocol::{FormSchema, NumberSchema, StringSchema};
    ///
    /// let form = FormSchema::default()
    ///     .required("name", StringSchema::new().with_title("Your name"))
    ///     .optional("age", NumberSchema::integer().with_minimum(0));
    /// assert_eq!(
    ///     serde_json::to_string(&form).unwrap(),
    ///     r#"{"type":"object","properties":{"name":{"type":"string","title":"Your name"},"#.to_owned()
    ///         + r#""age":{"type":"integer","minimum":0}},"required":["name"]}"#
    /// );
    /// ```
    pub struct FormSchema {
        required {
            /// Always `object`.
            #[serde(rename = "type")]
            kind: ObjectKind,
            /// The fields in their order.
            properties: Fields,
        }
        optional {
            /// The names of those that must be filled in.
            required: Vec<String> => with_required,
            /// The dialect of JSON Schema.
            #[serde(rename = "$schema")]
            schema: String => with_schema,
        }
    }
}

impl Default for FormSchema {
    fn default() -> Self {
        Self::new(ObjectKind::Object, Fields::default())
    }
}

impl FormSchema {
    /// Adds a field that must be filled in.
    #[must_use]
    pub fn required(mut self, name: impl Into<String>, field: impl Into<FieldSchema>) -> Self {
        let name = name.into();
        self.required.get_or_insert_default().push(name.clone());
        self.optional(name, field)
    }

    /// Adds a field that may be left out.
    #[must_use]
    pub fn optional(mut self, name: impl Into<String>, field: impl Into<FieldSchema>) -> Self {
        self.properties.0.push((name.into(), field.into()));
        self
    }
}

/// The type of a form: `object`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ObjectKind {
    /// `object`
    Object,
}

/// The fields of a form by name, in the order in which they are shown.
#[derive(Clone, Debug, PartialEq, Default)]
#[expect(clippy::exhaustive_structs, reason = "a list with a wire form of its own")]
pub struct Fields(pub Vec<(String, FieldSchema)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of form fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
