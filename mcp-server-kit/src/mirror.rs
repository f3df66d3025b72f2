//! Arguments that HTTP headers mirror: `x-mcp-header` (MCP 2026-07-28, streamable HTTP, "Custom Headers from Tool
//! Parameters").

use std::{collections::HashSet, sync::Arc};

use mcp_transport::handler::MirroredParam;
use serde_json::{Map, Value};

use crate::error::BuildError;

/// The keyword.
pub(crate) const KEYWORD: &str = "x-mcp-header";

/// Finds all annotations of `schema`, and refuses the schema if clients would have to.
pub(crate) fn scan(tool: &str, schema: &Value) -> Result<Option<Arc<[MirroredParam]>>, BuildError> {
    let mut found = Found { tool, params: Vec::new(), names: HashSet::new() };
    found.walk(schema, &mut Vec::new())?;
    let Found { params, .. } = found;
    Ok((!params.is_empty()).then(|| params.into()))
}

/// Writes the annotation into a property of a derived schema.
pub(crate) fn annotate(tool: &str, schema: &mut Value, parameter: &str, header: &str) -> Result<(), BuildError> {
    let property = schema.get_mut("properties").and_then(|all| all.get_mut(parameter)).and_then(Value::as_object_mut);
    let Some(property) = property else {
        return Err(refuse(tool, parameter, "is no property of the arguments"));
    };
    // `Option<T>` derives as a pair of types, but only a single primitive type may be mirrored.
    if let Some(Value::Array(types)) = property.get("type") {
        let mut real = types.iter().filter(|kind| *kind != "null");
        if let (Some(only), None) = (real.next().cloned(), real.next()) {
            property.insert("type".to_owned(), only);
        }
    }
    property.insert(KEYWORD.to_owned(), Value::from(header));
    Ok(())
}

struct Found<'a> {
    tool: &'a str,
    params: Vec<MirroredParam>,
    names: HashSet<String>,
}

impl Found<'_> {
    /// Walks a schema that is reached by `properties` keys alone.
    fn walk(&mut self, schema: &Value, path: &mut Vec<Box<str>>) -> Result<(), BuildError> {
        let Some(schema) = schema.as_object() else {
            return Ok(());
        };
        if let Some(header) = schema.get(KEYWORD) {
            self.take(schema, header, path)?;
        }
        for (keyword, value) in schema {
            if keyword == "properties" {
                for (name, property) in value.as_object().into_iter().flatten() {
                    path.push(name.as_str().into());
                    self.walk(property, path)?;
                    path.pop();
                }
            } else if !matches!(keyword.as_str(), "const" | "enum" | "default" | "examples") && holds(value) {
                return Err(refuse(self.tool, keyword, "is mirrored but not reached by `properties` alone"));
            }
        }
        Ok(())
    }

    fn take(&mut self, schema: &Map<String, Value>, header: &Value, path: &[Box<str>]) -> Result<(), BuildError> {
        let parameter = path.join(".");
        let no = |why| Err(refuse(self.tool, &parameter, why));
        if path.is_empty() {
            return no("is the whole of the arguments");
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("string" | "integer" | "boolean") => {}
            _ => return no("must have the type string, integer or boolean"),
        }
        let Some(header) = header.as_str() else {
            return no("must name its header by a string");
        };
        let Some(param) = MirroredParam::new(header, path.iter().cloned()) else {
            return no("must name its header by an HTTP token (RFC 9110 section 5.1)");
        };
        if !self.names.insert(header.to_ascii_lowercase()) {
            return no("has the header of another parameter");
        }
        self.params.push(param);
        Ok(())
    }
}

/// Whether an annotation stands anywhere in `value`.
fn holds(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key(KEYWORD) || members.values().any(holds),
        Value::Array(items) => items.iter().any(holds),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn refuse(tool: &str, parameter: &str, why: &'static str) -> BuildError {
    BuildError::Mirror { name: tool.to_owned(), parameter: parameter.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_are_found_along_properties() {
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
        }});
        let found = scan("t", &schema).unwrap().unwrap();
        let mut all: Vec<_> = found.iter().map(|param| (param.header.as_str(), param.path.join("."))).collect();
        all.sort();
        assert_eq!(all, [("mcp-param-n", "deep.n".to_owned()), ("mcp-param-region", "region".to_owned())]);
        assert!(scan("t", &json!({"type": "object"})).unwrap().is_none());
    }

    // MCP 2026-07-28, tools, "x-mcp-header": each MUST of the list of constraints.
    #[test]
    fn what_clients_must_refuse_is_refused_here() {
        let one = |property: Value| json!({"type": "object", "properties": {"a": property}});
        for (bad, why) in [
            (one(json!({"type": "string", "x-mcp-header": ""})), "MUST NOT be empty"),
            (one(json!({"type": "string", "x-mcp-header": "a b"})), "MUST match token syntax"),
            (one(json!({"type": "string", "x-mcp-header": "a\r\nb"})), "MUST NOT contain control characters"),
            (one(json!({"type": "string", "x-mcp-header": 7})), "is a string"),
            (one(json!({"type": "number", "x-mcp-header": "A"})), "number is not permitted"),
            (one(json!({"type": "object", "x-mcp-header": "A"})), "only primitive types"),
            (one(json!({"x-mcp-header": "A"})), "only primitive types"),
            (one(json!({"type": "array", "items": {"type": "string", "x-mcp-header": "A"}})), "not through items"),
            (json!({"type": "object", "oneOf": [one(json!({"type": "string", "x-mcp-header": "A"}))]}), "composition"),
            (json!({"type": "object", "$defs": {"d": {"type": "string", "x-mcp-header": "A"}}}), "not through $ref"),
            (
                json!({"type": "object", "properties": {
                "a": {"type": "string", "x-mcp-header": "X"}, "b": {"type": "string", "x-mcp-header": "x"}}}),
                "unique",
            ),
        ] {
            assert!(matches!(scan("t", &bad), Err(BuildError::Mirror { .. })), "{why}: {bad}");
        }
    }

    #[test]
    fn an_optional_property_can_be_annotated() {
        let mut schema = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}});
        annotate("t", &mut schema, "a", "A").unwrap();
        assert_eq!(schema["properties"]["a"], json!({"type": "string", "x-mcp-header": "A"}));
        assert!(annotate("t", &mut schema, "b", "B").is_err());
    }
}
