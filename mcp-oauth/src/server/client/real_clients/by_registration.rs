//! Clients that register themselves.

use serde_json::json;

use super::registered;
use crate::types::ApplicationType::{Native, Web};
use crate::types::ClientAuthMethod as Method;

#[test]
fn claude_web_by_registration() {
    // https://github.com/anthropics/claude-ai-mcp/issues/1043: with a secret where the server offers one.
    for method in [Method::ClientSecretPost, Method::None] {
        let uris = ["https://claude.ai/api/mcp/auth_callback"];
        registered(&json!({
            "client_name": "Claude", "redirect_uris": uris, "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"], "token_endpoint_auth_method": method.as_str(), "scope": "mcp"
        }))
        .by_method(method)
        .refreshes()
        .of_type(Web)
        .sent_to(&uris)
        .told(&uris);
    }
}

#[test]
fn claude_code_by_registration() {
    registered(&json!({
        "client_name": "Claude Code (fetch)", "redirect_uris": ["http://localhost:54212/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://localhost:54212/callback", "http://localhost:3118/callback"])
    .told(&["http://localhost:54212/callback"]);
}

#[test]
fn chatgpt_by_registration() {
    let uris = ["https://chatgpt.com/connector_platform_oauth_redirect"];
    registered(&json!({
        "client_name": "ChatGPT", "redirect_uris": uris, "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "client_secret_basic"
    }))
    .by_method(Method::ClientSecretBasic)
    .refreshes()
    .of_type(Web)
    .sent_to(&uris)
    .told(&uris);
}

#[test]
fn vscode_by_registration() {
    let uris = [
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
    ];
    registered(&json!({
        "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "redirect_uris": uris, "token_endpoint_auth_method": "none",
        "application_type": "native"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://127.0.0.1:61001/", "https://insiders.vscode.dev/redirect"])
    .told(&uris);
}

#[test]
fn vscode_without_a_method() {
    // https://github.com/microsoft/vscode/issues/259642: it said nothing, and then sent no secret.
    registered(&json!({"client_name": "Visual Studio Code", "redirect_uris": ["http://127.0.0.1:33418/"]}))
        .by_method(Method::None)
        .told(&["http://127.0.0.1:33418/"]);
}

#[test]
fn cursor_by_registration() {
    let uris = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback",
    ];
    // https://github.com/better-auth/better-auth/issues/10946: it calls itself a web application.
    let body = json!({
        "client_name": "Cursor", "redirect_uris": uris, "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "web"
    });
    registered(&body)
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&uris)
        .sent_to(&["http://localhost:8788/callback"])
        .never_sent_to(&["cursor://anysphere.cursor-mcp/oauth/callback/x", "cursor://evil/oauth/callback"])
        .told(&uris);
}

#[test]
fn gemini_by_registration() {
    let uris = ["http://localhost:7777/oauth/callback"];
    registered(&json!({
        "client_name": "Gemini CLI MCP Client", "redirect_uris": uris, "scope": "",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://localhost:65290/oauth/callback"])
    .told(&uris);
}

#[test]
fn antigravity_by_registration() {
    let uris = ["https://antigravity.google/oauth-callback"];
    registered(&json!({"client_name": "Antigravity", "redirect_uris": uris, "token_endpoint_auth_method": "none"}))
        .by_method(Method::None)
        .of_type(Web)
        .sent_to(&uris)
        .told(&uris);
}

#[test]
fn codex_by_registration() {
    let uris = ["http://127.0.0.1:43123/callback"];
    registered(&json!({
        "client_name": "Codex", "redirect_uris": uris, "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none", "response_types": ["code"], "scope": "mcp"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://127.0.0.1:50000/callback"])
    .told(&uris);
}

#[test]
fn inspector_by_registration() {
    for uri in ["http://localhost:6274/oauth/callback", "http://127.0.0.1:6276/oauth/callback"] {
        registered(&json!({
            "redirect_uris": [uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
            "client_name": "MCP Inspector", "client_uri": "https://github.com/modelcontextprotocol/inspector",
            "scope": "mcp openid"
        }))
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&[uri])
        .told(&[uri]);
    }
}

#[test]
fn inspector_in_a_container() {
    // One that cannot be used beside one that can.
    registered(&json!({
        "redirect_uris": ["http://192.168.1.20:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug"],
        "token_endpoint_auth_method": "none", "client_name": "MCP Inspector"
    }))
    .by_method(Method::None)
    .never_sent_to(&["http://192.168.1.20:6274/oauth/callback"])
    .told(&["http://localhost:6274/oauth/callback/debug"]);
}

#[test]
fn mcp_remote_by_registration() {
    let uris = ["http://localhost:13456/oauth/callback"];
    registered(&json!({
        "redirect_uris": uris, "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "client_name": "MCP CLI Proxy", "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
        "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d", "software_version": "0.1.30"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://localhost:3334/oauth/callback"])
    .told(&uris);
}

#[test]
fn zed_by_registration() {
    let uris = ["http://127.0.0.1:40123/callback"];
    registered(&json!({
        "client_name": "Zed", "redirect_uris": uris, "grant_types": ["authorization_code"], "response_types": ["code"],
        "token_endpoint_auth_method": "none"
    }))
    .by_method(Method::None)
    .of_type(Native)
    .sent_to(&["http://127.0.0.1:40124/callback"])
    .told(&uris);
}

#[test]
fn opencode_by_registration() {
    let uris = ["http://127.0.0.1:19876/mcp/oauth/callback"];
    registered(&json!({
        "redirect_uris": uris, "client_name": "OpenCode", "client_uri": "https://opencode.ai",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none"
    }))
    .by_method(Method::None)
    .refreshes()
    .of_type(Native)
    .sent_to(&["http://127.0.0.1:19877/mcp/oauth/callback"])
    .told(&uris);
}

#[test]
fn perplexity_by_registration() {
    // https://github.com/stacklok/toolhive/pull/6252: `none`, and then no way on without a secret.
    for uri in [
        "https://www.perplexity.ai/rest/connections/oauth_callback",
        "https://enterprise.perplexity.ai/rest/connections/oauth_callback",
    ] {
        registered(&json!({
            "client_name": "Perplexity", "redirect_uris": [uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]
        }))
        .by_method(Method::ClientSecretPost)
        .refreshes()
        .of_type(Web)
        .sent_to(&[uri])
        .told(&[uri]);
    }
}

#[test]
fn n8n_by_registration() {
    let uris = ["https://oauth.n8n.cloud/oauth2/callback"];
    registered(&json!({
        "client_name": "n8n", "client_uri": "https://n8n.io/", "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]
    }))
    .by_method(Method::ClientSecretBasic)
    .refreshes()
    .of_type(Web)
    .sent_to(&uris)
    .told(&uris);
}
