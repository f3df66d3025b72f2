//! Redirects, hop by hop, over real connections.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use mcp_transport::net::{Policy, Redirects};

use super::support::{Authority, Seen, Server, client, get, ok, within};

/// `/307/PLACE` redirects with 307 to `PLACE`; anything else answers.
fn redirecting(seen: &Seen) -> Response<Full<Bytes>> {
    let path = seen.uri.path_and_query().unwrap().as_str();
    let parts = path.trim_start_matches('/').split_once('/');
    match parts.and_then(|(status, place)| Some((status.parse::<u16>().ok()?, place))) {
        Some((status, place)) => {
            Response::builder().status(status).header("location", place).body(Default::default()).unwrap()
        }
        None => ok(seen),
    }
}

fn post(url: &str) -> Request<Bytes> {
    Request::post(url)
        .header("authorization", "Bearer secret")
        .header("cookie", "a=b")
        .header("content-type", "text/plain")
        .header("x-own", "kept")
        .body(Bytes::from_static(b"body"))
        .unwrap()
}

#[tokio::test]
async fn redirect_is_the_response_unless_told_otherwise() {
    let server = Server::plain(redirecting).await;
    let client = client(Policy::operator(), &Authority::new()).build().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let response =
            within(client.send(get(&format!("http://{}/{status}/http://x/", server.address)))).await.unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
        assert_eq!(response.headers()["location"], "http://x/");
    }
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn hops_are_followed_and_counted() {
    let server = Server::plain(redirecting).await;
    let client = client(Policy::operator(), &Authority::new()).redirects(Redirects::Follow { max: 3 }).build().unwrap();
    let base = format!("http://{}", server.address);
    let three = format!("{base}/302/{base}/307/{base}/301/{base}/end");
    let response = within(client.fetch(get(&three), 100)).await.unwrap();
    assert_eq!(response.target().as_str(), format!("{base}/end"));
    assert_eq!(response.into_body(), "reached");
    let four = format!("{base}/302/{three}");
    assert!(within(client.send(get(&four))).await.unwrap_err().is_redirect());
    // A circle ends in the same way.
    let circle =
        Server::plain(|_| Response::builder().status(302).header("location", "/").body(Default::default()).unwrap())
            .await;
    assert!(within(client.send(get(&format!("http://{}/", circle.address)))).await.unwrap_err().is_redirect());
    assert_eq!(circle.seen().len(), 4);
}

#[tokio::test]
async fn credentials_stay_behind_and_bodies_go_no_further() {
    let first = Server::plain(redirecting).await;
    let other = Server::plain(redirecting).await;
    let client = client(Policy::operator(), &Authority::new()).redirects(Redirects::Follow { max: 3 }).build().unwrap();
    let (here, there) = (format!("http://{}", first.address), format!("http://{}", other.address));

    // Within the origin everything goes along.
    within(client.send(post(&format!("{here}/308/{here}/end")))).await.unwrap();
    let seen = first.last();
    assert_eq!((seen.method.clone(), seen.body.as_ref()), (Method::POST, &b"body"[..]));
    assert_eq!((seen.header("authorization"), seen.header("cookie")), ("Bearer secret", "a=b"));

    // 303 to another origin: a GET without credentials and without what described the body.
    within(client.send(post(&format!("{here}/303/{there}/end")))).await.unwrap();
    let seen = other.last();
    assert_eq!((seen.method.clone(), seen.body.len()), (Method::GET, 0));
    assert_eq!(seen.header("x-own"), "kept");
    for name in ["authorization", "cookie", "content-type"] {
        assert_eq!(seen.header(name), "", "{name}");
    }
    // They do not come back either.
    within(client.send(post(&format!("{here}/303/{there}/302/{here}/end")))).await.unwrap();
    assert_eq!(first.last().header("authorization"), "");

    let before = other.connections();
    assert!(within(client.send(post(&format!("{here}/307/{there}/end")))).await.unwrap_err().is_redirect());
    assert_eq!(other.connections(), before);
}

#[tokio::test]
async fn attack_088_downgrade_is_not_followed() {
    let authority = Authority::new();
    let plain = Server::plain(ok).await;
    let secure = Server::secure(&authority, &["localhost"], redirecting).await;
    let client = client(Policy::operator(), &authority).redirects(Redirects::Follow { max: 3 }).build().unwrap();
    let url = format!("https://localhost:{}/302/http://{}/", secure.port(), plain.address);
    assert!(within(client.send(get(&url))).await.unwrap_err().is_redirect());
    assert_eq!(plain.connections(), 0);
    // The other way is fine.
    let plain = Server::plain(redirecting).await;
    let url = format!("http://{}/302/https://localhost:{}/end", plain.address, secure.port());
    assert_eq!(within(client.fetch(get(&url), 100)).await.unwrap().into_body(), "reached");
}
