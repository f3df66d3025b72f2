//! Schemas written by hand, which go out as they are, and arguments that headers mirror.

use mcp_server_kit::{
    Cx, RawArgs, ServerBuilder,
    protocol::JsonSchema,
    schemars::{self, JsonSchema as Describe},
    tool,
};
use serde::Deserialize;

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool(
            tool("json_schema_2020_12_tool", contact)
                .description("Takes arguments that only JSON Schema 2020-12 can describe.")
                .input_schema(JsonSchema::parse(CONTACT).expect("the text is a JSON object")),
        )
        .tool(
            tool("test_custom_header", custom_header)
                .description("Answers with an argument that a header mirrors.")
                .mirror("value", "Value"),
        )
}

async fn contact(_cx: Cx, args: RawArgs) -> String {
    format!("JSON Schema 2020-12 tool called with {}", args.as_str())
}

#[derive(Deserialize, Describe)]
struct CustomHeader {
    /// The argument that stands in the header, too.
    value: String,
}

async fn custom_header(_cx: Cx, args: CustomHeader) -> String {
    args.value
}

/// The suite looks for every keyword in here.
const CONTACT: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
        }
    },
    "properties": {
        "name": { "type": "string" },
        "address": { "$ref": "#/$defs/address" },
        "contactMethod": { "type": "string", "enum": ["phone", "email"] },
        "phone": { "type": "string" },
        "email": { "type": "string" }
    },
    "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
    "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
    "then": { "required": ["phone"] },
    "else": { "required": ["email"] },
    "additionalProperties": false
}"##;
