//! What the server is told: names, resources, scopes and times. It does not change while the server runs.

use std::num::NonZeroU32;
use std::time::Duration;

use mcp_transport::auth::{ClientId, Issuer, ResourceId, ScopeHierarchy, ScopeSet, ScopeToken};
use thiserror::Error;

use super::limits::Limits;
use crate::types::ClientAuthMethod;

/// A scope that the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope {
    /// Its name.
    pub name: ScopeToken,
    /// What the consent page says about it.
    pub description: Option<String>,
}

impl Scope {
    /// A scope, and what people are told of it.
    #[must_use]
    pub fn new(name: ScopeToken, description: Option<&str>) -> Self {
        Self { name, description: description.map(str::to_owned) }
    }
}

/// How long things live. All of it can be changed; the defaults keep to OAuth 2.1 and RFC 9700.
///
/// ```
/// use std::time::Duration;
///
/// use mcp_oauth::server::Lifetimes;
///
/// let mut lifetimes = Lifetimes::default();
/// lifetimes.access_token = Duration::from_secs(600);
/// assert_eq!(lifetimes.code, Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifetimes {
    /// An access token. 30 minutes.
    pub access_token: Duration,
    /// A grant that nobody refreshes. 30 days.
    pub refresh_token: Duration,
    /// A grant, whatever is done with it. 365 days.
    pub grant: Duration,
    /// How long a refresh token that has been replaced is answered with its successor, for clients that refresh in
    /// parallel or lost the answer. 120 seconds; 0 turns it off. Always less than half of an access token's life.
    pub refresh_grace: Duration,
    /// How often one is answered so. 1024: that many processes of one client may refresh at once. Beyond that they are told
    /// to wait (429), and nothing ends. At 0 there is no grace.
    pub refresh_replays: u32,
    /// An authorization code. 60 seconds, at most 600.
    pub code: Duration,
    /// A sign-in, on the user's browser. 8 hours.
    pub session: Duration,
    /// A page that waits for the user. 10 minutes.
    pub page: Duration,
    /// A consent that is remembered. 90 days.
    pub consent: Duration,
    /// A device code. 10 minutes.
    pub device: Duration,
    /// How long a device waits between two polls. 5 seconds.
    pub device_interval: Duration,
    /// A client that registered itself and is not used. 90 days.
    pub unused_client: Duration,
    /// A client that registered itself and was never used at all. One day.
    pub unclaimed_client: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            access_token: Duration::from_secs(1800),
            refresh_token: Duration::from_secs(30 * DAY),
            grant: Duration::from_secs(365 * DAY),
            refresh_grace: Duration::from_secs(120),
            refresh_replays: 1024,
            code: Duration::from_secs(60),
            session: Duration::from_secs(8 * 3600),
            page: Duration::from_secs(600),
            consent: Duration::from_secs(90 * DAY),
            device: Duration::from_secs(600),
            device_interval: Duration::from_secs(5),
            unused_client: Duration::from_secs(90 * DAY),
            unclaimed_client: Duration::from_secs(DAY),
        }
    }
}

/// Whether clients may register themselves (RFC 7591).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// Any client may.
    #[default]
    Open,
    /// None may: clients are added by the operator, or have a metadata document.
    Off,
}

/// What the server is told.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) issuer: Issuer,
    pub(crate) resources: Vec<ResourceId>,
    pub(crate) scopes: Vec<Scope>,
    /// Their names, from [`check`](Self::check) on.
    known_scopes: ScopeSet,
    pub(crate) default_scopes: ScopeSet,
    pub(crate) hierarchy: ScopeHierarchy,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) auth_methods: Vec<ClientAuthMethod>,
    pub(crate) registration: Registration,
    pub(crate) limits: Limits,
    pub(crate) documentation: Option<String>,
}

