//! The server of `hello_stdio` over Streamable HTTP: `hello_http [ADDR:PORT]`.
//!
//! Without more it serves loopback only, and refuses requests for other hosts or from web pages of other origins: see
//! `mcp_transport::http::origin` before you listen on a public address.

use mcp_server_kit::{
    Cx, Server,
    schemars::{self, JsonSchema},
    tool,
};
use mcp_transport::{
    http::{McpService, serve},
    signal,
};

/// The arguments of `greet`.
#[derive(serde::Deserialize, JsonSchema)]
struct Greet {
    /// Whom to greet.
    name: String,
}

async fn greet(_cx: Cx, args: Greet) -> String {
    format!("Hello, {}!", args.name)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let greet = tool("greet", greet).description("Greets somebody.");
    let server = Server::builder("hello", env!("CARGO_PKG_VERSION")).tool(greet).build()?;
    let service = McpService::new(server);

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let stop = signal::asked_to_stop()?;
    let listener = serve::Server::bind(address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);

    // Clients hold streams open; `drain` ends them, so that stopping need not wait until they go.
    let draining = service.clone();
    listener.on_drain(move || draining.drain()).serve(service.clone(), stop).await;
    // And the sessions of older clients are told to the server as over.
    service.close().await;
    Ok(())
}
