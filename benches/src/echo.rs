//! The echo tool on the kit, as a person would write it: what is measured with it is the whole of the library.

use std::sync::Arc;

use mcp_server_kit::{BuildError, Cx, NoArgs, Server, ToolError, tool};
use mcp_transport::http::{HttpConfig, McpService};
use mcp_transport::session::MemorySessions;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Echo {
    /// What to send back.
    message: String,
}

async fn echo(_: Cx, echo: Echo) -> Result<String, ToolError> {
    Ok(echo.message)
}

/// How many messages the tool `count` sends before its answer.
pub const COUNTED: u32 = 10;

async fn count(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    for done in 1..=COUNTED {
        cx.progress(f64::from(done), Some(f64::from(COUNTED)), None);
    }
    Ok("counted".to_owned())
}

/// A server with the echo tool, and one that tells of its progress ten times.
///
/// # Errors
/// If the server does not build, which would be a fault of the kit.
pub fn server() -> Result<Arc<Server>, BuildError> {
    Server::builder("echo", "0.1.0")
        .tool(tool("echo", echo).description("Echoes."))
        .tool(tool("count", count).description("Counts to ten."))
        .build()
}

/// An endpoint with [`server`], and room for `sessions` legacy sessions.
///
/// # Errors
/// If the server does not build, which would be a fault of the kit.
pub fn service(sessions: usize) -> Result<McpService, BuildError> {
    let server = server()?;
    let mut config = HttpConfig::default();
    config.sessions = Arc::new(MemorySessions::new(sessions));
    Ok(McpService::with_config(server, config))
}
