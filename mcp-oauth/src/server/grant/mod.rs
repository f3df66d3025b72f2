//! Grants at the token endpoint: each a plug-in that returns a plan, from which the engine alone mints.
//!
//! | file | grant |
//! |---|---|
//! | `authorization_code` | RFC 6749 section 4.1.3 with PKCE (RFC 7636) |
//! | `refresh_token` | RFC 6749 section 6, with rotation and a grace |
//! | `client_credentials` | RFC 6749 section 4.4 |
//! | `device_code` | RFC 8628 section 3.4 |
//! | `for_user` | what a grant of an embedder's own gives a user |
//! | `layer` | what stands before every grant |

mod attempts;
mod authorization_code;
mod client_credentials;
mod device_code;
mod for_user;
mod layer;
mod refresh_token;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Extensions, HeaderMap, Method, request};
use mcp_transport::auth::{ClientId, DpopNonce, JwkThumbprint, ResourceId, ScopeSet, Subject};
use serde_json::{Map, Value};

pub(crate) use attempts::Attempts;
pub(crate) use authorization_code::AuthorizationCodeGrant;
pub(crate) use client_credentials::ClientCredentialsGrant;
pub(crate) use device_code::DeviceCodeGrant;
pub use layer::GrantLayer;
pub(crate) use layer::Layered;
pub(crate) use refresh_token::RefreshTokenGrant;

use super::audit::{Event, EventKind};
use super::engine::Engine;
use super::error::OAuthError;
use super::form::Form;
use crate::store::Stores;
use crate::types::token::RefreshKey;
use crate::types::{Client, Grant, GrantId, Secret, Timestamp};

/// The registered name of the device authorization grant (RFC 8628 section 3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A kind of grant. The engine has authenticated the client, and has seen that it is registered for this grant.
///
/// A handler decides and keeps its books; it mints nothing. So no grant can issue a token for another audience, or one that
/// lives longer than the server's tokens do.
///
/// A grant of one's own has an absolute URI for a name (RFC 6749 section 4.5). The server's metadata lists it, and a
/// client may use it that is registered for it. A token for a user is planned with [`GrantContext::for_user`], which
/// asks the access policy and makes a grant that can be refreshed and revoked; any other with [`TokenPlan::new`].
///
/// ```
/// use async_trait::async_trait;
/// use mcp_oauth::server::OAuthError;
/// use mcp_oauth::server::grant::{GrantContext, GrantHandler, TokenPlan};
/// use mcp_oauth::types::{Digest, Identity};
/// use mcp_transport::auth::Subject;
///
/// /// Whoever shows the badge of the day is a guest.
/// #[derive(Debug)]
/// struct Badge(Digest);
///
/// #[async_trait]
/// impl GrantHandler for Badge {
///     fn grant_type(&self) -> &str {
///         "urn:example:params:oauth:grant-type:badge"
///     }
///
///     async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError> {
///         if !self.0.matches(&Digest::sha256(cx.required("badge")?.as_bytes())) {
///             return Err(OAuthError::invalid_grant());
///         }
///         let subject = Subject::parse("badges:guest").map_err(OAuthError::server_error)?;
///         let mut plan = cx.for_user(Identity::new("badges", subject), cx.resource()?, &cx.scopes()?).await?;
///         plan.claims.insert("badge".to_owned(), "guest".into());
///         Ok(plan)
///     }
/// }
/// ```
#[async_trait]
pub trait GrantHandler: Send + Sync + 'static {
    /// The value of `grant_type`.
    fn grant_type(&self) -> &str;

    /// Whether clients that nobody has vouched for may register for it: those that register themselves, and those with a
    /// document. Only clients that the operator has added may use it otherwise, which is so unless this says more.
    fn is_for_strangers(&self) -> bool {
        false
    }

    /// What token to issue.
    ///
    /// # Errors
    ///
    /// Why none is issued. A handler must not have consumed anything when it refuses for what it could have known before.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the client goes away. What must not be half done is one call of a store.
    async fn plan(&self, cx: &GrantContext<'_>) -> Result<TokenPlan, OAuthError>;
}

/// What a handler decides about.
pub struct GrantContext<'a> {
    pub(crate) engine: &'a Engine,
    /// Without credentials.
    pub(crate) head: &'a request::Parts,
    pub(crate) form: &'a Form,
    pub(crate) client: &'a Client,
    pub(crate) address: Option<IpAddr>,
    pub(crate) now: Timestamp,
}

