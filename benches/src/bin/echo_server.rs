//! The echo tool on the kit; or the Streamable HTTP driver with the smallest handler there can be, to see what the driver
//! alone costs.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use benches::driver::Echo;
use benches::echo;
use clap::Parser;
use mcp_transport::http::McpService;
use mcp_transport::http::serve::Server;

/// The echo tool on the kit, or the driver alone.
#[derive(Parser)]
struct Arguments {
    /// The address of the endpoint, whose path is /mcp.
    #[arg(long, default_value = "127.0.0.1:3103")]
    listen: SocketAddr,
    /// Serve the smallest handler there can be, instead of the kit.
    #[arg(long)]
    driver: bool,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let service =
            if arguments.driver { McpService::new(Arc::new(Echo::default())) } else { echo::service(10_000)? };
        Server::bind(arguments.listen).await?.serve(service, std::future::pending::<()>()).await;
        Ok(())
    })
}
