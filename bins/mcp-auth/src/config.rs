//! The command line, checked: what the program is to do.

mod hierarchy;
mod quirks;

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use mcp_oauth::jose::{Algorithm, KeyError, SigningKey, UnknownAlgorithm};
use mcp_oauth::server::client::QuirkRule;
use mcp_oauth::server::{InvalidNetwork, Lifetimes, Registration, Scope, TrustedProxies};
use mcp_oauth::types::{ClientAuthMethod, UnknownAuthMethod};
use mcp_transport::auth::{Issuer, ResourceId, ScopeSet, ScopeToken};
use mcp_transport::http::tls::{TlsConfig, TlsError};
use mcp_transport::net::Public;

use self::hierarchy::Hierarchy;
use self::quirks::QuirksError;
use crate::address::{Address, InvalidAddress};
use crate::environment::Environment;
use crate::options::{DocumentsOption, Options, RegistrationOption, ServerOptions};
use crate::place::{Place, PlaceError};

/// What the program is to do.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) place: Place,
    pub(crate) listen: Address,
    pub(crate) admin_listen: Option<Address>,
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) max_connections: NonZeroUsize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) policy: Policy,
    /// What the operator has opened up, a sentence for each.
    opened_up: Vec<String>,
}

/// What is served, and to whom: the part that the authorization server is told.
#[derive(Debug)]
pub(crate) struct Policy {
    /// `None` for the address that is listened on.
    pub(crate) issuer: Option<Issuer>,
    pub(crate) resources: Vec<ResourceId>,
    /// `None` for what the library has by default.
    pub(crate) scopes: Option<Scopes>,
    pub(crate) hierarchy: Hierarchy,
    pub(crate) allow_users: Option<String>,
    pub(crate) registration: Registration,
    pub(crate) documents: Documents,
    pub(crate) auth_methods: Vec<ClientAuthMethod>,
    pub(crate) quirks: Vec<QuirkRule>,
    pub(crate) algorithm: Algorithm,
    pub(crate) imported: Option<SigningKey>,
    pub(crate) rotate_after: Option<Duration>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) rate_limit: Option<NonZeroU32>,
}

/// Whether clients may be known by a document.
#[derive(Debug)]
pub(crate) enum Documents {
    /// They may; fetched from public hosts, and from those that are named.
    Fetched(Public, Vec<String>),
    Off,
}

/// The scopes that there are, and those of a client that asks for none.
#[derive(Debug)]
pub(crate) struct Scopes {
    pub(crate) known: Vec<Scope>,
    pub(crate) default: ScopeSet,
}

