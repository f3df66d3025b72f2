//! What hyper's client gets its connections from: every way out passes through here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::dial::Dialler;
use super::error::{Error, Kind};
use super::policy::Policy;
use super::proxy::{Proxies, Proxy};
use super::target::{Host, Scheme, Target};
use super::tls::server_name;
use super::tunnel;

/// Makes connections under one policy.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Arc<Parts>);

pub(super) struct Parts {
    pub(super) policy: Policy,
    pub(super) dialler: Dialler,
    pub(super) proxies: Proxies,
    pub(super) public_through_proxy: Through,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) proxy_tls: Arc<ClientConfig>,
    pub(super) timeout: Duration,
}

/// Whether URLs of peers go through a proxy too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    Never,
    Proxy,
}

impl Connector {
    /// The proxy that requests for `target` go through.
    pub(super) fn proxy_of(&self, target: &Target) -> Result<Option<&Proxy>, Error> {
        let admitted = self.0.policy.admit(target)?;
        let may = admitted.trusts_proxies() || self.0.public_through_proxy == Through::Proxy;
        Ok(if may { self.0.proxies.of(target) } else { None })
    }

    async fn connect(self, uri: Uri) -> Result<Stream, Error> {
        // The client was asked for a target that has been judged. What it hands on is judged again, because this is the
        // place that nothing gets around.
        let target = Target::try_from(&uri)?;
        let connecting = async {
            match self.proxy_of(&target)? {
                Some(proxy) => self.through(proxy, &target).await,
                None => self.direct(&target).await,
            }
        };
        tokio::time::timeout(self.0.timeout, connecting)
            .await
            .map_err(|_| Error::timeout("connecting took too long"))?
    }

    async fn direct(&self, target: &Target) -> Result<Stream, Error> {
        let admitted = self.0.policy.admit(target)?;
        let (stream, address) = self.0.dialler.dial(&admitted, target).await?;
        nodelay(&stream);
        let stream = match target.scheme() {
            Scheme::Http => Stream::plain(stream),
            Scheme::Https => Stream::secure(handshake(&self.0.tls, target.host(), stream).await?),
        };
        admitted.connected(address);
        Ok(stream)
    }

    async fn through(&self, proxy: &Proxy, target: &Target) -> Result<Stream, Error> {
        // The operator has named the proxy.
        let policy = Policy::operator();
        let admitted = policy.admit(proxy.target())?;
        let (stream, _) = self.0.dialler.dial(&admitted, proxy.target()).await?;
        nodelay(&stream);
        let mut stream: Box<dyn Io> = match proxy.target().scheme() {
            Scheme::Http => Box::new(stream),
            Scheme::Https => Box::new(handshake(&self.0.proxy_tls, proxy.target().host(), stream).await?),
        };
        match target.scheme() {
            Scheme::Http => Ok(Stream { io: TokioIo::new(stream), http2: false, proxied: true }),
            Scheme::Https => {
                tunnel::open(&mut stream, target, proxy.authorization()).await?;
                Ok(Stream::secure(handshake(&self.0.tls, target.host(), stream).await?))
            }
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

fn nodelay(stream: &tokio::net::TcpStream) {
    // Speed alone hangs on it.
    stream.set_nodelay(true).unwrap_or_default();
}

async fn handshake<S>(config: &Arc<ClientConfig>, host: Host<'_>, stream: S) -> Result<TlsStream<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = server_name(host)?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(of_handshake)
}

/// A peer that we do not want to talk to is another matter than one that has gone.
fn of_handshake(cause: io::Error) -> Error {
    let is_tls = cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    Error::new(if is_tls { Kind::Tls } else { Kind::Unavailable }, cause)
}

/// Whatever the layers beneath are.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection to a judged address, or to a proxy.
pub(super) struct Stream {
    io: TokioIo<Box<dyn Io>>,
    http2: bool,
    proxied: bool,
}

impl Stream {
    fn plain(stream: impl Io + 'static) -> Self {
        Self { io: TokioIo::new(Box::new(stream)), http2: false, proxied: false }
    }

    fn secure<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: TlsStream<S>) -> Self {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Self { io: TokioIo::new(Box::new(stream)), http2, proxied: false }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.proxied);
        if self.http2 { connected.negotiated_h2() } else { connected }
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}
