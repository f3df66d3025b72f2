//! Fetching a client ID metadata document.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Request};
use mcp_transport::net::{Client, ClientBuilder, Error, Redirects, Target, Timeouts};
use thiserror::Error;

use super::document_url::DocumentUrl;

/// How long a fetch may take in all, by default.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// The status.
    pub(crate) status: u16,
    /// The header fields: the type of the body, and how long it may be kept.
    pub(crate) headers: HeaderMap,
    /// The body, decoded from nothing: a compressed one is an error.
    pub(crate) body: Bytes,
}

impl Fetched {
    /// An answer.
    #[must_use]
    pub(crate) fn new(status: u16, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self { status, headers, body: body.into() }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum FetchError {
    /// The URL leads where nobody may be sent. No connection was made.
    #[error("its URL leads to a place that is not fetched from")]
    Forbidden,
    /// It took too long.
    #[error("it did not come in time")]
    Timeout,
    /// It is larger than the limit.
    #[error("it is larger than the limit")]
    TooLarge,
    /// What came is no HTTP response, or one that is compressed.
    #[error("what its host answers cannot be read")]
    Malformed,
    /// Its host has no address, as far as can be seen from here.
    #[error("its host was not found")]
    NotFound,
    /// Its host was not reached, has no good certificate, or broke off.
    #[error("its host could not be reached")]
    Unreachable,
}

/// Fetches documents.
///
/// An implementation follows no redirect, sends no credentials, reads no more than it must, is done within a few
/// seconds, and judges every address before it dials it: the URL comes from whoever wants to be a client.
#[async_trait]
pub(crate) trait FetchDocument: Send + Sync + 'static {
    /// GET, once. Any status is an answer.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the fetch up.
    async fn fetch(&self, url: &DocumentUrl) -> Result<Fetched, FetchError>;
}

/// Fetches through [`mcp_transport::net`].
#[derive(Clone)]
pub(crate) struct NetFetch {
    client: Client,
    largest: usize,
}

impl NetFetch {
    /// With this client: its policy, its trust, its resolver. Redirects are not followed, and the limits are those given here.
    ///
    /// # Errors
    ///
    /// When the client cannot be built.
    pub(crate) fn new(client: ClientBuilder, timeout: Duration, largest: usize) -> Result<Self, Error> {
        let timeouts = Timeouts::new().connect(timeout).head(timeout).total(Some(timeout));
        let client = client
            .timeouts(timeouts)
            // Section 4 of the draft: redirects are not followed.
            .redirects(Redirects::Never)
            .build()?;
        Ok(Self { client, largest })
    }
}

#[async_trait]
impl FetchDocument for NetFetch {
    async fn fetch(&self, url: &DocumentUrl) -> Result<Fetched, FetchError> {
        let target = Target::parse(url.as_str()).map_err(|_| FetchError::Forbidden)?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = target.uri().clone();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let response = self.client.fetch(request, self.largest).await.map_err(|error| reason(&error))?;
        let (head, body) = response.into_http().into_parts();
        Ok(Fetched::new(head.status.as_u16(), head.headers, body))
    }
}

impl fmt::Debug for NetFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetFetch").field("client", &self.client).field("largest", &self.largest).finish()
    }
}

fn reason(error: &Error) -> FetchError {
    if error.is_forbidden() || error.is_invalid() {
        FetchError::Forbidden
    } else if error.is_timeout() {
        FetchError::Timeout
    } else if error.is_too_large() {
        FetchError::TooLarge
    } else if error.is_protocol() || error.is_encoding() {
        FetchError::Malformed
    } else if error.is_unresolved() {
        FetchError::NotFound
    } else {
        FetchError::Unreachable
    }
}

#[cfg(test)]
mod tests;
