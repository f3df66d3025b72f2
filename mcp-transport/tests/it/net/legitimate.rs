//! What is odd and right gets through.

use std::net::SocketAddr;
use std::sync::Arc;

use mcp_transport::net::{Host, Policy, Public, Target, Tls, danger};

use super::support::{Authority, Names, PUBLIC, Server, client, nobody, ok, target, within};

const V6: &str = "2606:2800:21f:cb07:6820:80da:af6b:8b2c";

/// A URL of a peer, what its name answers, and what the server should see as host and path.
const PUBLIC_URLS: &[(&str, &[&str], &str, &str)] = &[
    ("https://client.example/", &[PUBLIC], "client.example", "/"),
    ("https://client.example", &[PUBLIC], "client.example", "/"),
    ("HTTPS://CLIENT.EXAMPLE/", &[PUBLIC], "client.example", "/"),
    ("https://Client.Example:443/Path", &[PUBLIC], "client.example", "/Path"),
    ("https://client.example:0443/", &[PUBLIC], "client.example", "/"),
    ("https://client.example./dot", &[PUBLIC], "client.example.", "/dot"),
    ("https://bücher.example/", &[PUBLIC], "xn--bcher-kva.example", "/"),
    ("https://BÜCHER.example/", &[PUBLIC], "xn--bcher-kva.example", "/"),
    ("https://xn--bcher-kva.example/", &[PUBLIC], "xn--bcher-kva.example", "/"),
    ("https://例え.テスト.example/", &[PUBLIC], "xn--r8jz45g.xn--zckzah.example", "/"),
    ("https://ｅxample.example/", &[PUBLIC], "example.example", "/"),
    ("https://straße.example/", &[PUBLIC], "xn--strae-oqa.example", "/"),
    ("https://a_b.example/", &[PUBLIC], "a_b.example", "/"),
    ("https://_dmarc.client.example/", &[PUBLIC], "_dmarc.client.example", "/"),
    ("https://1.client.example/", &[PUBLIC], "1.client.example", "/"),
    ("https://127.0.0.1.client.example/", &[PUBLIC], "127.0.0.1.client.example", "/"),
    ("https://localhost.client.example/", &[PUBLIC], "localhost.client.example", "/"),
    ("https://notlocalhost.example/", &[PUBLIC], "notlocalhost.example", "/"),
    ("https://internal.example/", &[PUBLIC], "internal.example", "/"),
    ("https://0x7f.client.example/", &[PUBLIC], "0x7f.client.example", "/"),
    ("https://a.b.c.d.e.f.g.h.i.j.client.example/", &[PUBLIC], "a.b.c.d.e.f.g.h.i.j.client.example", "/"),
    ("https://xn--r8jz45g.client.example/", &[PUBLIC], "xn--r8jz45g.client.example", "/"),
    ("https://client.example/a//b", &[PUBLIC], "client.example", "/a//b"),
    ("https://client.example/a/../b/./c", &[PUBLIC], "client.example", "/b/c"),
    ("https://client.example/a%2Fb%20c", &[PUBLIC], "client.example", "/a%2Fb%20c"),
    ("https://client.example/ü", &[PUBLIC], "client.example", "/%C3%BC"),
    ("https://client.example/@user:x", &[PUBLIC], "client.example", "/@user:x"),
    ("https://client.example/http://127.0.0.1/", &[PUBLIC], "client.example", "/http://127.0.0.1/"),
    ("https://client.example?url=http://127.0.0.1/", &[PUBLIC], "client.example", "/?url=http://127.0.0.1/"),
    ("https://client.example/?", &[PUBLIC], "client.example", "/?"),
    ("https://client.example/?a=b&a=c;d[]=e", &[PUBLIC], "client.example", "/?a=b&a=c;d[]=e"),
    ("https://client.example/?q=ü+%2B|^", &[PUBLIC], "client.example", "/?q=%C3%BC+%2B|^"),
    ("https://client.example/#@127.0.0.1", &[PUBLIC], "client.example", "/"),
    ("https://client.example/x#/../y", &[PUBLIC], "client.example", "/x"),
    ("https://client.example/;a=1,b='(2)'!$*~", &[PUBLIC], "client.example", "/;a=1,b='(2)'!$*~"),
    // Addresses.
    ("https://93.184.216.34/", &[], "93.184.216.34", "/"),
    ("https://93.184.216.34:443/x", &[], "93.184.216.34", "/x"),
    ("https://[2606:2800:21F:CB07:6820:80DA:AF6B:8B2C]/", &[], "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]", "/"),
    // Answers.
    ("https://client.example/v6", &[V6], "client.example", "/v6"),
    ("https://client.example/both", &[V6, PUBLIC], "client.example", "/both"),
    ("https://client.example/nat64", &["64:ff9b::5db8:d822"], "client.example", "/nat64"),
    ("https://client.example/twice", &[PUBLIC, PUBLIC], "client.example", "/twice"),
    // The first address is of somebody who has gone.
    ("https://client.example/dead", &["93.184.216.35", PUBLIC], "client.example", "/dead"),
    ("https://client.example/dead6", &["2606:2800:21f::dead", "93.184.216.35", PUBLIC], "client.example", "/dead6"),
];

