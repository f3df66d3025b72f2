//! JSON Schemas: derived from types, or given by hand and then checked with.

use std::fmt;

use jsonschema::{PatternOptions, ValidationOptions, Validator};
use mcp_transport::{jsonrpc::Limits, jsonrpc::Raw, protocol::JsonSchema};
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The longest schema given by hand, in bytes.
const MOST_BYTES: usize = 256 << 10;
/// The deepest one.
const MOST_DEPTH: u16 = 64;
/// The longest text about a value that does not fit.
const MOST_SAID: usize = 500;

/// What is read into a `T`, without a title of its own. Dialect 2020-12, which is what MCP assumes where none is named.
pub(crate) fn read<T: schemars::JsonSchema>() -> Value {
    derived::<T>(SchemaSettings::draft2020_12())
}

/// What is written of a `T`: it differs where a field is renamed, left out or defaulted in one direction only.
pub(crate) fn written<T: schemars::JsonSchema>() -> Value {
    derived::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn derived<T: schemars::JsonSchema>(mut settings: SchemaSettings) -> Value {
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.to_value()
}

/// Keywords that say more than the types they stand with, so that decoding cannot know whether a value keeps to them.
const BEYOND_TYPES: [&str; 24] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "not",
    "unevaluatedProperties",
];

/// Whether a derived schema has a constraint that decoding does not check. The bounds that come with a type of integers
/// are none: a `u8` decodes from nothing above 255.
pub(crate) fn goes_beyond_types(schema: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return schema.as_array().is_some_and(|all| all.iter().any(goes_beyond_types));
    };
    schema.iter().any(|(keyword, value)| match keyword.as_str() {
        // Values, not schemas.
        "const" | "enum" | "default" | "examples" => false,
        // Schemas under names that are not keywords.
        "properties" | "$defs" | "definitions" => {
            value.as_object().is_some_and(|named| named.values().any(goes_beyond_types))
        }
        "minimum" | "maximum" if is_of_type(schema.get("format"), keyword, value) => false,
        keyword => BEYOND_TYPES.contains(&keyword) || goes_beyond_types(value),
    })
}

/// Whether this is the bound that `schemars` derives with a type of integers.
fn is_of_type(format: Option<&Value>, keyword: &str, bound: &Value) -> bool {
    let bounds = match format.and_then(Value::as_str) {
        Some("uint8") => (0, Some(255)),
        Some("uint16") => (0, Some(65_535)),
        Some("uint32" | "uint64" | "uint128" | "uint") => (0, None),
        Some("int8") => (-128, Some(127)),
        Some("int16") => (-32_768, Some(32_767)),
        _ => return false,
    };
    bound.as_i64().is_some_and(|bound| if keyword == "minimum" { bound == bounds.0 } else { Some(bound) == bounds.1 })
}

/// A schema that values are checked with. Compiled once; it fetches nothing.
pub(crate) struct Checker(Validator);

impl Checker {
    /// Compiles a schema. The formats in it are remarks, as dialect 2020-12 has them unless told otherwise.
    pub(crate) fn compile(schema: &JsonSchema) -> Result<Self, String> {
        Self::compile_with(schema, &jsonschema::options())
    }

    /// Compiles the schema of a form, whose formats are part of what is asked.
    pub(crate) fn compile_form(schema: &JsonSchema) -> Result<Self, String> {
        Self::compile_with(schema, &jsonschema::options().should_validate_formats(true))
    }

    fn compile_with(schema: &JsonSchema, options: &ValidationOptions<'_>) -> Result<Self, String> {
        let text = schema.as_str();
        if text.len() > MOST_BYTES {
            return Err(format!("is longer than {MOST_BYTES} bytes"));
        }
        let mut limits = Limits::default();
        limits.depth = MOST_DEPTH;
        Raw::parse_within(text.to_owned().into(), &limits).map_err(|defect| format!("is refused: {defect}"))?;
        let options = options.clone();
        options
            // Patterns run on what clients send, so only the engine without backtracking will do.
            .with_pattern_options(PatternOptions::regex())
            .build(&schema.to_value())
            .map(Self)
            .map_err(|error| format!("cannot be compiled: {error}"))
    }

