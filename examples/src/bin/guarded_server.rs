//! An MCP server and the authorization server that guards it, in one process: `guarded_server [ADDR:PORT]`.
//!
//! Point an MCP client at `http://127.0.0.1:8000/mcp`: it gets 401, finds the authorization server on the same host, registers
//! itself, and sends its user there. The owner signs in with a one-time code, which appears on this terminal. A token that is
//! revoked is refused within five seconds, and an open stream of its ends.

use std::{path::PathBuf, sync::Arc};

use axum::{Router, extract::ConnectInfo};
use mcp_oauth::{
    identity::{Console, Owner},
    resource::Protection,
    server::{AuthorizationServer, Peer},
};
use mcp_server_kit::{Cx, NoArgs, Server, tool};
use mcp_transport::{
    auth::{Issuer, ProtectedResource, ResourceId},
    http::{HttpConfig, McpService, origin::AccessPolicy},
    signal,
};
use tokio::net::TcpListener;

async fn who_am_i(cx: Cx, _: NoArgs) -> String {
    cx.principal().map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(address).await?;
    // What clients are told comes from here and never from a request. Behind a proxy, name the public URL.
    let public = format!("http://{}", listener.local_addr()?);
    let (issuer, id) = (Issuer::parse(&public)?, ResourceId::parse(&format!("{public}/mcp"))?);

    let auth = AuthorizationServer::builder(issuer.clone())
        .resource(id.clone())
        .identity(Arc::new(Owner::new(Arc::new(Console::or_file(PathBuf::from("owner-code"))))))
        .build()
        .await?;
    let maintained = auth.clone();
    tokio::spawn(async move { maintained.maintain().await });

    let server = Server::builder("guarded", env!("CARGO_PKG_VERSION"))
        .tool(tool("who_am_i", who_am_i).description("Says whose token this is."))
        .build()?;
    // Loopback alone is served unless it is told otherwise: here the host of the public URL.
    let access = AccessPolicy::for_resource(&id)?;
    let mut config = HttpConfig::default();
    config.access = access.clone();
    let mcp = McpService::with_config(server, config);

    let resource =
        ProtectedResource::builder(id).authorization_server(issuer).required_scopes("mcp".parse()?).build()?;
    // In front of the endpoint: its public document, CORS, and the guard.
    let guarded =
        Protection::with_verifier(Arc::new(resource), Arc::new(auth.verifier()))?.protect(mcp.clone(), access);
    let auth_service = auth
        .service()
        .peer(|extensions| extensions.get().map(|ConnectInfo::<std::net::SocketAddr>(peer)| Peer::direct(peer.ip())));
    let app = Router::new()
        .route_service("/mcp", guarded.clone())
        .route_service("/.well-known/oauth-protected-resource", guarded.clone())
        .route_service("/.well-known/oauth-protected-resource/{*resource}", guarded)
        .fallback_service(auth_service);

    let stop = signal::asked_to_stop()?;
    eprintln!("listening on {public}");
    let draining = mcp.clone();
    let stopped = async move {
        stop.await;
        draining.drain();
    };
    axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>())
        .with_graceful_shutdown(stopped)
        .await?;
    mcp.close().await;
    Ok(())
}
