//! Tools that ask while they run: what the suite tests in legacy sessions. The same code serves the modern era.

use mcp_server_kit::{
    Cx, Elicited, NoArgs, ServerBuilder, ToolError,
    protocol::{
        BooleanSchema, Content, CreateMessageParams, CreateMessageResult, ElicitAction, ElicitFormParams, EnumOption,
        EnumSchema, FormSchema, MultiSelectSchema, NumberSchema, Role, SamplingMessage, StringSchema, TitledEnumSchema,
        TitledMultiSelectSchema,
    },
    schemars::{self, JsonSchema},
    tool,
};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool(tool("test_sampling", sampling).description("Asks the client's model."))
        .tool(tool("test_elicitation", elicitation).description("Asks the user."))
        .tool(tool("test_elicitation_sep1034_defaults", defaults).description("Asks with defaults filled in."))
        .tool(tool("test_elicitation_sep1330_enums", enums).description("Asks with every kind of choice."))
}

#[derive(Deserialize, JsonSchema)]
struct Sampling {
    /// What the model is asked.
    prompt: String,
}

async fn sampling(cx: Cx, args: Sampling) -> Result<String, ToolError> {
    let answer = cx.sample("answer", question(&args.prompt)).await?;
    Ok(format!("LLM response: {}", said(&answer)))
}

#[derive(Deserialize, JsonSchema)]
struct Elicitation {
    /// What the user is asked.
    message: String,
}

async fn elicitation(cx: Cx, args: Elicitation) -> Result<String, ToolError> {
    let form = FormSchema::default().required("response", StringSchema::new().with_description("The user's response"));
    let answer = cx.elicit("response", ElicitFormParams::new(args.message, form)).await?;
    Ok(format!("User response: {}", described(&answer)))
}

async fn defaults(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let form = FormSchema::default()
        .optional("name", StringSchema::new().with_default("John Doe"))
        .optional("age", NumberSchema::integer().with_default(30))
        .optional("score", with_default(NumberSchema::number(), 95.5))
        .optional("status", EnumSchema::new(texts(["active", "inactive", "pending"])).with_default("active"))
        .optional("verified", BooleanSchema::new().with_default(true));
    let answer = cx.elicit("defaults", ElicitFormParams::new("Please look over the defaults", form)).await?;
    Ok(format!("Elicitation completed: {}", described(&answer)))
}

async fn enums(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let plain = || texts(["option1", "option2", "option3"]);
    let titled = |titles| titled(["value1", "value2", "value3"], titles);
    let legacy = EnumSchema::new(texts(["opt1", "opt2", "opt3"]));
    let legacy = legacy.with_enum_names(texts(["Option One", "Option Two", "Option Three"]));
    let choices = ["First Choice", "Second Choice", "Third Choice"];
    let form = FormSchema::default()
        .optional("untitledSingle", EnumSchema::new(plain()))
        .optional("titledSingle", TitledEnumSchema::new(titled(["First Option", "Second Option", "Third Option"])))
        .optional("legacyEnum", legacy)
        .optional("untitledMulti", MultiSelectSchema::new(plain()))
        .optional("titledMulti", TitledMultiSelectSchema::new(titled(choices)));
    let answer = cx.elicit("choices", ElicitFormParams::new("Please choose", form)).await?;
    Ok(format!("Elicitation completed: {}", described(&answer)))
}

/// A question for the model, with an answer of at most 100 tokens.
pub(super) fn question(text: &str) -> CreateMessageParams {
    CreateMessageParams::new([SamplingMessage::new(Role::User, text)], 100u64)
}

/// The text that the model said.
pub(super) fn said(answer: &CreateMessageResult) -> String {
    answer.content.blocks().iter().filter_map(Content::as_text).collect()
}

/// What the user did, in the suite's words.
fn described(answer: &Elicited) -> String {
    let action = match answer.action() {
        ElicitAction::Accept => "accept",
        ElicitAction::Decline => "decline",
        _ => "cancel",
    };
    let content = answer.content().map_or(Value::Null, |fields| Value::Object(fields.clone()));
    format!("action={action}, content={content}")
}

fn with_default(field: NumberSchema, default: f64) -> NumberSchema {
    match serde_json::Number::from_f64(default) {
        Some(default) => field.with_default(default),
        None => field,
    }
}

fn texts<const N: usize>(all: [&str; N]) -> Vec<String> {
    all.map(str::to_owned).to_vec()
}

fn titled<const N: usize>(values: [&str; N], titles: [&str; N]) -> Vec<EnumOption> {
    values.into_iter().zip(titles).map(|(value, title)| EnumOption::new(value, title)).collect()
}
