//! What all endpoints stand on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use mcp_transport::auth::{ClientId, ResourceId, ScopeSet, ScopeToken};

use super::audit::{AuditSink, Event};
use super::client::{ClientResolver, MetadataPolicy, Resolution, is_document_url};
use super::client_keys::ClientKeys;
use super::config::Config;
use super::error::{ErrorCode, OAuthError};
use super::form::Form;
use super::grant::GrantHandler;
use super::http::DocumentClients;
use super::keychain::Keychain;
use super::limits::{Kind, network};
use crate::chain::Chain;
use crate::identity::{AccessPolicy, Providers};
use crate::jose::AccessTokenPolicy;
use crate::pages::{PageHeaders, Pages};

use crate::store::Stores;
use crate::types::token::{AuthorizationCode, RefreshToken};
use crate::types::{Client, ClientMetadata, ClientSource, Clock, Grant, GrantId, Timestamp};

/// The state of the server that requests share. It does not change; what changes is in the stores and in the keychain.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keychain: Keychain,
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

impl Engine {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn record(&self, event: Event) {
        self.parts.audit.record(event);
    }

    /// The client of an id.
    ///
    /// # Errors
    ///
    /// When nobody can tell. That says nothing about the client.
    pub(crate) async fn resolve(&self, id: &ClientId, now: Timestamp) -> Result<Option<Client>, OAuthError> {
        match self.parts.clients.resolve(id, now).await {
            Resolution::Found(resolved) => Ok(Some(resolved.client)),
            Resolution::Unknown(why) => {
                tracing::debug!(client = %id, why = %Chain(&why), "there is no such client");
                Ok(None)
            }
            Resolution::Unavailable(error) => Err(error.into()),
        }
    }

    /// A client with a document whose host does not answer, as a grant remembers it: what its users have consented to goes
    /// on without the document.
    pub(crate) async fn of_grant(
        &self,
        id: &ClientId,
        form: &Form,
        now: Timestamp,
    ) -> Result<Option<Client>, OAuthError> {
        if !is_document_url(id.as_str()) {
            return Ok(None);
        }
        let refresh_token = form.get("refresh_token").or_else(|| form.get("token")).and_then(RefreshToken::parse);
        let code = form.get("code").and_then(AuthorizationCode::parse);
        let named = refresh_token.map(|token| token.grant()).or_else(|| code.map(|code| code.grant()));
        // RFC 7009 section 2.1: access tokens are revoked too.
        let access_token = || form.get("token").and_then(|token| self.grant_of(token, now));
        let Some(grant) = named.or_else(access_token) else { return Ok(None) };
        let view = self.stores.grants.peek(grant, now).await?;
        let own = view.filter(|view| view.grant.client.id == *id);
        Ok(own.filter(|view| view.grant.client.source == ClientSource::MetadataDocument).map(|view| {
            let metadata = ClientMetadata::new(view.grant.client.auth_method, Vec::new());
            Client::new(id.clone(), ClientSource::MetadataDocument, metadata, now)
        }))
    }

    /// The grant that an access token of ours hangs under.
    fn grant_of(&self, access_token: &str, now: Timestamp) -> Option<GrantId> {
        let policy = AccessTokenPolicy::for_issuer(self.config.issuer.clone());
        let keys = self.keychain.current();
        let claims = policy.verify(access_token, keys.ring().verifiers(), now.into()).ok()?;
        claims.grant?.id.parse().ok()
    }

    /// Whether a refresh token is one that this server made for this grant.
    pub(crate) fn made(&self, token: &RefreshToken, grant: &Grant) -> bool {
        let keys = self.keychain.current();
        keys.refresh_of(&grant.refresh_key).is_some_and(|key| key.made(token, grant.salt.as_bytes()))
    }

    /// Takes one out of the bucket of an address; where the address is not known, all share one.
    pub(crate) async fn limit(&self, kind: Kind, address: Option<IpAddr>) -> Result<(), OAuthError> {
        let whose = address.map(network).unwrap_or_default();
        self.config.limits.take(self.stores.limits.as_ref(), kind, &whose, self.now()).await
    }

    /// Whether there is one in the bucket of an address. Those who guess too often are not told when they are right.
    pub(crate) async fn look(&self, kind: Kind, address: Option<IpAddr>) -> Result<(), OAuthError> {
        let whose = address.map(network).unwrap_or_default();
        self.config.limits.look(self.stores.limits.as_ref(), kind, &whose, self.now()).await
    }

    /// Which resource a request means (RFC 8707 section 2): the one that it names, or the first.
    ///
    /// A token is for one resource, so that no server can use it at another. Naming two is `invalid_target`, and so is one
    /// that is not served here.
    pub(crate) fn resource(&self, form: &Form) -> Result<&ResourceId, OAuthError> {
        let mut meant = None;
        for named in form.all("resource") {
            // Most clients write it as it is: then no URL has to be taken apart.
            let found = self.config.resources.iter().find(|own| own.as_str() == named || own.is_named_by(named));
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