    /// Says what is wrong with `value`, in one sentence.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value).map_err(|error| {
            let at = error.instance_path().as_str();
            let place = if at.is_empty() { String::new() } else { format!("{at}: ") };
            let said = format!("{place}{error}");
            said.chars().take(MOST_SAID).collect()
        })
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compile(text: &str) -> Result<Checker, String> {
        Checker::compile(&JsonSchema::parse(text).unwrap())
    }

    #[test]
    fn no_schema_is_fetched() {
        for reference in ["http://127.0.0.1:9/a.json", "https://example.com/a.json", "file:///etc/passwd"] {
            assert!(compile(&json!({"$ref": reference}).to_string()).is_err(), "{reference}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(70), "}".repeat(70));
        assert!(compile(&deep).unwrap_err().contains("refused"));
        let long = format!(r#"{{"description":"{}"}}"#, "x".repeat(MOST_BYTES));
        assert!(compile(&long).unwrap_err().contains("longer"));
        assert!(compile(r#"{"type":7}"#).is_err());
        assert!(compile(r#"{"pattern":"(?=x)"}"#).is_err());
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_place() {
        let checker = compile(r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#).unwrap();
        assert_eq!(checker.check(&json!({"a": 1})), Ok(()));
        assert!(checker.check(&json!({"a": "x"})).unwrap_err().starts_with("/a: "));
    }

    #[test]
    fn a_derived_schema_keeps_what_serde_denies() {
        #[derive(schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Strict {
            a: String,
        }
        let schema = read::<Strict>();
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["required"], json!(["a"]));
        assert!(schema.get("$schema").is_none() && schema.get("title").is_none());
    }

    #[test]
    fn what_decoding_knows_needs_no_checker() {
        #[derive(schemars::JsonSchema)]
        #[serde(tag = "kind")]
        #[expect(dead_code, reason = "only its schema is looked at")]
        enum Plain {
            Numbers { a: u8, b: i16, c: Option<u64>, d: f64, minimum: usize },
            Texts { list: Vec<String>, map: std::collections::BTreeMap<String, bool> },
        }
        assert!(!goes_beyond_types(&read::<Plain>()), "{}", read::<Plain>());
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Deep {
            list: Vec<Inner>,
        }
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Inner {
            #[schemars(length(max = 3))]
            text: Option<String>,
        }
        assert!(goes_beyond_types(&read::<Deep>()), "{}", read::<Deep>());
        for (schema, beyond) in [
            (json!({"type": "integer", "format": "uint8", "minimum": 1, "maximum": 255}), true),
            (json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 9}), true),
            (json!({"type": "integer", "minimum": 0}), true),
            (json!({"properties": {"pattern": {"type": "string", "default": {"minimum": 1}}}}), false),
            (json!({"anyOf": [{"type": "null"}, {"pattern": "x"}]}), true),
        ] {
            assert_eq!(goes_beyond_types(&schema), beyond, "{schema}");
        }
    }

    // MCP 2026-07-28, tools, "Output Schema": "Servers MUST provide structured results that conform to this schema."
    #[test]
    fn the_schema_of_an_answer_is_of_what_is_written() {
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        struct Answer {
            #[serde(rename(serialize = "out", deserialize = "in"))]
            named: u8,
            #[serde(skip_serializing_if = "String::is_empty")]
            note: String,
        }
        let checker = compile(&written::<Answer>().to_string()).unwrap();
        let answer = serde_json::to_value(Answer { named: 1, note: String::new() }).unwrap();
        assert_eq!(checker.check(&answer), Ok(()), "{answer}");
        assert!(compile(&read::<Answer>().to_string()).unwrap().check(&answer).is_err());
    }
}
