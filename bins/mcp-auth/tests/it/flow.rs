//! From a client's registration to its refreshed tokens, with a user between.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::browser::{Browser, owner_code};
use crate::client::{App, Tokens, redirected};
use crate::program::{ISSUER, Program, Scratch, command};
use crate::wire::{get, post};

#[test]
fn the_owner_signs_in_with_the_code_from_the_file_and_a_client_gets_tokens() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &["--resource", "http://localhost:9/mcp"]);
    let app = App::register(&program);
    let mut browser = Browser::default();
    let page = browser.get(&program, &app.link());
    assert_eq!(page.status, 200, "{page:?}");
    let file = scratch.path("data/owner-code");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let code = owner_code(&scratch);
    let wrong = browser.submit(&program, &page, &[("code", "AAAAA-AAAAA-AAAAA")]);
    assert_ne!(wrong.status, 303, "{wrong:?}");
    let consent = browser.sign_in_as_owner(&program, &scratch, &app.link());
    assert!(consent.body.contains("An app") && consent.body.contains("localhost:9"), "{consent:?}");
    assert!(!file.exists(), "a used code goes");
    let answer = browser.submit(&program, &consent, &[("decision", "approve")]);
    // RFC 9207 section 2.
    assert_eq!((redirected(&answer, "iss").as_str(), redirected(&answer, "state").as_str()), (ISSUER, "xyz"));
    let tokens = app.redeem(&program, &redirected(&answer, "code"));
    let claims = tokens.claims();
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some("http://localhost:9/mcp")));
    assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some("owner"), Some(app.id.as_str())));
    let next = Tokens::of(&app.refresh(&program, &tokens.refresh));
    assert_ne!(next.refresh, tokens.refresh);
    assert_eq!(next.body["token_type"], "Bearer");
    // The code is good once.
    let again = browser.get(&program, &app.link());
    assert!(!again.body.contains(&code));
}

#[test]
fn a_user_who_declines_gives_nothing() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &[]);
    let app = App::register(&program);
    let mut browser = Browser::default();
    let page = browser.sign_in_as_owner(&program, &scratch, &app.link());
    let answer = browser.submit(&program, &page, &[("decision", "deny")]);
    assert_eq!(redirected(&answer, "error"), "access_denied");
}

#[test]
fn metadata_says_what_the_flags_say() {
    let scratch = Scratch::new();
    let flags = [
        "--registration",
        "off",
        "--client-auth-methods",
        "client_secret_post",
        "--scopes",
        "read=See it;write",
        "--resource",
        "https://a.example/mcp,https://b.example",
    ];
    let program = Program::start(&scratch, &flags);
    let answer = get(&program, "/.well-known/oauth-authorization-server");
    let metadata = answer.json();
    assert_eq!((answer.status, metadata["issuer"].as_str()), (200, Some(ISSUER)));
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], serde_json::json!(["client_secret_post"]));
    assert_eq!(metadata["scopes_supported"], serde_json::json!(["read", "write"]));
    assert_eq!(metadata["protected_resources"], serde_json::json!(["https://a.example/mcp", "https://b.example"]));
    assert!(metadata.get("registration_endpoint").is_none(), "{metadata}");
    assert_eq!(post(&program, "/register", &[], &[]).status, 404);
}

#[test]
fn the_issuer_is_the_loopback_address_where_none_is_said() {
    let scratch = Scratch::new();
    let mut command = command();
    let program = Program::start_as(command.args(["--data", &scratch.data(), "--listen", "127.0.0.1:0"]));
    let metadata = get(&program, "/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["issuer"], format!("http://{}", program.address));
    assert_eq!(metadata["protected_resources"], serde_json::json!([format!("http://{}", program.address)]));
}
