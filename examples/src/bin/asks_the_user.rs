//! Tools that ask: the user by a form and by a URL, the client's model, and the client for its roots. `asks_the_user`
//! serves the standard streams, `asks_the_user ADDR:PORT` HTTP.
//!
//! The code is the same for both eras. In a session of an older client the tool waits for the answers. A client of
//! 2026-07-28 gets the questions as the result, and calls again with the answers: the tool then runs again from its
//! beginning. Hence the rule that stands first at `Cx::elicit`: ask first and act then, or put what must happen once
//! into a `step`.

use std::sync::atomic::{AtomicU64, Ordering};

use mcp_server_kit::{
    Ability, AskError, Cx, NoArgs, Server, ToolError,
    protocol::{
        BooleanSchema, Content, CreateMessageParams, ElicitAction, ElicitFormParams, ElicitUrlParams, FormSchema, Role,
        SamplingMessage, StringSchema,
    },
    tool,
};
use mcp_transport::{
    http::{McpService, serve},
    signal,
    stdio::{self, StdioConfig},
};

/// Stands for something outside that must not be done twice.
static RESERVED: AtomicU64 = AtomicU64::new(0);

async fn plan_release(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    // Three questions at once are one round trip: each has a key of its own, the same in every run.
    let version = FormSchema::default().required("version", StringSchema::new().with_title("Version"));
    let version = ElicitFormParams::new("Which version is to be released?", version);
    let haiku = SamplingMessage::new(Role::User, "Write a haiku about a release.");
    let (version, folders, haiku) = tokio::try_join!(
        cx.elicit("version", version),
        cx.roots("folders"),
        cx.sample("haiku", CreateMessageParams::new([haiku], 100_u64)),
    )?;
    // A user who says no is an answer, not an error.
    let Some(version) = version.text("version") else {
        return Ok("Nothing is released.".to_owned());
    };

    // An effect before another question: the second run gets its result instead of doing it again.
    let number = cx.step("reserve", reserve()).await?;

    let sure = FormSchema::default().required("sure", BooleanSchema::new());
    let question = format!("Release {version} as number {number}?");
    let sure = cx.elicit("sure", ElicitFormParams::new(question, sure)).await?;
    if sure.content().and_then(|fields| fields.get("sure")) != Some(&true.into()) {
        return Ok(format!("Number {number} stays unused."));
    }
    let haiku: String = haiku.content.blocks().iter().filter_map(Content::as_text).collect();
    Ok(format!("Released {version} as number {number} from {} folders.\n{haiku}", folders.roots.len()))
}

async fn reserve() -> Result<u64, ToolError> {
    Ok(RESERVED.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Secrets are not for forms, which the client sees: they are given on a page of ours.
async fn connect_account(cx: Cx, _: NoArgs) -> Result<&'static str, ToolError> {
    let page = ElicitUrlParams::new("Sign in to connect your account.", "https://example.com/connect");
    match cx.elicit_url("sign_in", page).await {
        // Whether the errand is done only that page knows; here the user has agreed to go there.
        Ok(answer) if answer.action() == ElicitAction::Accept => Ok("Go on in your browser."),
        Ok(_) => Ok("Nothing is connected."),
        // A client without that ability need not be refused, if there is another way.
        Err(AskError::NotDeclared { .. }) => Ok("Open https://example.com/connect in your browser."),
        Err(other) => Err(other.into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What it cannot do without it says here: then a client that lacks something is refused before anything is asked.
    let plan = tool("plan_release", plan_release)
        .description("Plans a release with the user.")
        .requires(Ability::Elicitation)
        .requires(Ability::Roots)
        .requires(Ability::Sampling);
    let server = Server::builder("asks", env!("CARGO_PKG_VERSION"))
        .tool(plan)
        .tool(tool("connect_account", connect_account).description("Connects the user's account."))
        .build()?;

    let Some(address) = std::env::args().nth(1) else {
        stdio::serve(server, StdioConfig::default()).await?;
        return Ok(());
    };
    let stop = signal::asked_to_stop()?;
    let listener = serve::Server::bind(address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);
    let service = McpService::new(server);
    let draining = service.clone();
    listener.on_drain(move || draining.drain()).serve(service.clone(), stop).await;
    service.close().await;
    Ok(())
}
