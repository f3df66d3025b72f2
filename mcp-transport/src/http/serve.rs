//! The accept loop: a service on a TCP listener, HTTP/1.1 and HTTP/2 on the same port, within limits, until
//! it is told to stop.
//!
//! ```no_run
//! # use std::convert::Infallible;
//! use mcp_transport::http::serve::Server;
//! # async fn example<S, B>(service: S) -> std::io::Result<()>
//! # where
//! #     S: tower_service::Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>, Error = Infallible>
//! #         + Clone + Send + 'static,
//! #     S::Future: Send + 'static,
//! #     B: http_body::Body + Send + 'static,
//! #     B::Data: Send,
//! #     B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
//! # {
//! let server = Server::bind("127.0.0.1:3000").await?;
//! println!("listening on {}", server.local_addr()?);
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let report = server.serve(service, async { stopped.await.unwrap_or_default() }).await;
//! # drop(stop);
//! # drop(report);
//! # Ok(())
//! # }
//! ```

mod accept;
mod activity;
mod connection;
mod io;
mod limits;
mod patience;
mod relay;
mod service;
mod stall;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service;

use self::accept::{Accept, Backoff};
use self::connection::Connections;
use self::limits::Limits;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The two ends of a connection, and how it goes between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectInfo {
    /// The other end; behind a proxy this is the proxy.
    pub remote: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Whether the connection goes through TLS to us.
    pub tls: bool,
}

/// What became of the connections of a server that has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many connections were accepted.
    pub connections: u64,
    /// How many of them had not closed when the shutdown timeout was over, and were cut off: there was work left, or the
    /// peer of an HTTP/2 connection did not answer the word that it ends.
    pub aborted: u64,
}

/// A listener with limits, before it serves.
pub struct Server {
    listener: TcpListener,
    limits: Limits,
    on_drain: Vec<Box<dyn FnOnce() + Send>>,
    #[cfg(feature = "tls")]
    tls: Option<super::tls::TlsConfig>,
}

impl Server {
    /// Binds a listener, at the first of the name's addresses that can be bound.
    ///
    /// # Errors
    ///
    /// What the system says: the address is in use, not ours, or not permitted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing bound.
    pub async fn bind(address: impl ToSocketAddrs) -> std::io::Result<Self> {
        let mut last = None;
        for address in tokio::net::lookup_host(address).await? {
            match accept::listen(address) {
                Ok(listener) => return Ok(Self::from_listener(listener)),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidInput, "the name has no address")))
    }

    /// Serves on a listener that the caller has bound.
    #[must_use]
    pub fn from_listener(listener: TcpListener) -> Self {
        Self {
            listener,
            limits: Limits::default(),
            on_drain: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The address that is listened on, with the port that the system chose if none was named.
    ///
    /// # Errors
    ///
    /// What the system says, which a bound listener gives no cause for.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// How long the peer may take over the head of a request, counted from its first byte, and from the
    /// start of a connection to its first whole head. 10 s by default.
    ///
    /// Under HTTP/2 this is the time from the start to the preface. A head in drops leaves the connection idle there, and its
    /// peer unable to answer the pings by which it is kept: that ends it within 40 s.
    #[must_use]
    pub const fn header_read_timeout(mut self, timeout: Duration) -> Self {
        self.limits.header_read_timeout = timeout;
        self
    }

    /// How long a connection may stand without a request, and without any of an answer being read: it is closed when this is
    /// over, or up to a quarter of it later. 75 s by default, a little over what clients and proxies keep, so that it is
    /// they who close. Under HTTP/2 it is told to go, and has the longer of
    /// [`header_read_timeout`](Self::header_read_timeout) and [`write_timeout`](Self::write_timeout) to do so, anew each time
    /// that it is of use.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// How long a peer may take nothing of what it is sent. 30 s by default; choose more than a slow client pauses.
    ///
    /// What counts is that something gets on, not how much: a client that reads slowly is served. The systems at both ends
    /// tell of it in steps, though, and a client needs to take as much as one in this time: on Linux about 130 KB, and more
    /// where the client's receive buffer has grown because it was fast before. When the time is
    /// over, the connection is cut off, and with it go its requests: their bodies are dropped, which a call may take
    /// for a cancellation. Otherwise a client that reads nothing would keep its connection, and what stands behind it,
    /// for ever, longer even than its token is good for.
    ///
    /// An HTTP/2 peer can read its connection and still give one stream no window to send in. Such a stream is reset by
    /// itself; since others may be in its way, its client has this time once for each 16 KiB of the two pieces of the
    /// answer that were begun last, and once more. That holds for streams whose body is not at its end. What is left of an
    /// answer that was handed over as a whole goes with its connection, which is closed when its peer takes none of it, or
    /// not more than 55 bytes at a time, for the [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.limits.write_timeout = timeout;
        self
    }

    /// How long connections may take to finish once the server stops. 10 s by default.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.limits.shutdown_timeout = timeout;
        self
    }

    /// How many connections are open at most. 10 000 by default.
    ///
    /// Beyond it the server stops accepting until one closes, and further ones wait in the listener's queue.
    /// Closing them instead would turn a short crowd into errors, which clients answer by coming
    /// back at once.
    ///
    /// An idle HTTP/1.1 connection takes about 9 KiB of memory (3 KiB before its first request), measured with
    /// 4 000 of them in a release build.
    #[must_use]
    pub const fn max_connections(mut self, most: NonZeroUsize) -> Self {
        self.limits.max_connections = most.get();
        self
    }

    /// How long the head of a request may be, in bytes; longer ones get 431. 32 KiB by default.
    #[must_use]
    pub const fn max_header_bytes(mut self, most: usize) -> Self {
        self.limits.max_header_bytes = most;
        self
    }

    /// How many requests of one HTTP/2 connection run at a time. 256 by default: open streams of events
    /// count too.
    #[must_use]
    pub const fn max_concurrent_streams(mut self, most: u32) -> Self {
        self.limits.max_concurrent_streams = most;
        self
    }

    /// Called once when the server begins to stop, so that long streams can be told to end. May be given
    /// more than once; all are called, in order.
    #[must_use]
    pub fn on_drain(mut self, hook: impl FnOnce() + Send + 'static) -> Self {
        self.on_drain.push(Box::new(hook));
        self
    }

    /// Speaks TLS, and nothing else. The certificate is read again when its files change, as long as
    /// the server runs.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: super::tls::TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Serves until `shutdown` is ready, then drains.
    ///
    /// Draining means: the listener closes; the [`on_drain`](Self::on_drain) hooks run; idle
    /// connections close, busy ones finish the requests they have and take no more (HTTP/2 says so with GOAWAY);
    /// what is left after the shutdown timeout is cut off. The requests that it runs have ended when it returns, or
    /// were given a second more: code that blocks its thread cannot be ended. An error of accepting (no file
    /// descriptors left, say) is logged and waited out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the listener and cuts every connection off.
    pub async fn serve<S, B>(self, service: S, shutdown: impl Future<Output = ()>) -> Report
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        self.serve_with(move |_| service.clone(), shutdown).await
    }

    /// Like [`serve`](Self::serve), with a service made for each connection, for those who need to know
    /// who is at the other end. It costs nothing per request.
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_with<M, S, B>(mut self, make: M, shutdown: impl Future<Output = ()>) -> Report
    where
        M: FnMut(ConnectInfo) -> S,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let hooks = std::mem::take(&mut self.on_drain);
        #[cfg(feature = "tls")]
        let connections = Connections::new(self.limits, self.tls);
        #[cfg(not(feature = "tls"))]
        let connections = Connections::new(self.limits);
        run(self.listener, self.limits, connections, hooks, make, shutdown).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// How long requests may take to notice that their connections are closed, which they do when they are polled.
