//! A server that has everything that a server can have.

use std::sync::Arc;

use futures_util::join;
use mcp_server_kit::{
    Ability, Completing, Cx, Json, NoArgs, PromptArgs, RawArgs, Server, ToolError, binary_resource, prompt,
    protocol::{
        CallToolResult, ElicitFormParams, ElicitUrlParams, FormSchema, JsonSchema, LoggingLevel, Meta, NumberSchema,
        PromptArgument, PromptMessage, ReadResourceResult, Settings, StringSchema,
    },
    resource, resource_template, schemars, text_resource, tool,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    asking::{name_form, sampling},
    server,
};

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn icons<T: DeserializeOwned>() -> T {
    made(json!([{"src": "https://example.com/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}]))
}

fn annotations() -> Value {
    json!({"audience": ["user", "assistant"], "priority": 0.5, "lastModified": "2026-01-01T00:00:00Z"})
}

#[derive(serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "kind")]
enum Shape {
    Circle { radius: f64 },
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Typed {
    /// How many.
    count: u32,
    region: Option<String>,
}

async fn blocks(cx: Cx, _: NoArgs) -> CallToolResult {
    cx.progress(1.0, Some(2.0), Some("half"));
    cx.log(LoggingLevel::Error, Some("part"), &json!({"a": [1]}));
    let content: Vec<mcp_server_kit::protocol::Content> = made(json!([
        {"type": "text", "text": "a", "annotations": annotations(), "_meta": {"com.example/a": 1}},
        {"type": "image", "data": "AA==", "mimeType": "image/png", "annotations": annotations()},
        {"type": "audio", "data": "AA==", "mimeType": "audio/wav", "annotations": annotations()},
        {"type": "resource", "resource": {"uri": "t://a", "text": "x", "mimeType": "text/plain"}, "annotations": annotations()},
        {"type": "resource", "resource": {"uri": "t://a", "blob": "AA=="}},
        {"type": "resource_link", "uri": "t://a", "name": "a", "title": "A", "icons": icons::<Value>(), "size": 3},
    ]));
    CallToolResult::new(content).with_meta(Meta::new().with("com.example/b", 2))
}

async fn shape(_cx: Cx, _: NoArgs) -> Json<Shape> {
    Json(Shape::Circle { radius: 1.0 })
}

async fn numbers(_cx: Cx, _: NoArgs) -> Json<Vec<u8>> {
    Json(vec![1])
}

async fn typed(_cx: Cx, _: Typed) {}

async fn by_hand(_cx: Cx, _: RawArgs) -> CallToolResult {
    CallToolResult::structured(json!({"n": 1}))
}

async fn fails(_cx: Cx, _: NoArgs) -> Result<(), ToolError> {
    Err(ToolError::new("told"))
}

async fn asks(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let form =
        FormSchema::default().required("name", StringSchema::new()).optional("age", NumberSchema::integer()).optional(
            "color",
            made::<mcp_server_kit::protocol::FieldSchema>(json!({"type": "string", "enum": ["red", "blue"]})),
        );
    let (name, url, text, roots) = join!(
        cx.elicit("name", ElicitFormParams::new("Who?", form)),
        cx.elicit_url("url", ElicitUrlParams::new("Sign in", "https://example.com/in")),
        cx.sample("text", sampling()),
        cx.roots("roots"),
    );
    // What a revision does not have is not asked there.
    Ok(format!("{} {} {} {}", name.is_ok(), url.is_ok(), text.is_ok(), roots.is_ok()))
}

pub(super) async fn say(cx: Cx, args: PromptArgs) -> Result<Vec<PromptMessage>, ToolError> {
    if args.get("what") == "ask" {
        cx.elicit("name", name_form()).await?;
    }
    Ok(made(json!([
        {"role": "user", "content": {"type": "text", "text": args.get("what"), "annotations": annotations()}},
        {"role": "assistant", "content": {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}},
        {"role": "assistant", "content": {"type": "resource_link", "uri": "t://a", "name": "a"}},
        {"role": "user", "content": {"type": "resource", "resource": {"uri": "t://a", "text": "x"}}},
    ])))
}

async fn words(_cx: Cx, _: Completing) -> Vec<String> {
    vec!["a".into()]
}

async fn item(_cx: Cx, _: std::collections::BTreeMap<String, String>) -> ReadResourceResult {
    made(json!({"contents": [
        {"uri": "t://items/1", "text": "x", "mimeType": "text/plain", "_meta": {"com.example/a": 1}},
        {"uri": "t://items/1", "blob": "AA=="},
    ]}))
}

async fn read_asks(cx: Cx) -> Result<String, ToolError> {
    cx.elicit("name", name_form()).await?;
    Ok("read".into())
}

pub(super) fn everything() -> Arc<Server> {
    let meta = || Meta::new().with("com.example/m", 1);
    let hints = json!({"title": "T", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false});
    let schema = |text: &str| JsonSchema::parse(text).unwrap();
    server()
        .title("It")
        .description("All of it.")
        .website_url("https://example.com")
        .icons(icons::<Vec<_>>())
        .instructions("Do.")
        .logging()
        .page_size(3)
        .extension("com.example/x", Settings::new())
        .extension_method("com.example/x", "x/y", async |_: Cx, _: mcp_server_kit::jsonrpc::Params| {
            Ok::<_, ToolError>(json!({"z": 1}))
        })
        .tool(
            tool("blocks", blocks)
                .title("Blocks")
                .description("All.")
                .annotations(made(hints))
                .icons(icons::<Vec<_>>())
                .meta(meta()),
        )
        .tool(tool("shape", shape))
        .tool(tool("numbers", numbers))
        .tool(tool("typed", typed).mirror("region", "Region"))
        .tool(
            tool("by_hand", by_hand)
                .input_schema(schema(r#"{"type":"object","additionalProperties":false}"#))
                .output_schema(schema(r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#)),
        )
        .tool(tool("fails", fails))
        .tool(tool("asks", asks))
        .tool(tool("able", fails).requires(Ability::Extension("com.example/no".into())))
        .prompt(
            prompt("say", say)
                .title("Say")
                .description("Says.")
                .icons(icons::<Vec<_>>())
                .meta(meta())
                .argument(made::<PromptArgument>(
                    json!({"name": "what", "title": "What", "description": "What.", "required": true}),
                ))
                .complete("what", words),
        )
        .resource(
            text_resource("t://text", "text", "hi")
                .title("Text")
                .description("A text.")
                .annotations(made(annotations()))
                .icons(icons::<Vec<_>>())
                .meta(meta()),
        )
        .resource(binary_resource("t://bytes", "bytes", vec![0_u8]))
        .resource(resource("t://asks", "asks", read_asks))
        .resource_template(
            resource_template("t://items/{id}", "item", item)
                .title("Item")
                .description("An item.")
                .mime_type("text/plain")
                .annotations(made(annotations()))
                .icons(icons::<Vec<_>>())
                .meta(meta())
                .complete("id", words),
        )
        .build()
        .unwrap()
}
