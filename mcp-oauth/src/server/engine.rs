//! What all endpoints stand on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use mcp_transport::auth::{ClientId, ResourceId, ScopeSet, ScopeToken};

use super::audit::{AuditSink, Event};
use super::client::{ClientResolver, DocumentFault, MetadataPolicy, Resolution, is_document_url};
use super::client_keys::ClientKeys;
use super::config::Config;
use super::error::{ErrorCode, OAuthError};
use super::form::Form;
use super::grant::{Attempts, GrantHandler};
use super::hints::Hints;
use super::http::DocumentClients;
use super::keychain::Keychain;
use super::limits::{Limit, Try};
use super::refusals::Refusals;
use super::upkeep::Upkeep;
use crate::identity::{AccessPolicy, Providers};
use crate::jose::{AccessTokenClaims, AccessTokenPolicy, TokenError};
use crate::pages::{PageHeaders, Pages};
use mcp_transport::Chain;

use crate::store::Stores;
use crate::types::token::{AuthorizationCode, RefreshKey, RefreshToken};
use crate::types::{
    Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, Clock, Grant, GrantId, Timestamp, network,
    site,
};

/// The state of the server that requests share. It does not change; what changes is in the stores, in the keychain, and in
/// what is known of attempts and requests that failed.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keychain: Keychain,
    pub(crate) attempts: Attempts,
    pub(crate) refusals: Refusals,
    pub(crate) upkeep: Upkeep,
    pub(crate) hints: Hints,
    pub(crate) parts: Parts,
}

/// What an embedder plugs in.
pub(crate) struct Parts {
    pub(crate) clients: Arc<dyn ClientResolver>,
    pub(crate) documents: DocumentClients,
    pub(crate) client_keys: ClientKeys,
    pub(crate) metadata_policy: Arc<MetadataPolicy>,
    pub(crate) providers: Providers,
    pub(crate) policy: Arc<dyn AccessPolicy>,
    pub(crate) pages: Arc<dyn Pages>,
    pub(crate) page_headers: PageHeaders,
    pub(crate) audit: Arc<dyn AuditSink>,
    pub(crate) grants: BTreeMap<String, Arc<dyn GrantHandler>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("grants", &self.grants.keys()).finish_non_exhaustive()
    }
}

/// Scopes that clients ask for out of habit, and that mean nothing here: they are neither refused nor granted. Refresh
/// tokens are given without `offline_access` (MCP authorization, "Refresh Tokens").
const HABITUAL: [&str; 6] = ["offline_access", "openid", "profile", "email", "address", "phone"];

/// Whether none of the scopes that a client asks for means anything: it asks for nothing in particular.
pub(crate) fn is_habit(asked: &str) -> bool {
    asked.split(' ').filter(|scope| !scope.is_empty()).all(|scope| HABITUAL.contains(&scope))
}

/// What became of the search for a client.
fn known(id: &ClientId, resolution: Resolution) -> Result<Option<Client>, OAuthError> {
    match resolution {
        Resolution::Found(resolved) => Ok(Some(resolved.client)),
        Resolution::Unknown(why) => {
            tracing::debug!(client = %id, why = %Chain(&why), "there is no such client");
            Ok(None)
        }
        Resolution::Unavailable(error) => Err(error.into()),
        Resolution::OutOfReach(error) => {
            let text = "the client's metadata document cannot be read at the moment; try again";
            let answer = OAuthError::new(ErrorCode::TemporarilyUnavailable, text);
            Err(answer.with_retry_after(error.retry_after().unwrap_or_default()))
        }
    }
}

impl Engine {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn record(&self, event: Event) {
        self.parts.audit.record(event);
    }