/// What is wrong with a configuration, and how to mend it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The issuer ends with a slash.
    #[error("the issuer must not end with a slash: clients compare it byte for byte, and many drop the slash")]
    IssuerSlash,
    /// No client could authenticate.
    #[error("name at least one client authentication method")]
    NoAuthMethod,
    /// Nobody could sign in.
    #[error("name at least one identity provider")]
    NoIdentity,
    /// What outlives the process would be sealed with a key that does not.
    #[error("stores of your own need a master key, or nobody can read their keys after a restart: give master_key")]
    NoMasterKey,
    /// Two providers have the same id.
    #[error(transparent)]
    RepeatedIdentity(#[from] crate::identity::RepeatedProvider),
    /// Two clients have the same id.
    #[error(transparent)]
    RepeatedClient(#[from] super::client::ConfiguredTwice),
    /// A client of the operator's may use a grant that there is none of.
    #[error(
        "the client {client} may use the grant {grant:?}, and there is no such grant: those that there are, are {known}"
    )]
    UnknownGrant {
        /// Which client.
        client: ClientId,
        /// Which grant.
        grant: String,
        /// Those that there are.
        known: String,
    },
    /// A client of the operator's shows a secret by its method, and has none, or the other way round.
    #[error("the client {0} has a secret and no method to show it by, or such a method and no secret")]
    Secret(ClientId),
    /// A default scope is not among the scopes.
    #[error("the default scopes must be among the scopes")]
    DefaultScope,
    /// Codes would live too long.
    #[error("authorization codes live at most 10 minutes (RFC 6749 section 4.1.2)")]
    CodeLifetime,
    /// A lifetime is nothing.
    #[error("a lifetime must be at least one second")]
    NoLifetime,
    /// The grace is too long.
    #[error("the refresh grace must be less than half of the lifetime of an access token")]
    Grace,
    /// The keys in the store cannot be used.
    #[error("the keys of the server cannot be used")]
    Keys(#[source] super::keychain::KeychainError),
    /// The network client for metadata documents cannot be built.
    #[error("client metadata documents cannot be fetched")]
    Network(#[source] crate::store::BoxError),
}

impl Config {
    /// The configuration of this issuer, all else as it is by default.
    pub(crate) fn new(issuer: Issuer) -> Self {
        let mcp = ScopeToken::parse("mcp").ok();
        Self {
            resources: Vec::new(),
            scopes: mcp.iter().cloned().map(|name| Scope::new(name, Some("Use the MCP server in your name"))).collect(),
            known_scopes: ScopeSet::EMPTY,
            default_scopes: mcp.into_iter().collect(),
            hierarchy: ScopeHierarchy::flat(),
            lifetimes: Lifetimes::default(),
            auth_methods: ClientAuthMethod::ALL.to_vec(),
            registration: Registration::default(),
            limits: Limits::new(NonZeroU32::new(300)),
            documentation: None,
            issuer,
        }
    }

    /// Judges it as a whole.
    pub(crate) fn check(&mut self) -> Result<(), ConfigError> {
        if self.issuer.as_str().ends_with('/') {
            return Err(ConfigError::IssuerSlash);
        }
        if self.resources.is_empty() {
            // Every origin of an issuer may name a resource too. The path of an issuer says which of several servers it is,
            // and nothing of what they protect.
            let own = ResourceId::parse(self.origin()).ok();
            self.resources.extend(own);
        }
        if self.auth_methods.is_empty() {
            return Err(ConfigError::NoAuthMethod);
        }
        self.known_scopes = self.scopes.iter().map(|scope| scope.name.clone()).collect();
        if !self.known_scopes.is_superset(&self.default_scopes) {
            return Err(ConfigError::DefaultScope);
        }
        let times = &self.lifetimes;
        if times.code > Duration::from_secs(600) {
            return Err(ConfigError::CodeLifetime);
        }
        let all = [
            times.access_token,
            times.refresh_token,
            times.grant,
            times.code,
            times.session,
            times.page,
            times.device,
            times.device_interval,
        ];
        if all.iter().any(|time| *time < Duration::from_secs(1)) {
            return Err(ConfigError::NoLifetime);
        }
        if times.refresh_grace.saturating_mul(2) >= times.access_token && !times.refresh_grace.is_zero() {
            return Err(ConfigError::Grace);
        }
        Ok(())
    }

    /// The scopes that the server knows.
    pub(crate) const fn known_scopes(&self) -> &ScopeSet {
        &self.known_scopes
    }

    /// Whether pages and cookies go through TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.issuer.as_str().get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    }

    /// The path of the issuer: empty, or beginning with a slash and ending without one.
    pub(crate) fn path(&self) -> &str {
        let rest = self.issuer.as_str().split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default()
    }

    /// Scheme, host and port of the issuer, as a browser writes an origin.
    pub(crate) fn origin(&self) -> &str {
        let issuer = self.issuer.as_str();
        issuer.get(..issuer.len() - self.path().len()).unwrap_or(issuer)
    }

    /// The URL of an endpoint.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(issuer: &str) -> Config {
        Config::new(Issuer::parse(issuer).unwrap())
    }

    #[test]
    fn parts_of_the_issuer() {
        for (issuer, origin, path) in [
            ("https://as.example", "https://as.example", ""),
            ("https://as.example:8443/a/b", "https://as.example:8443", "/a/b"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000", ""),
        ] {
            let config = config(issuer);
            assert_eq!((config.origin(), config.path()), (origin, path));
            assert_eq!(config.url("/token"), format!("{issuer}/token"));
            assert_eq!(config.is_secure(), issuer.starts_with("https"));
        }
    }

    #[test]
    fn without_a_resource_it_is_the_origin_of_the_issuer() {
        for (issuer, resource) in [
            ("https://as.example", "https://as.example"),
            ("https://as.example:8443/a/b", "https://as.example:8443"),
            ("http://127.0.0.1:8000/tenant", "http://127.0.0.1:8000"),
        ] {
            let mut config = config(issuer);
            config.check().unwrap();
            assert_eq!(config.resources.iter().map(ResourceId::as_str).collect::<Vec<_>>(), [resource]);
        }
    }

    #[test]
    fn faults_are_told() {
        assert!(matches!(config("https://as.example/").check(), Err(ConfigError::IssuerSlash)));
        let mut long = config("https://as.example");
        long.lifetimes.code = Duration::from_secs(601);
        assert!(matches!(long.check(), Err(ConfigError::CodeLifetime)));
        let mut grace = config("https://as.example");
        grace.lifetimes.access_token = Duration::from_secs(240);
        assert!(matches!(grace.check(), Err(ConfigError::Grace)));
        grace.lifetimes.refresh_grace = Duration::ZERO;
        assert!(grace.check().is_ok());
        let mut scope = config("https://as.example");
        scope.default_scopes = "other".parse().unwrap();
        assert!(matches!(scope.check(), Err(ConfigError::DefaultScope)));
    }
}
