//! A server that counts its heap allocations: a service under count, alone in its process.
//!
//! [`service`] says what is under count. It is the bare service until the crates have one to put there.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use benches::answer::Template;
use benches::bare;
use benches::counts;
use clap::Parser;
use hyper::body::Incoming;
use hyper::service::HttpService;
use tokio::net::TcpListener;

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

/// The service under count.
fn service(
    template: Template,
) -> impl HttpService<Incoming, ResBody = bare::Body, Error = Infallible, Future: Send> + Clone + Send + 'static {
    bare::service(template)
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    counts::answer(arguments.control)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen).await?;
        match bare::serve(listener, service(Template::parse(Template::MODERN)?)).await? {}
    })
}
