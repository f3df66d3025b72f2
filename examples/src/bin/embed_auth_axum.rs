//! An authorization server inside an axum application: `embed_auth_axum [ADDR:PORT]`.
//!
//! The owner signs in with a one-time code, which appears on this terminal when a client sends them here. Everything is
//! kept in memory: see `custom_store` for another place, and `mcp-auth` for a whole program.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Router, extract::ConnectInfo, routing::get};
use mcp_oauth::{
    auth::{Issuer, ResourceId},
    identity::{Console, Owner},
    server::{AuthorizationServer, Peer},
};
use mcp_transport::signal;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Warnings, the audit, and where the code is written where there is no terminal.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;

    // What clients are told comes from here and never from a request. Behind a proxy, name the public URL.
    let public = format!("http://{}", listener.local_addr()?);
    let server = AuthorizationServer::builder(Issuer::parse(&public)?)
        .resource(ResourceId::parse(&format!("{public}/mcp"))?)
        .identity(Arc::new(Owner::new(Arc::new(Console::or_file(PathBuf::from("owner-code"))))))
        .build()
        .await?;
    // Keys change, and what is over is removed, as long as this runs.
    let maintained = server.clone();
    tokio::spawn(async move { maintained.maintain().await });

    // It tells who asks by what axum knows: its limits are by address.
    let auth = server
        .service()
        .peer(|extensions| extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| Peer::direct(peer.ip())));
    let app = Router::new()
        .route("/", get(async || "This application is an authorization server too."))
        // It knows its paths, and the well-known ones of the host: whatever is nobody else's is its own.
        .fallback_service(auth);

    let stop = signal::asked_to_stop()?;
    eprintln!("listening on {public}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).with_graceful_shutdown(stop).await?;
    Ok(())
}