impl GrantContext<'_> {
    /// The parameters of the request.
    #[must_use]
    pub const fn form(&self) -> &Form {
        self.form
    }

    /// The method of the request (`htm` of a DPoP proof, RFC 9449 section 4.2).
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.head.method
    }

    /// The URL of the token endpoint, as the metadata says it: what `htu` of a DPoP proof and the audience of an assertion are
    /// compared with. The host that a request names is its sender's claim.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.engine.config.url("/token")
    }

    /// The headers of the request, such as `DPoP` (RFC 9449 section 4.1). `Authorization`, `Proxy-Authorization` and `Cookie`
    /// are not among them. What a client proves itself with in the [form](Self::form) is there as it was sent: pass it on to nobody.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What whoever accepted the connection has put into the request, such as the certificate of a client (RFC 8705).
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// The client, authenticated by the method that it is registered for.
    #[must_use]
    pub const fn client(&self) -> &Client {
        self.client
    }

    /// The address that the request came from, if it is known.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The time to judge by.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The stores.
    #[must_use]
    pub const fn stores(&self) -> &Stores {
        &self.engine.stores
    }

    /// The resource that the request names, or the server's first (RFC 8707 section 2).
    ///
    /// # Errors
    ///
    /// `invalid_target`.
    pub fn resource(&self) -> Result<&ResourceId, OAuthError> {
        self.engine.resource(self.form)
    }

    /// The scopes that the request names as far as the client may have them, or the default.
    ///
    /// # Errors
    ///
    /// `invalid_scope`.
    pub fn scopes(&self) -> Result<ScopeSet, OAuthError> {
        self.engine.scopes(self.form.get("scope"), self.client)
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    ///
    /// `invalid_request`.
    pub fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.form.get(name).ok_or_else(|| OAuthError::invalid_request(format!("the parameter {name} is missing")))
    }

    /// The key that the refresh tokens of a grant are made with; `None` for a grant without them. It is asked for before
    /// anything is consumed: where it cannot be had, the client can ask again.
    pub(crate) async fn refresh_key(&self, grant: &Grant) -> Result<Option<Arc<RefreshKey>>, OAuthError> {
        if !grant.refreshable {
            return Ok(None);
        }
        let key = self.engine.keychain.refresh_key(&grant.refresh_key).await?;
        key.ok_or_else(OAuthError::invalid_grant).map(Some)
    }

    /// Takes an event down.
    pub fn record(&self, kind: EventKind, grant: Option<&Grant>) {
        let mut event = Event::new(kind, self.now).from(self.address).client(&self.client.id);
        if let Some(grant) = grant {
            event = event.subject(&grant.identity.subject).resource(&grant.resource).grant(grant.id);
        }
        self.engine.record(event);
    }
}

impl std::fmt::Debug for GrantContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("GrantContext");
        shown.field("client", &self.client.id.as_str()).field("now", &self.now).finish_non_exhaustive()
    }
}

/// What token to issue. What it does not say is the engine's to decide: issuer, id, times, key.
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenPlan {
    /// Whom the token speaks for. The client itself, where no person is behind it (RFC 9068 section 2.2).
    pub subject: Subject,
    /// Who gets it.
    pub client: ClientId,
    /// What it is for.
    pub resource: ResourceId,
    /// What it allows.
    pub scopes: ScopeSet,
    /// Further claims. What the engine writes itself cannot be overwritten.
    pub claims: Map<String, Value>,
    /// When the user signed in.
    pub authenticated_at: Option<Timestamp>,
    /// The grant that it hangs under, and which generation of it.
    pub grant: Option<(GrantId, u32)>,
    /// The refresh token that goes with it.
    pub refresh_token: Option<Secret>,
    /// When it ends at the latest; the server's lifetime of access tokens may end it before.
    pub expires_by: Timestamp,
    /// The key that it is bound to (RFC 9449 section 6.1).
    pub confirmation: Option<JwkThumbprint>,
    /// A nonce for the next DPoP proof, in the header `DPoP-Nonce` (RFC 9449 section 8.2). An error has one by
    /// [`OAuthError::with_dpop_nonce`]. No other header of the answer is a handler's to set.
    pub dpop_nonce: Option<DpopNonce>,
}

impl TokenPlan {
    /// A token for this subject, client and resource, that allows nothing yet.
    #[must_use]
    pub fn new(subject: Subject, client: ClientId, resource: ResourceId) -> Self {
        Self {
            subject,
            client,
            resource,
            scopes: ScopeSet::EMPTY,
            claims: Map::new(),
            authenticated_at: None,
            grant: None,
            refresh_token: None,
            expires_by: Timestamp::NEVER,
            confirmation: None,
            dpop_nonce: None,
        }
    }

    /// A token of a grant, in a generation of it, with the refresh token that `key` makes where there is one
    /// ([`GrantContext::refresh_key`]).
    pub(crate) fn of(grant: Grant, generation: u32, key: Option<&RefreshKey>) -> Self {
        let refresh_token = key.map(|key| key.mint(grant.id, grant.salt.as_bytes(), generation));
        Self {
            scopes: grant.scopes,
            claims: grant.claims,
            authenticated_at: Some(grant.authenticated_at),
            grant: Some((grant.id, generation)),
            refresh_token,
            expires_by: grant.expires_at,
            ..Self::new(grant.identity.subject, grant.client.id, grant.resource)
        }
    }
}
