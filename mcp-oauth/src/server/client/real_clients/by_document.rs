//! Clients with a metadata document.

use super::super::document::{LARGEST_DOCUMENT, judge_document};
use super::super::document_url::DocumentUrl;
use super::super::testing::json_document;
use super::{data, documented, policy};
use crate::server::client::MetadataPolicy;
use crate::types::ApplicationType::{Native, Web};
use crate::types::ClientAuthMethod as Method;

#[test]
fn claude_web_by_document() {
    documented(&data::claude_document())
        .by_method(Method::None)
        .refreshes()
        .of_type(Web)
        .sent_to(&[data::CLAUDE])
        .never_sent_to(&["https://claude.ai/api/mcp/auth_callback/", "https://evil.claude.ai/api/mcp/auth_callback"]);
}

#[test]
fn claude_code_by_document() {
    documented(&data::claude_code_document())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://localhost:54545/callback", "http://127.0.0.1:61234/callback", "http://localhost/callback"])
        .never_sent_to(&["http://localhost:54545/", "http://[::1]:54545/callback", "https://localhost:54545/callback"]);
}

#[test]
fn chatgpt_by_document() {
    for (id, uri) in [
        ("https://chatgpt.com/oauth/client.json", data::CHATGPT),
        ("https://chatgpt.com/oauth/Ab3-x_9/client.json", "https://chatgpt.com/connector/oauth/Ab3-x_9"),
    ] {
        let document = data::chatgpt_document(id, uri);
        let accepted = documented(&document).by_method(Method::PrivateKeyJwt).refreshes().of_type(Web).sent_to(&[uri]);
        assert_eq!(accepted.metadata.jwks_uri.as_deref(), Some("https://chatgpt.com/oauth/jwks.json"));
        // A server that takes no assertions takes it as a public client (https://github.com/keycloak/keycloak/issues/53010).
        let policy = MetadataPolicy { auth_methods: vec![Method::None], ..policy() };
        let fetched = json_document(document.to_string());
        let metadata = judge_document(&DocumentUrl::parse(id).unwrap(), &fetched, &policy, LARGEST_DOCUMENT).unwrap();
        assert_eq!(metadata.token_endpoint_auth_method, Method::None);
    }
}

#[test]
fn vscode_by_document() {
    documented(&data::vscode_document())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        // https://github.com/microsoft/vscode/issues/278512: another port when 33418 is taken.
        .sent_to(&["http://127.0.0.1:33418/", "http://127.0.0.1:51034/", "https://vscode.dev/redirect"])
        .never_sent_to(&[
            "http://127.0.0.1:33418/x",
            "https://vscode.dev/redirect?x",
            "https://vscode.dev:444/redirect",
        ]);
}

#[test]
fn codex_by_document() {
    for (id, path) in [
        ("https://chatgpt.com/oauth/codex/client.json", "/callback"),
        ("https://chatgpt.com/oauth/codex/a1b2c3/client.json", "/callback/a1b2c3"),
    ] {
        let floating = ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:43123{path}"));
        documented(&data::codex_document(id, path))
            .by_method(Method::None)
            .refreshes()
            .of_type(Native)
            .sent_to(&[&floating[0], &floating[1]]);
    }
}

#[test]
fn zed_by_document() {
    documented(&data::zed_document())
        .by_method(Method::None)
        .of_type(Native)
        .sent_to(&["http://127.0.0.1:40123/callback"]);
}

#[test]
fn opencode_by_document() {
    documented(&data::opencode_document())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://127.0.0.1:51675/callback", "http://localhost:51675/callback"]);
}
