//! Through a proxy: for hosts that somebody here stands for, and not for those of peers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mcp_transport::net::{Policy, Proxies, Public, danger};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::support::{Authority, Names, PUBLIC, Server, client, get, ok, target, within};

/// A small proxy: `CONNECT` and absolute URLs, everything led to one server. It notes the heads of requests.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(to: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, log) = (tls.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    match tls {
                        None => relay(stream, to, &log).await,
                        Some(tls) => relay(tls.accept(stream).await.unwrap(), to, &log).await,
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn relay(
    mut client: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    to: SocketAddr,
    log: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    log.lock().unwrap().push(head.clone());
    if head.contains("example.org") {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap_or_default();
        return;
    }
    let mut server = TcpStream::connect(to).await.unwrap();
    if head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    } else {
        server.write_all(head.as_bytes()).await.unwrap();
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await.unwrap_or_default();
}

fn proxies(url: &str) -> Proxies {
    Proxies::from_variables(|name| (name == "all_proxy").then(|| url.to_owned())).unwrap()
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_http_in_absolute_form() {
    let authority = Authority::new();
    let secure = Server::secure(&authority, &["api.example"], ok).await;
    let plain = Server::plain(ok).await;
    for over_tls in [false, true] {
        let acceptor = || over_tls.then(|| authority.acceptor(&["localhost"], &[]));
        let scheme = if over_tls { "https" } else { "http" };
        // No names here: the proxy looks them up.
        let names = Names::new(&[]);
        let through = |proxy: &Proxy| {
            let url = format!("{scheme}://user:p%40ss@localhost:{}", proxy.address.port());
            client(Policy::operator(), &authority)
                .resolver(Arc::clone(&names) as _)
                .proxies(proxies(&url))
                .build()
                .unwrap()
        };

        let proxy = Proxy::start(secure.address, acceptor()).await;
        let client = through(&proxy);
        let response = within(client.fetch(get("https://api.example/path?q"), 100)).await.unwrap();
        assert_eq!(response.into_body(), "reached");
        let seen = secure.last();
        assert_eq!((seen.uri.path_and_query().unwrap().as_str(), seen.version), ("/path?q", http::Version::HTTP_2));
        assert_eq!(seen.header("proxy-authorization"), "", "the credentials of the proxy are not the server's");
        let head = &proxy.heads()[0];
        assert!(head.starts_with("CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n"), "{head}");
        assert!(head.contains("proxy-authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");

        let proxy = Proxy::start(plain.address, acceptor()).await;
        let client = through(&proxy);
        let response = within(client.fetch(get("http://api.example:81/path?q"), 100)).await.unwrap();
        assert_eq!(response.into_body(), "reached");
        let head = proxy.heads()[0].to_ascii_lowercase();
        assert!(head.starts_with("get http://api.example:81/path?q http/1.1\r\n"), "{head}");
        assert!(
            head.contains("\r\nhost: api.example:81\r\n") && head.contains("\r\nproxy-authorization: basic "),
            "{head}"
        );
        assert_eq!(names.lookups(), 0);
    }
}

#[tokio::test]
async fn certificate_behind_the_tunnel_is_checked_and_refusals_are_told_from_answers() {
    let authority = Authority::new();
    let server = Server::secure(&authority, &["other.example"], ok).await;
    let proxy = Proxy::start(server.address, None).await;
    let client =
        client(Policy::operator(), &authority).proxies(proxies(&format!("http://{}", proxy.address))).build().unwrap();
    assert!(within(client.send(get("https://api.example/"))).await.unwrap_err().is_tls());
    assert!(within(client.send(get("https://example.org/"))).await.unwrap_err().is_unavailable());
    // In absolute form the proxy's own answer is all there is.
    assert_eq!(within(client.send(get("http://example.org/"))).await.unwrap().status(), 403);
}

#[tokio::test]
async fn loopback_and_the_list_of_exceptions_are_direct() {
    let server = Server::plain(ok).await;
    let proxy = Proxy::start(server.address, None).await;
    let address = format!("http://{}", proxy.address);
    let variables = |name: &str| match name {
        "http_proxy" => Some(address.clone()),
        "no_proxy" => Some("direct.example".to_owned()),
        _ => None,
    };
    let names = Names::new(&[("direct.example", &[&["127.0.0.1"]])]);
    let client = client(Policy::operator(), &Authority::new())
        .resolver(names)
        .proxies(Proxies::from_variables(variables).unwrap())
        .build()
        .unwrap();
    for host in ["127.0.0.1", "localhost", "direct.example", "x.localhost"] {
        let url = format!("http://{host}:{}/", server.port());
        assert_eq!(within(client.fetch(get(&url), 100)).await.unwrap().into_body(), "reached");
    }
    assert!(proxy.heads().is_empty());
}

#[tokio::test]
async fn what_a_named_server_refers_to_goes_through_too() {
    let server = Server::plain(ok).await;
    let proxy = Proxy::start(server.address, None).await;
    let policy = Policy::same_reach(&target("http://mcp.example/"));
    let client =
        client(policy, &Authority::new()).proxies(proxies(&format!("http://{}", proxy.address))).build().unwrap();
    for url in ["http://mcp.example/", "http://as.example/"] {
        assert_eq!(within(client.fetch(get(url), 100)).await.unwrap().into_body(), "reached");
    }
    // What stands in the URL is judged before the proxy hears of it.
    for url in ["http://10.0.0.1/", "http://169.254.169.254/", "http://intranet/", "http://x.internal/"] {
        assert!(within(client.send(get(url))).await.unwrap_err().is_forbidden(), "{url}");
    }
    assert_eq!(proxy.heads().len(), 2);
}

#[tokio::test]
async fn urls_of_peers_pass_the_proxy_by_unless_loosened() {
    let authority = Authority::new();
    let server = Server::secure(&authority, &["client.example"], ok).await;
    let proxy = Proxy::start(server.address, None).await;
    let from = format!("{PUBLIC}:443").parse().unwrap();
    let builder = || {
        let names = Names::new(&[("client.example", &[&[PUBLIC]]), ("evil.example", &[&["127.0.0.1"]])]);
        let builder =
            client(Public::new(), &authority).resolver(names).proxies(proxies(&format!("http://{}", proxy.address)));
        danger::dial_instead(builder, from, server.address)
    };
    let strict = builder().build().unwrap();
    assert_eq!(within(strict.fetch(get("https://client.example/"), 100)).await.unwrap().into_body(), "reached");
    assert!(within(strict.send(get("https://evil.example/"))).await.unwrap_err().is_forbidden());
    assert!(proxy.heads().is_empty());

    let loosened = danger::public_through_proxy(builder()).build().unwrap();
    assert_eq!(within(loosened.fetch(get("https://client.example/"), 100)).await.unwrap().into_body(), "reached");
    assert_eq!(proxy.heads().len(), 1);
    for url in ["https://127.0.0.1/", "https://localhost/", "https://intranet/", "http://client.example/"] {
        assert!(within(loosened.send(get(url))).await.unwrap_err().is_forbidden(), "{url}");
    }
    assert_eq!(proxy.heads().len(), 1);
}
