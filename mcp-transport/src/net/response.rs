//! What came back.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;

use super::body::{Body, too_large};
use super::error::Error;
use super::target::Target;

/// A response: its head, the URL that it came from, and its body, as it comes or whole.
pub struct Response<B = Body> {
    response: http::Response<B>,
    target: Target,
}

impl<B> Response<B> {
    pub(super) fn new(response: http::Response<B>, target: Target) -> Self {
        Self { response, target }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The URL that this came from: of the last redirect, if any were followed.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &B {
        self.response.body()
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> B {
        self.response.into_body()
    }

    /// The response without the URL that it came from.
    #[must_use]
    pub fn into_http(self) -> http::Response<B> {
        self.response
    }
}

impl Response<Body> {
    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    ///
    /// [`Error::is_too_large`], [`Error::is_timeout`], or the connection broke.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a dropped future has taken nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = poll_fn(|cx| Pin::new(self.response.body_mut()).poll_frame(cx)).await.transpose()?;
            match frame.map(http_body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                // Trailers.
                Some(Err(_)) => {}
            }
        }
    }

    /// Reads the body to its end, within `limit` bytes and the limit of the client.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the response, and closes its connection.
    pub async fn collect(mut self, limit: usize) -> Result<Response<Bytes>, Error> {
        if self.response.body().size_hint().lower() > limit as u64 {
            return Err(too_large());
        }
        let mut all = BytesMut::new();
        while let Some(data) = self.chunk().await? {
            if data.len() > limit.saturating_sub(all.len()) {
                return Err(too_large());
            }
            all.extend_from_slice(&data);
        }
        let Self { response, target } = self;
        Ok(Response { response: response.map(|_| all.freeze()), target })
    }

    /// As [`Response::collect`], for those who want the bytes alone.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`].
    ///
    /// # Cancel safety
    ///
    /// As [`Response::collect`].
    pub async fn bytes(self, limit: usize) -> Result<Bytes, Error> {
        self.collect(limit).await.map(Response::into_body)
    }
}

/// Header fields may hold secrets, so they are not shown.
impl<B> fmt::Debug for Response<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).field("target", &self.target).finish_non_exhaustive()
    }
}
