//! How requests get to the server.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use crate::wire::{Answer, Request};

/// Brings a request there and the answer back.
pub(super) trait Way: Sync {
    fn send(&self, request: &Request) -> Answer;
}

/// In plain text, on a connection for each request.
pub(super) struct Http1(pub(super) SocketAddr);

impl Way for Http1 {
    fn send(&self, request: &Request) -> Answer {
        request.send(self.0).unwrap()
    }
}

/// Through TLS, all on one connection.
pub(super) struct Http2 {
    runtime: Runtime,
    client: SendRequest<Full<Bytes>>,
}

impl Http2 {
    /// Trusts this certificate alone.
    pub(super) fn connect(address: SocketAddr, trusted: CertificateDer<'static>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(trusted).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec()];
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
            let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }
}

impl Way for Http2 {
    /// The same request in the other form: without what belongs to a connection.
    fn send(&self, request: &Request) -> Answer {
        let (head, body) = request.text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let mut line = lines.next().unwrap().split(' ');
        let (method, path) = (line.next().unwrap(), line.next().unwrap());
        let mut built = http::Request::builder().method(method).uri(format!("https://localhost:8000{path}"));
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            if !["Host", "Connection", "Content-Length"].contains(&name) {
                built = built.header(name, value);
            }
        }
        let built = built.body(Full::from(Bytes::copy_from_slice(body.as_bytes()))).unwrap();
        let mut client = self.client.clone();
        self.runtime.block_on(async move {
            let (parts, body) = client.send_request(built).await.unwrap().into_parts();
            let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let fields = parts.headers.iter().map(|(name, value)| format!("\r\n{name}: {}", value.to_str().unwrap()));
            let head = format!("HTTP/2 {}{}", parts.status, fields.collect::<String>());
            Answer { status: parts.status.as_u16(), head, body }
        })
    }
}
