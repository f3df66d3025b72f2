//! The server that takes tokens of an issuer, which the test plays.

use std::time::{Duration, SystemTime};

use mcp_oauth::jose::{AccessTokenClaims, Algorithm, SigningKey};
use mcp_transport::auth::{ClientId, Issuer, ResourceId, Subject};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::program::Http;

/// Answers for an issuer: its metadata, and the keys.
async fn issuer(key: &SigningKey) -> Issuer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }).to_string();
    let jwks = json!({ "keys": [key.public_jwk()] }).to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let asked_for_keys = String::from_utf8_lossy(&head[..read]).starts_with("GET /jwks ");
            let body = if asked_for_keys { &jwks } else { &metadata };
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            // Whoever asked may have gone.
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    Issuer::parse(&issuer).unwrap()
}

#[tokio::test]
async fn a_guarded_server_greets_whose_token_it_is() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = issuer(&key).await;
    let resource = "https://mcp.example.com/mcp";
    let program = env!("CARGO_BIN_EXE_guarded_by_issuer");
    let server = Http::start(program, &[issuer.as_str(), resource, "127.0.0.1:0"], &[]).await;

    let (status, head, _) = server.call("greet", &json!({}), "").await;
    assert_eq!(status, 401);
    assert!(head.contains("scope=\"greet\""), "{head}");
    let (status, _, document) = server.get("/.well-known/oauth-protected-resource/mcp").await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((status, &document["authorization_servers"]), (200, &json!([issuer])));

    let token = |scope: &str| {
        let mut claims = AccessTokenClaims::new(
            issuer.clone(),
            Subject::parse("ada").unwrap(),
            ResourceId::parse(resource).unwrap(),
            ClientId::parse("https://app.example/client.json").unwrap(),
            scope.to_owned(),
            SystemTime::now(),
            Duration::from_secs(60),
        );
        claims.scope = scope.parse().unwrap();
        format!("\r\nAuthorization: Bearer {}", claims.sign(&key).unwrap())
    };
    for scope in ["greet", "admin"] {
        let (status, _, body) = server.call("greet", &json!({}), &token(scope)).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &answer["result"]["content"][0]["text"]), (200, &json!("Hello, ada!")), "{body}");
    }
    assert_eq!(server.call("greet", &json!({}), &token("other")).await.0, 403);
    // The host that clients know it by is served, though it listens on loopback; another one is told so in a sentence.
    assert_eq!(server.send("POST http://mcp.example.com/mcp HTTP/1.1", "").await.0, 401);
    let (status, _, body) = server.send("POST http://evil.test/mcp HTTP/1.1", "").await;
    assert_eq!((status, body.as_str()), (403, "this host or origin is not served"));
    server.stop().await;
}
