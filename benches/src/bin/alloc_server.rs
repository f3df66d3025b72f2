//! A server that counts its heap allocations: a service under count, alone in its process.

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use benches::counts;
use benches::echo;
use clap::Parser;
use mcp_transport::http::serve::Server;

/// A server that counts its heap allocations.
#[derive(Parser)]
struct Arguments {
    /// The address of the endpoint, whose path is /mcp.
    #[arg(long, default_value = "127.0.0.1:3101")]
    listen: SocketAddr,
    /// The address that answers each connection with the counts of heap allocations.
    #[arg(long, default_value = "127.0.0.1:3102")]
    control: SocketAddr,
}

/// How many sessions, and how many connections.
const MOST: NonZeroUsize = NonZeroUsize::new(20_000).expect("it is not nought");

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    counts::answer(arguments.control)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let service = echo::service(MOST.get())?;
        // Each of 10,000 sessions holds a connection, and there are some before them.
        let server = Server::bind(arguments.listen).await?.max_connections(MOST);
        server.serve(service, std::future::pending::<()>()).await;
        Ok(())
    })
}
