//! What must hold before a call: scopes and mirrored arguments.

use std::sync::Arc;

use mcp_server_kit::{
    Cx, NoArgs, ToolError,
    auth::{Issuer, Principal, ScopeSet, Subject},
    jsonrpc::Params,
    prompt,
    protocol::{Method, PromptArgument, Revision, Settings},
    resource_template, schemars,
    testing::TestClient,
    text_resource, tool,
};
use mcp_transport::handler::{Handler, Head, Outcome};
use serde_json::{Value, json};

use crate::{
    lists::{item, nothing, say, words},
    run, server,
};

#[test]
fn needs_come_from_the_item_or_the_default() {
    let scopes = |text: &str| ScopeSet::parse(text).unwrap();
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Where {
        region: Option<String>,
    }
    async fn query(_cx: Cx, _: Where) {}
    let inner = server().default_scopes(scopes("inner")).tool(tool("inner", nothing));
    let server = server()
        .default_scopes(scopes("base"))
        .tool(tool("query", query).scopes(scopes("read write")).mirror("region", "Region"))
        .tool(tool("plain", nothing))
        .prompt(prompt("say", say).scopes(scopes("say")))
        .resource_template(resource_template("t://items/{id}", "item", item).scopes(scopes("items")))
        .merge(inner)
        .build()
        .unwrap();
    let needs = |method: Method, params: Value| {
        let params = Params::write(&params).unwrap();
        server.needs(&Head { revision: Revision::LATEST, method: &method, params: &params })
    };
    let query = needs(Method::CallTool, json!({"name": "query"}));
    assert_eq!(query.scopes, Some(scopes("read write")));
    assert_eq!(query.mirrored.unwrap()[0].header.as_str(), "mcp-param-region");
    assert_eq!(needs(Method::CallTool, json!({"name": "plain"})).scopes, Some(scopes("base")));
    assert_eq!(needs(Method::CallTool, json!({"name": "inner"})).scopes, Some(scopes("inner")));
    assert_eq!(needs(Method::CallTool, json!({"name": "nobody"})).scopes, Some(scopes("base")));
    assert_eq!(needs(Method::GetPrompt, json!({"name": "say"})).scopes, Some(scopes("say")));
    assert_eq!(needs(Method::ReadResource, json!({"uri": "t://items/1"})).scopes, Some(scopes("items")));
    assert_eq!(needs(Method::ListTools, json!({})).scopes, None);
}

// As `http/modern.rs` does: all scopes of the operation are named, and nothing of it has run.
#[test]
fn a_principal_without_the_scopes_is_refused_before_the_call() {
    let scopes = |text: &str| ScopeSet::parse(text).unwrap();
    async fn never(_cx: Cx, _: NoArgs) {
        panic!("it has run");
    }
    let server = server().default_scopes(scopes("base")).tool(tool("never", never).scopes(scopes("read write")));
    let server = server.tool(tool("plain", nothing)).build().unwrap();
    for revision in Revision::ALL {
        let client = |granted: &str| {
            let issuer = Issuer::parse("https://issuer.example").unwrap();
            let principal = Principal::builder(issuer, Subject::parse("ada").unwrap()).scopes(scopes(granted)).build();
            TestClient::new(Arc::clone(&server)).revision(revision).principal(Arc::new(principal))
        };
        let call = |granted: &str, name: &str| run(client(granted).round("tools/call", json!({ "name": name })));
        assert!(matches!(call("read", "never"), Outcome::Forbidden(all) if all == scopes("read write")), "{revision}");
        assert!(matches!(call("read", "plain"), Outcome::Forbidden(all) if all == scopes("base")), "{revision}");
        assert!(matches!(call("base more", "plain"), Outcome::Reply(_)), "{revision}");
        let listed = run(client("read").request("tools/list", json!({})));
        assert!(listed.is_ok(), "{revision}: lists need none");
    }
}

#[test]
fn a_tool_may_ask_for_more_scopes() {
    async fn strict(_cx: Cx, _: NoArgs) -> Result<(), ToolError> {
        Err(ToolError::forbidden(ScopeSet::parse("admin").unwrap()))
    }
    let client = TestClient::new(server().tool(tool("strict", strict)).build().unwrap());
    let outcome = run(client.round("tools/call", json!({"name": "strict"})));
    assert!(matches!(outcome, Outcome::Forbidden(scopes) if scopes.contains("admin")));
}

