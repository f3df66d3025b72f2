//! An MCP endpoint beside other routes on bare hyper: `in_hyper [ADDR:PORT]`.
//!
//! `mcp_transport::http::serve` is such a loop with limits, timeouts, TLS and a graceful end. Write your own where there
//! is one already.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use mcp_server_kit::{Cx, NoArgs, Server, tool};
use mcp_transport::{
    http::{McpBody, McpService},
    signal,
};
use tokio::net::TcpListener;
use tower_service::Service as _;

async fn ping(_cx: Cx, _: NoArgs) -> &'static str {
    "pong"
}

/// Either kind of body: the endpoint's, or ours.
type Answer = Response<Either<McpBody, Full<Bytes>>>;

async fn route(mut mcp: McpService, request: Request<Incoming>) -> Result<Answer, Infallible> {
    match request.uri().path() {
        // The service judges methods, headers and origins by itself, and takes the body of any HTTP stack.
        "/mcp" => Ok(mcp.call(request).await?.map(Either::Left)),
        "/health" => Ok(Response::new(Either::Right(Full::from("ok")))),
        _ => {
            let mut response = Response::new(Either::Right(Full::from("there is nothing here")));
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder("ping", env!("CARGO_PKG_VERSION")).tool(tool("ping", ping)).build()?;
    let service = McpService::new(server);

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    let mut stop = std::pin::pin!(signal::asked_to_stop()?);
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);

    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // A connection that was gone again, or no file descriptor left: neither ends the server.
                    eprintln!("accept: {error}");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        stream.set_nodelay(true)?;
        // Clones share their sessions.
        let mcp = service.clone();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service_fn(move |request| route(mcp.clone(), request)));
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("a connection broke off: {error}");
            }
        });
    }
    drop(listener);
    // Ends the streams that clients hold open; then the connections finish what they have.
    service.drain();
    connections.shutdown().await;
    service.close().await;
    Ok(())
}
