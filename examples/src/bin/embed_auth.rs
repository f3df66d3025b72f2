//! The smallest authorization server inside a program of one's own: what the README shows, line by line. `embed_auth
//! [ADDR:PORT]`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Router, extract::ConnectInfo};
use mcp_oauth::auth::{Issuer, ResourceId};
use mcp_oauth::identity::{Console, Owner};
use mcp_oauth::server::{AuthorizationServer, Peer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8000")).await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let server = AuthorizationServer::builder(Issuer::parse(&issuer)?)
        .resource(ResourceId::parse("http://127.0.0.1:3000/mcp")?)
        .identity(Arc::new(Owner::new(Arc::new(Console::or_file(PathBuf::from("owner-code"))))))
        .build()
        .await?;
    let service = server
        .service()
        .peer(|extensions| extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| Peer::direct(peer.ip())));
    tokio::spawn(async move { server.maintain().await });
    let app = Router::new().fallback_service(service).into_make_service_with_connect_info::<SocketAddr>();
    eprintln!("listening on {issuer}");
    Ok(axum::serve(listener, app).await?)
}