async fn rolled(_cx: Cx, _: Params) -> Result<Value, ToolError> {
    Ok(json!({"rolled": 4}))
}

#[test]
fn default_scopes_stay_with_what_they_were_said_for() {
    let scopes = |text: &str| ScopeSet::parse(text).unwrap();
    let part = |prefix: &str| {
        server()
            .tool(tool(format!("{prefix}tool"), nothing))
            .prompt(prompt(format!("{prefix}prompt"), say))
            .resource(text_resource(format!("{prefix}://a"), "a", ""))
            .resource_template(resource_template(format!("{prefix}://items/{{id}}"), "item", item))
            .extension(format!("com.example/{prefix}"), Settings::new())
            .extension_method(format!("com.example/{prefix}"), format!("{prefix}/roll"), rolled)
    };
    for (outer, own) in [(part("own"), None), (part("own").default_scopes(scopes("outer")), Some(scopes("outer")))] {
        // Nested twice: the innermost server that said something is asked.
        let middle = server()
            .default_scopes(scopes("middle"))
            .nest("x", part("guarded").default_scopes(scopes("inner")))
            .merge(part("open"));
        let server = outer.nest("y", middle).build().unwrap();
        let needs = |method: &str, params: Value| {
            let (method, params) = (Method::parse(method), Params::write(&params).unwrap());
            server.needs(&Head { revision: Revision::LATEST, method: &method, params: &params }).scopes
        };
        for (prefix, name, expected) in [
            ("own", "own", own),
            ("guarded", "y_x_guarded", Some(scopes("inner"))),
            ("open", "y_open", Some(scopes("middle"))),
        ] {
            assert_eq!(needs("tools/call", json!({"name": format!("{name}tool")})), expected, "{prefix}");
            assert_eq!(needs("prompts/get", json!({"name": format!("{name}prompt")})), expected, "{prefix}");
            assert_eq!(needs("resources/read", json!({"uri": format!("{prefix}://a")})), expected, "{prefix}");
            assert_eq!(needs("resources/read", json!({"uri": format!("{prefix}://items/1")})), expected, "{prefix}");
            assert_eq!(needs(&format!("{prefix}/roll"), json!({})), expected, "{prefix}");
        }
    }
}

// Completing runs code of the prompt; hearing of a resource tells that it changed: both need what the item needs.
#[test]
fn what_is_guarded_is_not_completed_or_subscribed_to_without_its_scopes() {
    let scopes = |text: &str| ScopeSet::parse(text).unwrap();
    let server = server()
        .default_scopes(scopes("base"))
        .extension("com.example/dice", Settings::new())
        .extension_method("com.example/dice", "dice/roll", rolled)
        .prompt(prompt("say", say).argument(PromptArgument::new("what")).complete("what", words).scopes(scopes("say")))
        .resource(text_resource("t://a", "a", "").scopes(scopes("a")))
        .resource(text_resource("t://b", "b", ""))
        .resource_template(
            resource_template("t://items/{id}", "item", item).complete("id", words).scopes(scopes("items")),
        )
        .build()
        .unwrap();
    let needs = |method: Method, params: Value| {
        let params = Params::write(&params).unwrap();
        server.needs(&Head { revision: Revision::LATEST, method: &method, params: &params }).scopes
    };
    let complete = |reference: Value, name: &str| {
        needs(Method::Complete, json!({"ref": reference, "argument": {"name": name, "value": ""}}))
    };
    assert_eq!(complete(json!({"type": "ref/prompt", "name": "say"}), "what"), Some(scopes("say")));
    assert_eq!(complete(json!({"type": "ref/resource", "uri": "t://items/{id}"}), "id"), Some(scopes("items")));
    assert_eq!(complete(json!({"type": "ref/prompt", "name": "nobody"}), "x"), Some(scopes("base")));
    assert_eq!(needs(Method::Subscribe, json!({"uri": "t://a"})), Some(scopes("a")));
    let listen = |filter: Value| needs(Method::Listen, json!({"notifications": filter}));
    assert_eq!(listen(json!({"resourceSubscriptions": ["t://a", "t://b"]})), Some(scopes("a base")));
    assert_eq!(listen(json!({"toolsListChanged": true})), None);
    assert_eq!(needs(Method::parse("dice/roll"), json!({})), Some(scopes("base")));
    assert_eq!(needs(Method::parse("dice/unknown"), json!({})), None);
}
