//! The metadata of an issuer elsewhere (RFC 8414): where its keys are, and where it can be asked about tokens.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::Method;
use mcp_transport::auth::Issuer;
use mcp_transport::net::{Client, Target};
use serde_json::{Map, Value};
use thiserror::Error;

use super::outbound::{EndpointError, NoAnswer, ask, endpoint};
use super::refresh::{Origin, Refreshed};
use crate::caching::Caching;
use crate::jose::object;
use mcp_transport::Chain;

/// The longest metadata document that is read, in bytes.
const LONGEST: usize = 128 << 10;

/// What a resource server needs of an issuer's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuerMetadata {
    pub(super) jwks: Option<Target>,
    pub(super) introspection: Option<Target>,
}

/// The metadata of one issuer, fetched when it is needed.
pub(super) type Discovery = Refreshed<WellKnownDocument>;

/// Where the metadata of one issuer is.
pub(super) struct WellKnownDocument {
    issuer: Issuer,
    client: Client,
}

impl WellKnownDocument {
    pub(super) const fn new(issuer: Issuer, client: Client) -> Self {
        Self { issuer, client }
    }
}

impl fmt::Debug for WellKnownDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WellKnownDocument").field(&self.issuer.as_str()).finish()
    }
}

/// Why a document is not that of the issuer.
#[derive(Debug, Error)]
enum Unusable {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("the document is not a JSON object with distinct members")]
    Malformed,
    /// RFC 8414 3.3: "If these values are not identical, the data contained in the response MUST NOT be used."
    #[error("the document names another issuer")]
    Issuer,
    #[error("its {0} cannot be used")]
    Endpoint(&'static str, #[source] EndpointError),
    #[error("its {0} is not text")]
    Type(&'static str),
}

/// The places of an issuer's metadata, in the order in which MCP asks clients to try them ("Authorization Server Metadata
/// Discovery"): RFC 8414 section 3.1, where the well-known part goes between host and path; OpenID Connect likewise; and
/// OpenID Connect Discovery section 4.1, where it follows the path.
pub(super) fn places(issuer: &Issuer) -> Vec<String> {
    const OAUTH: &str = "/.well-known/oauth-authorization-server";
    const OPENID: &str = "/.well-known/openid-configuration";
    let text = issuer.as_str();
    let authority = text.find("://").map_or(0, |scheme| scheme + 3);
    let after = text.get(authority..).and_then(|rest| rest.find('/')).map_or(text.len(), |slash| authority + slash);
    let (origin, path) = text.split_at(after);
    // RFC 8414 3.1: "any terminating "/" MUST be removed".
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut places = vec![format!("{origin}{OAUTH}{path}"), format!("{origin}{OPENID}{path}")];
    if !path.is_empty() {
        places.push(format!("{origin}{path}{OPENID}"));
    }
    places
}

impl WellKnownDocument {
    async fn at(&self, place: &str, now: SystemTime) -> Result<(IssuerMetadata, Option<Duration>), Unusable> {
        let target = endpoint(&self.issuer, place).map_err(|fault| Unusable::Endpoint("place", fault))?;
        let answer = ask(&self.client, target.request(Method::GET, bytes::Bytes::new()), LONGEST).await?;
        let fresh = Caching::of(answer.headers(), now).fresh;
        let document = object(answer.into_body()).ok_or(Unusable::Malformed)?;
        if document.get("issuer").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(Unusable::Issuer);
        }
        let metadata = IssuerMetadata {
            jwks: self.optional(&document, "jwks_uri")?,
            introspection: self.optional(&document, "introspection_endpoint")?,
        };
        Ok((metadata, fresh))
    }

    fn optional(&self, document: &Map<String, Value>, name: &'static str) -> Result<Option<Target>, Unusable> {
        match document.get(name) {
            None => Ok(None),
            Some(Value::String(url)) => {
                endpoint(&self.issuer, url).map(Some).map_err(|fault| Unusable::Endpoint(name, fault))
            }
            Some(_) => Err(Unusable::Type(name)),
        }
    }
}

#[async_trait]
impl Origin for WellKnownDocument {
    type Item = IssuerMetadata;

    async fn fetch(&self, now: SystemTime) -> Option<(IssuerMetadata, Option<Duration>)> {
        for place in places(&self.issuer) {
            match self.at(&place, now).await {
                Ok(found) => return Some(found),
                // What cannot be reached at one place cannot at the next.
                Err(Unusable::NoAnswer(NoAnswer::Request(error))) if error.is_unavailable() || error.is_timeout() => {
                    tracing::debug!(issuer = %self.issuer, place, "no metadata: {}", Chain(&error));
                    break;
                }
                // Which of them exist is the issuer's choice; a document of somebody else is none either.
                Err(error) => tracing::debug!(issuer = %self.issuer, place, "no metadata: {}", Chain(&error)),
            }
        }
        tracing::warn!(issuer = %self.issuer, "the metadata of the issuer cannot be had");
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_073_the_three_places_of_an_issuer() {
        let of = |issuer: &str| places(&Issuer::parse(issuer).unwrap());
        // MCP 2026-07-28, authorization, "Authorization Server Metadata Discovery": the example with and without a path.
        assert_eq!(
            of("https://auth.example.com/tenant1"),
            [
                "https://auth.example.com/.well-known/oauth-authorization-server/tenant1",
                "https://auth.example.com/.well-known/openid-configuration/tenant1",
                "https://auth.example.com/tenant1/.well-known/openid-configuration",
            ]
        );
        let without = [
            "https://auth.example.com/.well-known/oauth-authorization-server",
            "https://auth.example.com/.well-known/openid-configuration",
        ];
        assert_eq!(of("https://auth.example.com"), without);
        // RFC 8414 3.1: a slash at the end is removed.
        assert_eq!(of("https://auth.example.com/"), without);
        assert_eq!(of("https://auth.example.com/a/b/"), of("https://auth.example.com/a/b"));
        assert_eq!(of("http://localhost:8000")[0], "http://localhost:8000/.well-known/oauth-authorization-server");
    }
}
