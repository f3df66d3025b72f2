//! Endpoints inside other servers.

use serde_json::{Value, json};

use crate::program::Http;

const TOKENS: &str = "reader-0123456789 ada notes:read\nwriter-0123456789 bob notes:read notes:write";

fn bearer(token: &str) -> String {
    format!("\r\nAuthorization: Bearer {token}")
}

#[tokio::test]
async fn in_axum_guards_the_endpoint_and_publishes_its_documents() {
    let app = Http::start(env!("CARGO_BIN_EXE_in_axum"), &["127.0.0.1:0"], &[("EXAMPLE_TOKENS", TOKENS)]).await;
    assert_eq!(app.get("/").await.0, 200);

    // RFC 9728 section 5.1: the challenge says where the document is, and the document names the resource.
    let document = format!("http://{}/.well-known/oauth-protected-resource/mcp", app.address);
    let (status, head, _) = app.call("who_am_i", &json!({}), "").await;
    assert_eq!(status, 401);
    assert!(head.contains(&format!(r#"resource_metadata="{document}""#)), "{head}");
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let (status, _, body) = app.get(path).await;
        let document: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &document["resource"]), (200, &json!(format!("http://{}/mcp", app.address))), "{path}");
        assert_eq!(document["authorization_servers"], json!(["https://auth.example.com"]));
    }

    let (status, _, body) = app.call("who_am_i", &json!({}), &bearer("reader-0123456789")).await;
    assert!(status == 200 && body.contains(r#""text":"ada""#), "{body}");

    // RFC 6750 section 3.1: a scope that the tool needs and the token lacks.
    let (status, head, _) = app.call("write_note", &json!({}), &bearer("reader-0123456789")).await;
    assert!(status == 403 && head.contains("insufficient_scope") && head.contains("notes:write"), "{head}");
    let (status, _, body) = app.call("write_note", &json!({}), &bearer("writer-0123456789")).await;
    assert!(status == 200 && body.contains(r#""text":"written""#), "{body}");

    // A page on loopback may read even the refusal.
    let (status, head, _) = app.call("who_am_i", &json!({}), "\r\nOrigin: http://localhost:5173").await;
    assert!(status == 401 && head.contains("access-control-allow-origin: http://localhost:5173"), "{head}");
    app.stop().await;
}

#[tokio::test]
async fn in_hyper_serves_the_endpoint_beside_other_routes() {
    let server = Http::start(env!("CARGO_BIN_EXE_in_hyper"), &["127.0.0.1:0"], &[]).await;
    let (status, _, body) = server.call("ping", &json!({}), "").await;
    assert!(status == 200 && body.contains(r#""text":"pong""#), "{body}");
    assert_eq!(server.get("/health").await.2, "ok");
    assert_eq!(server.get("/nothing").await.0, 404);
    server.stop().await;
}
