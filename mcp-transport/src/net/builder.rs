//! The settings of a client.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::client::{Client, Inner};
use super::connector::{Connector, Parts, Through};
use super::dial::Dialler;
use super::error::Error;
use super::policy::Policy;
use super::proxy::Proxies;
use super::redirect::Redirects;
use super::resolve::{Resolve, SystemResolver};
use super::timeouts::Timeouts;
use super::tls::Tls;

/// The largest head of a response, in bytes. HTTP/1 may come to twice as much, as hyper looks after each read.
const LARGEST_HEAD: usize = 64 * 1024;

/// How many fields the head of a response may have.
const MOST_FIELDS: usize = 128;

/// How long a connection that is not in use is kept.
const KEPT: Duration = Duration::from_secs(30);

/// Makes a [`Client`].
#[must_use = "nothing happens before `build`"]
pub struct ClientBuilder {
    policy: Policy,
    tls: Option<Tls>,
    resolver: Arc<dyn Resolve>,
    proxies: Proxies,
    timeouts: Timeouts,
    redirects: Redirects,
    body_limit: u64,
    idle_connections: usize,
    user_agent: HeaderValue,
    pub(super) through: Through,
    pub(super) instead: HashMap<SocketAddr, SocketAddr>,
}

impl ClientBuilder {
    pub(super) fn new(policy: Policy) -> Self {
        // Peers bring as many hosts as they like: no connection to one of them is kept.
        let idle_connections = if policy.is_public() { 0 } else { 4 };
        Self {
            policy,
            tls: None,
            resolver: Arc::new(SystemResolver::new()),
            proxies: Proxies::none(),
            timeouts: Timeouts::new(),
            redirects: Redirects::Never,
            body_limit: 16 * 1024 * 1024,
            idle_connections,
            user_agent: HeaderValue::from_static(concat!("mcp-transport/", env!("CARGO_PKG_VERSION"))),
            through: Through::Never,
            instead: HashMap::new(),
        }
    }

    /// Whom to trust. Default: [`Tls::platform`], read when the client is built.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Who looks names up. Default: [`SystemResolver`]. Give clones of one to several clients, and they share its bound.
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The proxies; ignored for URLs of peers (see [`Proxies`]). Default: none.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// How long things may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Whether redirects are followed. Default: never.
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }

    /// The largest body of a response, in bytes. Default: 16 MiB. For streams that stay open, take `u64::MAX`.
    pub fn body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How many unused connections are kept for each host, for 30 seconds. Default: 4, and none for URLs of peers.
    pub fn idle_connections(mut self, connections: usize) -> Self {
        self.idle_connections = connections;
        self
    }

    /// The `User-Agent` of requests that have none.
    pub fn user_agent(mut self, value: HeaderValue) -> Self {
        self.user_agent = value;
        self
    }

    /// The client.
    ///
    /// Reads the platform's certificates from disk if no [`ClientBuilder::tls`] was given.
    ///
    /// # Errors
    ///
    /// As [`Tls::platform`].
    pub fn build(self) -> Result<Client, Error> {
        let tls = match self.tls {
            Some(tls) => tls,
            None => Tls::platform()?,
        };
        let connector = Connector(Arc::new(Parts {
            policy: self.policy,
            dialler: Dialler { resolver: self.resolver, instead: self.instead },
            proxies: self.proxies,
            public_through_proxy: self.through,
            tls: tls.config(),
            proxy_tls: tls.config_without_alpn(),
            timeout: self.timeouts.connect,
        }));
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .pool_max_idle_per_host(self.idle_connections)
            .http1_max_buf_size(LARGEST_HEAD)
            .http1_max_headers(MOST_FIELDS)
            .http2_max_header_list_size(LARGEST_HEAD as u32)
            .build(connector.clone());
        Ok(Client::of(Inner {
            client,
            connector,
            timeouts: self.timeouts,
            redirects: self.redirects,
            body_limit: self.body_limit,
            user_agent: self.user_agent,
        }))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("policy", &self.policy).field("tls", &self.tls).finish_non_exhaustive()
    }
}
