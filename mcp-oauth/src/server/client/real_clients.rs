//! Real clients, as they register and as they redirect: each has to get through, with what it needs.
//!
//! Documents and requests are what the clients published and sent in 2026, by their documentation, their source or
//! reports of server authors; where only members are known, the members.

use serde_json::{Value, json};

use super::document::{LARGEST_DOCUMENT, judge_document};
use super::document_url::DocumentUrl;
use super::fetch::Fetched;
use super::{ClientResponse, MetadataPolicy, fingerprint, register};
use crate::types::{
    ApplicationType, Client, ClientAuthMethod, ClientMetadata, ClientSource, RedirectUri, Secret, Timestamp,
};
use mcp_transport::auth::ClientId;

/// What the server offers: everything that real clients ask for and that it may have.
fn policy() -> MetadataPolicy {
    MetadataPolicy { scopes: Some("mcp offline_access".parse().unwrap()), ..MetadataPolicy::default() }
}

/// A client that got through.
struct Accepted {
    metadata: ClientMetadata,
    source: ClientSource,
}

fn registered(body: &Value) -> Accepted {
    let metadata = register(body.to_string().as_bytes(), &policy()).unwrap().metadata;
    Accepted { metadata, source: ClientSource::Registered }
}

fn documented(document: &Value) -> Accepted {
    let url = DocumentUrl::parse(document["client_id"].as_str().unwrap()).unwrap();
    let fetched =
        Fetched { content_type: Some("application/json".to_owned()), ..Fetched::new(200, document.to_string()) };
    let metadata = judge_document(&url, &fetched, &policy(), LARGEST_DOCUMENT).unwrap();
    Accepted { metadata, source: ClientSource::MetadataDocument }
}

impl Accepted {
    #[track_caller]
    fn by_method(self, method: ClientAuthMethod) -> Self {
        assert_eq!(self.metadata.token_endpoint_auth_method, method);
        // What a client is told agrees with the metadata of the server.
        let offered = policy().grant_types;
        assert!(self.metadata.grant_types.iter().all(|grant| offered.contains(grant)), "{:?}", self.metadata);
        assert_eq!(self.metadata.response_types, ["code"]);
        assert!(self.metadata.may_use("authorization_code"));
        self
    }

    #[track_caller]
    fn refreshes(self) -> Self {
        assert!(self.metadata.may_use("refresh_token"));
        self
    }

    #[track_caller]
    fn of_type(self, application_type: ApplicationType) -> Self {
        assert_eq!(self.metadata.application_type, application_type);
        self
    }

    /// The redirect URIs that it really asks for.
    #[track_caller]
    fn sent_to(self, uris: &[&str]) -> Self {
        for uri in uris {
            assert!(self.metadata.admits(&uri.parse().unwrap()), "{uri}");
        }
        self
    }

    /// Redirect URIs that look like its own.
    #[track_caller]
    fn never_sent_to(self, uris: &[&str]) -> Self {
        for uri in uris {
            let parsed = RedirectUri::parse(uri);
            assert!(!parsed.is_ok_and(|uri| self.metadata.admits(&uri)), "{uri}");
        }
        self
    }

    /// The answer to its registration.
    #[track_caller]
    fn told(self, redirect_uris: &[&str]) {
        assert_eq!(self.source, ClientSource::Registered);
        let method = self.metadata.token_endpoint_auth_method;
        // Only what is the same for all can be shared by all.
        assert_eq!(fingerprint(&self.metadata).is_some(), method == ClientAuthMethod::None);
        let id = ClientId::parse("c").unwrap();
        let client = Client::new(id, self.source, self.metadata, Timestamp::from_secs(1));
        let secret = method.has_secret().then(|| Secret::new("s".to_owned()));
        let document = ClientResponse { secret: secret.as_ref(), ..ClientResponse::new(&client) }.document();
        assert_eq!(document["redirect_uris"], json!(redirect_uris));
        assert_eq!(document["token_endpoint_auth_method"], json!(method.as_str()));
        assert_eq!(document.contains_key("client_secret"), method.has_secret());
    }
}

use ApplicationType::{Native, Web};
use ClientAuthMethod as Method;

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
