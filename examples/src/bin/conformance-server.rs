//! The server that the official conformance suite is run against: `--listen 127.0.0.1:PORT`, endpoint `/mcp`.
//!
//! What it must have, to the word, is the suite's to say; `examples/src/conformance` holds it.

use std::{error::Error, net::SocketAddr, time::Duration};

use clap::{Parser, ValueEnum};
use examples::conformance;
use mcp_transport::{
    http::{HttpConfig, McpService, Streams, serve},
    signal,
};

/// The fixture of the official MCP conformance suite.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Which results come as a stream of events: the suite looks closer at a server that streams all of them.
    #[arg(long, value_enum, default_value = "always")]
    streams: Choice,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    WhenNeeded,
    Always,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();

    let mut config = HttpConfig::default();
    config.streams = match arguments.streams {
        Choice::WhenNeeded => Streams::WhenNeeded,
        Choice::Always => Streams::Always,
    };
    // The suite waits this long before it comes back for the rest of a stream.
    config.retry = Duration::from_millis(500);
    let service = McpService::with_config(conformance::server()?, config);
    let stop = signal::asked_to_stop()?;
    let listener = serve::Server::bind(arguments.listen).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);

    // Only the server's own end lets the streams end that clients hold open.
    let draining = service.clone();
    listener.on_drain(move || draining.drain()).serve(service.clone(), stop).await;
    service.close().await;
    Ok(())
}
