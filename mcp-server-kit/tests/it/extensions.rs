//! Extensions: what is declared, who is served, what may be registered.

use std::sync::Arc;

use mcp_server_kit::{
    BuildError, Cx, ToolError,
    jsonrpc::{Code, Params},
    protocol::{ClientCapabilities, Revision, Settings},
    testing::TestClient,
};
use serde_json::{Value, json};

use crate::{run, server};

const DICE: &str = "com.example/dice";

async fn roll(_cx: Cx, params: Params) -> Result<Value, ToolError> {
    Ok(json!({"rolled": params.get_str("dice").map(|dice| dice.into_owned())}))
}

fn able() -> ClientCapabilities {
    serde_json::from_value(json!({"extensions": {DICE: {}}})).unwrap()
}

#[test]
fn extensions_have_methods_of_their_own() {
    let server = server().extension(DICE, Settings::new()).extension_method(DICE, "dice/roll", roll).build().unwrap();
    let client = TestClient::new(Arc::clone(&server)).capabilities(able());
    let discovered = run(client.request("server/discover", json!({}))).unwrap();
    assert_eq!(discovered["capabilities"], json!({"extensions": {"com.example/dice": {}}}));
    let result = run(client.request("dice/roll", json!({"dice": "d6"}))).unwrap();
    assert_eq!((&result["rolled"], &result["resultType"]), (&json!("d6"), &json!("complete")));
    let unknown = run(client.request("dice/other", json!({}))).unwrap_err();
    assert_eq!(unknown.code, Code::METHOD_NOT_FOUND);
    let legacy = TestClient::new(server).revision(Revision::LATEST_LEGACY).capabilities(able());
    assert_eq!(run(legacy.request("dice/roll", json!({}))).unwrap_err().code, Code::METHOD_NOT_FOUND);
}

// MCP 2026-07-28, versioning, "Extension Negotiation": "the supporting party MUST either revert to core protocol
// behavior or reject the request with an appropriate error". Core behaviour has no such method.
#[test]
fn a_client_that_did_not_declare_the_extension_is_refused() {
    async fn never(_cx: Cx, _: Params) -> Result<Value, ToolError> {
        panic!("it has run")
    }
    let server = server().extension(DICE, Settings::new()).extension_method(DICE, "dice/roll", never).build().unwrap();
    let other = serde_json::from_value(json!({"extensions": {"com.example/cards": {}}})).unwrap();
    for capabilities in [ClientCapabilities::default(), other] {
        let client = TestClient::new(Arc::clone(&server)).capabilities(capabilities);
        let error = run(client.request("dice/roll", json!({}))).unwrap_err();
        assert_eq!(error.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
        let data = error.data.unwrap().decode::<Value>().unwrap();
        assert_eq!(data, json!({"requiredCapabilities": {"extensions": {DICE: {}}}}));
    }
}

#[test]
fn merged_servers_bring_their_extensions() {
    let dice = || server().extension(DICE, Settings::new()).extension_method(DICE, "dice/roll", roll);
    let nested = server().nest("a", server().nest("b", dice())).build().unwrap();
    let client = TestClient::new(nested).capabilities(able());
    assert_eq!(run(client.request("dice/roll", json!({"dice": "d4"}))).unwrap()["rolled"], "d4");
    let twice = dice().merge(dice()).build().unwrap_err();
    assert!(matches!(twice, BuildError::Duplicate { kind: "extensions", .. }));
    let late = server().extension_method(DICE, "dice/roll", roll);
    assert!(late.merge(server().extension(DICE, Settings::new())).build().is_ok(), "the other may declare it");
}

#[test]
fn what_no_extension_can_have_is_refused() {
    let with = |method: &'static str| {
        server().extension(DICE, Settings::new()).extension_method(DICE, method, roll).build().map(drop)
    };
    for name in ["tools/call", "ping", "initialize", "sampling/createMessage"] {
        assert!(matches!(with(name), Err(BuildError::Method(_))), "{name}");
    }
    assert!(with("tasks/get").is_ok());
    let undeclared = server().extension_method(DICE, "dice/roll", roll).build().unwrap_err();
    assert!(matches!(undeclared, BuildError::ExtensionNotDeclared { .. }), "{undeclared}");
    let nameless = server().extension("dice", Settings::new()).build().unwrap_err();
    assert!(matches!(nameless, BuildError::Extension(_)), "{nameless}");
}
