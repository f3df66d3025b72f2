//! What the server takes of what clients say of themselves.

use std::fmt;
use std::sync::Arc;

use mcp_transport::auth::ScopeSet;
use serde_json::{Map, Value};
use thiserror::Error;

use super::quirks::Quirks;
use crate::types::ClientAuthMethod;

/// What is done with a client that calls itself a web application and has the redirect URI of a native one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// It is registered as a native one, and told so. Real clients send `web` because it is the default of OpenID.
    #[default]
    Coerce,
    /// It is refused (OpenID Connect Registration section 2).
    Refuse,
}

/// Which private-use schemes (RFC 8252 section 7.1) the redirect URIs of a client may have. One that runs code or reads files is
/// for nobody ([`RedirectUri`](crate::types::RedirectUri)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrivateUseSchemes {
    /// Those with a dot, as the RFC asks for, and those without of which nobody knows that they belong to something else: to a
    /// system, a browser, an installer, a protocol. A browser that is sent there opens what is no client, and tells it the code.
    #[default]
    OfApps,
    /// Any: for clients that the operator knows.
    Any,
}

/// What the `scope` that a client registers is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisteredScope {
    /// It is not kept: what the client may ask for is decided at each request. The SDKs register with the scope of their
    /// first request, and have to ask for more of the same client id when they step up.
    #[default]
    Open,
    /// It is what the client may ask for (RFC 7591 section 2), as far as the server has those scopes.
    Ceiling,
}

/// Why a software statement does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Its signature or its claims are no good.
    #[error("the software statement cannot be verified")]
    Invalid,
    /// It may be good, but is from nobody who is trusted here.
    #[error("the software statement is from nobody who is trusted")]
    Unapproved,
}

/// Judges software statements (RFC 7591 section 2.3). Without one of these, none is approved.
pub trait SoftwareStatements: Send + Sync + 'static {
    /// The client metadata that the statement vouches for. They take the place of what the request says itself.
    ///
    /// The text has the form of a signed JWT; everything else about it is for the implementation to verify.
    ///
    /// # Errors
    ///
    /// When it does not count.
    fn judge(&self, statement: &str) -> Result<Map<String, Value>, StatementError>;
}

/// What the server takes of what clients say of themselves. The same for registrations and for metadata documents.
#[derive(Clone)]
#[non_exhaustive]
pub struct MetadataPolicy {
    /// The methods by which clients may authenticate: what the metadata of the server lists. Of a client's choices the
    /// first of this order is taken, if the client prefers none.
    pub auth_methods: Vec<ClientAuthMethod>,
    /// The algorithms in which client assertions are taken (`token_endpoint_auth_signing_alg_values_supported`).
    pub assertion_algorithms: Vec<String>,
    /// The grants that clients may have: what the metadata of the server lists.
    pub grant_types: Vec<String>,
    /// The scopes of the server; any if absent.
    pub scopes: Option<ScopeSet>,
    /// What a registered scope is good for.
    pub registered_scope: RegisteredScope,
    /// What is done with web applications that are none.
    pub contradiction: Contradiction,
    /// How many redirect URIs a client may have.
    pub most_redirect_uris: usize,
    /// Which schemes of their own they may have.
    pub private_use_schemes: PrivateUseSchemes,
    /// What particular clients need.
    pub quirks: Quirks,
    /// Who judges software statements.
    pub statements: Option<Arc<dyn SoftwareStatements>>,
}

impl MetadataPolicy {
    /// How many redirect URIs a client may have by default.
    pub const MOST_REDIRECT_URIS: usize = 32;

    pub(super) fn allows(&self, method: ClientAuthMethod) -> bool {
        self.auth_methods.contains(&method)
    }
}

impl Default for MetadataPolicy {
    /// Every method; the grants that sign users in, with refresh tokens.
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            auth_methods: vec![
                ClientAuthMethod::PrivateKeyJwt,
                ClientAuthMethod::None,
                ClientAuthMethod::ClientSecretBasic,
                ClientAuthMethod::ClientSecretPost,
            ],
            assertion_algorithms: owned(&["ES256", "RS256", "PS256", "EdDSA"]),
            grant_types: owned(&["authorization_code", "refresh_token"]),
            scopes: None,
            registered_scope: RegisteredScope::default(),
            contradiction: Contradiction::default(),
            most_redirect_uris: Self::MOST_REDIRECT_URIS,
            private_use_schemes: PrivateUseSchemes::default(),
            quirks: Quirks::default(),
            statements: None,
        }
    }
}

impl fmt::Debug for MetadataPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataPolicy")
            .field("auth_methods", &self.auth_methods)
            .field("grant_types", &self.grant_types)
            .field("scopes", &self.scopes)
            .field("quirks", &self.quirks)
            .finish_non_exhaustive()
    }
}
