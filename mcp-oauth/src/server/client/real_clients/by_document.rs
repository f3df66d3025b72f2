//! Clients with a metadata document.

use serde_json::{Value, json};

use super::super::document::{LARGEST_DOCUMENT, judge_document};
use super::super::document_url::DocumentUrl;
use super::super::fetch::Fetched;
use super::{documented, policy};
use crate::server::client::MetadataPolicy;
use crate::types::ApplicationType::{Native, Web};
use crate::types::ClientAuthMethod as Method;

#[test]
fn claude_web_by_document() {
    documented(&json!({
        "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata", "client_name": "Claude",
        "client_uri": "https://claude.ai", "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "response_types": ["code"], "token_endpoint_auth_method": "none"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Web)
    .sent_to(&["https://claude.ai/api/mcp/auth_callback"])
    .never_sent_to(&["https://claude.ai/api/mcp/auth_callback/", "https://evil.claude.ai/api/mcp/auth_callback"]);
}

#[test]
fn claude_code_by_document() {
    documented(&json!({
        "client_id": "https://claude.ai/oauth/claude-code-client-metadata", "client_name": "Claude Code",
        "client_uri": "https://claude.ai", "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://localhost:54545/callback", "http://127.0.0.1:61234/callback", "http://localhost/callback"])
    .never_sent_to(&[
        "http://localhost:54545/",
        "http://[::1]:54545/callback",
        "https://localhost:54545/callback",
    ]);
}

fn chatgpt(id: &str, redirect_uri: &str) -> Value {
    json!({
        "client_id": id, "client_uri": "https://chatgpt.com/", "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "client_name": "ChatGPT",
        "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
        "token_endpoint_auth_signing_alg": "RS256", "jwks_uri": "https://chatgpt.com/oauth/jwks.json"
    })
}

#[test]
fn chatgpt_by_document() {
    for (id, uri) in [
        ("https://chatgpt.com/oauth/client.json", "https://chatgpt.com/connector_platform_oauth_redirect"),
        ("https://chatgpt.com/oauth/Ab3-x_9/client.json", "https://chatgpt.com/connector/oauth/Ab3-x_9"),
    ] {
        let document = chatgpt(id, uri);
        let accepted = documented(&document).by_method(Method::PrivateKeyJwt).refreshes().of_type(Web).sent_to(&[uri]);
        assert_eq!(accepted.metadata.jwks_uri.as_deref(), Some("https://chatgpt.com/oauth/jwks.json"));
        // A server that takes no assertions takes it as a public client (https://github.com/keycloak/keycloak/issues/53010).
        let policy = MetadataPolicy { auth_methods: vec![Method::None], ..policy() };
        let fetched =
            Fetched { content_type: Some("application/json".to_owned()), ..Fetched::new(200, document.to_string()) };
        let metadata = judge_document(&DocumentUrl::parse(id).unwrap(), &fetched, &policy, LARGEST_DOCUMENT).unwrap();
        assert_eq!(metadata.token_endpoint_auth_method, Method::None);
    }
}

#[test]
fn vscode_by_document() {
    documented(&json!({
        "client_name": "Visual Studio Code",
        "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
        "client_id": "https://vscode.dev/oauth/client-metadata.json", "client_uri": "https://vscode.dev/product",
        "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"]
    }))
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
    for (id, paths) in [
        ("https://chatgpt.com/oauth/codex/client.json", ["http://127.0.0.1/callback", "http://localhost/callback"]),
        (
            "https://chatgpt.com/oauth/codex/a1b2c3/client.json",
            ["http://127.0.0.1/callback/a1b2c3", "http://localhost/callback/a1b2c3"],
        ),
    ] {
        let floating = paths.map(|uri| uri.replace("/callback", ":43123/callback"));
        documented(&json!({
            "client_id": id, "client_name": "Codex", "redirect_uris": paths,
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "token_endpoint_auth_method": "none", "application_type": "native"
        }))
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&[&floating[0], &floating[1]]);
    }
}

#[test]
fn zed_by_document() {
    documented(&json!({
        "client_id": "https://zed.dev/oauth/client-metadata.json", "client_name": "Zed", "client_uri": "https://zed.dev",
        "logo_uri": "https://zed.dev/img/logo.png", "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code"], "response_types": ["code"], "token_endpoint_auth_method": "none",
        "scope": "mcp:*"
    }))
    .by_method(Method::None)
    .of_type(Native)
    .sent_to(&["http://127.0.0.1:40123/callback"]);
}

#[test]
fn opencode_by_document() {
    documented(&json!({
        "client_id": "https://opencode.ai/oauth/opencode/client.json", "client_name": "opencode",
        "client_uri": "https://opencode.ai",
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://127.0.0.1:51675/callback", "http://localhost:51675/callback"]);
}
