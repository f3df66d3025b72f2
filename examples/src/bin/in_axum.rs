//! An MCP endpoint inside an axum application, with tokens in front: `in_axum [ADDR:PORT]`, and in `EXAMPLE_TOKENS` lines
//! of `TOKEN SUBJECT SCOPE..`, such as `q7Jx0nVd3mT4sKzR ada notes:read notes:write`.
//!
//! Fixed tokens do for a handful of people. For users who sign in, put a verifier of `mcp-oauth` in the place of
//! `StaticTokens`; nothing else changes.

use std::sync::Arc;

use axum::{Router, routing::get, serve::ListenerExt as _};
use mcp_server_kit::{Cx, NoArgs, Server, tool};
use mcp_transport::{
    auth::{GuardLayer, Issuer, ProtectedResource, ResourceId, StaticTokens, WellKnown},
    http::{
        HttpConfig, McpService,
        origin::{AccessPolicy, CorsLayer},
    },
    signal,
};
use tokio::net::TcpListener;

async fn who_am_i(cx: Cx, _: NoArgs) -> String {
    cx.principal().map_or_else(|| "nobody".to_owned(), |principal| principal.subject().to_string())
}

async fn write_note(_cx: Cx, _: NoArgs) -> &'static str {
    "written"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;

    // What clients are told comes from here and never from a request. Behind a proxy, name the public URL.
    let public = format!("http://{}", listener.local_addr()?);
    let issuer = Issuer::parse("https://auth.example.com")?;
    let id = ResourceId::parse(&format!("{public}/mcp"))?;
    let tokens = StaticTokens::parse(issuer.clone(), id.clone(), &std::env::var("EXAMPLE_TOKENS").unwrap_or_default())?;
    let resource = ProtectedResource::builder(id)
        .authorization_server(issuer)
        .scopes_supported("notes:read notes:write".parse()?)
        // Every request needs this one; tools may need more.
        .required_scopes("notes:read".parse()?)
        .build()?;
    let resource = Arc::new(resource);

    let server = Server::builder("notes", env!("CARGO_PKG_VERSION"))
        .tool(tool("who_am_i", who_am_i).description("Says whose token this is."))
        .tool(tool("write_note", write_note).description("Writes a note.").scopes("notes:write".parse()?))
        .build()?;
    // One policy of hosts and origins for the service and for CORS: loopback, and the host of the public URL.
    let access = AccessPolicy::for_resource(resource.id())?;
    let mut config = HttpConfig::default();
    config.access = access.clone();
    let service = McpService::with_config(server, config);

    // The last layer is the outermost: CORS has to be outside the guard, or a page could not read the challenge.
    let mcp = Router::new()
        .route_service("/mcp", service.clone())
        .layer(GuardLayer::new(Arc::clone(&resource), Arc::new(tokens)))
        .layer(CorsLayer::new(access));
    // The public documents are at the root and outside the guard: who reads them has no token yet.
    let documents = WellKnown::new([resource])?;
    let app = Router::new()
        .route("/", get(async || "This application has an MCP endpoint at /mcp."))
        .route_service("/.well-known/oauth-protected-resource", documents.clone())
        .route_service("/.well-known/oauth-protected-resource/{*resource}", documents)
        .merge(mcp);

    let stop = signal::asked_to_stop()?;
    eprintln!("listening on {public}/mcp");
    let draining = service.clone();
    let stopped = async move {
        stop.await;
        draining.drain();
    };
    // Small answers should not wait for the client's acknowledgement of the one before.
    let listener = listener.tap_io(|io| {
        if let Err(error) = io.set_nodelay(true) {
            eprintln!("TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    service.close().await;
    Ok(())
}
