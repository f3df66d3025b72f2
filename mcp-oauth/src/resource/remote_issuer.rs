//! An issuer elsewhere: the way to it, its metadata, and its keys, fetched again within bounds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use mcp_transport::auth::{Issuer, Rejection};
use mcp_transport::net::{self, Client, Target, Tls};
use thiserror::Error;

use super::discovery::{Discovery, WellKnownDocument};
use super::judge::UNAVAILABLE;
use super::outbound::{EndpointError, NoAnswer, ask, client, endpoint};
use super::refresh::{Origin, Refreshed};
use crate::caching::Caching;
use crate::jose::{JwkError, VerifyingKeys};
use mcp_transport::Chain;

/// The longest JWK Set that is read, in bytes.
const LONGEST: usize = 256 << 10;

/// How long fetching a document may take.
const FETCHING: Duration = Duration::from_secs(5);

/// How long an answer about a token may take. It is a part of the time in which a revocation is seen.
pub(super) const ASKING: Duration = Duration::from_secs(2);

/// An issuer elsewhere, with the connection to it, its metadata and its keys. A clone shares all of them.
///
/// Nothing is fetched before the first token comes, or [`RemoteIssuer::prepare`] is called. Keys are kept for as long as
/// their answer says (RFC 9111: `Cache-Control`, `Expires`, `Age`), at least a minute and at most an hour. A token with a key
/// that is not known makes them be fetched again, but no more often than every 30 seconds, however many such tokens come.
/// While the issuer cannot be reached, the last keys serve on for up to a day.
#[derive(Clone)]
pub struct RemoteIssuer {
    issuer: Issuer,
    /// For asking about tokens, where an answer has to come soon.
    client: Client,
    discovery: Discovery,
    keys: Refreshed<KeySource>,
}

/// Why the keys of an issuer cannot be used; see [`RemoteIssuer`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoteIssuerError {
    /// The HTTP client cannot be made: the certificates that it is to trust cannot be read.
    #[error("no HTTP client can be made")]
    Client(#[source] net::Error),
    /// The URL of the keys cannot be used.
    #[error("the URL of the keys cannot be used")]
    Jwks(#[source] EndpointError),
}

impl RemoteIssuer {
    /// The keys of `issuer`, found by its metadata. `tls` says whom to trust besides the platform's authorities.
    ///
    /// # Errors
    ///
    /// The platform's certificates cannot be read.
    pub fn discover(issuer: Issuer, tls: Option<Tls>) -> Result<Self, RemoteIssuerError> {
        Self::new(issuer, tls, None)
    }

    /// The keys of `issuer`, which are at `jwks`.
    ///
    /// # Errors
    ///
    /// `jwks` is no URL, or plain http that leaves this machine; or the platform's certificates cannot be read.
    pub fn with_jwks(issuer: Issuer, jwks: &str, tls: Option<Tls>) -> Result<Self, RemoteIssuerError> {
        let jwks = endpoint(&issuer, jwks).map_err(RemoteIssuerError::Jwks)?;
        Self::new(issuer, tls, Some(jwks))
    }

    fn new(issuer: Issuer, tls: Option<Tls>, jwks: Option<Target>) -> Result<Self, RemoteIssuerError> {
        let soon = client(tls.clone(), ASKING).map_err(RemoteIssuerError::Client)?;
        let client = client(tls, FETCHING).map_err(RemoteIssuerError::Client)?;
        let discovery = Refreshed::new(WellKnownDocument::new(issuer.clone(), client.clone()));
        let source = KeySource { issuer: issuer.clone(), client, place: jwks, discovery: discovery.clone() };
        Ok(Self { issuer, client: soon, discovery, keys: Refreshed::new(source) })
    }

    /// Whose keys they are.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Fetches the keys beforehand, so that the first request need not wait. Says whether there are any; the log says why
    /// not, and the first token tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the fetching under way, and its outcome is kept.
    pub async fn prepare(&self, now: SystemTime) -> bool {
        self.keys.get(now).await.is_some()
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) const fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    pub(super) async fn current(&self, now: SystemTime) -> Result<Arc<VerifyingKeys>, Rejection> {
        self.keys.get(now).await.ok_or(UNAVAILABLE)
    }

    /// Other keys than these, if there are any or may be asked for.
    pub(super) async fn other_than(
        &self,
        old: &Arc<VerifyingKeys>,
        now: SystemTime,
    ) -> Result<Arc<VerifyingKeys>, Rejection> {
        self.keys.newer_than(old, now).await.ok_or(UNAVAILABLE)
    }
}

impl fmt::Debug for RemoteIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuer").field("issuer", &self.issuer.as_str()).finish_non_exhaustive()
    }
}

/// Where the keys come from.
struct KeySource {
    issuer: Issuer,
    client: Client,
    /// As configured; else the metadata says it.
    place: Option<Target>,
    discovery: Discovery,
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySource").field("issuer", &self.issuer.as_str()).field("place", &self.place).finish()
    }
}

#[derive(Debug, Error)]
enum NoKeys {
    #[error("there is no metadata that names their place")]
    Place,
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("they cannot be read")]
    Malformed(#[from] JwkError),
}

impl KeySource {
    async fn read(&self, now: SystemTime) -> Result<(VerifyingKeys, Option<Duration>), NoKeys> {
        let place = match &self.place {
            Some(place) => place.clone(),
            None => self.discovery.get(now).await.and_then(|found| found.jwks.clone()).ok_or(NoKeys::Place)?,
        };
        let answer = ask(&self.client, place.request(Method::GET, Bytes::new()), LONGEST).await?;
        let fresh = Caching::of(answer.headers(), now).fresh;
        Ok((VerifyingKeys::from_jwks(answer.into_body())?, fresh))
    }
}

#[async_trait]
impl Origin for KeySource {
    type Item = VerifyingKeys;

    async fn fetch(&self, now: SystemTime) -> Option<(VerifyingKeys, Option<Duration>)> {
        match self.read(now).await {
            Ok((keys, fresh)) => {
                tracing::debug!(issuer = %self.issuer, keys = keys.len(), "fetched the keys of the issuer");
                Some((keys, fresh))
            }
            Err(error) => {
                tracing::warn!(issuer = %self.issuer, "the keys of the issuer cannot be had: {}", Chain(&error));
                // They may have moved.
                self.discovery.doubt();
                None
            }
        }
    }
}
