//! What flags change in the server: scopes that contain others, rules for particular clients, documents.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Program, Scratch, text};
use crate::wire::{Answer, get, post, send};

/// The redirect URI of a client that there is a built-in rule for: it gets a secret, though it asks for none.
const PERPLEXITY: &str = "https://www.perplexity.ai/rest/connections/oauth_callback";

/// Asks for a token with this scope, as a client that may have `admin`.
fn asked(scratch: &Scratch, arguments: &[&str], scope: &str) -> Answer {
    let program = Program::start(scratch, &[&["--scopes", "read admin"], arguments].concat());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "batch"),
        ("client_secret", &secret(scratch)),
        ("scope", scope),
    ];
    post(&program, "/token", &[], &form)
}

/// The secret of the client, which is added at the first call.
fn secret(scratch: &Scratch) -> String {
    let kept = scratch.path("secret");
    if let Ok(secret) = fs::read_to_string(&kept) {
        return secret;
    }
    let add =
        "clients add --client-id batch --auth-method client_secret_post --grant-type client_credentials --scope admin";
    let added = scratch.admin_one(&add.split(' ').collect::<Vec<_>>());
    let secret = added["client_secret"].as_str().unwrap().to_owned();
    fs::write(&kept, &secret).unwrap();
    secret
}

#[test]
fn who_may_have_a_scope_may_have_what_it_contains() {
    let scratch = Scratch::new();
    let answer = asked(&scratch, &[], "read");
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_scope")));
    let answer = asked(&scratch, &["--scope-hierarchy", "admin implies read"], "read");
    assert_eq!((answer.status, &answer.json()["scope"]), (200, &json!("read")), "{answer:?}");
}

/// Registers a client that the built-in rule knows; gives how it is to authenticate.
fn registered(arguments: &[&str]) -> Value {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, arguments);
    let body = json!({"redirect_uris": [PERPLEXITY], "token_endpoint_auth_method": "none"});
    let answer = send(&program, "POST", "/register", &[("Content-Type", "application/json")], &body.to_string());
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["token_endpoint_auth_method"].clone()
}

#[test]
fn a_file_of_quirks_switches_rules_off_and_adds_others() {
    let scratch = Scratch::new();
    let file = scratch.path("quirks.json");
    let rules = json!([
        {"name": "perplexity", "quirks": [], "issue": "it takes none by now"},
        {"name": "mine", "client_names": ["Mine"], "quirks": ["public"], "issue": "https://example.com/1"},
    ]);
    fs::write(&file, rules.to_string()).unwrap();
    let flags = ["--quirks-file", file.to_str().unwrap()];
    assert_ne!(registered(&[]), "none");
    assert_eq!(registered(&flags), "none");
    let check = |flags: &[&str]| text(&scratch.run(&[&["check"], flags].concat(), "").stdout);
    assert!(check(&[]).contains("perplexity (confidential)"), "{}", check(&[]));
    let said = check(&flags);
    assert!(said.contains("cursor (native), mine (public)") && !said.contains("perplexity"), "{said}");
    fs::write(&file, "[{}]").unwrap();
    let (code, said) = scratch.refused(&[&["check"], &flags[..]].concat());
    assert!(code == 2 && said.contains("--quirks-file") && said.contains("name"), "{said}");
}

#[test]
fn check_and_the_metadata_say_what_was_set() {
    let scratch = Scratch::new();
    let flags = [
        "--scopes",
        "read admin",
        "--scope-hierarchy",
        "admin implies read",
        "--metadata-documents",
        "off",
        "--rotate-keys-after",
        "0",
    ];
    let said = text(&scratch.run(&[&["check"], &flags[..]].concat(), "").stdout);
    for part in ["read admin (who asks for none gets read); admin implies read", "not fetched", "mcp-auth keys rotate"]
    {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let program = Program::start(&scratch, &flags);
    let metadata = get(&program, "/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["client_id_metadata_document_supported"], false);
}
