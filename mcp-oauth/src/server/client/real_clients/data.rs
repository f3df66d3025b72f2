//! What real clients published and sent in 2026, by their documentation, their source or reports of server authors; where
//! only members are known, the members.
//!
//! A file of its own, because two look at it: the tests beside it judge what is in here, and those of the whole server
//! (`tests/it/real_clients`) register, sign in and refresh with it.

use serde_json::{Value, json};

pub(crate) const CLAUDE: &str = "https://claude.ai/api/mcp/auth_callback";
pub(crate) const CHATGPT: &str = "https://chatgpt.com/connector_platform_oauth_redirect";
pub(crate) const CURSOR: [&str; 3] = [
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
];
pub(crate) const VSCODE: [&str; 4] = [
    "https://insiders.vscode.dev/redirect",
    "https://vscode.dev/redirect",
    "http://127.0.0.1/",
    "http://127.0.0.1:33418/",
];
pub(crate) const ANTIGRAVITY: &str = "https://antigravity.google/oauth-callback";
pub(crate) const N8N: &str = "https://oauth.n8n.cloud/oauth2/callback";
pub(crate) const PERPLEXITY: [&str; 2] = [
    "https://www.perplexity.ai/rest/connections/oauth_callback",
    "https://enterprise.perplexity.ai/rest/connections/oauth_callback",
];

pub(crate) fn claude_document() -> Value {
    json!({
        "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata", "client_name": "Claude",
        "client_uri": "https://claude.ai", "redirect_uris": [CLAUDE],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "response_types": ["code"], "token_endpoint_auth_method": "none"
    })
}

/// <https://github.com/anthropics/claude-ai-mcp/issues/1043>: with a secret where the server offers one.
pub(crate) fn claude_registration(method: &str) -> Value {
    json!({
        "client_name": "Claude", "redirect_uris": [CLAUDE], "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": method, "scope": "mcp"
    })
}

pub(crate) fn claude_code_document() -> Value {
    json!({
        "client_id": "https://claude.ai/oauth/claude-code-client-metadata", "client_name": "Claude Code",
        "client_uri": "https://claude.ai", "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none"
    })
}

pub(crate) fn claude_code_registration(port: u16) -> Value {
    json!({
        "client_name": "Claude Code (fetch)", "redirect_uris": [format!("http://localhost:{port}/callback")],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native"
    })
}

/// With RP Metadata Choices: `private_key_jwt`, or `none` where the server takes no assertions.
pub(crate) fn chatgpt_document(client_id: &str, redirect_uri: &str) -> Value {
    json!({
        "client_id": client_id, "client_uri": "https://chatgpt.com/", "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "client_name": "ChatGPT",
        "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
        "token_endpoint_auth_signing_alg": "RS256", "jwks_uri": "https://chatgpt.com/oauth/jwks.json"
    })
}

pub(crate) fn chatgpt_registration() -> Value {
    json!({
        "client_name": "ChatGPT", "redirect_uris": [CHATGPT], "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "client_secret_basic"
    })
}

pub(crate) fn vscode_document() -> Value {
    json!({
        "client_name": "Visual Studio Code",
        "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
        "client_id": "https://vscode.dev/oauth/client-metadata.json", "client_uri": "https://vscode.dev/product",
        "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"]
    })
}

pub(crate) fn vscode_registration() -> Value {
    json!({
        "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "redirect_uris": VSCODE, "token_endpoint_auth_method": "none",
        "application_type": "native"
    })
}

/// <https://github.com/microsoft/vscode/issues/259642>: it said nothing of a method, and then sent no secret.
pub(crate) fn vscode_registration_without_a_method() -> Value {
    json!({"client_name": "Visual Studio Code", "redirect_uris": [VSCODE[3]]})
}

/// <https://github.com/better-auth/better-auth/issues/10946>: it calls itself a web application.
pub(crate) fn cursor_registration() -> Value {
    json!({
        "client_name": "Cursor", "redirect_uris": CURSOR, "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "web"
    })
}

pub(crate) fn gemini_registration() -> Value {
    json!({
        "client_name": "Gemini CLI MCP Client", "redirect_uris": ["http://localhost:7777/oauth/callback"], "scope": "",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none"
    })
}

pub(crate) fn antigravity_registration() -> Value {
    json!({"client_name": "Antigravity", "redirect_uris": [ANTIGRAVITY], "token_endpoint_auth_method": "none"})
}

pub(crate) fn codex_document(client_id: &str, path: &str) -> Value {
    json!({
        "client_id": client_id, "client_name": "Codex",
        "redirect_uris": [format!("http://127.0.0.1{path}"), format!("http://localhost{path}")],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native"
    })
}

pub(crate) fn codex_registration(port: u16) -> Value {
    json!({
        "client_name": "Codex", "redirect_uris": [format!("http://127.0.0.1:{port}/callback")],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none", "response_types": ["code"], "scope": "mcp"
    })
}

pub(crate) fn inspector_registration(redirect_uri: &str) -> Value {
    json!({
        "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "client_name": "MCP Inspector", "client_uri": "https://github.com/modelcontextprotocol/inspector",
        "scope": "mcp openid"
    })
}

/// In a container: a redirect URI that cannot be used beside one that can.
pub(crate) fn inspector_registration_in_a_container() -> Value {
    json!({
        "redirect_uris": ["http://192.168.1.20:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug"],
        "token_endpoint_auth_method": "none", "client_name": "MCP Inspector"
    })
}

pub(crate) fn mcp_remote_registration(port: u16) -> Value {
    json!({
        "redirect_uris": [format!("http://localhost:{port}/oauth/callback")], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "client_name": "MCP CLI Proxy", "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
        "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d", "software_version": "0.1.30"
    })
}

pub(crate) fn zed_document() -> Value {
    json!({
        "client_id": "https://zed.dev/oauth/client-metadata.json", "client_name": "Zed", "client_uri": "https://zed.dev",
        "logo_uri": "https://zed.dev/img/logo.png", "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code"], "response_types": ["code"], "token_endpoint_auth_method": "none",
        "scope": "mcp:*"
    })
}

pub(crate) fn zed_registration(port: u16) -> Value {
    json!({
        "client_name": "Zed", "redirect_uris": [format!("http://127.0.0.1:{port}/callback")],
        "grant_types": ["authorization_code"], "response_types": ["code"], "token_endpoint_auth_method": "none"
    })
}

pub(crate) fn opencode_document() -> Value {
    json!({
        "client_id": "https://opencode.ai/oauth/opencode/client.json", "client_name": "opencode",
        "client_uri": "https://opencode.ai",
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native"
    })
}

pub(crate) fn opencode_registration() -> Value {
    json!({
        "redirect_uris": ["http://127.0.0.1:19876/mcp/oauth/callback"], "client_name": "OpenCode",
        "client_uri": "https://opencode.ai", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "none"
    })
}

/// <https://github.com/stacklok/toolhive/pull/6252>: `none`, and then no way on without a secret.
pub(crate) fn perplexity_registration(redirect_uri: &str) -> Value {
    json!({
        "client_name": "Perplexity", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]
    })
}

pub(crate) fn n8n_registration() -> Value {
    json!({
        "client_name": "n8n", "client_uri": "https://n8n.io/", "redirect_uris": [N8N],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]
    })
}
