//! The schema document of a revision.

use mcp_transport::protocol::Revision;
use serde_json::{Map, Value, json};

/// Whether a validator takes members that the schema does not define.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Members {
    /// As the schema says: nearly everywhere it does.
    AsWritten,
    /// No, except in `_meta`, in capabilities' settings and in the schemas of tools.
    DefinedOnly,
}

pub(super) struct Document {
    pub(super) revision: Revision,
    root: Value,
    key: &'static str,
}

impl Document {
    pub(super) fn of(revision: Revision) -> Self {
        let text = match revision.as_str() {
            "2024-11-05" => include_str!("../../schema/2024-11-05.json"),
            "2025-03-26" => include_str!("../../schema/2025-03-26.json"),
            "2025-06-18" => include_str!("../../schema/2025-06-18.json"),
            "2025-11-25" => include_str!("../../schema/2025-11-25.json"),
            "2026-07-28" => include_str!("../../schema/2026-07-28.json"),
            other => panic!("no schema for {other}"),
        };
        let root: Value = serde_json::from_str(text).unwrap();
        let key = if root.get("$defs").is_some() { "$defs" } else { "definitions" };
        Self { revision, root, key }
    }

    fn definitions(&self) -> &Map<String, Value> {
        self.root[self.key].as_object().unwrap()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions().keys().map(String::as_str)
    }

    /// Where in its definition the shape of our type is: of messages we have the params.
    fn part(name: &str) -> &'static str {
        let message = name.ends_with("Request") || name.ends_with("Notification");
        if message && name != "InputRequest" { "/properties/params" } else { "" }
    }

    /// The schema of our type, if the revision defines it.
    pub(super) fn node(&self, name: &str) -> Option<&Value> {
        let node = self.definitions().get(name)?.pointer(Self::part(name))?;
        Some(self.resolve(node))
    }

    /// The definition itself, envelope included.
    pub(super) fn definition(&self, name: &str) -> Option<&Value> {
        self.definitions().get(name)
    }

    pub(super) fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        match node["$ref"].as_str() {
            Some(reference) => self.resolve(self.root.pointer(&reference[1..]).unwrap()),
            None => node,
        }
    }

    pub(super) fn requires(&self, node: &Value, member: &str) -> bool {
        let required = self.resolve(node)["required"].as_array();
        required.is_some_and(|names| names.iter().any(|name| name == member))
    }

    /// Takes what the shape of our type is: of messages the params.
    pub(super) fn validator(&self, name: &str, members: Members) -> jsonschema::Validator {
        self.compiled(&format!("{name}{}", Self::part(name)), members)
    }

    /// Takes whole messages.
    pub(super) fn envelope_validator(&self, name: &str) -> jsonschema::Validator {
        self.compiled(name, Members::AsWritten)
    }

    fn compiled(&self, place: &str, members: Members) -> jsonschema::Validator {
        let mut definitions = self.root[self.key].clone();
        if members == Members::DefinedOnly {
            close(&mut definitions);
        }
        let schema = json!({
            "$schema": self.root["$schema"],
            "$ref": format!("#/{}/{place}", self.key),
            self.key: definitions,
        });
        jsonschema::validator_for(&schema).unwrap()
    }
}

/// Lets no object have other members than those that its schema names, and `_meta`.
fn close(node: &mut Value) {
    match node {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if !matches!(name.as_str(), "inputSchema" | "outputSchema" | "_meta") {
                    close(member);
                }
            }
            let Some(Value::Object(named)) = members.get_mut("properties") else {
                return;
            };
            // An object without named members is one whose members are free, such as the settings of a capability;
            // in a map of definitions `properties` would be the name of one.
            let is_object = !named.is_empty() && members.get("type") == Some(&json!("object"));
            if is_object {
                members["properties"]["_meta"] = json!({});
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