    /// The client of an id, for whoever asks from this address.
    ///
    /// # Errors
    ///
    /// When nobody can tell. That says nothing about the client.
    pub(crate) async fn resolve(
        &self,
        id: &ClientId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Client>, OAuthError> {
        let resolution = self.parts.clients.resolve(id, address, now).await;
        self.hear_of(&resolution, address);
        known(id, resolution)
    }

    /// Whether a client's document was not fetched because so many are.
    fn hear_of(&self, resolution: &Resolution, address: Option<IpAddr>) {
        if let Resolution::OutOfReach(error) = resolution
            && error.cause() == DocumentFault::Busy
        {
            self.refused(Limit::Document, address);
        }
    }

    /// The same for a request with a code or a token: what the users of a client have consented to goes on while its
    /// document is out of reach, by what the grant remembers of it. A document that is no good, or that may not be fetched
    /// any more, is another matter: its client is unknown, whatever it was once granted.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub(crate) async fn resolve_or_remember(
        &self,
        id: &ClientId,
        form: &Form,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Client>, OAuthError> {
        let resolution = self.parts.clients.resolve(id, address, now).await;
        if let Resolution::OutOfReach(_) = &resolution {
            if let Some(client) = self.of_grant(id, form, now).await? {
                return Ok(Some(client));
            }
            self.hear_of(&resolution, address);
            // It has cost as much as a secret that is wrong, and there may be no other limit.
            self.limit(Limit::ClientSecret, address).await?;
        }
        known(id, resolution)
    }

    /// A client with a document, as a grant remembers it. One that signs is not among them: its keys are in its document.
    async fn of_grant(&self, id: &ClientId, form: &Form, now: Timestamp) -> Result<Option<Client>, OAuthError> {
        if !is_document_url(id.as_str()) {
            return Ok(None);
        }
        let refresh_token = form.get("refresh_token").or_else(|| form.get("token")).and_then(RefreshToken::parse);
        let code = form.get("code").and_then(AuthorizationCode::parse);
        let named = refresh_token.map(|token| token.grant()).or_else(|| code.map(|code| code.grant()));
        // RFC 7009 section 2.1: access tokens are revoked too.
        let grant = match (named, form.get("token")) {
            (Some(named), _) => Some(named),
            (None, Some(token)) => self.grant_of(token, now).await?,
            (None, None) => None,
        };
        let Some(grant) = grant else { return Ok(None) };
        let view = self.stores.grants.peek(grant, now).await?;
        let source = ClientSource::MetadataDocument;
        let is_own = |client: &ClientSnapshot| {
            client.id == *id && client.source == source && client.auth_method == ClientAuthMethod::None
        };
        Ok(view.filter(|view| is_own(&view.grant.client)).map(|view| {
            let used = view.code.map(|code| code.redirect_uri);
            let mut metadata = ClientMetadata::new(ClientAuthMethod::None, used.into_iter().collect());
            // Quirks go by it, as they do while the document can be had.
            metadata.client_name = view.grant.client.name;
            Client::new(id.clone(), source, metadata, now)
        }))
    }

    /// The claims of an access token of ours that is good by its signature and its times; `None` for every other text.
    ///
    /// # Errors
    ///
    /// When it names a key that is not known here, and the store of the keys cannot be asked.
    pub(crate) async fn claims(&self, token: &str, now: Timestamp) -> Result<Option<AccessTokenClaims>, OAuthError> {
        let policy = AccessTokenPolicy::for_issuer(self.config.issuer.clone());
        let keys = self.keychain.current();
        let verified = match policy.verify(token, keys.ring().verifiers(), now.into()) {
            // A node that has just dropped a key signs with one that the others have not heard of.
            Err(TokenError::UnknownKey) => {
                let keys = self.keychain.newest(&keys).await?;
                policy.verify(token, keys.ring().verifiers(), now.into())
            }
            verified => verified,
        };
        Ok(verified.ok())
    }

    /// The grant that an access token of ours hangs under.
    async fn grant_of(&self, access_token: &str, now: Timestamp) -> Result<Option<GrantId>, OAuthError> {
        let claims = self.claims(access_token, now).await?;
        Ok(claims.and_then(|claims| claims.grant?.id.parse().ok()))
    }

    /// The key that this server makes the refresh tokens of a grant with, if the token is one of them.
    ///
    /// # Errors
    ///
    /// When the key is not known here, and the store cannot be asked for it.
    pub(crate) async fn maker(
        &self,
        token: &RefreshToken,
        grant: &Grant,
    ) -> Result<Option<Arc<RefreshKey>>, OAuthError> {
        let key = self.keychain.refresh_key(&grant.refresh_key).await?;
        Ok(key.filter(|key| key.made(token, grant.salt.as_bytes())))
    }

    /// Takes one out of the bucket of an address; where the address is not known, all share one.
    pub(crate) async fn limit(&self, limit: Limit, address: Option<IpAddr>) -> Result<(), OAuthError> {
        self.take(limit, &address.map(network).unwrap_or_default(), address).await
    }

    /// Takes one out of a bucket, for a request from this address.
    pub(crate) async fn take(&self, limit: Limit, whose: &[u8], address: Option<IpAddr>) -> Result<(), OAuthError> {
        let taken = self.config.limits.take(self.stores.limits.as_ref(), limit, whose, self.now()).await;
        self.heard(taken, address)
    }

    /// Takes one out of each of these buckets, for a try of which nobody knows yet whether it fails.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what was taken counts as a failure.
    pub(crate) async fn begin(
        &self,
        buckets: &[(Limit, &[&[u8]])],
        address: Option<IpAddr>,
    ) -> Result<Try, OAuthError> {
        let begun = self.config.limits.begin(self.stores.limits.as_ref(), buckets, self.now()).await;
        self.heard(begun, address)
    }

    /// Takes one registration out of the buckets of an address, of the /48 that it belongs to, and of everybody: what
    /// strangers may have kept is bounded, however many addresses they have.
    pub(crate) async fn limit_registration(&self, address: Option<IpAddr>) -> Result<(), OAuthError> {
        self.limit(Limit::Registration, address).await?;
        if let Some(site) = address.and_then(site) {
            self.take(Limit::RegistrationOfSite, &site, address).await?;
        }
        self.take(Limit::AnyRegistration, &[], address).await
    }

    /// Whether an address may still be right about the secret of a client (RFC 6819 section 5.1.4.2.2): who guesses too often
    /// is not told when they are. Of this client alone: others behind the address are heard, whatever one of them sends.
    pub(crate) async fn may_guess(&self, client: &[u8], address: Option<IpAddr>) -> Result<(), OAuthError> {
        let whose = address.map(network).unwrap_or_default();
        let store = self.stores.limits.as_ref();
        let looked = self.config.limits.look(store, Limit::SecretOf, &[client, &whose], self.now()).await;
        self.heard(looked, address)
    }

    /// Counts a secret that was wrong, of the client and of the address.
    pub(crate) async fn guessed(&self, client: &[u8], address: Option<IpAddr>) -> Result<(), OAuthError> {
        let whose = address.map(network).unwrap_or_default();
        // An empty one stays empty: that is what is looked at.
        let own = self.begin(&[(Limit::SecretOf, &[client, &whose])], address).await.map(Try::fail);
        self.limit(Limit::ClientSecret, address).await?;
        own
    }

    /// Which resource a request means (RFC 8707 section 2): the one that it names, or the first.
    ///
    /// A token is for one resource, so that no server can use it at another. Naming two is `invalid_target`, and so is one
    /// that is not served here.
    pub(crate) fn resource(&self, form: &Form) -> Result<&ResourceId, OAuthError> {
        let mut meant = None;
        for named in form.all("resource") {
            // Most clients write it as it is: then no URL has to be taken apart.
            let resources = &self.config.resources;
            let found = resources.iter().find(|own| own.as_str() == named);
            let found = found.or_else(|| resources.iter().find(|own| own.is_named_by(named)));
            let found = found.ok_or_else(|| {
                OAuthError::new(ErrorCode::InvalidTarget, "no such resource is served by this server")
            })?;
            if meant.is_some_and(|other| other != found) {
                let text = "a token is for one resource; ask for one at a time";
                return Err(OAuthError::new(ErrorCode::InvalidTarget, text));
            }
            meant = Some(found);
        }
        meant
            .or_else(|| self.config.resources.first())
            .ok_or_else(|| OAuthError::new(ErrorCode::InvalidTarget, "this server serves no resource"))
    }

    /// Which scopes a request means (RFC 6749 section 3.3): what it asks for as far as the server knows it and the client
    /// may have it, or the default. The token response says what became of it.
    pub(crate) fn scopes(&self, asked: Option<&str>, client: &Client) -> Result<ScopeSet, OAuthError> {
        let known = self.config.known_scopes();
        let allowed = |scope: &ScopeToken| {
            let registered = client.metadata.scope.as_ref();
            registered.is_none_or(|registered| self.config.hierarchy.expand(registered).contains(scope.as_str()))
        };
        let asked = asked.unwrap_or_default();
        let mut wanted = Vec::new();
        for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
            let scope = ScopeToken::parse(scope)
                .map_err(|_| OAuthError::new(ErrorCode::InvalidScope, "the scope is malformed"))?;
            if known.contains(scope.as_str()) && allowed(&scope) {
                wanted.push(scope);
            }
        }
        if wanted.is_empty() && is_habit(asked) {
            return Ok(self.config.default_scopes.iter().filter(|scope| allowed(scope)).cloned().collect());
        }
        if wanted.is_empty() {
            return Err(OAuthError::new(
                ErrorCode::InvalidScope,
                "none of the scopes is known, or open to this client",
            ));
        }
        Ok(wanted.into_iter().collect())
    }
}
