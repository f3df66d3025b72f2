//! Instances of a schema: the smallest, the fullest, and one for each union branch, enum value and optional member.

use serde_json::{Map, Value, json};

use super::document::Document;

/// Whether open objects get a member that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    None,
    Added,
}

/// Definitions that our types have as an enum of their own, method and params, as the JSON-RPC envelope is: it has no
/// place for unknown members.
const ENVELOPES: [&str; 3] = ["CreateMessageRequest", "ListRootsRequest", "ElicitRequest"];

pub(super) fn instances(document: &Document, node: &Value, unknown: Unknown) -> Vec<Value> {
    let mut generator = Generator { document, unknown, within: Vec::new() };
    let mut instances = generator.of(node);
    let mut seen = std::collections::HashSet::new();
    instances.retain(|instance| seen.insert(instance.to_string()));
    instances
}

struct Generator<'a> {
    document: &'a Document,
    unknown: Unknown,
    /// The references that are being followed, so that recursive schemas end.
    within: Vec<String>,
}

impl Generator<'_> {
    /// The instances of a schema, the smallest first. None where a schema leads back into itself.
    fn of(&mut self, node: &Value) -> Vec<Value> {
        if let Some(reference) = node["$ref"].as_str() {
            if self.within.iter().any(|other| other == reference) {
                return Vec::new();
            }
            self.within.push(reference.to_owned());
            let instances = self.of(self.document.resolve(node));
            self.within.pop();
            return instances;
        }
        if let Some(value) = node.get("const") {
            return vec![value.clone()];
        }
        if let Some(Value::Array(values)) = node.get("enum") {
            return values.clone();
        }
        if let Some(Value::Array(branches)) = node.get("anyOf").or(node.get("oneOf")) {
            return branches.iter().flat_map(|branch| self.of(branch)).collect();
        }
        assert!(node.get("allOf").is_none(), "not needed so far: {node}");
        match node.get("type") {
            Some(Value::String(kind)) => self.of_type(kind, node),
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().map(|kind| kind.as_str().unwrap());
                kinds.flat_map(|kind| self.of_type(kind, node)).collect()
            }
            _ => vec![
                json!({"any": ["thing", {}]}),
                json!(null),
                json!("text"),
                json!(-1.5),
                json!(7),
                json!(false),
                json!([null]),
            ],
        }
    }

    fn of_type(&mut self, kind: &str, node: &Value) -> Vec<Value> {
        match kind {
            "null" => vec![json!(null)],
            "boolean" => vec![json!(true), json!(false)],
            "integer" => vec![json!(1), json!(0)],
            "number" if node.get("maximum").is_some() => vec![json!(0.25), json!(1), json!(0)],
            "number" => vec![json!(2.5), json!(100)],
            "string" => vec![match node["format"].as_str() {
                Some("byte") => json!("aGVsbG8="),
                Some(_) => json!("https://example.com/a%20b?c=d#e"),
                None => json!("text \"quoted\"\n\u{1f600}"),
            }],
            "array" => {
                let items = self.of(&node["items"]);
                let mut arrays = vec![json!([])];
                arrays.extend(items.iter().map(|item| json!([item])));
                arrays.extend(items.get(..2).map(|two| json!(two)));
                arrays
            }
            "object" => self.of_object(node),
            other => panic!("type {other}"),
        }
    }

    fn of_object(&mut self, node: &Value) -> Vec<Value> {
        let none = Map::new();
        let properties = node["properties"].as_object().unwrap_or(&none);
        let alternatives: Vec<_> = properties.iter().map(|(name, property)| (name, self.of(property))).collect();
        let mut smallest = Map::new();
        for (name, values) in &alternatives {
            if self.document.requires(node, name) {
                smallest.insert((*name).clone(), values[0].clone());
            }
        }
        let mut fullest = Map::new();
        for (name, values) in &alternatives {
            // The last alternative of a union is as good as any; it is mostly the fuller one.
            fullest.extend(values.last().map(|value| ((*name).clone(), value.clone())));
        }
        let mut instances = vec![smallest.clone()];
        let others = node.get("additionalProperties");
        match others.filter(|schema| schema.as_object().is_some_and(|s| !s.is_empty())) {
            Some(schema) => {
                let values = self.of(schema);
                let with = |value: &Value| {
                    let mut instance = fullest.clone();
                    instance.insert("a key".to_owned(), value.clone());
                    instance
                };
                instances.extend(values.iter().map(with));
            }
            None => {
                assert_ne!(others, Some(&json!(false)), "no schema of ours is closed");
                let envelope = self.within.last().and_then(|name| name.rsplit('/').next());
                let open = !envelope.is_some_and(|name| ENVELOPES.contains(&name));
                if self.unknown == Unknown::Added && open {
                    fullest.insert("x-unknown".to_owned(), json!({"a": [1, "b", null]}));
                }
            }
        }
        instances.push(fullest);
        for (name, values) in &alternatives {
            for value in values {
                let mut instance = smallest.clone();
                instance.insert((*name).clone(), value.clone());
                instances.push(instance);
            }
        }
        instances.into_iter().map(Value::Object).collect()
    }
}
