//! An MCP server that takes access tokens of an issuer elsewhere: `guarded_by_issuer ISSUER RESOURCE [ADDR:PORT]`.
//!
//! Any OAuth authorization server will do that writes its access tokens as JWTs (RFC 9068) for the resource that was asked
//! for (RFC 8707), and that has metadata (RFC 8414). With one at `http://localhost:8000`:
//!
//! ```sh
//! cargo run -p examples --bin guarded_by_issuer -- http://localhost:8000 http://localhost:3000/mcp
//! ```
//!
//! Then point an MCP client at `http://localhost:3000/mcp`: it gets 401, finds the issuer through the public document at
//! `http://localhost:3000/.well-known/oauth-protected-resource/mcp`, and signs its user in there. Every request needs the scope
//! `greet`; `admin` implies it. Behind a proxy, RESOURCE is the public URL, byte for byte; its host is served beside loopback.
//!
//! With the issuer's keys alone a revoked token is good until it ends; to see a revocation within five seconds, give the builder
//! a client that may ask the issuer (`.check(TokenCheck::KeysAndIntrospection(..))`; `mcp-auth clients add --auth-method
//! client_secret_basic --grant-type client_credentials --serves RESOURCE` adds one).

use std::time::SystemTime;

use mcp_oauth::resource::{Protection, VerifierOptions};
use mcp_server_kit::{Cx, NoArgs, Server, tool};
use mcp_transport::{
    auth::{Issuer, ResourceId},
    http::{HttpConfig, McpService, origin::AccessPolicy, serve},
    signal,
};

async fn greet(cx: Cx, _: NoArgs) -> String {
    cx.principal().map_or_else(|| "Hello!".to_owned(), |caller| format!("Hello, {}!", caller.subject()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(issuer), Some(resource)) = (arguments.next(), arguments.next()) else {
        return Err("usage: guarded_by_issuer ISSUER RESOURCE [ADDR:PORT]".into());
    };
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let protection = Protection::builder(Issuer::parse(&issuer)?, ResourceId::parse(&resource)?)
        .required_scopes("greet".parse()?)
        .options(VerifierOptions::new().hierarchy("admin implies greet".parse()?))
        .build()?;
    if !protection.prepare(SystemTime::now()).await {
        eprintln!("{issuer} has no keys yet; requests get 503 until it has");
    }

    let greet = tool("greet", greet).description("Greets whose token it is.");
    let server = Server::builder("guarded", env!("CARGO_PKG_VERSION")).tool(greet).build()?;
    // Loopback alone is served unless it is told otherwise: here the host that clients know the resource by.
    let access = AccessPolicy::for_resource(protection.resource().id())?;
    let mut config = HttpConfig::default();
    config.access = access.clone();
    let service = McpService::with_config(server, config);

    let stop = signal::asked_to_stop()?;
    let listener = serve::Server::bind(address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);
    let draining = service.clone();
    // In front of the service: the public document, CORS, and the guard.
    let guarded = protection.protect(service.clone(), access);
    listener.on_drain(move || draining.drain()).serve(guarded, stop).await;
    service.close().await;
    Ok(())
}
