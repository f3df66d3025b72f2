//! Schemas of tools: what the schema of an older revision lets them be.
//!
//! Members keep their order and their text; only those are touched that have to change.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::protocol::{JsonSchema, Revision};

/// The schema of arguments. They are an object at every revision, so its root says so.
pub(super) fn input(schema: &mut JsonSchema, to: Revision) {
    let Some(mut members) = Members::of(schema) else {
        return;
    };
    let mut changed = false;
    if !members.is_object_type() {
        members.set_object_type();
        changed = true;
    }
    if !to.has_any_schema_keyword() {
        changed |= members.make_properties_objects();
    }
    members.store(schema, changed);
}

/// The schema of structured content. Before any keyword was allowed, its root was `type: "object"`: another schema is
/// left out, as content that is no object is.
pub(super) fn output(schema: &mut Option<JsonSchema>, to: Revision) {
    if !to.has_output_schema() {
        *schema = None;
    }
    if to.has_any_schema_keyword() {
        return;
    }
    let Some(declared) = schema else {
        return;
    };
    match Members::of(declared) {
        Some(mut members) if members.is_object_type() => {
            let changed = members.make_properties_objects();
            members.store(declared, changed);
        }
        _ => *schema = None,
    }
}

/// An object's members in their order, each as its raw text.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn of(schema: &JsonSchema) -> Option<Self> {
        serde_json::from_str(schema.as_str()).ok()
    }

    fn store(&self, schema: &mut JsonSchema, changed: bool) {
        if changed {
            let raw = serde_json::value::to_raw_value(self).ok();
            if let Some(edited) = raw.and_then(|raw| JsonSchema::from_raw(raw).ok()) {
                *schema = edited;
            }
        }
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }

    fn is_object_type(&self) -> bool {
        self.get("type")
            .and_then(|value| serde_json::from_str::<String>(value.get()).ok())
            .is_some_and(|name| name == "object")
    }

    fn set_object_type(&mut self) {
        let Ok(object) = serde_json::value::to_raw_value("object") else {
            return;
        };
        match self.0.iter_mut().find(|(key, _)| key == "type") {
            Some((_, value)) => *value = object,
            None => self.0.insert(0, ("type".to_owned(), object)),
        }
    }

    /// Writes the boolean schemas among the properties as objects that mean the same.
    fn make_properties_objects(&mut self) -> bool {
        let Some((_, value)) = self.0.iter_mut().find(|(key, _)| key == "properties") else {
            return false;
        };
        let Ok(mut properties) = serde_json::from_str::<Self>(value.get()) else {
            return false;
        };
        let mut changed = false;
        for (_, property) in &mut properties.0 {
            let same = match property.get() {
                "true" => "{}",
                "false" => r#"{"not":{}}"#,
                _ => continue,
            };
            if let Ok(raw) = RawValue::from_string(same.to_owned()) {
                *property = raw;
                changed = true;
            }
        }
        if changed && let Ok(raw) = serde_json::value::to_raw_value(&properties) {
            *value = raw;
        }
        changed
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
