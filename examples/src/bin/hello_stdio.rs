//! The smallest server: one tool, on the standard streams. A desktop client starts such a program as its child.
//!
//! Standard output belongs to the protocol: print what people should read on standard error.

use mcp_server_kit::{
    Cx, Server,
    schemars::{self, JsonSchema},
    tool,
};
use mcp_transport::stdio::{self, StdioConfig};

/// The arguments of `greet`. Their schema is derived, with these comments as descriptions.
#[derive(serde::Deserialize, JsonSchema)]
struct Greet {
    /// Whom to greet.
    name: String,
}

async fn greet(_cx: Cx, args: Greet) -> String {
    format!("Hello, {}!", args.name)
}

// One thread is enough for one client.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let greet = tool("greet", greet).description("Greets somebody.");
    let server = Server::builder("hello", env!("CARGO_PKG_VERSION")).tool(greet).build()?;
    // Ends when the client closes our standard input, after the calls that still run.
    stdio::serve(server, StdioConfig::default()).await?;
    Ok(())
}
