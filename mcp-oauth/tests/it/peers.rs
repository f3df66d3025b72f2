//! Who asks, as an embedder tells it: connected itself, or through a reverse proxy; and what the log says where it is left out.

use std::num::NonZeroU32;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use mcp_oauth::server::{AuthService, Peer, TrustedProxies};
use tower_service::Service as _;

use crate::support::{Bed, FORM, Keeper, Reply, log, request};

const METADATA: &str = "/.well-known/oauth-authorization-server";

fn connected(service: AuthService, peer: Peer) -> AuthService {
    service.peer(move |_| Some(peer))
}

async fn ask(service: &AuthService, request: Request<Full<Bytes>>) -> Reply {
    let Ok(answer) = service.clone().call(request).await;
    Reply::read(answer).await
}

async fn metadata(service: &AuthService, headers: &[(&str, &str)]) -> u16 {
    ask(service, request(Method::GET, METADATA, headers, "")).await.status
}

#[tokio::test]
async fn an_https_issuer_is_served_through_tls_of_the_embedders_own() {
    let bed = Bed::new(Keeper::memory()).await;
    let address = [192, 0, 2, 1].into();
    log::listen();
    let plain = connected(bed.service(), Peer::direct(address));
    assert_eq!((metadata(&plain, &[]).await, metadata(&plain, &[]).await), (400, 400));
    let said = log::heard();
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("WARN") && line.contains("use https")).collect();
    assert!(
        matches!(warnings[..], [one] if one.contains("AuthService::behind") && one.contains("Peer::secure")),
        "{said}"
    );
    assert_eq!(metadata(&connected(bed.service(), Peer::secure(address)), &[]).await, 200);
}

#[tokio::test]
async fn an_https_issuer_is_served_behind_a_proxy_on_another_host() {
    let bed = Bed::with(Keeper::memory(), |builder| builder.rate_limit(NonZeroU32::new(3))).await;
    let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
    let service = bed.service().behind(proxies);
    let proxy = connected(service.clone(), Peer::direct([10, 0, 0, 1].into()));
    let https = [("x-forwarded-proto", "https"), ("x-forwarded-for", "198.51.100.7")];
    assert_eq!(metadata(&proxy, &https).await, 200);
    assert_eq!(metadata(&proxy, &[("x-forwarded-proto", "http")]).await, 400);
    let stranger = connected(service, Peer::direct([192, 0, 2, 1].into()));
    assert_eq!(metadata(&stranger, &https).await, 400, "who is no proxy of ours is not believed");
    // Limits are by the address that the proxy names.
    let tried = async |address: &str| {
        let headers = [FORM, ("x-forwarded-proto", "https"), ("x-forwarded-for", address)];
        ask(&proxy, request(Method::POST, "/token", &headers, "")).await.status
    };
    for number in 1..=9 {
        assert_eq!(tried(&format!("198.51.100.{number}")).await, 400);
    }
    let mut statuses = Vec::new();
    for _ in 0..9 {
        statuses.push(tried("203.0.113.9").await);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(tried("198.51.100.200").await, 400);
}

#[tokio::test]
async fn a_peer_in_the_extensions_is_behind_the_same_proxies() {
    let bed = Bed::new(Keeper::memory()).await;
    let service = bed.service().behind(TrustedProxies::parse(["10.0.0.1"]).unwrap());
    let mut asked = request(Method::GET, METADATA, &[("x-forwarded-proto", "https")], "");
    asked.extensions_mut().insert(Peer::direct([10, 0, 0, 1].into()));
    assert_eq!(ask(&service, asked).await.status, 200);
}

#[tokio::test]
async fn where_nobody_tells_who_asks_the_log_says_so_once() {
    let bed = Bed::with(Keeper::memory(), |builder| builder.rate_limit(NonZeroU32::new(300))).await;
    log::listen();
    for _ in 0..3 {
        assert_eq!(metadata(&bed.service(), &[]).await, 200);
    }
    let said = log::heard();
    assert_eq!(said.matches("nobody tells who asks").count(), 1, "{said}");
}
