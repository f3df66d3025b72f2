//! The authorization servers inside other programs.

use std::path::PathBuf;

use mcp_oauth::identity::users_file::{self, UserName};
use mcp_oauth::types::Secret;
use serde_json::{Value, json};

use crate::program::Http;
use crate::sign_in::{App, Browser, Fields, Scratch, Tokens, parameter, post};

/// That the server names itself by the address that it listens on.
async fn knows_itself(server: &Http) -> Value {
    let (status, _, body) = server.get("/.well-known/oauth-authorization-server").await;
    let metadata: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &metadata["issuer"]), (200, &json!(format!("http://{}", server.address))));
    metadata
}

/// A program that shows its owner the code in a file of this folder.
async fn with_owner(program: &str, scratch: &Scratch) -> (Http, PathBuf) {
    let server = Http::start_in(program, &["127.0.0.1:0"], &[], scratch.folder()).await;
    (server, scratch.path("owner-code"))
}

/// From a client's registration to its refreshed tokens, with the owner between.
async fn the_owner_gives_tokens(server: &Http, code: Option<&PathBuf>) -> Tokens {
    knows_itself(server).await;
    let app = App::register(server, "An app").await;
    let owner = Fields::Owner(code.map(PathBuf::as_path));
    let tokens = app.tokens(server, &mut Browser::default(), owner).await;
    assert_eq!(tokens.claims()["sub"], "owner");
    let next = Tokens::of(&app.refresh(server, &tokens.refresh).await);
    assert_ne!(next.refresh, tokens.refresh);
    next
}

#[tokio::test]
async fn the_smallest_one_gives_tokens() {
    let scratch = Scratch::new();
    let (server, code) = with_owner(env!("CARGO_BIN_EXE_embed_auth"), &scratch).await;
    let tokens = the_owner_gives_tokens(&server, Some(&code)).await;
    assert_eq!(tokens.claims()["aud"], "http://127.0.0.1:3000/mcp");
}

#[tokio::test]
async fn in_an_axum_application_the_owner_signs_in_with_a_code() {
    let scratch = Scratch::new();
    let (server, code) = with_owner(env!("CARGO_BIN_EXE_embed_auth_axum"), &scratch).await;
    let (status, _, body) = server.get("/").await;
    assert_eq!((status, body.as_str()), (200, "This application is an authorization server too."));
    let tokens = the_owner_gives_tokens(&server, Some(&code)).await;
    assert_eq!(tokens.claims()["aud"], format!("http://{}/mcp", server.address));
    server.stop().await;
}

#[tokio::test]
async fn on_bare_hyper_users_of_a_file_sign_in() {
    let scratch = Scratch::new();
    let users = scratch.path("users");
    users_file::add(&users, &UserName::parse("ada").unwrap(), &Secret::new("correct horse".to_owned())).unwrap();
    let environment = [("EXAMPLE_USERS", users.to_str().unwrap())];
    let server = Http::start(env!("CARGO_BIN_EXE_embed_auth_hyper"), &["127.0.0.1:0"], &environment).await;
    knows_itself(&server).await;
    let app = App::register(&server, "An app").await;
    let mut browser = Browser::default();
    let page = app.first_page(&server).await;
    let wrong = browser.submit(&server, &page, &[("username", "ada"), ("password", "battery staple")]).await;
    assert_eq!(wrong.status, 403, "{wrong:?}");
    let tokens = app.tokens(&server, &mut browser, Fields::Password("ada", "correct horse")).await;
    assert_eq!(tokens.claims()["sub"], "users:ada");
    Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    server.stop().await;
}

#[tokio::test]
async fn users_of_ones_own_get_what_the_policy_says() {
    let environment = [("EXAMPLE_PASSWORD_ADA", "analytical"), ("EXAMPLE_PASSWORD_EDSGER", "harmful")];
    let server = Http::start(env!("CARGO_BIN_EXE_custom_identity"), &["127.0.0.1:0"], &environment).await;
    let app = App::register(&server, "An app").await;
    let page = app.first_page(&server).await;
    assert!(page.body.contains("For members of the staff."), "{page:?}");
    let ada = Fields::Password("ada", "analytical");
    let tokens = app.tokens(&server, &mut Browser::default(), ada).await;
    assert_eq!((&tokens.claims()["sub"], &tokens.claims()["team"]), (&json!("staff:ada"), &json!("engines")));
    let next = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    assert_eq!(next.claims()["team"], "engines");
    // Whoever is in no team is known, and has no access.
    let mut browser = Browser::default();
    let page = browser.open(&server, &app).await;
    let denied = browser.sign_in(&server, &page, Fields::Password("edsger", "harmful")).await;
    assert_eq!(parameter(&denied, "error"), "access_denied");
    assert_eq!(parameter(&denied, "error_description"), "Only members of a team have access.");
    server.stop().await;
}

