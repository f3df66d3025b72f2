//! The client.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TE, TRAILER};
use http::header::{CONNECTION, EXPECT, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy;
use tokio::time::Instant;

use super::body::{Body, too_large};
use super::builder::ClientBuilder;
use super::connector::Connector;
use super::error::{Error, Kind};
use super::policy::Policy;
use super::redirect::{Hop, Redirects};
use super::response::Response;
use super::target::{Scheme, Target};
use super::timeouts::Timeouts;
use crate::error::Chain;

/// Fields that belong to the connection or that say what only the client knows (RFC 9110 section 7.6.1).
const OURS: [HeaderName; 12] = [
    HOST,
    CONNECTION,
    TRANSFER_ENCODING,
    CONTENT_LENGTH,
    TE,
    TRAILER,
    UPGRADE,
    EXPECT,
    ACCEPT_ENCODING,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// An HTTP client that goes where its [`Policy`] lets it, and nowhere else.
///
/// Clones are cheap and share their connections. A pooled connection was made to a judged address, for one scheme, host and
/// port, under the one policy that its client has; clients with different policies share none.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) client: legacy::Client<Connector, Full<Bytes>>,
    pub(super) connector: Connector,
    pub(super) timeouts: Timeouts,
    pub(super) redirects: Redirects,
    pub(super) body_limit: u64,
    pub(super) user_agent: HeaderValue,
}

impl Client {
    /// A client under `policy`. There is none without.
    pub fn builder(policy: impl Into<Policy>) -> ClientBuilder {
        ClientBuilder::new(policy.into())
    }

    pub(super) fn of(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Sends a request with its whole body and waits for the head of the response.
    ///
    /// The URI is absolute; [`Target::request`] makes such a request. Fields of the connection (`Host`, `Connection`, `Content-Length`, ..) and `Accept-Encoding` are the
    /// client's own: what the request says of them is left out. Any status is a response, not an error.
    ///
    /// # Errors
    ///
    /// See [`Error`]: forbidden, invalid, out of time, unavailable, ..
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up. The peer may have got it, and may have acted on it.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response, Error> {
        let until = self.until();
        let target = match request.extensions().get::<Target>() {
            // What was parsed before is not parsed again, and how it was spelled is still known.
            Some(target) if target.uri() == request.uri() => target.clone(),
            _ => Target::try_from(request.uri())?,
        };
        let (parts, body) = request.into_parts();
        let hop = Hop { method: parts.method, target: target.clone(), headers: parts.headers, body };
        self.within(until, self.follow(hop, until)).await.inspect_err(|error| log(&target, error))
    }

    /// Sends a request and reads the response to its end, within `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`Client::send`] and [`Response::collect`].
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn fetch(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, Error> {
        let response = self.send(request).await?;
        let target = response.target().clone();
        response.collect(limit).await.inspect_err(|error| log(&target, error))
    }

    /// Fetches a URL with GET, as [`Client::fetch`].
    ///
    /// # Errors
    ///
    /// As [`Client::fetch`].
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn get(&self, target: &Target, limit: usize) -> Result<Response<Bytes>, Error> {
        self.fetch(target.request(Method::GET, Bytes::new()), limit).await
    }

    /// Judges a URL by the policy, as far as that goes without a lookup.
    ///
    /// [`Client::send`] does this too; here is for those who want to know before they do something else.
    ///
    /// # Errors
    ///
    /// [`Error::is_forbidden`].
    pub fn admits(&self, target: &Target) -> Result<(), Error> {
        self.inner.connector.proxy_of(target).map(|_| ())
    }

    fn until(&self) -> Option<Instant> {
        self.inner.timeouts.total.and_then(|total| Instant::now().checked_add(total))
    }

    async fn within<T>(
        &self,
        until: Option<Instant>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match until {
            None => work.await,
            Some(until) => match tokio::time::timeout_at(until, work).await {
                Ok(done) => done,
                Err(_) => Err(Error::timeout("the request took too long")),
            },
        }
    }

    async fn follow(&self, mut hop: Hop, until: Option<Instant>) -> Result<Response, Error> {
        let mut left = match self.inner.redirects {
            Redirects::Never => None,
            Redirects::Follow { max } => Some(max),
        };
        loop {
            let response = self.exchange(&hop).await?;
            let next = match left {
                None => None,
                Some(_) => hop.next(response.status(), response.headers())?,
            };
            let Some(next) = next else {
                return self.judge(response, hop.target, until);
            };
            left = match left {
                Some(left) => Some(
                    left.checked_sub(1).ok_or_else(|| Error::new(Kind::Redirect, "there are too many redirects"))?,
                ),
                None => None,
            };
            hop = next;
        }
    }

    /// One request, one response.
    async fn exchange(&self, hop: &Hop) -> Result<http::Response<hyper::body::Incoming>, Error> {
        if hop.method == Method::CONNECT {
            return Err(Error::invalid("CONNECT is no request to a resource"));
        }
        let proxy = self.inner.connector.proxy_of(&hop.target)?;
        let mut request = Request::new(Full::new(hop.body.clone()));
        *request.method_mut() = hop.method.clone();
        *request.uri_mut() = hop.target.uri().clone();
        let headers = request.headers_mut();
        *headers = hop.headers.clone();
        for name in &OURS {
            headers.remove(name);
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.entry(USER_AGENT).or_insert_with(|| self.inner.user_agent.clone());
        // Through a tunnel it would reach the server; there it was said when the tunnel was opened.
        if let Some(value) = proxy.and_then(super::proxy::Proxy::authorization)
            && hop.target.scheme() == Scheme::Http
        {
            headers.insert(PROXY_AUTHORIZATION, value.clone());
        }
        match tokio::time::timeout(self.inner.timeouts.head, self.inner.client.request(request)).await {
            Ok(answer) => answer.map_err(Error::of_client),
            Err(_) => Err(Error::timeout("the head of the response took too long")),
        }
    }

    fn judge(
        &self,
        response: http::Response<hyper::body::Incoming>,
        target: Target,
        until: Option<Instant>,
    ) -> Result<Response, Error> {
        // RFC 9110 12.5.3: `identity` was all that we asked for. What nobody decompresses cannot burst.
        let encoded = response.headers().get_all(CONTENT_ENCODING).iter();
        if encoded.into_iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Error::new(Kind::Encoding, "the body is compressed, though that was not asked for"));
        }
        if http_body::Body::size_hint(response.body()).lower() > self.inner.body_limit {
            return Err(too_large());
        }
        let limit = self.inner.body_limit;
        let idle = self.inner.timeouts.idle;
        Ok(Response::new(response.map(|incoming| Body::new(incoming, limit, until, idle)), target))
    }
}

/// The cause goes here and never to a peer. Path and query are left out: there may be secrets in them.
fn log(target: &Target, error: &Error) {
    let (host, port) = (target.host(), target.port());
    if error.is_forbidden() {
        tracing::info!(%host, port, "a request was not made: {}", Chain(error));
    } else {
        tracing::debug!(%host, port, "a request failed: {}", Chain(error));
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("policy", &self.inner.connector.0.policy)
            .field("timeouts", &self.inner.timeouts)
            .field("redirects", &self.inner.redirects)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send<T: Send>(value: T) -> T {
        value
    }

    /// Traits with boxed futures hold these across their awaits.
    #[tokio::test]
    async fn client_and_its_futures_go_from_thread_to_thread() {
        fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
        let client = Client::builder(Policy::public()).build();
        // Without any certificate on the platform there is no client, and that is told.
        let Ok(client) = client else { return };
        shared(&client);
        let target = Target::parse("https://127.0.0.1/").unwrap();
        assert!(send(client.get(&target, 1)).await.unwrap_err().is_forbidden());
        assert!(send(client.send(target.request(Method::GET, Bytes::new()))).await.unwrap_err().is_forbidden());
        assert!(client.admits(&target).unwrap_err().is_forbidden());
        assert!(!format!("{client:?}").is_empty());
    }
}
