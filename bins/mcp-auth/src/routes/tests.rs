use std::sync::Arc;

use http_body_util::BodyExt as _;
use mcp_oauth::identity::{Owner, Terminal};
use mcp_oauth::server::AuthorizationServer;
use mcp_transport::auth::Issuer;
use mcp_transport::stop::Stop;

use super::*;

async fn shared(details: Details) -> (Shared, Stop) {
    let issuer = Issuer::parse("http://localhost:8000").unwrap();
    let server = AuthorizationServer::builder(issuer).identity(Arc::new(Owner::new(Arc::new(Terminal))));
    let server = server.build().await.unwrap();
    let draining = Stop::new();
    let shared = Shared {
        server: Some(server.service()),
        readiness: Readiness::new(server, draining.clone()),
        metrics: Metrics::default(),
        proxies: TrustedProxies::default(),
        details,
    };
    (shared, draining)
}

async fn get(shared: &Shared, path: &str) -> (u16, String) {
    get_with(shared, path, &[("host", "localhost:8000")]).await
}

async fn get_with(shared: &Shared, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut routes = Routes::new(shared.clone(), Peer::secure([192, 0, 2, 1].into()));
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = routes.call(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn metrics_are_told_to_the_operator_alone() {
    let (public, _) = shared(Details::Hidden).await;
    assert_eq!(get(&public, "/metrics").await.0, 404);
    assert_eq!(get(&public, "/jwks").await.0, 200);
    let (own, _) = shared(Details::Told).await;
    get(&own, "/jwks").await;
    let (status, text) = get(&own, "/metrics").await;
    assert!(status == 200 && text.contains("endpoint=\"metadata\",status=\"2xx\"} 1\n"), "{text}");
    // Asking for them counts as nothing.
    assert_eq!(get(&own, "/metrics").await.1, text);
}

// A reverse proxy on this machine, and a page whose name leads to it, come from loopback as the operator does.
#[tokio::test]
async fn on_loopback_the_operator_is_who_asks_there_directly() {
    let (shared, _) = shared(Details::Local).await;
    assert_eq!(get(&shared, "/metrics").await.0, 200);
    for headers in [
        &[("host", "localhost:8000"), ("x-forwarded-for", "203.0.113.9")][..],
        &[("host", "localhost:8000"), ("forwarded", "for=203.0.113.9")],
        &[("host", "localhost:8000"), ("via", "1.1 proxy")],
        &[("host", "evil.test")],
        &[],
    ] {
        let (status, text) = get_with(&shared, "/metrics", headers).await;
        // A request that names no host is none.
        assert!([400, 404].contains(&status) && !text.contains("mcp_auth"), "{headers:?}: {text}");
    }
    let asked = |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
        Details::Local.to(&request.body(()).unwrap())
    };
    assert_eq!(asked(&[("host", "localhost")]), Details::Told);
    assert_eq!(asked(&[("host", "as.example")]), Details::Hidden, "/ready goes by the same");
}

#[tokio::test]
async fn a_server_that_drains_is_alive_and_not_ready() {
    let (shared, draining) = shared(Details::Hidden).await;
    assert_eq!(get(&shared, "/ready").await, (200, "{\"status\":\"ready\"}".to_owned()));
    draining.give();
    assert_eq!(get(&shared, "/ready").await, (503, "{\"status\":\"stopping\"}".to_owned()));
    assert_eq!(get(&shared, "/health").await.0, 200);
}

#[test]
fn why_the_store_fails_is_told_to_the_operator_alone() {
    let failed = State::StoreFails("the disk is full".into());
    for (details, told) in [(Details::Told, true), (Details::Hidden, false)] {
        let answer = ready(&Method::GET, &failed, details);
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(format!("{:?}", answer.body()).contains("the disk is full"), told);
    }
}
