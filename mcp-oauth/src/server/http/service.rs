//! The tower service, and which path is which endpoint.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, HOST};
use http::{Extensions, HeaderValue, Method, Request, StatusCode, Version, request};
use http_body::Body;
use http_body_util::Full;

use super::proxies::TrustedProxies;
use super::request::{Incoming, Peer, Transport};
use super::respond::{Answer, empty, refuse};
use super::{authorize, cors, device, introspect, metadata, page, register, revoke, token};
use crate::server::config::Registration;
use crate::server::engine::Engine;
use crate::server::error::OAuthError;
use crate::server::limits::Limit;

/// The authorization server as a tower service. A clone counts a reference.
///
/// It answers every path under the issuer that it knows, and 404 to the rest, so that it can be the fallback of a router. It
/// serves its endpoints at the root as well as under the path of the issuer, and its metadata at the well-known paths of the
/// host (RFC 8414 section 3.1): mount it at the root of the host. A request of HTTP/1.1 that names no host, or two, is refused
/// (RFC 9112 section 3.2), also one that is made in the same process.
///
/// Where the rest of the host is somebody else's, give the issuer a path, as in `https://example.com/auth`, and route to it what
/// lies under that path (axum's `nest_service("/auth", ..)` does, which takes the path away: that is all right) and the two
/// places of its metadata, `/.well-known/oauth-authorization-server/auth` and `/.well-known/openid-configuration/auth`.
///
/// Tell it who asks, by [`peer`](Self::peer) or by a [`Peer`] in the extensions of each request: limits are by address, and a
/// server whose issuer is https refuses what comes in plain text over a network. Behind a reverse proxy give
/// [`behind`](Self::behind) too; with TLS of your own, [`Peer::secure`].
#[derive(Clone)]
pub struct AuthService {
    shared: Arc<Shared>,
    peer_of: Option<Arc<PeerOf>>,
    proxies: Option<Arc<TrustedProxies>>,
}

/// Finds out who a request comes from.
type PeerOf = dyn Fn(&Extensions) -> Option<Peer> + Send + Sync;

struct Shared {
    engine: Arc<Engine>,
    document: Bytes,
    openid: Bytes,
}

impl fmt::Debug for AuthService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService")
            .field("issuer", &self.shared.engine.config.issuer.as_str())
            .finish_non_exhaustive()
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route<'a> {
    Metadata,
    OpenId,
    Jwks,
    Token,
    Revoke,
    Introspect,
    Register,
    Registration(&'a str),
    DeviceAuthorization,
    Authorize,
    Device,
    Nowhere,
}

/// What pages of other sites may do with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Openness {
    Open,
    Closed,
}

impl Route<'_> {
    /// The methods that it knows.
    const fn methods(self) -> &'static str {
        match self {
            Self::Metadata | Self::OpenId | Self::Jwks => "GET, HEAD, OPTIONS",
            Self::Token | Self::Revoke | Self::Introspect | Self::Register | Self::DeviceAuthorization => {
                "POST, OPTIONS"
            }
            Self::Registration(_) => "GET, PUT, DELETE, OPTIONS",
            // No HEAD: to open the page may make a grant.
            Self::Authorize | Self::Device => "GET, POST",
            Self::Nowhere => "",
        }
    }

    const fn openness(self) -> Openness {
        match self {
            Self::Authorize | Self::Device | Self::Nowhere => Openness::Closed,
            _ => Openness::Open,
        }
    }

    fn knows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|known| known == method.as_str())
    }
}

/// Finds the endpoint of a path. `prefix` is the path of the issuer.
fn route<'a>(prefix: &str, path: &'a str) -> Route<'a> {
    const WELL_KNOWN: [(&str, Route<'static>); 2] = [
        ("/.well-known/oauth-authorization-server", Route::Metadata),
        ("/.well-known/openid-configuration", Route::OpenId),
    ];
    for (name, route) in WELL_KNOWN {
        // RFC 8414 section 3.1 puts the path of the issuer behind the well-known one; OpenID Connect Discovery section 4 in
        // front of it. Clients of MCP try both, and some only the root.
        if let Some(rest) = path.strip_prefix(name)
            && (rest.is_empty() || rest == "/" || rest == prefix)
        {
            return route;
        }
        if path.strip_prefix(prefix) == Some(name) {
            return route;
        }
    }
    let own = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/'));
    // At the root too: some clients drop the path of the issuer, or never read the metadata.
    for path in own.into_iter().chain([path]) {
        let found = match path {
            "/jwks" | "/.well-known/jwks.json" => Route::Jwks,
            "/token" => Route::Token,
            "/revoke" => Route::Revoke,
            "/introspect" => Route::Introspect,
            "/register" => Route::Register,
            "/device_authorization" => Route::DeviceAuthorization,
            "/authorize" => Route::Authorize,
            "/device" => Route::Device,
            _ => match path.strip_prefix("/register/") {
                Some(client) if !client.is_empty() => Route::Registration(client),
                _ => continue,
            },
        };
        return found;
    }
    Route::Nowhere
}

