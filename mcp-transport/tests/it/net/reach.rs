//! A server that the user named, and what it refers to.

use std::sync::Arc;

use mcp_transport::net::{Policy, danger};

use super::support::{Authority, Names, PUBLIC, Server, client, ok, target, within};

#[tokio::test]
async fn local_server_refers_to_its_own_machine() {
    let (server, near) = (Server::plain(ok).await, Server::plain(ok).await);
    let named = target(&format!("http://localhost:{}/mcp", server.port()));
    let client = client(Policy::same_reach(&named), &Authority::new()).build().unwrap();
    assert_eq!(within(client.get(&named, 100)).await.unwrap().into_body(), "reached");
    let url = target(&format!("http://127.0.0.1:{}/", near.port()));
    assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
    for url in ["http://10.0.0.1/", "http://169.254.169.254/", "http://[fd00::2]/"] {
        assert!(within(client.get(&target(url), 100)).await.unwrap_err().is_forbidden(), "{url}");
    }
}

#[tokio::test]
async fn public_server_refers_to_nothing_nearby_whatever_its_name_answers() {
    let authority = Authority::new();
    let server = Server::secure(&authority, &["mcp.example"], ok).await;
    let near = Server::plain(ok).await;
    // First it claims to be this machine, to be allowed to point at it; then it is where it is; then it claims again.
    let names = Names::new(&[("mcp.example", &[&["127.0.0.1"], &[PUBLIC], &["127.0.0.1"]])]);
    let named = target(&format!("https://mcp.example:{}/", server.port()));
    let from = format!("{PUBLIC}:{}", server.port()).parse().unwrap();
    // Another certificate answers at the claimed place, as it would be on a victim's machine.
    let builder = client(Policy::same_reach(&named), &authority).resolver(Arc::clone(&names) as _).idle_connections(0);
    let lying = danger::dial_instead(builder, ([127, 0, 0, 1], server.port()).into(), near.address);
    let client = danger::dial_instead(lying, from, server.address).build().unwrap();
    let inside = target(&format!("https://127.0.0.1:{}/", near.port()));

    assert!(within(client.get(&named, 100)).await.unwrap_err().is_tls());
    let before = near.connections();
    assert!(within(client.get(&inside, 100)).await.unwrap_err().is_forbidden(), "a failed handshake teaches nothing");
    assert_eq!(within(client.get(&named, 100)).await.unwrap().into_body(), "reached");
    assert!(within(client.get(&inside, 100)).await.unwrap_err().is_forbidden());
    assert!(within(client.get(&named, 100)).await.unwrap_err().is_forbidden(), "its name has moved inside");
    assert_eq!(near.connections(), before);
}

#[tokio::test]
async fn private_server_refers_to_its_network_once_it_was_reached() {
    let server = Server::plain(ok).await;
    let names = Names::new(&[("mcp.corp.example", &[&["10.0.0.1"]]), ("as.corp.example", &[&["10.0.0.2"]])]);
    let port = server.port();
    let named = target(&format!("http://mcp.corp.example:{port}/"));
    let other = target(&format!("http://as.corp.example:{port}/"));
    let mut builder = client(Policy::same_reach(&named), &Authority::new()).resolver(Arc::clone(&names) as _);
    for last in [1, 2] {
        builder = danger::dial_instead(builder, ([10, 0, 0, last], port).into(), server.address);
    }
    let client = builder.build().unwrap();
    assert!(within(client.get(&other, 100)).await.unwrap_err().is_forbidden());
    assert_eq!(within(client.get(&named, 100)).await.unwrap().into_body(), "reached");
    assert_eq!(within(client.get(&other, 100)).await.unwrap().into_body(), "reached");
    let local = target(&format!("http://127.0.0.1:{port}/"));
    assert!(within(client.get(&local, 100)).await.unwrap_err().is_forbidden());
}
