//! Clients that register themselves.

use super::{data, registered};
use crate::types::ApplicationType::{Native, Web};
use crate::types::ClientAuthMethod as Method;

#[test]
fn claude_web_by_registration() {
    for method in [Method::ClientSecretPost, Method::None] {
        registered(&data::claude_registration(method.as_str()))
            .by_method(method)
            .refreshes()
            .of_type(Web)
            .sent_to(&[data::CLAUDE])
            .told(&[data::CLAUDE]);
    }
}

#[test]
fn claude_code_by_registration() {
    registered(&data::claude_code_registration(54212))
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://localhost:54212/callback", "http://localhost:3118/callback"])
        .told(&["http://localhost:54212/callback"]);
}

#[test]
fn chatgpt_by_registration() {
    registered(&data::chatgpt_registration())
        .by_method(Method::ClientSecretBasic)
        .refreshes()
        .of_type(Web)
        .sent_to(&[data::CHATGPT])
        .told(&[data::CHATGPT]);
}

#[test]
fn vscode_by_registration() {
    registered(&data::vscode_registration())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://127.0.0.1:61001/", "https://insiders.vscode.dev/redirect"])
        .told(&data::VSCODE);
}

#[test]
fn vscode_without_a_method() {
    registered(&data::vscode_registration_without_a_method()).by_method(Method::None).told(&[data::VSCODE[3]]);
}

#[test]
fn cursor_by_registration() {
    registered(&data::cursor_registration())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&data::CURSOR)
        .sent_to(&["http://localhost:8788/callback"])
        .never_sent_to(&["cursor://anysphere.cursor-mcp/oauth/callback/x", "cursor://evil/oauth/callback"])
        .told(&data::CURSOR);
}

#[test]
fn gemini_by_registration() {
    registered(&data::gemini_registration())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://localhost:65290/oauth/callback"])
        .told(&["http://localhost:7777/oauth/callback"]);
}

#[test]
fn antigravity_by_registration() {
    registered(&data::antigravity_registration())
        .by_method(Method::None)
        .of_type(Web)
        .sent_to(&[data::ANTIGRAVITY])
        .told(&[data::ANTIGRAVITY]);
}

#[test]
fn codex_by_registration() {
    registered(&data::codex_registration(43123))
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://127.0.0.1:50000/callback"])
        .told(&["http://127.0.0.1:43123/callback"]);
}

#[test]
fn inspector_by_registration() {
    for uri in ["http://localhost:6274/oauth/callback", "http://127.0.0.1:6276/oauth/callback"] {
        registered(&data::inspector_registration(uri))
            .by_method(Method::None)
            .refreshes()
            .of_type(Native)
            .sent_to(&[uri])
            .told(&[uri]);
    }
}

#[test]
fn inspector_in_a_container() {
    registered(&data::inspector_registration_in_a_container())
        .by_method(Method::None)
        .never_sent_to(&["http://192.168.1.20:6274/oauth/callback"])
        .told(&["http://localhost:6274/oauth/callback/debug"]);
}

#[test]
fn mcp_remote_by_registration() {
    registered(&data::mcp_remote_registration(13456))
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://localhost:3334/oauth/callback"])
        .told(&["http://localhost:13456/oauth/callback"]);
}

#[test]
fn zed_by_registration() {
    registered(&data::zed_registration(40123))
        .by_method(Method::None)
        .of_type(Native)
        .sent_to(&["http://127.0.0.1:40124/callback"])
        .told(&["http://127.0.0.1:40123/callback"]);
}

#[test]
fn opencode_by_registration() {
    registered(&data::opencode_registration())
        .by_method(Method::None)
        .refreshes()
        .of_type(Native)
        .sent_to(&["http://127.0.0.1:19877/mcp/oauth/callback"])
        .told(&["http://127.0.0.1:19876/mcp/oauth/callback"]);
}

#[test]
fn perplexity_by_registration() {
    for uri in data::PERPLEXITY {
        registered(&data::perplexity_registration(uri))
            .by_method(Method::ClientSecretPost)
            .refreshes()
            .of_type(Web)
            .sent_to(&[uri])
            .told(&[uri]);
    }
}

#[test]
fn n8n_by_registration() {
    registered(&data::n8n_registration())
        .by_method(Method::ClientSecretBasic)
        .refreshes()
        .of_type(Web)
        .sent_to(&[data::N8N])
        .told(&[data::N8N]);
}
