//! What the suite needs to see that the modern era holds no state: refusals, silence, and changes of lists.

use mcp_server_kit::{
    Ability, Cx, NoArgs, ServerBuilder, ToolError, prompt,
    protocol::{BooleanSchema, ElicitFormParams, FormSchema},
    tool,
};

/// What comes and goes when a list is to change.
const PASSING: &str = "test_passing";

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    let needs_sampling = tool("test_missing_capability", sampling).requires(Ability::Sampling);
    server
        .tool(needs_sampling.description("Refuses clients that cannot sample."))
        .tool(tool("test_streaming_elicitation", elicit).description("Asks the user."))
        .tool(tool("test_logging_tool", log).description("Logs, if the client wants it."))
        .tool(tool("test_trigger_tool_change", change_tools).description("Changes the list of tools."))
        .tool(tool("test_trigger_prompt_change", change_prompts).description("Changes the list of prompts."))
}

async fn sampling(_cx: Cx, _: NoArgs) -> &'static str {
    "The client can sample"
}

async fn elicit(cx: Cx, _: NoArgs) -> Result<&'static str, ToolError> {
    let form = FormSchema::default().required("ok", BooleanSchema::new());
    cx.elicit("confirm", ElicitFormParams::new("Please confirm", form)).await?;
    Ok("The user was asked")
}

async fn log(cx: Cx, _: NoArgs) -> &'static str {
    cx.info("A message for clients that asked for it");
    "Logged"
}

async fn change_tools(cx: Cx, _: NoArgs) -> Result<&'static str, ToolError> {
    let tools = cx.server().tools();
    tools.replace(tool(PASSING, sampling).description("Comes and goes."))?;
    tools.remove(PASSING);
    Ok("The list of tools changed twice")
}

async fn change_prompts(cx: Cx, _: NoArgs) -> Result<&'static str, ToolError> {
    let prompts = cx.server().prompts();
    prompts.replace(prompt(PASSING, |_: Cx, _: NoArgs| async { "It comes and goes." }))?;
    prompts.remove(PASSING);
    Ok("The list of prompts changed twice")
}