/// URLs that an operator may write. `PORT` is that of the server.
const OPERATOR_URLS: &[(&str, &[&str], &str)] = &[
    ("http://127.0.0.1:PORT/", &[], "127.0.0.1:PORT"),
    ("http://127.1:PORT/", &[], "127.0.0.1:PORT"),
    ("http://0x7f.1:PORT/", &[], "127.0.0.1:PORT"),
    ("http://2130706433:PORT/", &[], "127.0.0.1:PORT"),
    ("http://localhost:PORT/", &[], "localhost:PORT"),
    ("http://LOCALHOST.:PORT/", &[], "localhost.:PORT"),
    ("http://app.localhost:PORT/", &[], "app.localhost:PORT"),
    ("http://redis-ui:PORT/", &["127.0.0.1"], "redis-ui:PORT"),
    ("http://auth.internal:PORT/", &["127.0.0.1"], "auth.internal:PORT"),
    ("http://printer.local:PORT/", &["::1", "127.0.0.1"], "printer.local:PORT"),
    ("http://[::ffff:127.0.0.1]:PORT/", &[], "[::ffff:7f00:1]:PORT"),
];

#[tokio::test]
async fn odd_urls_of_peers_that_are_right_are_reached() {
    let authority = Authority::new();
    let hosts: Vec<String> = PUBLIC_URLS
        .iter()
        .map(|(url, ..)| match target(url).host() {
            Host::Name(name) => name.to_owned(),
            Host::Address(address) => address.to_string(),
        })
        .collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let server = Server::secure(&authority, &hosts, ok).await;
    let (_held, nobody) = nobody();
    assert!(PUBLIC_URLS.len() >= 40, "{}", PUBLIC_URLS.len());
    for (url, answer, host, path) in PUBLIC_URLS {
        let target = target(url);
        let name = target.host().to_string();
        let names = Names::new(&[(&name, &[answer])]);
        // Nothing is loosened.
        let mut builder = client(Public::new(), &authority).resolver(names);
        for (from, to) in [
            (SocketAddr::new(PUBLIC.parse().unwrap(), 443), server.address),
            (SocketAddr::new(V6.parse().unwrap(), 443), server.address),
            (SocketAddr::new("64:ff9b::5db8:d822".parse().unwrap(), 443), server.address),
            (SocketAddr::new("93.184.216.35".parse().unwrap(), 443), nobody),
            (SocketAddr::new("2606:2800:21f::dead".parse().unwrap(), 443), nobody),
        ] {
            builder = danger::dial_instead(builder, from, to);
        }
        let client = builder.build().unwrap();
        let response = within(client.get(&target, 100)).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        assert_eq!(response.into_body(), "reached", "{url}");
        let seen = server.last();
        assert_eq!(seen.host().trim_end_matches(":443"), *host, "{url}");
        assert_eq!(seen.uri.path_and_query().unwrap().as_str(), *path, "{url}");
    }
    assert_eq!(server.connections(), PUBLIC_URLS.len());
}

#[tokio::test]
async fn operators_urls_are_reached_however_they_are_written() {
    let server = Server::plain(ok).await;
    let authority = Authority::new();
    let port = server.port().to_string();
    for (url, answer, host) in OPERATOR_URLS {
        let target = target(&url.replace("PORT", &port));
        let names = Names::new(&[(&target.host().to_string(), &[answer])]);
        let client = client(Policy::operator(), &authority).resolver(Arc::clone(&names) as _).build().unwrap();
        assert_eq!(within(client.get(&target, 100)).await.unwrap().into_body(), "reached", "{url}");
        assert_eq!(server.last().host(), host.replace("PORT", &port), "{url}");
        // RFC 6761 6.3: nobody is asked for names under localhost.
        assert_eq!(names.lookups(), usize::from(!answer.is_empty()), "{url}");
    }
}

#[tokio::test]
async fn operators_host_under_the_public_policy_is_reached_and_no_other() {
    let server = Server::plain(ok).await;
    let names = Names::new(&[("clients.corp.example", &[&["127.0.0.1"]]), ("other.corp.example", &[&["127.0.0.1"]])]);
    let host = format!("clients.corp.example:{}", server.port()).parse().unwrap();
    let client = client(Public::new().operator_host(host), &Authority::new()).resolver(names).build().unwrap();
    let url = |host: &str| Target::parse(&format!("http://{host}:{}/", server.port())).unwrap();
    assert_eq!(within(client.get(&url("clients.corp.example"), 100)).await.unwrap().into_body(), "reached");
    for host in ["other.corp.example", "127.0.0.1", "localhost"] {
        assert!(within(client.get(&url(host), 100)).await.unwrap_err().is_forbidden(), "{host}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn private_networks_are_reached_where_that_is_allowed() {
    let server = Server::plain(ok).await;
    let public = danger::private_addresses(danger::any_port(danger::plain_http(Public::new())));
    let client = client(public, &Authority::new()).build().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = target(&format!("http://{host}:{}/", server.port()));
        assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
    }
    for host in ["169.254.169.254", "0.0.0.0", "[fd00:ec2::254]", "127.1"] {
        let url = target(&format!("http://{host}:{}/", server.port()));
        assert!(within(client.get(&url, 100)).await.unwrap_err().is_forbidden(), "{host}");
    }
}

#[tokio::test]
async fn platform_trust_is_enough_to_build_a_client() {
    // What is installed here decides whether there are certificates; either way there is a plain answer.
    match Tls::platform() {
        Ok(tls) => assert!(mcp_transport::net::Client::builder(Policy::public()).tls(tls).build().is_ok()),
        Err(error) => assert!(error.is_config()),
    }
}
