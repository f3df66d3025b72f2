//! From an issuer, a resource and scopes to a guarded service.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use mcp_transport::auth::{
    ClientId, GuardLayer, Issuer, ProtectedResource, ResourceError, ResourceId, ScopeSet, Verifier, WellKnown,
    WellKnownError,
};
use mcp_transport::http::origin::AccessPolicy;
use mcp_transport::net::Tls;
use thiserror::Error;

use super::gate::Gate;
use super::introspection::IntrospectionVerifier;
use super::introspector::{IntrospectionAuth, Introspector};
use super::jwks::JwtVerifier;
use super::options::VerifierOptions;
use super::outbound::EndpointError;
use super::remote_issuer::{RemoteIssuer, RemoteIssuerError};
use crate::types::Secret;

/// Protects the service of one resource: its public document, and the guard with its verifier. A clone shares everything.
///
/// ```
/// use mcp_oauth::resource::Protection;
/// use mcp_transport::auth::{Issuer, ResourceId};
/// # use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
/// # use http::{Request, Response};
/// # #[derive(Clone)]
/// # struct Mcp; // an `McpService`, for example
/// # impl tower_service::Service<Request<()>> for Mcp {
/// #     type Response = Response<String>;
/// #     type Error = Infallible;
/// #     type Future = Ready<Result<Response<String>, Infallible>>;
/// #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
/// #     fn call(&mut self, _: Request<()>) -> Self::Future { ready(Ok(Response::default())) }
/// # }
/// use mcp_transport::http::origin::AccessPolicy;
/// use tower_service::Service as _;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let issuer = Issuer::parse("http://localhost:8000")?;
/// let resource = ResourceId::parse("http://localhost:3000/mcp")?;
/// let protection = Protection::builder(issuer, resource).required_scopes("mcp".parse()?).build()?;
/// let mut service = protection.protect(Mcp, AccessPolicy::default());
///
/// let Ok(refused) = service.call(Request::post("/mcp").header("Host", "localhost:3000").body(())?).await;
/// assert_eq!(refused.status(), 401);
/// let place = "/.well-known/oauth-protected-resource/mcp";
/// let Ok(document) = service.call(Request::get(place).body(())?).await;
/// assert_eq!(document.status(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Protection {
    resource: Arc<ProtectedResource>,
    verifier: Arc<dyn Verifier>,
    documents: WellKnown,
    issuer: Option<RemoteIssuer>,
}

/// How tokens are checked.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum TokenCheck {
    /// They are JWTs, and the issuer's keys tell.
    #[default]
    Keys,
    /// They are JWTs; the issuer's keys tell, and the issuer is asked whether they were revoked.
    KeysAndIntrospection(IntrospectionClient),
    /// Only the issuer can read them, and is asked.
    Introspection(IntrospectionClient),
}

/// Who a resource server is to its issuer.
#[derive(Clone, Debug)]
pub struct IntrospectionClient {
    id: ClientId,
    secret: Secret,
    auth: IntrospectionAuth,
    endpoint: Option<String>,
}

impl IntrospectionClient {
    /// This client with its secret, in the `Authorization` header, at the endpoint that the issuer's metadata names.
    #[must_use]
    pub const fn new(id: ClientId, secret: Secret) -> Self {
        Self { id, secret, auth: IntrospectionAuth::Basic, endpoint: None }
    }

    /// Where the secret goes.
    #[must_use]
    pub const fn auth(mut self, auth: IntrospectionAuth) -> Self {
        self.auth = auth;
        self
    }

    /// The URL of the endpoint.
    #[must_use]
    pub fn endpoint(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self
    }

    fn introspector(self, issuer: &RemoteIssuer) -> Result<Introspector, ProtectionError> {
        let Self { id, secret, auth, endpoint } = self;
        match endpoint {
            None => Ok(Introspector::new(issuer, id, secret, auth)),
            Some(url) => Introspector::at(issuer, &url, id, secret, auth).map_err(ProtectionError::Introspection),
        }
    }
}

