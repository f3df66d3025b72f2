//! The authorization servers inside other programs.

use serde_json::{Value, json};

use crate::program::Http;

/// Registers a client, follows its link as far as the first page, and gives what that page says.
async fn first_page(server: &Http) -> String {
    let (status, _, body) = server.get("/.well-known/oauth-authorization-server").await;
    let metadata: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &metadata["issuer"]), (200, &json!(format!("http://{}", server.address))));

    let client = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none" });
    let head = "POST /register HTTP/1.1\r\nContent-Type: application/json";
    let (status, _, body) = server.send(head, &client.to_string()).await;
    assert_eq!(status, 201, "{body}");
    let client: Value = serde_json::from_str(&body).unwrap();

    let link = format!(
        "/authorize?response_type=code&client_id={}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb\
         &code_challenge_method=S256&code_challenge={}",
        client["client_id"].as_str().unwrap(),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    let (status, head, page) = server.get(&link).await;
    assert_eq!(status, 200, "{page}");
    assert!(head.contains("frame-ancestors 'none'"), "{head}");
    page
}

#[tokio::test]
async fn in_an_axum_application_the_owner_signs_in_with_a_code() {
    let folder = std::env::temp_dir();
    let server = Http::start_in(env!("CARGO_BIN_EXE_embed_auth_axum"), &["127.0.0.1:0"], &[], &folder).await;
    let (status, _, body) = server.get("/").await;
    assert_eq!((status, body.as_str()), (200, "This application is an authorization server too."));
    assert!(first_page(&server).await.contains("name=\"code\""));
    server.stop().await;
}

#[tokio::test]
async fn on_bare_hyper_users_of_a_file_sign_in() {
    let file = std::env::temp_dir().join(format!("users-{}", std::process::id()));
    std::fs::write(&file, "").unwrap();
    let environment = [("EXAMPLE_USERS", file.to_str().unwrap())];
    let server = Http::start(env!("CARGO_BIN_EXE_embed_auth_hyper"), &["127.0.0.1:0"], &environment).await;
    assert!(first_page(&server).await.contains("name=\"password\""));
    server.stop().await;
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn users_of_ones_own_see_their_own_words() {
    let server = Http::start(env!("CARGO_BIN_EXE_custom_identity"), &["127.0.0.1:0"], &[]).await;
    assert!(first_page(&server).await.contains("For members of the staff."));
    server.stop().await;
}

#[tokio::test]
async fn a_store_of_ones_own_serves() {
    let file = std::env::temp_dir().join(format!("consents-{}.json", std::process::id()));
    let environment = [("EXAMPLE_CONSENTS", file.to_str().unwrap())];
    let server = Http::start(env!("CARGO_BIN_EXE_custom_store"), &["127.0.0.1:0"], &environment).await;
    assert!(first_page(&server).await.contains("The code is on the terminal of the server."));
    server.stop().await;
}

#[tokio::test]
async fn a_guarded_server_leads_from_401_to_the_sign_in() {
    let folder = std::env::temp_dir();
    let server = Http::start_in(env!("CARGO_BIN_EXE_guarded_server"), &["127.0.0.1:0"], &[], &folder).await;
    let (status, head, _) = server.call("who_am_i", &json!({}), "").await;
    assert_eq!(status, 401);
    let document = format!("http://{}/.well-known/oauth-protected-resource/mcp", server.address);
    assert!(head.contains(&format!("resource_metadata=\"{document}\"")) && head.contains("scope=\"mcp\""), "{head}");
    let (status, _, body) = server.get("/.well-known/oauth-protected-resource/mcp").await;
    let metadata: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &metadata["authorization_servers"][0]), (200, &json!(format!("http://{}", server.address))));
    assert!(first_page(&server).await.contains("name=\"code\""));
    server.stop().await;
}
