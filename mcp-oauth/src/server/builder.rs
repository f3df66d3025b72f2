//! Puts an authorization server together.

mod grants;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mcp_transport::auth::{Issuer, ResourceId, ScopeHierarchy, ScopeSet};
use mcp_transport::net::{Client as NetClient, Public, Timeouts, Tls};
use mcp_transport::seal::SealKey;

use super::audit::{AuditSink, LogAudit};
use super::authorization_server::AuthorizationServer;
use super::client::{
    ClientResolver, ConfiguredClients, DocumentSettings, Documents, FETCH_TIMEOUT, Fetches, MetadataPolicy, NetFetch,
    QuirkRule, ResolverChain,
};
use super::client_keys::ClientKeys;
use super::config::{Config, ConfigError, Lifetimes, Registration, Scope};
use super::engine::{Engine, Parts};
use super::grant::{Attempts, GrantHandler, GrantLayer};
use super::hints::Hints;
use super::http::DocumentClients;
use super::keychain::{Keychain, KeychainError};
use super::limits::Limits;
use super::refusals::Refusals;
use super::upkeep::Upkeep;
use crate::identity::{AccessPolicy, AllowAll, IdentityProvider, Providers};
use crate::jose::{Algorithm, RotationPolicy, SigningKey};
use crate::pages::{DefaultPages, PageHeaders, Pages};
use crate::store::Stores;
use crate::store::memory::{MemoryLimits, MemoryStore};
use crate::types::{Client, ClientAuthMethod, Clock, SystemClock};

/// What an authorization server is made of. See each method for its default.
pub struct AuthorizationServerBuilder {
    config: Config,
    stores: Option<Stores>,
    clock: Arc<dyn Clock>,
    master: Option<SealKey>,
    algorithm: Algorithm,
    imported: Vec<SigningKey>,
    rotate_after: Option<Duration>,
    providers: Vec<Arc<dyn IdentityProvider>>,
    policy: Arc<dyn AccessPolicy>,
    pages: Arc<dyn Pages>,
    audit: Arc<dyn AuditSink>,
    grants: Vec<Arc<dyn GrantHandler>>,
    layers: Vec<Arc<dyn GrantLayer>>,
    clients: Vec<Client>,
    quirks: Vec<QuirkRule>,
    documents: DocumentClients,
    document_settings: DocumentSettings,
    network: Public,
    tls: Option<Tls>,
}

impl fmt::Debug for AuthorizationServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl AuthorizationServerBuilder {
    /// Everything as it is by default.
    pub(super) fn new(issuer: Issuer) -> Self {
        Self {
            config: Config::new(issuer),
            stores: None,
            clock: Arc::new(SystemClock),
            master: None,
            algorithm: Algorithm::Es256,
            imported: Vec::new(),
            rotate_after: Some(Duration::from_secs(30 * 24 * 3600)),
            providers: Vec::new(),
            policy: Arc::new(AllowAll),
            pages: Arc::new(DefaultPages::default()),
            audit: Arc::new(LogAudit),
            grants: Vec::new(),
            layers: Vec::new(),
            clients: Vec::new(),
            quirks: Vec::new(),
            documents: DocumentClients::Taken,
            document_settings: DocumentSettings::default(),
            network: Public::new(),
            tls: None,
        }
    }

    /// A resource that tokens are issued for. The first one is meant where a request names none; without any it is the origin
    /// of the issuer.
    #[must_use]
    pub fn resource(mut self, resource: ResourceId) -> Self {
        self.config.resources.push(resource);
        self
    }

    /// Where everything is kept. In memory by default, which forgets it all at the end of the process. Stores that are
    /// given need a [`master_key`](Self::master_key).
    #[must_use]
    pub fn stores(mut self, stores: Stores) -> Self {
        self.stores = Some(stores);
        self
    }

    /// The key that seals the server's keys in the store. Every process that shares the store has the same, and so has the
    /// next one after a restart: without it what is in the store cannot be read. Only where no stores are given is it random.
    /// [`master_key::read_or_make`](crate::master_key::read_or_make) keeps one in a file.
    #[must_use]
    pub fn master_key(mut self, key: SealKey) -> Self {
        self.master = Some(key);
        self
    }

