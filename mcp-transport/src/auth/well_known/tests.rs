use std::pin::pin;
use std::task::Waker;

use http_body::Body;
use serde_json::Value;

use super::*;
use crate::auth::Issuer;

fn resource(id: &str) -> Arc<ProtectedResource> {
    Arc::new(
        ProtectedResource::builder(ResourceId::parse(id).unwrap())
            .authorization_server(Issuer::parse("https://as.example").unwrap())
            .build()
            .unwrap(),
    )
}

fn service(ids: &[&str]) -> WellKnown {
    WellKnown::new(ids.iter().map(|id| resource(id))).unwrap()
}

fn call(service: &WellKnown, request: Request<()>) -> Response<OnceBody> {
    service.clone().call(request).into_inner().unwrap()
}

fn request(method: Method, target: &str) -> Request<()> {
    Request::builder().method(method).uri(target).body(()).unwrap()
}

fn bytes(body: OnceBody) -> Bytes {
    let mut body = pin!(body);
    match body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
        _ => Bytes::new(),
    }
}

/// The `resource` that a GET of this target is answered with.
fn named(service: &WellKnown, target: &str) -> Option<String> {
    let response = call(service, request(Method::GET, target));
    if response.status() == 404 {
        return None;
    }
    assert_eq!(response.status(), 200, "{target}");
    let document: Value = serde_json::from_slice(&bytes(response.into_body())).unwrap();
    Some(document["resource"].as_str().unwrap().to_owned())
}

const ROOT: &str = "/.well-known/oauth-protected-resource";

#[test]
fn attack_072_documents_at_root_and_path_whatever_the_headers_say() {
    let service = service(&["https://H.example/a/mcp"]);
    for target in [
        ROOT.to_owned(),
        format!("{ROOT}/a/mcp"),
        format!("{ROOT}/a/mcp/"),
        format!("{ROOT}/a/mcp?cache=no"),
        format!("https://evil.test{ROOT}/a/mcp"),
    ] {
        let mut request = request(Method::GET, &target);
        for (name, value) in [
            ("host", "evil.test"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-prefix", "/evil"),
            ("forwarded", "host=evil.test;proto=http"),
            ("x-original-url", "/evil"),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let response = call(&service, request);
        assert_eq!(response.status(), 200, "{target}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let document: Value = serde_json::from_slice(&bytes(response.into_body())).unwrap();
        // Byte for byte, upper-case host included.
        assert_eq!(document["resource"], "https://H.example/a/mcp");
        assert_eq!(document["authorization_servers"][0], "https://as.example");
        assert!(!document.to_string().contains("evil"));
    }
}

#[test]
fn each_resource_has_its_own_document() {
    let service = service(&["https://h/a", "https://h/b", "https://h/b/", "https://h/q?x=1"]);
    for (target, id) in [
        ("/a", Some("https://h/a")),
        ("/a/", Some("https://h/a")),
        ("/b", Some("https://h/b")),
        ("/b/", Some("https://h/b/")),
        ("/b?anything", Some("https://h/b")),
        ("/q?x=1", Some("https://h/q?x=1")),
        ("/q", None),
        ("/q?x=2", None),
        ("", None),
        ("/", None),
        ("/c", None),
        ("/a/b", None),
        ("/A", None),
        ("/%61", None),
        ("/a%2F", None),
        ("/../a", None),
        ("x", None),
    ] {
        assert_eq!(named(&service, &format!("{ROOT}{target}")).as_deref(), id, "{target}");
    }
    assert_eq!(named(&service, "/a"), None);
    assert_eq!(named(&service, "*"), None);
}

#[test]
fn the_bare_path_prefers_the_resource_without_a_path() {
    let with_root = service(&["https://h", "https://h/a"]);
    assert_eq!(named(&with_root, ROOT).as_deref(), Some("https://h"));
    let id = ResourceId::parse("https://h/a").unwrap();
    let still = with_root.default_resource(&id).unwrap();
    assert_eq!(named(&still, ROOT).as_deref(), Some("https://h"));

    let without = service(&["https://h/a", "https://h/b"]);
    assert_eq!(named(&without, ROOT), None);
    let with_default = without.default_resource(&id).unwrap();
    assert_eq!(named(&with_default, ROOT).as_deref(), Some("https://h/a"));
    assert_eq!(
        with_default.default_resource(&ResourceId::parse("https://h/c").unwrap()).unwrap_err(),
        WellKnownError::UnknownDefault { id: ResourceId::parse("https://h/c").unwrap() }
    );
}

#[test]
fn one_path_on_two_hosts_is_refused() {
    for ids in [["https://a/mcp", "https://b/mcp"], ["https://a", "https://b/"], ["https://a/mcp", "https://a/mcp"]] {
        assert!(matches!(WellKnown::new(ids.map(resource)), Err(WellKnownError::SamePath { .. })), "{ids:?}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_nothing_more() {
    let service = service(&["https://h/a"]).max_age(Duration::from_secs(60));
    let get = call(&service, request(Method::GET, ROOT));
    let head = call(&service, request(Method::HEAD, ROOT));
    assert_eq!(get.headers(), head.headers());
    assert_eq!(head.headers()[CACHE_CONTROL], "public, max-age=60");
    let length = bytes(get.into_body()).len();
    assert_eq!(head.headers()[CONTENT_LENGTH], length.to_string());
    assert!(head.body().is_end_stream());
}

#[test]
fn any_page_may_read_and_ask() {
    let service = service(&["https://h/a"]);
    let answer = call(&service, request(Method::OPTIONS, ROOT));
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, OPTIONS");
    assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "*");
    for (method, target) in
        [(Method::OPTIONS, ROOT), (Method::GET, ROOT), (Method::POST, ROOT), (Method::GET, "/nowhere")]
    {
        let answer = call(&service, request(method, target));
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
}

#[test]
fn other_methods_are_405_with_allow() {
    let service = service(&["https://h/a"]);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let answer = call(&service, request(method, ROOT));
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()[ALLOW], "GET, HEAD, OPTIONS");
    }
    assert_eq!(call(&service, request(Method::POST, "/x")).status(), 404);
}

#[test]
fn a_router_knows_what_belongs_here() {
    for (target, owned) in [
        ("/.well-known/oauth-protected-resource", true),
        ("/.well-known/oauth-protected-resource/", true),
        ("/.well-known/oauth-protected-resource/a?b", true),
        ("/.well-known/oauth-protected-resource2", false),
        ("/.well-known/oauth-authorization-server", false),
        ("/mcp", false),
    ] {
        assert_eq!(WellKnown::owns(&target.parse().unwrap()), owned, "{target}");
    }
}

#[test]
fn no_resources_no_documents() {
    assert_eq!(named(&service(&[]), ROOT), None);
}
