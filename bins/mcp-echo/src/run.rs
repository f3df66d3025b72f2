//! Serving, until a signal says to stop.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::SystemTime};

use mcp_oauth::resource::{Gate, Protection};
use mcp_server_kit::{BuildError, Server};
use mcp_transport::{
    http::{HttpConfig, McpService, serve},
    signal::asked_to_stop,
    stdio::{self, StdioConfig},
    stop::Stop,
};
use tokio::task::JoinSet;

use crate::{
    arrival::Noting,
    config::{Address, Config, Listen, Mode},
    environment::Environment,
    facts::{Program, Wire},
    metrics::Metrics,
    routes::{self, Counters, Routes},
    system::System,
    tools,
};

/// Why the program could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("the tools do not fit together: {0}")]
    Build(#[from] BuildError),
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
    #[error("cannot listen on {address}: {error}; choose another address with {flag}")]
    Listen {
        address: String,
        flag: &'static str,
        #[source]
        error: io::Error,
    },
    #[error("the standard streams failed: {0}")]
    Stdio(#[from] mcp_transport::Error),
}

/// Serves until the process is told to stop.
///
/// # Cancel safety
/// Dropping the future cuts all connections off.
pub(crate) async fn run(config: Config, environment: Environment) -> Result<(), RunError> {
    let stop = asked_to_stop().map_err(RunError::Signals)?;
    let wire = match &config.mode {
        Mode::Http(Listen { tls: Some(_), .. }) => Wire::Tls,
        Mode::Http(_) | Mode::Stdio => Wire::Plain,
    };
    let access = config.access.clone();
    let started = SystemTime::now();
    let program = Arc::new(Program { environment, access, wire, started });
    let server = tools::server(&program, &System::new())?;
    match config.mode {
        Mode::Stdio => over_stdio(server, &config, stop).await,
        Mode::Http(ref listen) => over_http(server, &config, listen, started, stop).await,
    }
}

async fn over_http(
    server: Arc<Server>,
    config: &Config,
    listen: &Listen,
    started: SystemTime,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let (listener, bound) = bind(&listen.address, "--listen").await?;
    let mut http = HttpConfig::default();
    http.access = config.access.clone();
    http.limits.bytes = config.max_message_bytes;
    let mcp = McpService::with_config(server, http);
    let draining = Stop::new();
    let (drained, given) = (mcp.clone(), draining.clone());
    let mut listener = listener
        .max_connections(listen.max_connections)
        .shutdown_timeout(config.shutdown_timeout)
        .on_drain(move || {
            tracing::info!("stopping");
            given.give();
            drained.drain();
        });
    let mut scheme = "http";
    if let Some(tls) = &listen.tls {
        listener = listener.tls(tls.clone());
        scheme = "https";
    }
    let operator = match &listen.admin {
        Some(address) => Some(bind(address, "--admin-listen").await?),
        None => None,
    };
    // Scripts and tests read the address from this line.
    tracing::info!(address = %bound, url = %format_args!("{scheme}://{bound}{}", routes::MCP), "listening");
    let gate = match &config.protection {
        Some(protection) => {
            tokio::spawn(prepare(protection.clone()));
            protection.protect(mcp.clone(), config.access.clone())
        }
        None => Gate::open(mcp.clone()),
    };
    let counters = if bound.ip().is_loopback() { Counters::Local } else { Counters::Hidden };
    let routes = Routes::new(gate, draining, Metrics::new(started), counters);
    let operator = operator.map(|(listener, bound)| tell_operator(listener, bound, routes.for_operator()));
    let report = listener.serve(Noting::new(routes), stop).await;
    drop(operator);
    mcp.close().await;
    tracing::info!(connections = report.connections, aborted = report.aborted, "stopped");
    Ok(())
}

async fn bind(address: &Address, flag: &'static str) -> Result<(serve::Server, SocketAddr), RunError> {
    let (host, port) = (address.host.as_str(), address.port);
    let failed = |error| RunError::Listen { address: format!("{host}:{port}"), flag, error };
    let listener = serve::Server::bind((host, port)).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Tells the operator the counters on an address of their own, until it is dropped: as long as the main one drains.
fn tell_operator(listener: serve::Server, bound: SocketAddr, routes: Routes) -> JoinSet<serve::Report> {
    if !bound.ip().is_loopback() {
        tracing::warn!(address = %bound, "metrics are told to whoever can reach --admin-listen");
    }
    tracing::info!(address = %bound, "listening for the operator");
    let mut tasks = JoinSet::new();
    tasks.spawn(listener.serve(routes, std::future::pending()));
    tasks
}

/// Fetches the issuer's keys before the first request needs them. A server whose issuer is not there yet serves all the
/// same: it answers 503 until it is.
async fn prepare(protection: Protection) {
    let resource = protection.resource();
    for issuer in resource.authorization_servers() {
        tracing::info!(%issuer, resource = %resource.id(), scopes = %resource.required_scopes(), "tokens are required");
    }
    protection.prepare(SystemTime::now()).await;
}

async fn over_stdio(server: Arc<Server>, config: &Config, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    let mut stdio = StdioConfig::default();
    stdio.max_line = config.max_message_bytes;
    stdio.limits.bytes = config.max_message_bytes;
    stdio.drain = config.shutdown_timeout;
    let shutdown = stdio.shutdown.clone();
    tracing::info!("serving on the standard streams");
    let mut serving = pin!(stdio::serve(server, stdio));
    let report = tokio::select! {
        report = &mut serving => report?,
        () = stop => {
            tracing::info!("stopping");
            shutdown.give();
            serving.await?
        }
    };
    tracing::info!(
        requests = report.requests,
        refused = report.refused,
        dropped = report.dropped,
        unwritten = report.unwritten,
        "stopped"
    );
    Ok(())
}