    /// A way for users to sign in. At least one is needed; the first is offered first.
    #[must_use]
    pub fn identity(mut self, provider: Arc<dyn IdentityProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// Who may have what. Everybody who can sign in, by default. It is not asked for a client that acts for itself
    /// (`client_credentials`): nobody signs in there, and the client may have the scopes of its registration.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn AccessPolicy>) -> Self {
        self.policy = policy;
        self
    }

    /// The scopes that there are, and those that a client gets that asks for none. One scope by default, `mcp`.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = Scope>, default: ScopeSet) -> Self {
        self.config.scopes = scopes.into_iter().collect();
        self.config.default_scopes = default;
        self
    }

    /// Which scopes imply others. None by default.
    #[must_use]
    pub fn scope_hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.config.hierarchy = hierarchy;
        self
    }

    /// How long things live: see [`Lifetimes`].
    #[must_use]
    pub fn lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.config.lifetimes = lifetimes;
        self
    }

    /// How clients may authenticate. All methods by default.
    #[must_use]
    pub fn client_auth_methods(mut self, methods: impl IntoIterator<Item = ClientAuthMethod>) -> Self {
        self.config.auth_methods = methods.into_iter().collect();
        self
    }

    /// Whether clients may register themselves. They may, by default.
    #[must_use]
    pub fn registration(mut self, registration: Registration) -> Self {
        self.config.registration = registration;
        self
    }

    /// Whether clients may be known by the document behind their id (Client ID Metadata Documents). They may, by default.
    #[must_use]
    pub fn without_metadata_documents(mut self) -> Self {
        self.documents = DocumentClients::Refused;
        self
    }

    /// How metadata documents are fetched and kept, and whose are taken.
    #[must_use]
    pub fn metadata_documents(mut self, settings: DocumentSettings) -> Self {
        self.document_settings = settings;
        self
    }

    /// A client of the operator's, known without a store: see [`Client::confidential`].
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// What a particular client needs otherwise than others.
    #[must_use]
    pub fn quirk(mut self, rule: QuirkRule) -> Self {
        self.quirks.push(rule);
        self
    }

    /// How many requests an address may send in a minute; `None` for no limit of any kind on what comes in, which is said in the
    /// log. 300 by default. An address may register a tenth of that, a /48 of IPv6 four tenths, and all together as many as
    /// this. What is fetched of clients has limits of its own ([`DocumentSettings`](super::client::DocumentSettings)).
    #[must_use]
    pub fn rate_limit(mut self, per_minute: Option<NonZeroU32>) -> Self {
        self.config.limits = Limits::new(per_minute);
        self
    }

    /// What access tokens are signed with. ES256 by default; RS256 for readers that know nothing else.
    #[must_use]
    pub const fn signing_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// A signing key that is brought along. It signs where there is none of its algorithm yet, and is the next one otherwise.
    /// It is taken once: after it has been retired or revoked, naming it again does not bring it back.
    #[must_use]
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.imported.push(key);
        self
    }

    /// How long a signing key signs; `None`: until it is rotated by hand. 30 days by default.
    #[must_use]
    pub const fn rotate_after(mut self, age: Option<Duration>) -> Self {
        self.rotate_after = age;
        self
    }

    /// A further grant, or another in the place of one of the same type.
    #[must_use]
    pub fn grant(mut self, handler: Arc<dyn GrantHandler>) -> Self {
        self.grants.push(handler);
        self
    }

    /// Something that stands before all grants. The one that is given last sees a request first.
    #[must_use]
    pub fn grant_layer(mut self, layer: Arc<dyn GrantLayer>) -> Self {
        self.layers.push(layer);
        self
    }

    /// The pages that users see. [`DefaultPages`] by default.
    #[must_use]
    pub fn pages(mut self, pages: Arc<dyn Pages>) -> Self {
        self.pages = pages;
        self
    }

    /// Who takes down what happens. The log, by default.
    #[must_use]
    pub fn audit(mut self, audit: Arc<dyn AuditSink>) -> Self {
        self.audit = audit;
        self
    }

    /// Which hosts of the operator's are fetched from, though they are not public: metadata documents of internal clients.
    #[must_use]
    pub fn network(mut self, network: Public) -> Self {
        self.network = network;
        self
    }

    /// Whom outbound connections trust. The platform's authorities by default.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A page for developers, named in the metadata.
    #[must_use]
    pub fn documentation(mut self, url: &str) -> Self {
        self.config.documentation = Some(url.to_owned());
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The server, its keys loaded or made.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration, in a sentence that says how to mend it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, keys may have been made in the store; the next start finds them.
    pub async fn build(mut self) -> Result<AuthorizationServer, ConfigError> {
        self.config.check()?;
        if self.providers.is_empty() {
            return Err(ConfigError::NoIdentity);
        }
        if self.stores.is_some() && self.master.is_none() {
            return Err(ConfigError::NoMasterKey);
        }
        let providers = Providers::new(std::mem::take(&mut self.providers)).map_err(ConfigError::RepeatedIdentity)?;
        let stores =
            self.stores.take().unwrap_or_else(|| Stores::all_in(&Arc::new(MemoryStore::new(MemoryLimits::default()))));
        if self.config.limits.is_off() {
            tracing::warn!("requests are not limited");
        }
        let keychain = self.keychain(&stores).await?;
        let grants = self.grants();
        self.judge_clients(&grants)?;
        let metadata_policy = Arc::new(self.metadata_policy(&grants));
        let fetches = Arc::new(Fetches::new(&self.document_settings));
        let clients = self.resolver(&stores, &metadata_policy, &fetches)?;
        let page_headers = PageHeaders::new(self.pages.as_ref(), &self.config.issuer);
        let parts = Parts {
            clients,
            client_keys: ClientKeys::new(self.net()?, fetches),
            documents: self.documents,
            metadata_policy,
            providers,
            policy: self.policy,
            pages: self.pages,
            page_headers,
            audit: self.audit,
            grants,
        };
        let (attempts, refusals) = (Attempts::default(), Refusals::default());
        let (config, clock) = (self.config, self.clock);
        let (upkeep, hints) = (Upkeep::from(clock.now()), Hints::default());
        Ok(AuthorizationServer::new(Engine {
            config,
            stores,
            clock,
            keychain,
            attempts,
            refusals,
            upkeep,
            hints,
            parts,
        }))
    }

    async fn keychain(&mut self, stores: &Stores) -> Result<Keychain, ConfigError> {
        let master = match self.master.take() {
            Some(key) => key,
            None => SealKey::random().map_err(|error| ConfigError::Keys(KeychainError::NoMaster(error.into())))?,
        };
        let lifetimes = &self.config.lifetimes;
        let policy = RotationPolicy::new(self.algorithm, lifetimes.access_token).rotate_after(self.rotate_after);
        let (keys, imported) = (Arc::clone(&stores.keys), std::mem::take(&mut self.imported));
        let keychain = Keychain::open(keys, master, policy, lifetimes.grant, imported, Arc::clone(&self.clock));
        keychain.await.map_err(ConfigError::Keys)
    }

    fn resolver(
        &mut self,
        stores: &Stores,
        policy: &Arc<MetadataPolicy>,
        fetches: &Arc<Fetches>,
    ) -> Result<Arc<dyn ClientResolver>, ConfigError> {
        let configured =
            ConfiguredClients::new(std::mem::take(&mut self.clients)).map_err(ConfigError::RepeatedClient)?;
        let chain = ResolverChain::new(Arc::new(configured), Arc::clone(&stores.clients));
        if self.documents == DocumentClients::Refused {
            return Ok(Arc::new(chain));
        }
        let mut net = NetClient::builder(self.network.clone());
        if let Some(tls) = &self.tls {
            net = net.tls(tls.clone());
        }
        let settings = self.document_settings.clone();
        let fetch = NetFetch::new(net, FETCH_TIMEOUT, settings.largest);
        let fetch = fetch.map_err(|error| ConfigError::Network(error.into()))?;
        let documents = Documents::new(Arc::new(fetch), Arc::clone(policy), settings, Arc::clone(fetches));
        Ok(Arc::new(chain.documents(Arc::new(documents))))
    }

    /// For the keys of clients.
    fn net(&self) -> Result<NetClient, ConfigError> {
        let mut net = NetClient::builder(self.network.clone());
        if let Some(tls) = &self.tls {
            net = net.tls(tls.clone());
        }
        let timeouts = Timeouts::new().connect(FETCH_TIMEOUT).head(FETCH_TIMEOUT).total(Some(FETCH_TIMEOUT));
        net.timeouts(timeouts).build().map_err(|error| ConfigError::Network(error.into()))
    }
}
