//! Through the real client, over real sockets: the host of the documents has a public address as far as the policy can
//! see, and is served on loopback.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mcp_transport::net::{Public, Resolve, Tls, danger};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::document::DocumentFault;
use super::super::{DocumentSettings, Documents, Fetches};
use super::*;
use crate::types::Timestamp;

const HOST: &str = "client.example";
const URL: &str = "https://client.example/client.json";
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));

/// Answers lookups, one after the other; the last answer stays.
struct Names(Mutex<VecDeque<Vec<IpAddr>>>);

impl Names {
    fn of<const N: usize>(answers: [&[IpAddr]; N]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect())))
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What a host does with a connection once it has read the request.
#[derive(Clone)]
enum Does {
    /// Writes this and closes.
    Write(String),
    /// Writes this, and then a byte now and again.
    Drip(String),
}

/// A host with a certificate for [`HOST`], on loopback.
struct Host {
    address: SocketAddr,
    certificate: String,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Host {
    async fn start(does: Does) -> Self {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, does) = (acceptor.clone(), does.clone());
                tokio::spawn(async move {
                    // A client that hangs up is no failure of the host.
                    let _ = answer(acceptor, stream, does).await;
                });
            }
        });
        Self { address, certificate, connections, task }
    }

    /// The real client, for which [`PUBLIC`] is this host.
    fn fetch(&self, names: Arc<Names>, public: Public) -> NetFetch {
        let client =
            Client::builder(public).tls(Tls::with_ca_pem(self.certificate.as_bytes()).unwrap()).resolver(names);
        let client = danger::dial_instead(client, SocketAddr::new(PUBLIC, 443), self.address);
        NetFetch::new(client, Duration::from_millis(700), 5 * 1024).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(acceptor: TlsAcceptor, stream: tokio::net::TcpStream, does: Does) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request).to_lowercase();
    assert!(request.starts_with("get /") && request.contains("accept: application/json"), "{request}");
    assert!(!request.contains("cookie:") && !request.contains("authorization:"), "{request}");
    match does {
        Does::Write(text) => stream.write_all(text.as_bytes()).await?,
        Does::Drip(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await?;
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                stream.write_all(b" ").await?;
                stream.flush().await?;
            }
        }
    }
    stream.shutdown().await
}

fn url(text: &str) -> DocumentUrl {
    DocumentUrl::parse(text).unwrap()
}

fn response(status: &str, fields: &str, body: &str) -> Does {
    let length = body.len();
    Does::Write(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{fields}\r\n{body}"))
}

fn document() -> String {
    format!(r#"{{"client_id":"{URL}","redirect_uris":["https://client.example/cb"]}}"#)
}

fn good() -> Does {
    response(
        "200 OK",
        "content-type: application/json\r\ncache-control: public\r\ncache-control: max-age=120\r\n",
        &document(),
    )
}

fn documents(fetch: NetFetch) -> Documents {
    let settings = DocumentSettings::default();
    let fetches = Arc::new(Fetches::new(&settings));
    Documents::new(Arc::new(fetch), Arc::default(), settings, fetches)
}

#[tokio::test]
async fn a_document_comes_with_what_the_cache_needs() {
    let host = Host::start(good()).await;
    let fetch = host.fetch(Names::of([&[PUBLIC]]), Public::new());
    let fetched = fetch.fetch(&url(URL)).await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_ref()), (200, document().as_bytes()));
    assert_eq!(fetched.headers["content-type"], "application/json");
    let kept: Vec<_> = fetched.headers.get_all("cache-control").iter().collect();
    assert_eq!(kept, ["public", "max-age=120"]);
    assert_eq!(host.connections(), 1);
}

#[tokio::test]
async fn attack_086_private_places_are_not_dialled() {
    let host = Host::start(good()).await;
    let port = host.address.port();
    // As if the host's port were allowed, so that only the address is in the way.
    let public = Public::new().ports([443, port]);
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
        "ff02::1",
    ] {
        let address: IpAddr = address.parse().unwrap();
        let fetch = host.fetch(Names::of([&[address]]), public.clone());
        let named = url(&format!("https://{HOST}:{port}/client.json"));
        assert_eq!(fetch.fetch(&named).await, Err(FetchError::Forbidden), "{address} by name");
        let literal = DocumentUrl::parse(&format!("https://{}/client.json", SocketAddr::new(address, port)));
        if let Ok(literal) = literal {
            assert_eq!(fetch.fetch(&literal).await, Err(FetchError::Forbidden), "{literal}");
        } else {
            assert!(address.is_ipv6(), "an address in another than its usual spelling: {address}");
        }
    }
    let fetch = host.fetch(Names::of([&[PUBLIC]]), public);
    for text in [
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://localhost/x",
        "https://intranet/x",
        "https://metadata.google.internal/x",
        "https://client.example:8080/x",
    ] {
        assert_eq!(fetch.fetch(&url(text)).await, Err(FetchError::Forbidden), "{text}");
    }
    assert_eq!(host.connections(), 0, "no connection was made");
}