const LAST_WORDS: Duration = Duration::from_secs(1);

async fn run<L, M, S, B>(
    mut listener: L,
    limits: Limits,
    connections: Connections,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
    mut make: M,
    shutdown: impl Future<Output = ()>,
) -> Report
where
    L: Accept,
    M: FnMut(ConnectInfo) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let connections = Arc::new(connections);
    let slots = Arc::new(Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)));
    // Dropping the sender tells the connections to drain: that cannot be missed or forgotten.
    let (draining, drain) = watch::channel(());
    let mut tasks = JoinSet::new();
    let mut backoff = Backoff::default();
    let mut report = Report { connections: 0, aborted: 0 };
    let mut shutdown = pin!(shutdown);
    #[cfg(feature = "tls")]
    let _reloading = connections.keep_certificate_current().map(AbortOnDrop);
    loop {
        let accepting = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            backoff.wait().await;
            (slot, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = tasks.join_next() => {}
            (slot, accepted) = accepting => {
                let (stream, ends) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        backoff.failed(&error);
                        continue;
                    }
                };
                backoff.succeeded();
                report.connections += 1;
                let service = make(ConnectInfo { tls: connections.speak_tls(), ..ends });
                let connections = Arc::clone(&connections);
                let drain = drain.clone();
                tasks.spawn(async move {
                    connections.run(stream, service, drain).await;
                    drop(slot);
                });
            }
        }
    }
    drop(listener);
    for hook in hooks {
        hook();
    }
    drop(draining);
    let finished = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.shutdown_timeout, finished).await.is_err() {
        report.aborted = u64::try_from(tasks.len()).unwrap_or(u64::MAX);
        tracing::warn!(connections = report.aborted, "connections were cut off: they did not finish in time");
        tasks.abort_all();
    }
    let ended = async {
        while tasks.join_next().await.is_some() {}
        connections.requests_ended().await;
    };
    if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
        tracing::warn!("requests go on although their connections are cut off, as code does that blocks its thread");
    }
    report
}

/// A task that belongs to the future that started it.
#[cfg(feature = "tls")]
struct AbortOnDrop(tokio::task::JoinHandle<()>);

#[cfg(feature = "tls")]
impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