/// What is wrong with the command line or the environment, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// What the library would find out later, when there is a store already.
    #[error(transparent)]
    Policy(mcp_oauth::server::ConfigError),
    #[error("--listen: {0}")]
    Listen(#[source] InvalidAddress),
    #[error("--admin-listen: {0}")]
    AdminListen(#[source] InvalidAddress),
    #[error("give --tls-cert and --tls-key together")]
    HalfTls,
    #[error("--tls-cert and --tls-key: {0}")]
    Tls(#[source] TlsError),
    #[error("--trusted-proxy: {0}")]
    TrustedProxy(#[source] InvalidNetwork),
    #[error("say with --issuer by which URL clients know the server: it listens on an address that is not loopback")]
    NoIssuer,
    #[error("--issuer: {0}")]
    Issuer(String),
    #[error("--resource {0}: {1}")]
    Resource(String, String),
    #[error("--scopes {0:?}: a scope is a name without spaces, quotes and backslashes, or NAME=DESCRIPTION")]
    Scope(String),
    #[error("--default-scope {0:?}: each has to be one of --scopes")]
    DefaultScope(String),
    #[error(
        "--scope-hierarchy {0:?}: it is one of --scopes, the word implies, and others of them, as in 'admin implies read'"
    )]
    Hierarchy(String),
    #[error("--client-auth-methods: {0}")]
    AuthMethod(#[source] UnknownAuthMethod),
    #[error("--metadata-host {0}: {1}")]
    MetadataHost(String, #[source] mcp_transport::net::Error),
    #[error(
        "--metadata-host names a host of documents, and --metadata-documents off takes none: leave one of them away"
    )]
    NoDocuments,
    #[error("--quirks-file {0}: {1}")]
    Quirks(String, #[source] QuirksError),
    #[error("--signing-alg (JWT_ALGORITHM): {0}; tokens that are signed with a shared secret are not made")]
    Algorithm(#[source] UnknownAlgorithm),
    #[error("JWT_PRIVATE_KEY_B64: {0}")]
    PrivateKey(#[source] KeyError),
    #[error("JWT_PRIVATE_KEY_B64 has a key for {has}, and --signing-alg says {said}: leave one of them away")]
    OtherAlgorithm { has: Algorithm, said: Algorithm },
}

/// What a reverse proxy without `--trusted-proxy` comes to.
const BEHIND_A_STRANGER: &str = "everybody is one address to this server, and shares its limits: clients use https, so a \
     reverse proxy on this machine stands before it, and none is believed; name it, as in --trusted-proxy 127.0.0.1,::1";

/// What an https issuer on a plain listener that others reach comes to, where no proxy is believed.
const IN_PLAIN_TEXT: &str = "all requests will be refused: clients use https, they come in plain text, and no --trusted-proxy may \
     say otherwise; name the reverse proxy, or give --tls-cert and --tls-key";

impl Config {
    /// Checks the command line.
    pub(crate) fn new(options: &Options, environment: &Environment) -> Result<Self, ConfigError> {
        let server = &options.server;
        let listen = Address::parse(&server.listen).map_err(ConfigError::Listen)?;
        let admin_listen = server.admin_listen.as_deref().filter(|address| !address.is_empty());
        let admin_listen = admin_listen.map(Address::parse).transpose().map_err(ConfigError::AdminListen)?;
        let tls = match (&server.tls_cert, &server.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(TlsConfig::from_pem_files(certificate, key).map_err(ConfigError::Tls)?)
            }
            (None, None) => None,
            _ => return Err(ConfigError::HalfTls),
        };
        let proxies = TrustedProxies::parse(&server.trusted_proxy).map_err(ConfigError::TrustedProxy)?;
        let most = usize::try_from(server.max_connections.get()).ok().and_then(NonZeroUsize::new);
        let policy = Policy::new(server, environment)?;
        if policy.issuer.is_none() && !listen.is_loopback() {
            return Err(ConfigError::NoIssuer);
        }
        Ok(Self {
            place: Place::new(&options.place, environment)?,
            listen,
            admin_listen,
            tls,
            max_connections: most.unwrap_or(NonZeroUsize::MAX),
            shutdown_timeout: seconds(server.shutdown_timeout),
            opened_up: opened_up(server, &proxies),
            proxies,
            policy,
        })
    }

    /// What the operator should know, a sentence for each; but for the limit of requests, which the library speaks of.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &str> {
        let plain = self.expects_a_proxy() && !self.listen.is_loopback();
        let said = [self.is_behind_a_stranger().then_some(BEHIND_A_STRANGER), plain.then_some(IN_PLAIN_TEXT)];
        self.opened_up.iter().map(String::as_str).chain(said.into_iter().flatten())
    }

    /// Whether clients use https and this process does not speak it, though no proxy is named that does.
    pub(crate) fn expects_a_proxy(&self) -> bool {
        let https = self.policy.issuer.as_ref().is_some_and(|issuer| issuer.as_str().starts_with("https:"));
        https && self.tls.is_none() && self.proxies.is_empty()
    }

    /// Whether the limits by address are one limit for all: what reaches a server with an https issuer over loopback, without
    /// TLS, comes from a reverse proxy, and none is believed.
    fn is_behind_a_stranger(&self) -> bool {
        self.policy.rate_limit.is_some() && self.listen.is_loopback() && self.expects_a_proxy()
    }

    /// The issuer of a server that listens on this address.
    pub(crate) fn issuer(&self, bound: SocketAddr) -> Result<Issuer, ConfigError> {
        if let Some(issuer) = &self.policy.issuer {
            return Ok(issuer.clone());
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", self.listen.with_port(bound.port()));
        Issuer::parse(&url).map_err(|error| ConfigError::Issuer(error.to_string()))
    }
}

impl Policy {
    fn new(options: &ServerOptions, environment: &Environment) -> Result<Self, ConfigError> {
        let imported = environment.get("JWT_PRIVATE_KEY_B64").map(SigningKey::from_base64_pem).transpose();
        let imported = imported.map_err(ConfigError::PrivateKey)?;
        let lifetimes = lifetimes(options)?;
        let auth_methods = options.client_auth_methods.iter().filter(|method| !method.is_empty());
        let auth_methods = auth_methods.map(|method| method.parse()).collect::<Result<Vec<_>, _>>();
        let auth_methods = auth_methods.map_err(ConfigError::AuthMethod)?;
        if auth_methods.is_empty() {
            return Err(ConfigError::Policy(mcp_oauth::server::ConfigError::NoAuthMethod));
        }
        let scopes = Scopes::new(&options.scopes, options.default_scope.as_deref())?;
        Ok(Self {
            issuer: issuer(options, environment)?,
            resources: resources(&options.resource)?,
            hierarchy: Hierarchy::new(&options.scope_hierarchy, scopes.as_ref())?,
            scopes,
            allow_users: options.allow_users.clone(),
            registration: match options.registration {
                RegistrationOption::Open => Registration::Open,
                RegistrationOption::Off => Registration::Off,
            },
            auth_methods,
            documents: documents(options)?,
            quirks: quirks::read(options.quirks_file.as_deref())?,
            algorithm: algorithm(options.signing_alg.as_deref(), imported.as_ref())?,
            imported,
            rotate_after: (options.rotate_keys_after > 0).then(|| seconds(options.rotate_keys_after)),
            lifetimes,
            rate_limit: NonZeroU32::new(options.rate_limit),
        })
    }
}

fn opened_up(options: &ServerOptions, proxies: &TrustedProxies) -> Vec<String> {
    let mut opened = Vec::new();
    if proxies.trust_everybody() {
        opened.push(
            "every address is believed to be a reverse proxy: anybody may say who a request comes from".to_owned(),
        );
    }
    let hosts = options.metadata_host.iter().filter(|host| !host.is_empty());
    opened.extend(
        hosts.map(|host| format!("client metadata documents are fetched from {host}, whatever its address is")),
    );
    opened
}

/// How long a registered client may be unused.
pub(crate) fn client_lifetime(options: &ServerOptions) -> Duration {
    if options.client_lifetime == 0 { Duration::MAX } else { seconds(options.client_lifetime) }
}

fn lifetimes(options: &ServerOptions) -> Result<Lifetimes, ConfigError> {
    let mut lifetimes = Lifetimes::default();
    lifetimes.access_token = seconds(options.access_token_lifetime);
    lifetimes.refresh_token = seconds(options.refresh_token_lifetime);
    lifetimes.grant = lifetimes.grant.max(lifetimes.refresh_token);
    lifetimes.unused_client = client_lifetime(options);
    lifetimes.refresh_grace = match options.refresh_grace {
        Some(grace) => seconds(grace),
        // Less than half of an access token's life, as the library asks for.
        None => lifetimes.refresh_grace.min(seconds(options.access_token_lifetime.saturating_sub(1) / 2)),
    };
    if lifetimes.access_token.is_zero() || lifetimes.refresh_token.is_zero() {
        return Err(ConfigError::Policy(mcp_oauth::server::ConfigError::NoLifetime));
    }
    if lifetimes.refresh_grace * 2 >= lifetimes.access_token && !lifetimes.refresh_grace.is_zero() {
        return Err(ConfigError::Policy(mcp_oauth::server::ConfigError::Grace));
    }
    Ok(lifetimes)
}

fn issuer(options: &ServerOptions, environment: &Environment) -> Result<Option<Issuer>, ConfigError> {
    let given = options.issuer.clone().filter(|issuer| !issuer.is_empty());
    let domain = || environment.get("BASE_DOMAIN").map(|domain| format!("https://auth.{domain}"));
    let parsed = given.or_else(domain).map(|issuer| Issuer::parse(&issuer)).transpose();
    let parsed = parsed.map_err(|error| ConfigError::Issuer(error.to_string()))?;
    if parsed.as_ref().is_some_and(|issuer| issuer.as_str().ends_with('/')) {
        return Err(ConfigError::Policy(mcp_oauth::server::ConfigError::IssuerSlash));
    }
    Ok(parsed)
}

fn resources(given: &[String]) -> Result<Vec<ResourceId>, ConfigError> {
    let parse =
        |text: &String| ResourceId::parse(text).map_err(|error| ConfigError::Resource(text.clone(), error.to_string()));
    given.iter().filter(|text| !text.is_empty()).map(parse).collect()
}

fn documents(options: &ServerOptions) -> Result<Documents, ConfigError> {
    let hosts: Vec<String> = options.metadata_host.iter().filter(|host| !host.is_empty()).cloned().collect();
    if options.metadata_documents == DocumentsOption::Off {
        return if hosts.is_empty() { Ok(Documents::Off) } else { Err(ConfigError::NoDocuments) };
    }
    let network = hosts.iter().try_fold(Public::new(), |network, host| -> Result<_, ConfigError> {
        let parsed = host.parse().map_err(|error| ConfigError::MetadataHost(host.clone(), error))?;
        Ok(network.operator_host(parsed))
    })?;
    Ok(Documents::Fetched(network, hosts))
}

fn algorithm(said: Option<&str>, imported: Option<&SigningKey>) -> Result<Algorithm, ConfigError> {
    let said = said.filter(|said| !said.is_empty()).map(str::parse::<Algorithm>).transpose();
    match (said.map_err(ConfigError::Algorithm)?, imported.map(SigningKey::algorithm)) {
        (Some(said), Some(has)) if said != has => Err(ConfigError::OtherAlgorithm { has, said }),
        (said, has) => Ok(said.or(has).unwrap_or(Algorithm::Es256)),
    }
}

impl Scopes {
    fn new(given: &[String], default: Option<&str>) -> Result<Option<Self>, ConfigError> {
        let mut known = Vec::new();
        for entry in given.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
            let wrong = |_| ConfigError::Scope(entry.to_owned());
            if let Some((name, description)) = entry.split_once('=') {
                known.push(Scope::new(ScopeToken::parse(name).map_err(wrong)?, Some(description.trim())));
                continue;
            }
            for name in entry.split([' ', ',']).filter(|name| !name.is_empty()) {
                known.push(Scope::new(ScopeToken::parse(name).map_err(wrong)?, None));
            }
        }
        if known.is_empty() && default.is_none() {
            return Ok(None);
        }
        let Some(default) = default else {
            let default = known.first().map(|scope| scope.name.clone()).into_iter().collect();
            return Ok(Some(Self { known, default }));
        };
        if known.is_empty() {
            known.extend(ScopeToken::parse("mcp").ok().map(|name| Scope::new(name, None)));
        }
        let wrong = || ConfigError::DefaultScope(default.to_owned());
        let default: ScopeSet = default.replace(',', " ").parse().map_err(|_| wrong())?;
        let all: ScopeSet = known.iter().map(|scope| scope.name.clone()).collect();
        if all.is_superset(&default) { Ok(Some(Self { known, default })) } else { Err(wrong()) }
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

#[cfg(test)]
mod tests;
