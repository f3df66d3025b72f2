//! Tools and a prompt that ask by their result, and are called again with the answers. It is the code that asks in
//! a legacy session, too: the kit knows which era it is.

use mcp_server_kit::{
    Ability, Cx, NoArgs, ServerBuilder, ToolError, prompt,
    protocol::{BooleanSchema, ElicitFormParams, FormSchema, StringSchema},
    tool,
};

use super::asking::{question, said};

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool(tool("test_input_required_result_elicitation", greet).description("Asks for a name."))
        .tool(tool("test_input_required_result_sampling", capital).description("Asks the model."))
        .tool(tool("test_input_required_result_list_roots", roots).description("Asks for the roots."))
        .tool(tool("test_input_required_result_request_state", state).description("Carries state between two calls."))
        .tool(tool("test_input_required_result_multiple_inputs", everything).description("Asks three things at once."))
        .tool(tool("test_input_required_result_multi_round", rounds).description("Asks twice, one after the other."))
        .tool(tool("test_input_required_result_tampered_state", state).description("Refuses state that was changed."))
        .tool(tool("test_input_required_result_capabilities", able).description("Asks only what the client can do."))
        .prompt(prompt("test_input_required_result_prompt", context).description("A prompt that asks first."))
}

async fn greet(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let name = ask(&cx, "user_name", "What is your name?", "name").await?;
    Ok(format!("Hello, {name}!"))
}

async fn capital(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let answer = cx.sample("capital", question("What is the capital of France?")).await?;
    Ok(said(&answer))
}

async fn roots(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let found = cx.roots("roots").await?;
    Ok(format!("Found {} root(s)", found.roots.len()))
}

async fn state(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let form = FormSchema::default().required("ok", BooleanSchema::new());
    cx.elicit("confirm", ElicitFormParams::new("Please confirm", form)).await?;
    // The kit refused the call if the state was not the one that it had sealed.
    Ok("state-ok".to_owned())
}

async fn everything(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let (name, greeting, roots) = tokio::try_join!(
        ask(&cx, "user_name", "What is your name?", "name"),
        async { Ok(cx.sample("greeting", question("Write a greeting")).await?) },
        async { Ok(cx.roots("roots").await?) },
    )?;
    Ok(format!("{name}: {}; {} root(s)", said(&greeting), roots.roots.len()))
}

async fn rounds(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let name = ask(&cx, "step1", "Step 1: What is your name?", "name").await?;
    let color = ask(&cx, "step2", "Step 2: What is your favorite color?", "color").await?;
    Ok(format!("{name} likes {color}"))
}

async fn able(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let declared = |ability: Ability| ability.is_declared(&cx.client().capabilities, cx.revision());
    if declared(Ability::Elicitation) {
        return greet(cx, NoArgs::default()).await;
    }
    if declared(Ability::Sampling) {
        return capital(cx, NoArgs::default()).await;
    }
    Ok("The client can neither be asked for input nor sample".to_owned())
}

async fn context(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let context = ask(&cx, "user_context", "What context should the prompt use?", "context").await?;
    Ok(format!("Use this context: {context}"))
}

/// Asks the user for one text.
async fn ask(cx: &Cx, key: &str, message: &str, field: &str) -> Result<String, ToolError> {
    let form = FormSchema::default().required(field, StringSchema::new());
    let answer = cx.elicit(key, ElicitFormParams::new(message, form)).await?;
    answer.text(field).map(str::to_owned).ok_or_else(|| ToolError::new("The user did not answer"))
}
