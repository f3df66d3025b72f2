//! Who may speak to the endpoint: Host, Origin, CORS.

use mcp_transport::http::origin::{AccessPolicy, HostPolicy, OriginPolicy};
use mcp_transport::protocol::Revisions;

use super::{
    handler::Scripted,
    support::{Answer, Endpoint, Message, initialize, legacy, modern, notification, tool},
};

// "Servers MUST validate the Origin header on all incoming connections to prevent DNS rebinding attacks. If the Origin
// header is present and invalid, servers MUST respond with HTTP 403 Forbidden."
#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() {
    let endpoint = Endpoint::start().await;
    let session = endpoint.session("2025-11-25").await;
    for request in [
        initialize("2025-11-25"),
        modern("server/discover", ""),
        tool("echo", "{}"),
        notification(&session, "notifications/initialized", "{}"),
        Message::new("GET").session(&session),
        Message::new("DELETE").session(&session),
    ] {
        for mangled in [
            request.clone().header("Host", "evil.example.com"),
            request.clone().header("Host", "localhost.evil.example.com"),
            request.clone().header("Host", "127.0.0.1.evil.example.com:80"),
            request.clone().header("Origin", "http://evil.example.com"),
            request.clone().header("Origin", "http://localhost.evil.example.com"),
            request.clone().header("Origin", "null"),
            request.clone().header("Origin", "http://localhost").and("Origin", "http://evil.example.com"),
            request.clone().header("Host", "evil.example.com").header("Origin", "http://evil.example.com"),
        ] {
            let answer = endpoint.ask(&mangled).await;
            assert_eq!(answer.head.status, 403, "{mangled}");
            assert_eq!(answer.head.get("access-control-allow-origin"), None);
        }
    }
    assert_eq!(endpoint.service.sessions(), 1);
    assert_eq!(endpoint.handler.log().len(), 1, "{:?}", endpoint.handler.log());
    for (name, value) in [("Host", "127.0.0.1:3000"), ("Host", "[::1]"), ("Origin", "http://localhost:5173")] {
        endpoint.ask(&tool("echo", "{}").header(name, value)).await.is_result(r#"{"echo":{}}"#);
    }
    assert_eq!(endpoint.ask(&tool("echo", "{}").without("Host")).await.head.status, 400);
}

fn allowed(answer: &Answer) -> (Option<&str>, Option<&str>) {
    (answer.head.get("access-control-allow-origin"), answer.head.get("vary"))
}

// A page on an admitted origin reads every answer, errors among them, with the headers that it needs.
#[tokio::test]
async fn every_answer_is_readable_for_admitted_origins() {
    let endpoint = Endpoint::with(Scripted::new(Revisions::all()), |config| {
        let hosts = HostPolicy::default().allow("mcp.example.com").unwrap();
        let origins = OriginPolicy::default().allow("https://app.example.com").unwrap();
        config.access = AccessPolicy::new(hosts, origins);
    })
    .await;
    let from_app =
        |message: Message| message.header("Host", "mcp.example.com").header("Origin", "https://app.example.com");
    for (request, status) in [
        (tool("echo", "{}"), 200),
        (tool("emit", r#"{"n":1}"#), 200),
        (initialize("2025-11-25"), 200),
        (modern("no/such", ""), 404),
        (legacy("unknown", "1", "ping", "{}"), 404),
        (legacy("unknown", "1", "ping", "{}").without("Mcp-Session-Id"), 400),
        (tool("echo", "{}").header("Mcp-Method", "x"), 400),
        (tool("echo", "{}").header("Accept", "text/html"), 406),
        (tool("echo", "{}").header("Content-Type", "text/plain"), 415),
        (Message::new("PUT"), 405),
    ] {
        let answer = endpoint.ask(&from_app(request.clone())).await;
        assert_eq!(answer.head.status, status, "{request}");
        assert_eq!(allowed(&answer), (Some("https://app.example.com"), Some("Origin")));
        let exposed = answer.head.get("access-control-expose-headers").unwrap();
        for name in ["Mcp-Session-Id", "WWW-Authenticate", "MCP-Protocol-Version"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        assert_eq!(answer.head.get("access-control-allow-credentials"), None);
        // Nobody but a page gets them.
        assert_eq!(endpoint.ask(&request).await.head.get("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_else() {
    let endpoint = Endpoint::start().await;
    let preflight = Message::new("OPTIONS")
        .header("Origin", "http://localhost:5173")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "mcp-method, mcp-param-region, x-other");
    let answer = endpoint.ask(&preflight).await;
    assert_eq!((answer.head.status, answer.body.as_str()), (204, ""));
    assert_eq!(allowed(&answer).0, Some("http://localhost:5173"));
    let headers = answer.head.get("access-control-allow-headers").unwrap();
    assert!(headers.contains("Mcp-Session-Id") && headers.contains("mcp-param-region") && !headers.contains("x-other"));
    let refused = endpoint.ask(&preflight.header("Origin", "https://evil.example.com")).await;
    assert_eq!((refused.head.status, allowed(&refused).0), (403, None));
}
