use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_transport::http::tls::TlsConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http2::request;
use super::{Running, read_to_end, read_until, within};

/// Certificate and key files for `localhost`.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mcp-transport-serve-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Writes a new pair and returns its certificate.
    pub(crate) fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.0.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.0.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    pub(crate) fn config(&self) -> TlsConfig {
        TlsConfig::from_pem_files(self.0.join("cert.pem"), self.0.join("key.pem")).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A handshake that trusts this one certificate.
async fn connect(
    server: &Running,
    trusted: &CertificateDer<'static>,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    handshake(server.connect().await, trusted, alpn).await
}

pub(crate) async fn handshake(
    stream: TcpStream,
    trusted: &CertificateDer<'static>,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn alpn_chooses_between_http2_and_http1() {
    let files = Files::new();
    let certificate = files.renew();
    let server = Running::start(|server| server.tls(files.config())).await;

    let stream = connect(&server, &certificate, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let answer = within(client.send_request(request("/", "over h2"))).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "over h2");

    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let mut stream = connect(&server, &certificate, alpn).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nh1").await.unwrap();
        assert!(read_until(&mut stream, "\r\n\r\nh1").await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn service_is_told_that_its_connection_goes_through_tls() {
    use mcp_transport::http::serve::{ConnectInfo, Server};
    let files = Files::new();
    files.renew();
    let server = Server::bind("127.0.0.1:0").await.unwrap().tls(files.config());
    let address = server.local_addr().unwrap();
    let (seen, mut all) = tokio::sync::mpsc::unbounded_channel::<ConnectInfo>();
    let (_drain, drained) = tokio::sync::watch::channel(false);
    let service = super::TestService { alive: Arc::default(), drained };
    let make = move |ends| {
        seen.send(ends).unwrap();
        service.clone()
    };
    let serving = tokio::spawn(server.serve_with(make, std::future::pending()));
    let _client = TcpStream::connect(address).await.unwrap();
    assert!(within(all.recv()).await.unwrap().tls);
    serving.abort();
}

#[tokio::test]
async fn plain_http_on_a_tls_port_and_a_silent_peer_are_cut_off() {
    let files = Files::new();
    files.renew();
    let server = Running::start(|server| server.tls(files.config().handshake_timeout(Duration::from_millis(50)))).await;
    let mut plain = server.connect().await;
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // A TLS alert at most, never HTTP.
    within(tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut answer)).await.unwrap_or_default();
    assert!(!answer.starts_with(b"HTTP"));
    let mut silent = server.connect().await;
    assert_eq!(read_to_end(&mut silent).await, "");
}

#[tokio::test]
async fn peer_that_is_silent_after_the_handshake_is_cut_off() {
    let files = Files::new();
    let certificate = files.renew();
    let server =
        Running::start(|server| server.tls(files.config()).header_read_timeout(Duration::from_millis(50))).await;
    for alpn in [&[&b"h2"[..]][..], &[b"http/1.1"], &[]] {
        let mut silent = connect(&server, &certificate, alpn).await.unwrap();
        assert_eq!(read_to_end(&mut silent).await, "");
    }
}

#[tokio::test]
async fn renewed_certificate_is_served_and_running_connections_go_on() {
    let files = Files::new();
    let old = files.renew();
    let server = Running::start(|server| server.tls(files.config().reload_every(Duration::from_millis(20)))).await;
    let mut running = connect(&server, &old, &[]).await.unwrap();

    // A bad file first: the old certificate stays in use.
    std::fs::write(files.0.join("cert.pem"), "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    connect(&server, &old, &[]).await.unwrap();

    let new = files.renew();
    within(async {
        while connect(&server, &new, &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(connect(&server, &old, &[]).await.is_err());
    running.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut running, "200 OK").await;
}

#[tokio::test]
async fn client_that_stops_reading_loses_its_connection() {
    let files = Files::new();
    let certificate = files.renew();
    let server = Running::start(|server| server.tls(files.config()).write_timeout(Duration::from_millis(200))).await;
    let mut client = connect(&server, &certificate, &[]).await.unwrap();
    client.write_all(b"GET /flood HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    server.until_alive(1).await;
    server.until_alive(0).await;
}