#[tokio::test]
async fn what_a_store_of_ones_own_keeps_outlives_the_program() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let environment = [
        ("EXAMPLE_DATA", data.to_str().unwrap()),
        ("EXAMPLE_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ];
    let program = env!("CARGO_BIN_EXE_custom_store");
    let server = Http::start(program, &["127.0.0.1:0"], &environment).await;
    let app = App::register(&server, "An app").await;
    let mut browser = Browser::default();
    let page = browser.open(&server, &app).await;
    assert!(page.body.contains("The code is on the terminal of the server."), "{page:?}");
    let tokens = app.tokens(&server, &mut browser, Fields::Owner(None)).await;
    let keys = server.get("/jwks").await.2;
    let address = server.address.clone();
    server.stop().await;

    let consents = std::fs::read_to_string(data.join("consents.json")).unwrap();
    let consents: Value = serde_json::from_str(&consents).unwrap();
    assert_eq!((&consents[0]["subject"], &consents[0]["client_name"]), (&json!("owner"), &json!("An app")));

    // The same client, the same grant, the same keys.
    let server = Http::start(program, &[&address], &environment).await;
    assert_eq!(server.get("/jwks").await.2, keys);
    let next = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    assert_ne!(next.refresh, tokens.refresh);
    // The user is still signed in, and is not asked again for what is in the file.
    let sent_back = browser.open(&server, &app).await;
    let again = app.redeem(&server, &sent_back).await;
    assert_eq!(again.claims()["sub"], "owner");
    server.stop().await;

    // Without the file they are.
    std::fs::remove_file(data.join("consents.json")).unwrap();
    let server = Http::start(program, &[&address], &environment).await;
    let page = browser.open(&server, &app).await;
    assert!(page.status == 200 && page.body.contains("name=\"decision\""), "{page:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_grant_of_ones_own_takes_badges() {
    let environment = [("EXAMPLE_BADGES", "ada:4711 grace:4712"), ("EXAMPLE_GATE_SECRET", "of the gate")];
    let server = Http::start(env!("CARGO_BIN_EXE_custom_grant"), &["127.0.0.1:0"], &environment).await;
    let badge = "urn:example:params:oauth:grant-type:badge";
    let metadata = knows_itself(&server).await;
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!(badge)), "{metadata}");
    let gate = [("client_id", "gate"), ("client_secret", "of the gate")];
    let show = async |number| {
        post(&server, "/token", &[&gate[..], &[("grant_type", badge), ("badge", number)]].concat()).await
    };
    let tokens = Tokens::of(&show("4711").await);
    let claims = tokens.claims();
    assert_eq!(
        (&claims["sub"], &claims["client_id"], &claims["badge"]),
        (&json!("badges:ada"), &json!("gate"), &json!(true))
    );
    assert_eq!(claims["aud"], format!("http://{}/mcp", server.address));
    for worthless in ["4711", "4713"] {
        let answer = show(worthless).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")), "{worthless}");
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    Tokens::of(&post(&server, "/token", &[&gate[..], &refresh].concat()).await);
    // Strangers have no badge reader.
    let app = App::register(&server, "A stranger").await;
    let form = [("grant_type", badge), ("client_id", app.id.as_str()), ("badge", "4712")];
    let answer = post(&server, "/token", &form).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("unauthorized_client")));
    server.stop().await;
}

#[tokio::test]
async fn pages_of_ones_own_lead_to_tokens() {
    let scratch = Scratch::new();
    let (server, code) = with_owner(env!("CARGO_BIN_EXE_custom_pages"), &scratch).await;
    let app = App::register(&server, "<script>alert(1)</script>").await;
    let mut browser = Browser::default();
    let page = browser.open(&server, &app).await;
    let consent = browser.sign_in(&server, &page, Fields::Owner(Some(&code))).await;
    for (page, title) in [(&page, "The library"), (&consent, "Lend it?")] {
        assert!(page.body.contains(&format!("<h1>{title}</h1>")), "{page:?}");
        assert!(page.body.contains("&lt;script&gt;") && !page.body.contains("<script"), "{page:?}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let sent_back = browser.submit(&server, &consent, &[("decision", "approve")]).await;
    assert_eq!(app.redeem(&server, &sent_back).await.claims()["sub"], "owner");
    server.stop().await;
}

#[tokio::test]
async fn a_guarded_server_leads_from_401_to_a_call() {
    let scratch = Scratch::new();
    let (server, code) = with_owner(env!("CARGO_BIN_EXE_guarded_server"), &scratch).await;
    let (status, head, _) = server.call("who_am_i", &json!({}), "").await;
    assert_eq!(status, 401);
    let document = format!("http://{}/.well-known/oauth-protected-resource/mcp", server.address);
    assert!(head.contains(&format!("resource_metadata=\"{document}\"")) && head.contains("scope=\"mcp\""), "{head}");
    let (status, _, body) = server.get("/.well-known/oauth-protected-resource/mcp").await;
    let metadata: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &metadata["authorization_servers"][0]), (200, &json!(format!("http://{}", server.address))));
    let tokens = the_owner_gives_tokens(&server, Some(&code)).await;
    let bearer = |token: &str| format!("\r\nAuthorization: Bearer {token}");
    let (status, _, body) = server.call("who_am_i", &json!({}), &bearer(&tokens.access)).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["result"]["content"][0]["text"]), (200, &json!("owner")), "{body}");
    // A refresh token is none for a resource, and neither is one that has been tampered with.
    for token in [&tokens.refresh, &format!("{}x", tokens.access)] {
        assert_eq!(server.call("who_am_i", &json!({}), &bearer(token)).await.0, 401);
    }
    server.stop().await;
}

#[test]
fn the_readme_shows_what_compiles() {
    let (_, program) = include_str!("../../src/bin/embed_auth.rs").split_once("\n\n").unwrap();
    assert!(include_str!("../../../README.md").contains(program), "README.md and embed_auth.rs differ");
}
