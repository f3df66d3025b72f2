//! Tools that answer with each kind of content.

use mcp_server_kit::{
    Cx, NoArgs, ServerBuilder, ToolError,
    protocol::{Content, TextResourceContents},
    tool,
};

use super::samples::{PNG, WAV};

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool(tool("test_simple_text", simple_text).description("Answers with a text."))
        .tool(tool("test_image_content", image).description("Answers with a picture."))
        .tool(tool("test_audio_content", audio).description("Answers with a sound."))
        .tool(tool("test_embedded_resource", embedded_resource).description("Answers with a resource."))
        .tool(tool("test_multiple_content_types", mixed).description("Answers with a text, a picture and a resource."))
        .tool(tool("test_error_handling", error).description("Fails."))
}

async fn simple_text(_cx: Cx, _: NoArgs) -> &'static str {
    "This is a simple text response for testing."
}

async fn image(_cx: Cx, _: NoArgs) -> Content {
    Content::image(PNG, "image/png")
}

async fn audio(_cx: Cx, _: NoArgs) -> Content {
    Content::audio(WAV, "audio/wav")
}

async fn embedded_resource(_cx: Cx, _: NoArgs) -> Content {
    let text = "This is an embedded resource content.";
    Content::resource(TextResourceContents::new("test://embedded-resource", text).with_mime_type("text/plain"))
}

async fn mixed(_cx: Cx, _: NoArgs) -> Vec<Content> {
    let data = TextResourceContents::new("test://mixed-content-resource", r#"{"test":"data","value":123}"#);
    vec![
        Content::text("Multiple content types test:"),
        Content::image(PNG, "image/png"),
        Content::resource(data.with_mime_type("application/json")),
    ]
}

async fn error(_cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    Err(ToolError::new("This tool intentionally returns an error for testing"))
}
