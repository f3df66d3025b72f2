//! A protected resource as its operator configured it.

use bytes::Bytes;
use http::HeaderValue;
use thiserror::Error;

use super::challenge::Challenge;
use super::identifier::{Issuer, ResourceId};
use super::metadata::ResourceMetadata;
use super::scope::ScopeSet;
use super::url::{self, UrlError};
use super::verify::Scheme;

/// Whether tokens bound to a key are taken (RFC 9449).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DpopPolicy {
    /// Only bearer tokens.
    #[default]
    Off,
    /// Both; a bound token must still come with its proof.
    Accepted,
    /// Only bound tokens.
    Required,
}

/// What the guard protects: identifier, authorization servers, scopes, and the public document.
///
/// Everything that a client is told is made from this configuration, never from a request: a forged
/// `Host` or `X-Forwarded-Host` has no effect. The document and the first challenge are prepared
/// once.
///
/// ```
/// use mcp_transport::auth::{Issuer, ProtectedResource, ResourceId};
///
/// let resource = ProtectedResource::builder(ResourceId::parse("https://example.com/mcp")?)
///     .authorization_server(Issuer::parse("https://auth.example.com")?)
///     .required_scopes("mcp".parse()?)
///     .build()?;
/// assert_eq!(
///     resource.metadata_url(),
///     "https://example.com/.well-known/oauth-protected-resource/mcp"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProtectedResource {
    metadata: ResourceMetadata,
    metadata_json: Bytes,
    metadata_url: String,
    required_scopes: ScopeSet,
    dpop: DpopPolicy,
    dpop_algorithms: String,
    first_challenges: Vec<HeaderValue>,
}

impl ProtectedResource {
    /// Starts the configuration of this resource.
    pub fn builder(id: ResourceId) -> ProtectedResourceBuilder {
        ProtectedResourceBuilder {
            metadata: ResourceMetadata {
                resource: id,
                authorization_servers: Vec::new(),
                scopes_supported: Vec::new(),
                bearer_methods_supported: vec!["header".to_owned()],
                resource_name: None,
                resource_documentation: None,
                dpop_signing_alg_values_supported: Vec::new(),
                dpop_bound_access_tokens_required: false,
            },
            scopes_supported: ScopeSet::EMPTY,
            required_scopes: ScopeSet::EMPTY,
            dpop: DpopPolicy::Off,
        }
    }

    /// The identifier, byte for byte as configured. Tokens carry it as their audience.
    #[must_use]
    pub const fn id(&self) -> &ResourceId {
        &self.metadata.resource
    }

    /// The authorization servers whose tokens are taken; at least one.
    #[must_use]
    pub fn authorization_servers(&self) -> &[Issuer] {
        &self.metadata.authorization_servers
    }

    /// The scopes that every request needs.
    #[must_use]
    pub const fn required_scopes(&self) -> &ScopeSet {
        &self.required_scopes
    }

    /// Whether bound tokens are taken.
    #[must_use]
    pub const fn dpop(&self) -> DpopPolicy {
        self.dpop
    }

    /// Whether tokens are taken under `scheme`.
    #[must_use]
    pub const fn accepts(&self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Bearer => !matches!(self.dpop, DpopPolicy::Required),
            Scheme::Dpop => !matches!(self.dpop, DpopPolicy::Off),
        }
    }

    /// The public document (RFC 9728 section 2).
    #[must_use]
    pub const fn metadata(&self) -> &ResourceMetadata {
        &self.metadata
    }

    /// The public document as JSON, prepared once.
    #[must_use]
    pub const fn metadata_json(&self) -> &Bytes {
        &self.metadata_json
    }

    /// Where the public document is, absolute: the `resource_metadata` of every challenge.
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// A challenge of `scheme` that points to the public document, for the caller to complete.
    #[must_use]
    pub fn challenge(&self, scheme: Scheme) -> Challenge {
        let challenge = Challenge::of(scheme).resource_metadata(&self.metadata_url);
        if scheme == Scheme::Dpop {
            // RFC 9449 section 7.1: space-separated, and RFC 9728 repeats them as a JSON list.
            challenge.algorithms(&self.dpop_algorithms)
        } else {
            challenge
        }
    }

    /// The challenges for a request that brought no credentials. They carry no error (RFC 6750
    /// section 3.1), and the scopes that every request needs.
    pub(super) fn first_challenges(&self) -> &[HeaderValue] {
        &self.first_challenges
    }
}

/// Puts a [`ProtectedResource`] together.
#[derive(Clone, Debug)]
#[must_use = "there is no resource before `build`"]
pub struct ProtectedResourceBuilder {
    metadata: ResourceMetadata,
    scopes_supported: ScopeSet,
    required_scopes: ScopeSet,
    dpop: DpopPolicy,
}

