//! Serving, until a signal says to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mcp_oauth::server::{AuthorizationServer, Peer};
use mcp_transport::http::serve;
use mcp_transport::signal::asked_to_stop;
use mcp_transport::stop::Stop;
use tokio::task::JoinHandle;

use crate::address::Address;
use crate::admin::{Desk, Socket};
use crate::config::Config;
use crate::error::Failure;
use crate::metrics::Metrics;
use crate::ready::Readiness;
use crate::routes::{Details, Routes, Shared};
use crate::server::{Signing, build};

/// Serves until the process is told to stop.
///
/// # Cancel safety
///
/// Dropping the future cuts all connections off.
pub(crate) async fn serve(config: Config) -> Result<(), Failure> {
    let stop = asked_to_stop().map_err(Failure::Signals)?;
    config.place.prepare()?;
    if Socket::is_answered(&config.place.socket()).await {
        return Err(Failure::Running);
    }
    // The lock on its file comes first: of two that start at the same time one gets as far as the socket.
    let opened = config.place.store.open(config.place.tls.as_ref())?;
    opened.examine().await?;
    let socket = Socket::bind(&config.place.socket())?;
    let listener = bind(&config.listen, "--listen").await?;
    let bound = listener.local_addr().map_err(|error| not_bound(&config.listen, error, "--listen"))?;
    config.place.forget_owner_code();
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let metrics = Metrics::default();
    let (place, policy) = (&config.place, &config.policy);
    let issuer = config.issuer(bound)?;
    let server = build(place, policy, issuer, opened.stores.clone(), metrics.clone(), Signing::Configured).await?;
    let desk = Desk::running(&server, opened, config.policy.lifetimes.unused_client, metrics.clone());

    let draining = Stop::new();
    let shared = Shared {
        server: Some(server.service()),
        readiness: Readiness::new(server.clone(), draining.clone()),
        metrics,
        proxies: config.proxies.clone(),
        // A proxy that nobody has named need not say that it is one.
        details: if bound.ip().is_loopback() && !config.expects_a_proxy() { Details::Local } else { Details::Hidden },
    };
    let admin = match &config.admin_listen {
        Some(address) => Some(operators(address, &shared).await?),
        None => None,
    };
    let tasks = Tasks(vec![maintain(server.clone()), tokio::spawn(socket.serve(Arc::new(desk)))]);
    let report = listen(listener, &config, shared, draining, &server, bound, stop).await;
    tasks.end().await;
    if let Some(admin) = admin {
        admin.end().await;
    }
    tracing::info!(connections = report.connections, aborted = report.aborted, "stopped");
    Ok(())
}

/// Serves the authorization server itself.
async fn listen(
    listener: serve::Server,
    config: &Config,
    shared: Shared,
    draining: Stop,
    server: &AuthorizationServer,
    bound: SocketAddr,
    stop: impl Future<Output = ()>,
) -> serve::Report {
    let mut listener = listener
        .max_connections(config.max_connections)
        .shutdown_timeout(config.shutdown_timeout)
        .on_drain(move || {
            tracing::info!("stopping");
            draining.give();
        });
    if let Some(tls) = &config.tls {
        listener = listener.tls(tls.clone());
    }
    let resources = server.resources().iter().map(|resource| resource.as_str()).collect::<Vec<_>>().join(" ");
    // Scripts and tests read the address from this line.
    tracing::info!(
        address = %bound,
        issuer = %server.issuer(),
        resources,
        store = %config.place.store,
        data = %config.place.data.display(),
        "listening"
    );
    listener.serve_with(|ends| Routes::new(shared.clone(), peer(ends)), stop).await
}

/// Serves what the operator alone is told, on an address of its own.
async fn operators(address: &Address, shared: &Shared) -> Result<Tasks, Failure> {
    let listener = bind(address, "--admin-listen").await?;
    let bound = listener.local_addr().map_err(|error| not_bound(address, error, "--admin-listen"))?;
    if !bound.ip().is_loopback() {
        tracing::warn!(address = %bound, "metrics and readiness are told to whoever can reach --admin-listen");
    }
    tracing::info!(address = %bound, "listening for the operator");
    let shared = Shared { server: None, details: Details::Told, ..shared.clone() };
    let routes = move |ends: serve::ConnectInfo| Routes::new(shared.clone(), peer(ends));
    // It stops with the main one, and answers as long as that drains.
    let serving = async move {
        let _: serve::Report = listener.serve_with(routes, std::future::pending()).await;
    };
    Ok(Tasks(vec![tokio::spawn(serving)]))
}

/// The other end of a connection.
fn peer(ends: serve::ConnectInfo) -> Peer {
    let address = ends.remote.ip();
    if ends.tls { Peer::secure(address) } else { Peer::direct(address) }
}

fn maintain(server: AuthorizationServer) -> JoinHandle<()> {
    tokio::spawn(async move { server.maintain().await })
}

/// Tasks that end with this.
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    /// Ends them, and waits until they have put away what they hold.
    async fn end(mut self) {
        for task in std::mem::take(&mut self.0) {
            task.abort();
            // That it was aborted is what was wanted.
            let _ = task.await;
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn bind(address: &Address, flag: &'static str) -> Result<serve::Server, Failure> {
    let bound = serve::Server::bind((address.host.as_str(), address.port)).await;
    bound.map_err(|error| not_bound(address, error, flag))
}

fn not_bound(address: &Address, error: io::Error, flag: &'static str) -> Failure {
    Failure::Listen(address.to_string(), error, flag)
}
