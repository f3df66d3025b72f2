//! An authorization server on bare hyper, behind this project's accept loop: `embed_auth_hyper [ADDR:PORT]`.
//!
//! Users sign in with a name and a password from a file; `mcp-auth users add NAME --users-file FILE` writes one, and asks
//! for the password or reads it from its standard input. The file is named by `EXAMPLE_USERS`.

use std::{path::PathBuf, sync::Arc};

use mcp_oauth::{
    identity::users_file::UsersFile,
    server::{AuthorizationServer, Peer},
    types::SystemClock,
};
use mcp_transport::{
    auth::{Issuer, ResourceId},
    http::serve::{self, Server},
    signal,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Warnings, and the audit.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let users = PathBuf::from(std::env::var("EXAMPLE_USERS").unwrap_or_else(|_| "users".to_owned()));
    let listener = Server::bind(address).await?;

    let public = format!("http://{}", listener.local_addr()?);
    let server = AuthorizationServer::builder(Issuer::parse(&public)?)
        .resource(ResourceId::parse(&format!("{public}/mcp"))?)
        .identity(Arc::new(UsersFile::open(&users, SystemClock.now())?))
        .build()
        .await?;
    let maintained = server.clone();
    tokio::spawn(async move { maintained.maintain().await });

    // It is told who asks by what the accept loop knows: its limits are by address.
    let service = server.service();
    let connected = move |ends: serve::ConnectInfo| {
        let peer = Peer::direct(ends.remote.ip());
        service.clone().peer(move |_| Some(peer))
    };
    eprintln!("listening on {public}");
    listener.serve_with(connected, signal::asked_to_stop()?).await;
    Ok(())
}
