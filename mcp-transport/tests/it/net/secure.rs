//! TLS: whom we trust, for which name, and what is spoken inside.

use std::sync::Arc;

use mcp_transport::net::{Client, Policy, Public, Tls, danger};

use super::support::{Authority, Names, PUBLIC, Server, client, ok, target, within};

#[tokio::test]
async fn http2_and_http1_are_chosen_by_alpn() {
    let authority = Authority::new();
    for (alpn, version) in [
        (&[&b"h2"[..], b"http/1.1"][..], http::Version::HTTP_2),
        (&[&b"http/1.1"[..]][..], http::Version::HTTP_11),
        (&[][..], http::Version::HTTP_11),
    ] {
        let server = Server::start("127.0.0.1:0", Some(authority.acceptor(&["localhost"], alpn)), ok).await;
        let client = client(Policy::operator(), &authority).build().unwrap();
        let url = target(&format!("https://localhost:{}/", server.port()));
        for _ in 0..3 {
            assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
        }
        assert_eq!(server.last().version, version);
        assert_eq!(server.connections(), 1, "the connection is used again");
    }
}

#[tokio::test]
async fn certificates_of_strangers_and_of_other_names_are_refused() {
    let authority = Authority::new();
    let server = Server::secure(&authority, &["right.example", PUBLIC], ok).await;
    let names = Names::new(&[("right.example", &[&[PUBLIC]]), ("wrong.example", &[&[PUBLIC]])]);
    let reach = |trusted: &Authority, url: &str| {
        let builder = client(Public::new(), trusted).resolver(Arc::clone(&names) as _);
        let from = format!("{PUBLIC}:443").parse().unwrap();
        let client = danger::dial_instead(builder, from, server.address).build().unwrap();
        let url = target(url);
        async move { within(client.get(&url, 100)).await }
    };
    for url in ["https://right.example/", &format!("https://{PUBLIC}/")] {
        assert_eq!(reach(&authority, url).await.unwrap().into_body(), "reached");
    }
    let name = reach(&authority, "https://wrong.example/").await.unwrap_err();
    let stranger = reach(&Authority::new(), "https://right.example/").await.unwrap_err();
    for error in [name, stranger] {
        assert!(error.is_tls(), "{error:?}");
        assert_eq!(error.to_string(), "the request to the other server failed");
    }
    assert_eq!(server.seen().len(), 2, "no request was sent to a peer that is not known");
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_no_tls() {
    let server = Server::plain(ok).await;
    let client = client(Policy::operator(), &Authority::new()).build().unwrap();
    let url = target(&format!("https://{}/", server.address));
    assert!(within(client.get(&url, 100)).await.unwrap_err().is_tls());
}

#[tokio::test]
async fn ca_file_is_trusted_beside_the_platform() {
    let authority = Authority::new();
    let server = Server::secure(&authority, &["localhost"], ok).await;
    let file = std::env::temp_dir().join(format!("mcp-transport-net-ca-{}.pem", std::process::id()));
    std::fs::write(&file, authority.pem()).unwrap();
    let tls = Tls::with_ca_file(&file);
    std::fs::remove_file(&file).unwrap();
    let client = Client::builder(Policy::operator()).tls(tls.unwrap()).build().unwrap();
    let url = target(&format!("https://localhost:{}/", server.port()));
    assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
}

#[tokio::test]
async fn head_of_http2_is_limited_too() {
    let authority = Authority::new();
    let server = Server::secure(&authority, &["localhost"], |_| {
        let mut response = http::Response::new(Default::default());
        for index in 0..300 {
            let value = http::HeaderValue::try_from("x".repeat(1000)).unwrap();
            response.headers_mut().insert(http::HeaderName::try_from(format!("x-{index}")).unwrap(), value);
        }
        response
    })
    .await;
    let client = client(Policy::operator(), &authority).build().unwrap();
    let url = target(&format!("https://localhost:{}/", server.port()));
    let result = within(client.get(&url, 100)).await;
    assert!(!result.unwrap_err().is_timeout());
    assert_eq!(server.last().version, http::Version::HTTP_2);
}
