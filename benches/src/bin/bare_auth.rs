//! The baseline of token issuance as a program, on one thread.
//!
//! This file and `src/auth/bare.rs` are what token issuance is held against. They change only with a line in
//! `benches/README.md` that says what changed and why.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use benches::auth::bare::Issuing;
use benches::{auth, bare};
use clap::Parser;
use mcp_oauth::jose::Algorithm;
use tokio::net::TcpListener;

/// The bare server that token issuance is held against.
#[derive(Parser)]
struct Arguments {
    /// The address of the endpoint, whose path is /token.
    #[arg(long, default_value = "127.0.0.1:3105")]
    listen: SocketAddr,
    /// What access tokens are signed with: ES256 or RS256.
    #[arg(long, default_value = "ES256")]
    algorithm: Algorithm,
    /// The signing key, PKCS#8 in DER; made if it is not there.
    #[arg(long)]
    key: Option<PathBuf>,
    /// The address that answers each connection with the counts of heap allocations.
    #[cfg(feature = "count-allocations")]
    #[arg(long)]
    control: Option<SocketAddr>,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments = Arguments::parse();
    let issuing = Issuing::new(auth::signing_key(arguments.algorithm, arguments.key.as_deref())?)?;
    #[cfg(feature = "count-allocations")]
    arguments.control.map_or(Ok(()), benches::counts::answer)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen).await?;
        match bare::serve(listener, auth::bare::service(issuing)).await? {}
    })
}