impl ProtectedResourceBuilder {
    /// Adds an authorization server. At least one is needed.
    pub fn authorization_server(mut self, issuer: Issuer) -> Self {
        self.metadata.authorization_servers.push(issuer);
        self
    }

    /// The scopes that clients ask for when no challenge named any: keep to the fewest.
    pub fn scopes_supported(mut self, scopes: ScopeSet) -> Self {
        self.scopes_supported = scopes;
        self
    }

    /// The scopes that every request needs. None by default.
    pub fn required_scopes(mut self, scopes: ScopeSet) -> Self {
        self.required_scopes = scopes;
        self
    }

    /// A name for people.
    pub fn name(mut self, name: &str) -> Self {
        self.metadata.resource_name = Some(name.to_owned());
        self
    }

    /// The URL of a page for developers.
    pub fn documentation(mut self, url: &str) -> Self {
        self.metadata.resource_documentation = Some(url.to_owned());
        self
    }

    /// Whether bound tokens are taken, and the algorithms of their proofs, such as `ES256`.
    pub fn dpop<'a>(mut self, policy: DpopPolicy, algorithms: impl IntoIterator<Item = &'a str>) -> Self {
        self.dpop = policy;
        self.metadata.dpop_signing_alg_values_supported = algorithms.into_iter().map(str::to_owned).collect();
        self
    }

    /// The resource.
    ///
    /// # Errors
    ///
    /// When no authorization server is named (MCP asks for one in the document), when
    /// `offline_access` is among the scopes (it is no requirement of a resource; MCP, "Refresh
    /// Tokens"), when the documentation is not a URL, or when DPoP is on without algorithms.
    pub fn build(self) -> Result<ProtectedResource, ResourceError> {
        let Self { mut metadata, scopes_supported, required_scopes, dpop } = self;
        if metadata.authorization_servers.is_empty() {
            return Err(ResourceError::NoAuthorizationServer);
        }
        if [&scopes_supported, &required_scopes].iter().any(|scopes| scopes.contains("offline_access")) {
            return Err(ResourceError::OfflineAccess);
        }
        if let Some(documentation) = &metadata.resource_documentation {
            // A fragment is fine in a page's address, unlike in an identifier.
            let page = documentation.split('#').next().unwrap_or_default();
            url::split(page).map_err(ResourceError::Documentation)?;
        }
        if dpop == DpopPolicy::Off {
            metadata.dpop_signing_alg_values_supported.clear();
        } else {
            check_algorithms(&metadata.dpop_signing_alg_values_supported)?;
        }
        metadata.scopes_supported = scopes_supported.iter().cloned().collect();
        metadata.dpop_bound_access_tokens_required = dpop == DpopPolicy::Required;
        // Texts and lists of texts always serialise.
        let metadata_json = serde_json::to_vec(&metadata).unwrap_or_default().into();
        let mut resource = ProtectedResource {
            metadata_json,
            metadata_url: ResourceMetadata::url_of(&metadata.resource),
            dpop_algorithms: metadata.dpop_signing_alg_values_supported.join(" "),
            metadata,
            required_scopes,
            dpop,
            first_challenges: Vec::new(),
        };
        resource.first_challenges = [Scheme::Bearer, Scheme::Dpop]
            .into_iter()
            .filter(|scheme| resource.accepts(*scheme))
            .map(|scheme| resource.challenge(scheme).scope(resource.required_scopes.clone()).to_header_value())
            .collect();
        Ok(resource)
    }
}

fn check_algorithms(names: &[String]) -> Result<(), ResourceError> {
    let well_formed = |name: &String| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            // RFC 9449 section 4.2: "MUST NOT be none or an identifier for a symmetric algorithm".
            && !name.eq_ignore_ascii_case("none")
            && !name.starts_with("HS")
    };
    if !names.is_empty() && names.iter().all(well_formed) { Ok(()) } else { Err(ResourceError::DpopAlgorithms) }
}

/// Why a configuration does not make a protected resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// No authorization server.
    #[error("a protected resource needs at least one authorization server")]
    NoAuthorizationServer,
    /// `offline_access` among the scopes.
    #[error("offline_access is not a scope of a resource; leave it to the authorization server")]
    OfflineAccess,
    /// The documentation is not a URL.
    #[error("the documentation is not a usable URL")]
    Documentation(#[source] UrlError),
    /// DPoP without algorithms, or with one that cannot sign a proof.
    #[error("DPoP needs a list of asymmetric signature algorithms")]
    DpopAlgorithms,
}

#[cfg(test)]
mod tests;
