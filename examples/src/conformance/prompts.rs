//! Prompts: a text, arguments with completion, a resource and a picture.

use mcp_server_kit::{
    Completing, Cx, NoArgs, ServerBuilder, prompt,
    protocol::{Content, PromptMessage, Role, TextResourceContents},
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

use super::samples::PNG;

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .prompt(prompt("test_simple_prompt", simple).description("A prompt without arguments."))
        .prompt(
            prompt("test_prompt_with_arguments", with_arguments)
                .description("A prompt with two arguments.")
                .complete("arg1", cities),
        )
        .prompt(
            prompt("test_prompt_with_embedded_resource", with_resource).description("A prompt that holds a resource."),
        )
        .prompt(prompt("test_prompt_with_image", with_image).description("A prompt that holds a picture."))
}

async fn simple(_cx: Cx, _: NoArgs) -> &'static str {
    "This is a simple prompt for testing."
}

#[derive(Deserialize, JsonSchema)]
struct Two {
    /// First test argument.
    arg1: String,
    /// Second test argument.
    arg2: String,
}

async fn with_arguments(_cx: Cx, args: Two) -> String {
    format!("Prompt with arguments: arg1='{}', arg2='{}'", args.arg1, args.arg2)
}

async fn cities(_cx: Cx, typed: Completing) -> Vec<String> {
    let all = ["paris", "parma", "berlin"];
    all.into_iter().filter(|city| city.starts_with(&typed.value)).map(str::to_owned).collect()
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Embedded {
    /// The URI of the resource to embed.
    resource_uri: String,
}

async fn with_resource(_cx: Cx, args: Embedded) -> Vec<PromptMessage> {
    let contents = TextResourceContents::new(args.resource_uri, "Embedded resource content for testing.");
    vec![
        PromptMessage::new(Role::User, Content::resource(contents.with_mime_type("text/plain"))),
        PromptMessage::new(Role::User, "Please process the embedded resource above."),
    ]
}

async fn with_image(_cx: Cx, _: NoArgs) -> Vec<PromptMessage> {
    vec![
        PromptMessage::new(Role::User, Content::image(PNG, "image/png")),
        PromptMessage::new(Role::User, "Please analyze the image above."),
    ]
}