#[tokio::test]
async fn attack_087_rebinding_and_mixed_answers() {
    let host = Host::start(good()).await;
    let inside: IpAddr = "10.0.0.1".parse().unwrap();
    let fetch = host.fetch(Names::of([&[PUBLIC], &[inside]]), Public::new());
    assert!(fetch.fetch(&url(URL)).await.is_ok(), "the address that was judged is the one that is dialled");
    assert_eq!(fetch.fetch(&url(URL)).await, Err(FetchError::Forbidden));
    for mixed in [[PUBLIC, inside], [inside, PUBLIC]] {
        let fetch = host.fetch(Names::of([&mixed]), Public::new());
        assert_eq!(fetch.fetch(&url(URL)).await, Err(FetchError::Forbidden));
    }
    assert_eq!(host.connections(), 1);
}

#[tokio::test]
async fn attack_088_redirects_are_not_followed() {
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        for to in ["https://client.example/other.json", "http://client.example/client.json", "https://evil.test/", "/x"]
        {
            let fields = format!("location: {to}\r\ncontent-type: application/json\r\n");
            let host = Host::start(response(status, &fields, &document())).await;
            let fetch = host.fetch(Names::of([&[PUBLIC]]), Public::new());
            let fetched = fetch.fetch(&url(URL)).await.unwrap();
            assert_eq!(fetched.status.to_string(), status[..3]);
            let documents = documents(fetch);
            let error = documents.get(&url(URL), None, Timestamp::from_secs(1)).await.unwrap_err();
            assert_eq!(error.cause(), DocumentFault::Status(fetched.status));
            assert_eq!(host.connections(), 2, "one for each fetch");
        }
    }
}

#[tokio::test]
async fn attack_089_bad_answers_are_one_error_in_time() {
    let json = "content-type: application/json\r\n";
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(6 * 1024));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    for (does, cause) in [
        (response("200 OK", json, &large), DocumentFault::Fetch(FetchError::TooLarge)),
        (Does::Write(format!("{head}connection: close\r\n\r\n{large}")), DocumentFault::Fetch(FetchError::TooLarge)),
        (
            response("200 OK", &format!("{json}content-encoding: gzip\r\n"), "\x1f"),
            DocumentFault::Fetch(FetchError::Malformed),
        ),
        (Does::Drip(format!("{head}content-length: 4000\r\n\r\n{{")), DocumentFault::Fetch(FetchError::Timeout)),
        (Does::Drip("HTTP/1.1 200 OK\r\nx: ".to_owned()), DocumentFault::Fetch(FetchError::Timeout)),
        (Does::Write("SSH-2.0-OpenSSH_9.6\r\n".to_owned()), DocumentFault::Fetch(FetchError::Malformed)),
        (response("200 OK", "content-type: text/html\r\n", &document()), DocumentFault::MediaType),
        (response("200 OK", json, "<html></html>"), DocumentFault::Json),
        (response("200 OK", json, "\u{feff}{}"), DocumentFault::Json),
        (response("404 Not Found", json, &document()), DocumentFault::Status(404)),
    ] {
        let host = Host::start(does).await;
        let fetch = host.fetch(Names::of([&[PUBLIC]]), Public::new());
        let documents = documents(fetch);
        let began = std::time::Instant::now();
        let error = documents.get(&url(URL), None, Timestamp::from_secs(1)).await.unwrap_err();
        assert_eq!(error.cause(), cause);
        assert_eq!(error.to_string(), "the client metadata document cannot be used");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn attack_089_a_stranger_in_the_place_of_the_host() {
    // A certificate that nobody vouches for, and a port where nobody listens: the peer hears the same of both.
    let (host, other) = (Host::start(good()).await, Host::start(good()).await);
    let client = Client::builder(Public::new())
        .tls(Tls::with_ca_pem(other.certificate.as_bytes()).unwrap())
        .resolver(Names::of([&[PUBLIC]]));
    let client = danger::dial_instead(client, SocketAddr::new(PUBLIC, 443), host.address);
    let fetch = NetFetch::new(client, Duration::from_secs(2), 1024).unwrap();
    assert_eq!(fetch.fetch(&url(URL)).await, Err(FetchError::Unreachable));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = Client::builder(Public::new())
        .tls(Tls::with_ca_pem(other.certificate.as_bytes()).unwrap())
        .resolver(Names::of([&[PUBLIC]]));
    let client = danger::dial_instead(client, SocketAddr::new(PUBLIC, 443), closed);
    let fetch = NetFetch::new(client, Duration::from_secs(2), 1024).unwrap();
    assert_eq!(fetch.fetch(&url(URL)).await, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn hosts_of_the_operator_may_be_anywhere() {
    let host = Host::start(good()).await;
    let port = host.address.port();
    let public = Public::new().operator_host(format!("{HOST}:{port}").parse().unwrap());
    let fetch = host.fetch(Names::of([&[host.address.ip()]]), public);
    let fetched = fetch.fetch(&url(&format!("https://{HOST}:{port}/client.json"))).await.unwrap();
    assert_eq!(fetched.status, 200);
}