impl AuthService {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let grants: Vec<&str> = engine.parts.grants.keys().map(String::as_str).collect();
        let documents = engine.parts.documents;
        let document = metadata::document(&engine.config, &grants, documents);
        let openid = metadata::openid(&document);
        Self { shared: Arc::new(Shared { engine, document, openid }), peer_of: None, proxies: None }
    }

    /// Finds out who a request comes from by what whoever accepted its connection has put into its extensions:
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # struct ConnectInfo<T>(T);
    /// # fn example(service: mcp_oauth::server::AuthService) -> mcp_oauth::server::AuthService {
    /// use mcp_oauth::server::Peer;
    ///
    /// // In axum, with `into_make_service_with_connect_info::<SocketAddr>()`; there `ConnectInfo` is axum's.
    /// service.peer(|extensions| extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| Peer::direct(peer.ip())))
    /// # }
    /// ```
    ///
    /// With the accept loop of `mcp-transport`, which makes a service for each connection (`serve_with`), it is known
    /// beforehand:
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # struct ConnectInfo { remote: SocketAddr, tls: bool }
    /// # use mcp_oauth::server::{AuthService, Peer};
    /// # fn example(service: &AuthService, ends: ConnectInfo) -> AuthService {
    /// let address = ends.remote.ip();
    /// let peer = if ends.tls { Peer::secure(address) } else { Peer::direct(address) };
    /// service.clone().peer(move |_| Some(peer))
    /// # }
    /// ```
    ///
    /// A [`Peer`] that is there already stays.
    #[must_use]
    pub fn peer(mut self, find: impl Fn(&Extensions) -> Option<Peer> + Send + Sync + 'static) -> Self {
        self.peer_of = Some(Arc::new(find));
        self
    }

    /// Believes these reverse proxies about who a request comes from, and whether it came through TLS: see
    /// [`TrustedProxies`]. Who is connected is still to be told, by [`peer`](Self::peer) or in the extensions of the request.
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # struct ConnectInfo<T>(T);
    /// # fn example(service: mcp_oauth::server::AuthService) -> Result<mcp_oauth::server::AuthService, Box<dyn std::error::Error>> {
    /// use mcp_oauth::server::{Peer, TrustedProxies};
    ///
    /// let service = service
    ///     .peer(|extensions| extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| Peer::direct(peer.ip())))
    ///     .behind(TrustedProxies::parse(["127.0.0.1", "10.0.0.0/8"])?);
    /// # Ok(service)
    /// # }
    /// ```
    #[must_use]
    pub fn behind(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some(Arc::new(proxies));
        self
    }

    /// Who a request comes from, as far as anybody knows.
    fn who<B>(&self, request: &Request<B>) -> Option<Peer> {
        let found = request.extensions().get().copied();
        let connected = found.or_else(|| self.peer_of.as_ref().and_then(|find| find(request.extensions())))?;
        Some(self.proxies.as_ref().map_or(connected, |proxies| proxies.peer(connected, request.headers())))
    }
}

impl<B> tower_service::Service<Request<B>> for AuthService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<crate::store::BoxError>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Answers a request.
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(peer) = self.who(&request) {
            request.extensions_mut().insert(peer);
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.answer(request).await) })
    }
}

