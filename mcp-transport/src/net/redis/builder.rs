//! The settings of a pool.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deadpool_redis::{Runtime, redis};
use redis::cluster::ClusterClientBuilder;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo,
    TlsCertificates, TlsMode,
};

use super::fault;
use super::location::{Location, Node, Topology, Transport};
use super::manager::{Manager, Sentinels};
use super::pool::Pool;
use crate::net::{Error, Tls};

/// Makes a [`Pool`].
#[must_use = "nothing happens before `build`"]
pub struct PoolBuilder {
    location: Location,
    sentinel_password: Option<String>,
    tls: Option<Tls>,
    size: usize,
    connect: Duration,
    wait: Duration,
    recycle: Duration,
    response: Duration,
}

impl PoolBuilder {
    pub(super) fn new(location: Location) -> Self {
        Self {
            location,
            sentinel_password: None,
            tls: None,
            size: 16,
            connect: Duration::from_secs(5),
            wait: Duration::from_secs(5),
            recycle: Duration::from_secs(2),
            response: Duration::from_secs(5),
        }
    }

    /// The password, instead of the one that the URL may have.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.location.password = Some(password.into());
        self
    }

    /// The password that the sentinels ask for. It is not the one of the URL, which is for the servers.
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// Whom to trust over TLS. Default: [`Tls::platform`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How many connections there are at most; one at least. Default: 16.
    pub fn size(mut self, connections: usize) -> Self {
        self.size = connections.max(1);
        self
    }

    /// How long it may take to connect, sentinels and handshake included. Default: 5 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long to wait for a connection that others have. Default: 5 s.
    pub fn wait_timeout(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// How long a connection may take to prove that it still works, before it is handed out again. Default: 2 s.
    pub fn recycle_timeout(mut self, limit: Duration) -> Self {
        self.recycle = limit;
        self
    }

    /// How long a command may take. Default: 5 s. A command that blocks on purpose needs more.
    pub fn response_timeout(mut self, limit: Duration) -> Self {
        self.response = limit;
        self
    }

    /// The pool. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] if the settings do not fit together, or the certificates cannot be read.
    pub fn build(self) -> Result<Pool, Error> {
        let pool = deadpool::managed::Pool::builder(self.manager()?)
            .max_size(self.size)
            .create_timeout(Some(self.connect))
            .wait_timeout(Some(self.wait))
            .recycle_timeout(Some(self.recycle))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Error::config)?;
        Ok(Pool::of(pool))
    }

    fn manager(&self) -> Result<Manager, Error> {
        let certificates = match self.location.transport {
            Transport::Plain => None,
            Transport::Tls => Some(self.certificates()?),
        };
        match &self.location.topology {
            Topology::Single(node) => {
                let mut info = self.info(node)?;
                if let Some(certificates) = certificates {
                    let client = Client::build_with_tls(info, certificates).map_err(fault::of_settings)?;
                    info = client.get_connection_info().clone();
                }
                let manager =
                    deadpool_redis::Manager::new_with_config(info, self.config()).map_err(fault::of_settings)?;
                Ok(Manager::Single(manager))
            }
            Topology::Cluster(nodes) => {
                let nodes = nodes.iter().map(|node| self.info(node)).collect::<Result<Vec<_>, _>>()?;
                let mut builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(self.connect)
                    .response_timeout(self.response)
                    .overall_response_timeout(Some(self.response));
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates);
                }
                Ok(Manager::Cluster(builder.build().map_err(fault::of_settings)?))
            }
            Topology::Sentinel { nodes, service } => {
                let addresses: Vec<_> = nodes.iter().map(|node| self.address(node)).collect();
                let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)
                    .map_err(fault::of_settings)?;
                builder = builder.set_client_to_redis_db(self.location.database);
                if let Some(user) = &self.location.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &self.location.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(password) = &self.sentinel_password {
                    builder = builder.set_client_to_sentinel_password(password);
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_certificates(certificates);
                }
                let client = builder.build().map_err(fault::of_settings)?;
                Ok(Manager::Sentinel(Sentinels::new(client, self.config())))
            }
        }
    }

    fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect))
            .set_response_timeout(Some(self.response))
    }

    fn address(&self, node: &Node) -> ConnectionAddr {
        let (host, port) = (node.host.clone(), node.port);
        match self.location.transport {
            Transport::Plain => ConnectionAddr::Tcp(host, port),
            Transport::Tls => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        }
    }

    fn info(&self, node: &Node) -> Result<ConnectionInfo, Error> {
        let mut settings = RedisConnectionInfo::default().set_db(self.location.database);
        if let Some(user) = &self.location.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.location.password {
            settings = settings.set_password(password);
        }
        let info = self.address(node).into_connection_info().map_err(fault::of_settings)?;
        Ok(info.set_redis_settings(settings))
    }

    /// The roots in the form that the driver takes: those of the platform, and those that were added.
    fn certificates(&self) -> Result<TlsCertificates, Error> {
        let platform;
        let tls = match &self.tls {
            Some(tls) => tls,
            None => {
                platform = Tls::platform()?;
                &platform
            }
        };
        if tls.extra().is_empty() {
            return Ok(TlsCertificates { client_tls: None, root_cert: None });
        }
        // What cannot be read there is left out, as it is for HTTP.
        let platform = rustls_native_certs::load_native_certs().certs;
        let mut pem = String::new();
        for certificate in tls.extra().iter().chain(&platform) {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            pem.push_str(&STANDARD.encode(certificate));
            pem.push_str("\n-----END CERTIFICATE-----\n");
        }
        Ok(TlsCertificates { client_tls: None, root_cert: Some(pem.into_bytes()) })
    }
}

impl fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("location", &self.location)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
