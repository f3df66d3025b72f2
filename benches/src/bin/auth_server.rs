//! The authorization server on one thread, behind the accept loop of mcp-transport.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use benches::auth;
use clap::Parser;
use mcp_oauth::jose::Algorithm;
use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::{EmbeddedOptions, EmbeddedStore};
use mcp_transport::http::serve::Server;

/// The authorization server on one thread.
#[derive(Parser)]
struct Arguments {
    /// The address that it listens on; its issuer is another.
    #[arg(long, default_value = "127.0.0.1:3104")]
    listen: SocketAddr,
    /// What access tokens are signed with: ES256 or RS256.
    #[arg(long, default_value = "ES256")]
    algorithm: Algorithm,
    /// The signing key, PKCS#8 in DER; made if it is not there.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Keep everything in this file instead of in memory.
    #[arg(long)]
    store: Option<PathBuf>,
    /// The address that answers each connection with the counts of heap allocations.
    #[cfg(feature = "count-allocations")]
    #[arg(long)]
    control: Option<SocketAddr>,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let key = auth::signing_key(arguments.algorithm, arguments.key.as_deref())?;
    #[cfg(feature = "count-allocations")]
    arguments.control.map_or(Ok(()), benches::counts::answer)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = match &arguments.store {
            Some(file) => Some(Stores::all_in(&Arc::new(EmbeddedStore::open(file, EmbeddedOptions::default())?))),
            None => None,
        };
        let server = auth::server::authorization_server(key, stores).await?;
        let service = server.service();
        tokio::spawn(async move { server.maintain().await });
        let server = Server::bind(arguments.listen).await?;
        server.serve_with(move |ends| auth::server::service(&service, ends), std::future::pending::<()>()).await;
        Ok(())
    })
}
