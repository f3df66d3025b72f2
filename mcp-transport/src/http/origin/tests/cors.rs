//! What browsers are told, and the layer that tells them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use tower_layer::Layer as _;
use tower_service::Service;

use super::*;

#[test]
fn cors_fields_name_the_origin_itself_and_only_when_there_is_one() {
    let admitted = listed()
        .check(&Uri::from_static("/"), &fields(&[("host", "localhost"), ("origin", "https://app.example.com")]))
        .unwrap();
    let mut headers = fields(&[("vary", "Accept")]);
    admitted.apply(&mut headers);
    admitted.apply(&mut headers);
    assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
    assert!(headers["access-control-expose-headers"].to_str().unwrap().contains("Mcp-Session-Id"));
    assert!(!headers.contains_key("access-control-allow-credentials"));
    assert_eq!(headers.get_all("vary").iter().collect::<Vec<_>>(), ["Accept", "Origin"]);

    let admitted = listed().check(&Uri::from_static("/"), &fields(&[("host", "localhost")])).unwrap();
    let mut headers = HeaderMap::new();
    admitted.apply(&mut headers);
    assert!(headers.is_empty());
}

fn preflight(pairs: &[(&'static str, &str)]) -> Option<Response<()>> {
    let mut request = Request::new(());
    *request.method_mut() = Method::OPTIONS;
    *request.headers_mut() = fields(pairs);
    listed().preflight(&request)
}

#[test]
fn preflight_says_what_may_be_sent() {
    let answer = preflight(&[
        ("host", "mcp.example.com"),
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "content-type,mcp-param-region, Mcp-Param-Tenant, mcp-param-, x-evil, mcp-param-b@d",
        ),
        ("access-control-request-private-network", "true"),
    ])
    .unwrap();
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(headers["access-control-allow-methods"], "POST, GET, DELETE, OPTIONS");
    assert_eq!(
        headers["access-control-allow-headers"],
        "Content-Type, Accept, Authorization, DPoP, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, mcp-param-region, mcp-param-tenant"
    );
    assert_eq!(headers["access-control-max-age"], "3600");
    assert_eq!(headers["access-control-allow-private-network"], "true");
    assert!(headers["vary"].to_str().unwrap().starts_with("Origin, "));
}

#[test]
fn preflight_of_a_stranger_gets_no_permission() {
    for (host, origin, status) in [
        ("mcp.example.com", "https://evil.test", 403),
        ("evil.test", "https://app.example.com", 403),
        ("", "https://app.example.com", 400),
    ] {
        let answer = preflight(&[
            ("host", host),
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-private-network", "true"),
        ])
        .unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.headers().keys().all(|name| name == "vary"), "{:?}", answer.headers());
    }
}

#[test]
fn options_without_the_preflight_fields_is_an_ordinary_request() {
    assert!(preflight(&[("host", "localhost"), ("origin", "https://app.example.com")]).is_none());
    assert!(preflight(&[("host", "localhost"), ("access-control-request-method", "POST")]).is_none());
    let mut post = Request::new(());
    *post.headers_mut() = fields(&[("origin", "https://app.example.com"), ("access-control-request-method", "POST")]);
    assert!(listed().preflight(&post).is_none());
}

/// Stands for a guard without a token: everything is 401.
#[derive(Clone)]
struct Unauthorized;

impl Service<Request<()>> for Unauthorized {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::builder()
            .status(401)
            .header("www-authenticate", "Bearer")
            .body("no token".to_owned())
            .unwrap()))
    }
}

fn through_layer(method: Method, pairs: &[(&'static str, &str)]) -> Response<String> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.headers_mut() = fields(pairs);
    let future = CorsLayer::new(listed()).layer(Unauthorized).call(request);
    match std::pin::pin!(future).poll(&mut Context::from_waker(std::task::Waker::noop())) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn layer_answers_preflights_outside_the_guard() {
    let answer = through_layer(
        Method::OPTIONS,
        &[("host", "localhost"), ("origin", "https://app.example.com"), ("access-control-request-method", "POST")],
    );
    assert_eq!((answer.status().as_u16(), answer.body().as_str()), (204, ""));
}

#[test]
fn layer_makes_the_challenge_readable_for_admitted_origins_only() {
    let answer = through_layer(Method::POST, &[("host", "localhost"), ("origin", "https://app.example.com")]);
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example.com");
    assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("WWW-Authenticate"));
    let answer = through_layer(Method::POST, &[("host", "localhost")]);
    assert_eq!(answer.status(), 401);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}

// Security check 76: who may not speak to us is not asked for a token.
#[test]
fn attack_076_layer_refuses_strangers_before_the_guard_asks_for_a_token() {
    for (status, pairs) in [
        (403, &[("host", "localhost"), ("origin", "https://evil.test")][..]),
        (403, &[("host", "localhost"), ("origin", "null")]),
        (403, &[("host", "evil.test:3000")]),
        (400, &[]),
    ] {
        let answer = through_layer(Method::POST, pairs);
        let said = "this host or origin is not served";
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, said), "{pairs:?}");
        assert_eq!(answer.headers().len(), 1, "{:?}", answer.headers());
        assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    }
}