impl Shared {
    async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<crate::store::BoxError>,
    {
        self.engine.upkeep.look(|| self.engine.now());
        let (head, body) = request.into_parts();
        let transport = head.extensions.get().map(|peer: &Peer| peer.transport);
        if transport.is_none() && !self.engine.config.limits.is_off() {
            self.engine.hints.stranger();
        }
        let path = head.uri.path().to_owned();
        let route = route(self.engine.config.path(), &path);
        if let Err(error) = one_host(&head) {
            return self.finish(route, &head.method, transport, self.refusal(route, &error));
        }
        if route == Route::Nowhere {
            return empty(StatusCode::NOT_FOUND);
        }
        if !route.knows(&head.method) {
            let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(route.methods()));
            return self.finish(route, &head.method, transport, answer);
        }
        if head.method == Method::OPTIONS {
            return cors::preflight(route.methods());
        }
        let method = head.method.clone();
        let answer = match Incoming::read(head, body).await {
            Ok(request) => match self.admit(route, &request).await {
                Ok(()) => self.serve(route, request).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let answer = answer.unwrap_or_else(|error| self.refusal(route, &error));
        self.finish(route, &method, transport, answer)
    }

    /// An error as it is told: to people as a page.
    fn refusal(&self, route: Route<'_>, error: &OAuthError) -> Answer {
        match route {
            Route::Authorize | Route::Device => page::local(&self.engine, error),
            _ => refuse(error),
        }
    }

    /// What every request has to pass.
    async fn admit(&self, route: Route<'_>, request: &Incoming) -> Result<(), OAuthError> {
        // OAuth 2.1 section 1.5: secrets do not travel in plain text. A redirect to https would come too late for them.
        let plain = request.peer().is_some_and(|peer| peer.transport == Transport::Plain);
        if plain && self.engine.config.is_secure() {
            self.engine.hints.plain();
            return Err(OAuthError::invalid_request("use https"));
        }
        match route {
            // Documents cost less than counting does.
            Route::Metadata | Route::OpenId | Route::Jwks => Ok(()),
            // The server of a resource asks here for all its callers. Its requests are counted when it is known whose they are:
            // those of the operator's clients by client, all others by address.
            Route::Introspect => Ok(()),
            _ => self.engine.limit(Limit::Request, request.address()).await,
        }
    }

    async fn serve(&self, route: Route<'_>, request: Incoming) -> Result<Answer, OAuthError> {
        let engine = &self.engine;
        match route {
            Route::Metadata => Ok(metadata::kept(self.document.clone(), "application/json")),
            Route::OpenId => Ok(metadata::kept(self.openid.clone(), "application/json")),
            Route::Jwks => Ok(metadata::jwks(engine, &request.head.headers)),
            Route::Token => token::token(engine, request).await,
            Route::Revoke => revoke::revoke(engine, &request).await,
            Route::Introspect => introspect::introspect(engine, &request).await,
            Route::Register if engine.config.registration == Registration::Open => {
                register::register(engine, &request).await
            }
            Route::Register => Ok(empty(StatusCode::NOT_FOUND)),
            Route::Registration(client) => register::manage(engine, &request, client).await,
            Route::DeviceAuthorization => device::begin(engine, &request).await,
            Route::Authorize => authorize::authorize(engine, &request).await,
            Route::Device => device::page(engine, &request).await,
            Route::Nowhere => Ok(empty(StatusCode::NOT_FOUND)),
        }
    }

    fn finish(&self, route: Route<'_>, method: &Method, transport: Option<Transport>, mut answer: Answer) -> Answer {
        if route.openness() == Openness::Open {
            cors::open(answer.headers_mut());
        }
        let headers = answer.headers_mut();
        headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if transport == Some(Transport::Plain) {
            // RFC 6797 section 7.2: it "MUST NOT" be said in plain text, where anybody could have said it.
            headers.remove(http::header::STRICT_TRANSPORT_SECURITY);
        } else if self.engine.config.is_secure() {
            // RFC 6797: whoever has come here once through TLS never tries without.
            let year = HeaderValue::from_static("max-age=31536000");
            headers.insert(http::header::STRICT_TRANSPORT_SECURITY, year);
        }
        if method == Method::HEAD {
            *answer.body_mut() = Full::default();
        }
        answer
    }
}

/// RFC 9112 section 3.2: a server "MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
/// a Host header field and to any request message that contains more than one Host header field line". Whoever stands in
/// front may have gone by another one. Later versions say it elsewhere, and earlier ones need not.
fn one_host(head: &request::Parts) -> Result<(), OAuthError> {
    match head.headers.get_all(HOST).iter().count() {
        0 if head.version == Version::HTTP_11 => Err(OAuthError::invalid_request("there is no Host header")),
        0 | 1 => Ok(()),
        _ => Err(OAuthError::invalid_request("there is more than one Host header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_073_metadata_where_clients_look() {
        for (prefix, path, found) in [
            ("", "/.well-known/oauth-authorization-server", Route::Metadata),
            ("", "/.well-known/openid-configuration", Route::OpenId),
            ("/as", "/.well-known/oauth-authorization-server/as", Route::Metadata),
            ("/as", "/.well-known/openid-configuration/as", Route::OpenId),
            ("/as", "/as/.well-known/openid-configuration", Route::OpenId),
            ("/as", "/.well-known/oauth-authorization-server", Route::Metadata),
            ("/as", "/.well-known/oauth-authorization-server/other", Route::Nowhere),
            ("", "/.well-known/oauth-authorization-server/mcp", Route::Nowhere),
        ] {
            assert_eq!(route(prefix, path), found, "{prefix} {path}");
        }
    }

    #[test]
    fn endpoints_at_the_issuer_and_at_the_root() {
        for (prefix, path, found) in [
            ("", "/token", Route::Token),
            ("/as", "/as/token", Route::Token),
            ("/as", "/token", Route::Token),
            ("/as", "/astoken", Route::Nowhere),
            ("", "/token/", Route::Nowhere),
            ("", "/register", Route::Register),
            ("", "/register/", Route::Nowhere),
            ("/as", "/as/register/c1", Route::Registration("c1")),
            ("", "/", Route::Nowhere),
        ] {
            assert_eq!(route(prefix, path), found, "{prefix} {path}");
        }
    }
}