/// Why a resource cannot be protected as it was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProtectionError {
    /// The resource makes no sense.
    #[error("the resource cannot be described")]
    Resource(#[from] ResourceError),
    /// Its document has no place.
    #[error("the metadata of the resource cannot be served")]
    Document(#[from] WellKnownError),
    /// The issuer cannot be reached at all.
    #[error("the issuer cannot be reached")]
    Issuer(#[from] RemoteIssuerError),
    /// The URL of the introspection endpoint cannot be used.
    #[error("the URL of the introspection endpoint cannot be used")]
    Introspection(#[source] EndpointError),
}

impl Protection {
    /// Starts the protection of `resource` by tokens of `issuer`.
    pub fn builder(issuer: Issuer, resource: ResourceId) -> ProtectionBuilder {
        ProtectionBuilder {
            issuer,
            resource,
            name: None,
            required_scopes: ScopeSet::EMPTY,
            scopes_supported: None,
            check: TokenCheck::default(),
            jwks: None,
            tls: None,
            options: VerifierOptions::new(),
        }
    }

    /// Protects a resource with a verifier that is there already, for instance an
    /// [`InProcessVerifier`](super::InProcessVerifier).
    ///
    /// # Errors
    ///
    /// As [`WellKnown::new`].
    pub fn with_verifier(
        resource: Arc<ProtectedResource>,
        verifier: Arc<dyn Verifier>,
    ) -> Result<Self, WellKnownError> {
        let documents = WellKnown::new([Arc::clone(&resource)])?;
        Ok(Self { resource, verifier, documents, issuer: None })
    }

    /// What is protected.
    #[must_use]
    pub const fn resource(&self) -> &Arc<ProtectedResource> {
        &self.resource
    }

    /// The guard alone, for those who route by themselves.
    #[must_use]
    pub fn guard(&self) -> GuardLayer {
        GuardLayer::new(Arc::clone(&self.resource), Arc::clone(&self.verifier))
    }

    /// The public document alone. It belongs outside of the guard.
    #[must_use]
    pub fn documents(&self) -> WellKnown {
        self.documents.clone()
    }

    /// The service behind everything that belongs in front of it: public document, CORS, guard. `access` should be the policy
    /// of the service itself; the usual one, [`AccessPolicy::for_resource`], serves the host of the resource beside loopback.
    #[must_use]
    pub fn protect<S>(&self, service: S, access: AccessPolicy) -> Gate<S> {
        Gate::guarded(self.documents(), &self.guard(), service, access)
    }

    /// Fetches the issuer's keys beforehand. Says whether they are there; where they are not, the log says why, and requests
    /// are refused with 503 until they are.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the fetching under way, and its outcome is kept.
    pub async fn prepare(&self, now: SystemTime) -> bool {
        match &self.issuer {
            Some(issuer) => issuer.prepare(now).await,
            None => true,
        }
    }
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("resource", &self.resource.id().as_str()).finish_non_exhaustive()
    }
}

/// Puts a [`Protection`] together.
#[derive(Clone, Debug)]
#[must_use = "nothing is protected before `build`"]
pub struct ProtectionBuilder {
    issuer: Issuer,
    resource: ResourceId,
    name: Option<String>,
    required_scopes: ScopeSet,
    scopes_supported: Option<ScopeSet>,
    check: TokenCheck,
    jwks: Option<String>,
    tls: Option<Tls>,
    options: VerifierOptions,
}

impl ProtectionBuilder {
    /// A name for people.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The scopes that every request needs. None by default.
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }

    /// The scopes that clients ask for when no challenge named any. By default the required ones.
    pub fn scopes_supported(mut self, scopes: ScopeSet) -> Self {
        self.scopes_supported = Some(scopes);
        self
    }

    /// How tokens are checked. By the issuer's keys unless said otherwise.
    pub fn check(mut self, check: TokenCheck) -> Self {
        self.check = check;
        self
    }

    /// Where the issuer's keys are. Its metadata says it unless this does.
    pub fn jwks(mut self, url: &str) -> Self {
        self.jwks = Some(url.to_owned());
        self
    }

    /// Whom to trust besides the platform's authorities, when the issuer is asked.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What all verifiers can be told: the hierarchy of scopes among other things.
    pub fn options(mut self, options: VerifierOptions) -> Self {
        self.options = options;
        self
    }

    /// The protection. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// A scope is `offline_access`; a URL cannot be used; the platform's certificates cannot be read.
    pub fn build(self) -> Result<Protection, ProtectionError> {
        let supported = self.scopes_supported.unwrap_or_else(|| self.required_scopes.clone());
        let mut resource = ProtectedResource::builder(self.resource)
            .authorization_server(self.issuer.clone())
            .required_scopes(self.required_scopes)
            .scopes_supported(supported);
        if let Some(name) = &self.name {
            resource = resource.name(name);
        }
        let resource = Arc::new(resource.build()?);
        let issuer = match &self.jwks {
            Some(url) => RemoteIssuer::with_jwks(self.issuer, url, self.tls)?,
            None => RemoteIssuer::discover(self.issuer, self.tls)?,
        };
        let mut keys = Some(issuer.clone());
        let verifier: Arc<dyn Verifier> = match self.check {
            TokenCheck::Keys => Arc::new(JwtVerifier::new(issuer, self.options)),
            TokenCheck::KeysAndIntrospection(client) => {
                let introspector = client.introspector(&issuer)?;
                Arc::new(JwtVerifier::with_introspection(issuer, introspector, self.options))
            }
            TokenCheck::Introspection(client) => {
                keys = None;
                Arc::new(IntrospectionVerifier::new(client.introspector(&issuer)?, self.options))
            }
        };
        Ok(Protection { issuer: keys, ..Protection::with_verifier(resource, verifier)? })
    }
}
