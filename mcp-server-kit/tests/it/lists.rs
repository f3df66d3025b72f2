//! Lists, their pages and changes; what a server declares; subscriptions; completion.

use std::sync::Arc;

use mcp_server_kit::{
    BuildError, Completing, Cx, NoArgs, PromptArgs, Removed, Server, binary_resource,
    jsonrpc::Code,
    prompt,
    protocol::{CacheHints, PromptArgument, Revision},
    resource_template,
    testing::TestClient,
    text_resource, tool,
};
use mcp_transport::handler::{Outcome, ReplyKind};
use serde_json::{Value, json};

use crate::{run, server};

pub(crate) async fn nothing(_cx: Cx, _: NoArgs) {}

pub(crate) async fn say(_cx: Cx, args: PromptArgs) -> String {
    args.get("what").to_owned()
}

pub(crate) async fn words(_cx: Cx, typed: Completing) -> Vec<String> {
    ["par", "paris"].into_iter().filter(|word| word.starts_with(&typed.value)).map(str::to_owned).collect()
}

pub(crate) async fn item(_cx: Cx, id: std::collections::BTreeMap<String, String>) -> String {
    id["id"].clone()
}

fn full() -> Arc<Server> {
    server()
        .title("All")
        .instructions("Do.")
        .logging()
        .tool(tool("b", nothing))
        .tool(tool("a", nothing))
        .tool(tool("c", nothing))
        .prompt(prompt("say", say).argument(PromptArgument::new("what").with_required(true)).complete("what", words))
        .resource(text_resource("t://text", "text", "hi"))
        .resource(
            binary_resource("t://bytes", "bytes", vec![0_u8, 255]).mime_type("image/png").cache(CacheHints::public(5)),
        )
        .resource_template(resource_template("t://items/{id}", "item", item).mime_type("text/plain"))
        .page_size(2)
        .build()
        .unwrap()
}

fn refused(result: Result<Value, mcp_server_kit::jsonrpc::ErrorObject>) -> Code {
    result.unwrap_err().code
}

// What is found by its name does not hang on how the names are ordered: shorter ones stand before longer ones here, and
// not by the alphabet.
#[test]
fn names_of_any_length_are_found_listed_replaced_and_removed() {
    async fn named(cx: Cx, _: NoArgs) -> String {
        cx.exchange().id().to_string()
    }
    let names = ["b", "aa", "abc", "ab", "a", "ba", "aab", "c"];
    let mut builder = server().page_size(2);
    for name in names {
        builder = builder.tool(tool(name, nothing));
    }
    let server = builder.build().unwrap();
    let client = TestClient::new(Arc::clone(&server));
    let listed = || {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let page = run(client.request("tools/list", params)).unwrap();
            all.extend(page["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return all,
            }
        }
    };
    assert_eq!(listed(), names);
    assert!(names.iter().all(|name| run(client.call_tool(name, json!({}))).is_ok()));
    for nobody in ["", "d", "ac", "aaa", "abcd"] {
        assert_eq!(run(client.call_tool(nobody, json!({}))).unwrap_err().code, Code::INVALID_PARAMS, "{nobody:?}");
    }
    server.tools().replace(tool("ab", named)).unwrap();
    assert_eq!(listed(), names);
    assert_eq!(run(client.call_tool("ab", json!({}))).unwrap().content.len(), 1);
    assert_eq!(server.tools().remove("aa"), Removed::One);
    assert_eq!(listed(), ["b", "abc", "ab", "a", "ba", "aab", "c"]);
    assert!(run(client.call_tool("aa", json!({}))).is_err());
    assert!(
        ["b", "abc", "ab", "a", "ba", "aab", "c"].iter().all(|name| run(client.call_tool(name, json!({}))).is_ok())
    );
}

// MCP 2026-07-28, pagination: opaque cursors, -32602 for those that are not ours; tools: a deterministic order.
#[test]
fn lists_come_in_pages_in_the_order_of_registration() {
    for revision in Revision::ALL {
        let client = TestClient::new(full()).revision(revision);
        let first = run(client.request("tools/list", json!({}))).unwrap();
        let names = |page: &Value| {
            page["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&first), ["b", "a"]);
        let cursor = first["nextCursor"].as_str().unwrap();
        let second = run(client.request("tools/list", json!({"cursor": cursor}))).unwrap();
        assert_eq!(names(&second), ["c"]);
        assert!(second.get("nextCursor").is_none());
        assert_eq!(first.get("ttlMs").is_some() && first.get("cacheScope").is_some(), revision.has_cache_hints());
        for bad in [json!("x"), json!(""), json!(7), json!("dG9vbHM6bm9ib2R5")] {
            assert_eq!(refused(run(client.request("tools/list", json!({"cursor": bad})))), Code::INVALID_PARAMS);
        }
        // A cursor of another list is not one of this.
        assert_eq!(refused(run(client.request("resources/list", json!({"cursor": cursor})))), Code::INVALID_PARAMS);
    }
}

#[test]
fn a_page_may_be_of_any_size_and_a_cursor_of_any_making() {
    for size in [0, 1, 2, usize::MAX] {
        let server = server().tool(tool("b", nothing)).tool(tool("a", nothing)).page_size(size).build().unwrap();
        let client = TestClient::new(server);
        let (mut count, mut cursor) = (0, Value::Null);
        loop {
            let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
            let page = run(client.request("tools/list", params)).unwrap();
            count += page["tools"].as_array().unwrap().len();
            cursor = page["nextCursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(count, 2, "{size}");
        // "tools:b" and "tools:a": a client that makes its own gets what stands behind that entry.
        for (forged, rest) in [("dG9vbHM6Yg", 1), ("dG9vbHM6YQ", 0)] {
            let page = run(client.request("tools/list", json!({ "cursor": forged }))).unwrap();
            assert_eq!(page["tools"].as_array().unwrap().len(), rest, "{size}");
            assert!(page.get("nextCursor").is_none());
        }
    }
}

#[test]
fn a_cursor_survives_a_change_of_the_list() {
    let server = full();
    let client = TestClient::new(Arc::clone(&server));
    let first = run(client.request("tools/list", json!({}))).unwrap();
    server.tools().remove("b");
    server.tools().add(tool("d", nothing)).unwrap();
    let rest = run(client.request("tools/list", json!({"cursor": first["nextCursor"]}))).unwrap();
    assert_eq!(rest["tools"].as_array().unwrap().len(), 2);
    assert_eq!(rest["tools"][0]["name"], "c");
}

// MCP 2026-07-28, tools, prompts, resources: servers that support them MUST declare the capability.
#[test]
fn capabilities_are_what_is_registered() {
    let initialize = json!({"protocolVersion": "x", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    for revision in Revision::ALL {
        let (method, params) =
            if revision.is_modern() { ("server/discover", json!({})) } else { ("initialize", initialize.clone()) };
        let bare =
            run(TestClient::new(server().build().unwrap()).revision(revision).request(method, params.clone())).unwrap();
        assert_eq!(bare["capabilities"], json!({}), "{revision}");
        let all = run(TestClient::new(full()).revision(revision).request(method, params)).unwrap();
        let mut expected = json!({
            "logging": {}, "prompts": {"listChanged": true}, "tools": {"listChanged": true},
            "resources": {"subscribe": true, "listChanged": true},
        });
        if revision.has_completions_capability() {
            expected["completions"] = json!({});
        }
        assert_eq!(all["capabilities"], expected, "{revision}");
        assert_eq!(all["instructions"], "Do.");
        if revision.is_modern() {
            assert_eq!(all["supportedVersions"].as_array().unwrap().len(), Revision::ALL.len());
            assert_eq!(all["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "it");
        } else {
            assert_eq!(all["protocolVersion"], revision.as_str());
            assert_eq!(all["serverInfo"].get("title").is_some(), revision.has_titles());
        }
    }
}

#[test]
fn methods_without_a_capability_or_of_another_revision_are_not_found() {
    let bare = server().build().unwrap();
    for revision in Revision::ALL {
        let client = TestClient::new(Arc::clone(&bare)).revision(revision);
        for method in [
            "tools/list",
            "tools/call",
            "resources/list",
            "resources/templates/list",
            "resources/read",
            "prompts/list",
            "prompts/get",
            "completion/complete",
            "logging/setLevel",
            "resources/subscribe",
            "x/y",
        ] {
            assert_eq!(refused(run(client.request(method, json!({})))), Code::METHOD_NOT_FOUND, "{revision} {method}");
        }
        let client = TestClient::new(full()).revision(revision);
        let legacy = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];
        let modern = ["server/discover", "subscriptions/listen"];
        for method in if revision.is_modern() { &legacy[..] } else { &modern[..] } {
            assert_eq!(refused(run(client.request(method, json!({})))), Code::METHOD_NOT_FOUND, "{revision} {method}");
        }
        if !revision.is_modern() {
            assert_eq!(run(client.request("ping", json!({}))).unwrap(), json!({}));
        }
    }
}

#[test]
fn resources_are_read_or_not_found() {
    for revision in Revision::ALL {
        let client = TestClient::new(full()).revision(revision);
        let read = |uri: &str| run(client.request("resources/read", json!({"uri": uri})));
        assert_eq!(
            read("t://text").unwrap()["contents"],
            json!([{"uri": "t://text", "mimeType": "text/plain", "text": "hi"}])
        );
        let bytes = read("t://bytes").unwrap();
        assert_eq!(bytes["contents"], json!([{"uri": "t://bytes", "mimeType": "image/png", "blob": "AP8="}]));
        assert_eq!(bytes.get("ttlMs"), revision.has_cache_hints().then(|| json!(5)).as_ref());
        assert_eq!(read("t://items/7").unwrap()["contents"][0]["text"], "7");
        // MCP 2026-07-28, resources, "Error Handling": -32602 (before: -32002), SHOULD carry the URI.
        for unknown in ["t://nobody", "t://items/", "t://items/a/b"] {
            let error = read(unknown).unwrap_err();
            assert_eq!(error.code.get(), revision.resource_not_found_code());
            assert_eq!(error.data.unwrap().decode::<Value>().unwrap(), json!({"uri": unknown}));
        }
        let templates = run(client.request("resources/templates/list", json!({}))).unwrap();
        assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "t://items/{id}");
        let listed = run(client.request("resources/list", json!({}))).unwrap();
        assert_eq!(listed["resources"].as_array().unwrap().len(), 2, "templates are not resources");
    }
}

#[test]
fn prompts_check_their_arguments_and_complete() {
    for revision in Revision::ALL {
        let client = TestClient::new(full()).revision(revision);
        assert_eq!(
            run(client.get_prompt("say", json!({"what": "hi"}))).unwrap().messages[0].content.as_text(),
            Some("hi")
        );
        for (name, arguments) in [("say", json!({})), ("say", json!({"what": 7})), ("nobody", json!({}))] {
            assert_eq!(run(client.get_prompt(name, arguments)).unwrap_err().code, Code::INVALID_PARAMS);
        }
        let complete = |reference: Value, name: &str| {
            run(client
                .request("completion/complete", json!({"ref": reference, "argument": {"name": name, "value": "par"}})))
        };
        let found = complete(json!({"type": "ref/prompt", "name": "say"}), "what").unwrap();
        assert_eq!(found["completion"], json!({"values": ["par", "paris"], "total": 2, "hasMore": false}));
        let none = complete(json!({"type": "ref/resource", "uri": "t://items/{id}"}), "id").unwrap();
        assert_eq!(none["completion"]["values"], json!([]));
        assert_eq!(refused(complete(json!({"type": "ref/prompt", "name": "nobody"}), "what")), Code::INVALID_PARAMS);
        assert_eq!(refused(complete(json!({"type": "ref/x"}), "what")), Code::INVALID_PARAMS);
    }
}

// MCP 2026-07-28, subscriptions: acknowledged first, only what was asked for, the subset that is honoured, a result at
// the end.
#[test]
fn listeners_hear_what_they_asked_for() {
    let server = server().tool(tool("a", nothing)).resource(text_resource("t://a", "a", "")).build().unwrap();
    let client = TestClient::new(Arc::clone(&server));
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["t://a"]});
    let mut listening = client.open("subscriptions/listen", json!({"notifications": filter}));
    assert!(listening.turn().is_none());
    let acknowledged = &client.notifications("notifications/subscriptions/acknowledged")[0];
    assert_eq!(acknowledged["notifications"], json!({"toolsListChanged": true, "resourceSubscriptions": ["t://a"]}));
    assert_eq!(acknowledged["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);

    server.tools().add(tool("b", nothing)).unwrap();
    server.resources().remove("t://a");
    server.resource_updated("t://a");
    server.resource_updated("t://b");
    assert!(listening.turn().is_none());
    let changed = client.notifications("notifications/tools/list_changed");
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    assert_eq!(client.notifications("notifications/resources/list_changed").len(), 0, "not asked for");
    let updated = client.notifications("notifications/resources/updated");
    assert_eq!((updated.len(), &updated[0]["uri"]), (1, &json!("t://a")));

    // What is kept for a listener is bounded as it is for a session.
    let greedy = TestClient::new(Arc::clone(&server));
    let uris: Vec<_> = (0..2_000).map(|id| format!("t://{id}")).collect();
    let mut many = greedy.open("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": uris}}));
    let long = json!([format!("t://{}", "x".repeat(8_000)), "t://a"]);
    let mut one = greedy.open("subscriptions/listen", json!({"notifications": {"resourceSubscriptions": long}}));
    assert!(many.turn().is_none() && one.turn().is_none());
    let acknowledged = greedy.notifications("notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged[0]["notifications"]["resourceSubscriptions"].as_array().unwrap().len(), 1_000);
    assert_eq!(acknowledged[1]["notifications"]["resourceSubscriptions"], json!(["t://a"]));

    // A listener that went is told nothing more.
    let gone = TestClient::new(Arc::clone(&server));
    let mut other = gone.open("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    assert!(other.turn().is_none());
    drop(other);
    server.tools().add(tool("c", nothing)).unwrap();
    assert!(listening.turn().is_none());
    assert_eq!(client.notifications("notifications/tools/list_changed").len(), 2);
    assert_eq!(gone.notifications("notifications/tools/list_changed").len(), 0);

    client.stop();
    let Some(Outcome::Reply(reply)) = listening.turn() else { panic!() };
    assert_eq!(reply.kind, ReplyKind::Complete);
    let body: Value = reply.body.decode().unwrap();
    assert_eq!(body["resultType"], "complete");
    assert_eq!(body["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
}

#[test]
fn sessions_hear_of_changes_and_of_what_they_subscribed_to() {
    let server = server().tools_at_run_time().resource(text_resource("t://a", "a", "")).build().unwrap();
    let client = TestClient::new(Arc::clone(&server)).revision(Revision::LATEST_LEGACY);
    let change = |method: &str, uri: &str| run(client.request(method, json!({"uri": uri})));
    assert_eq!(change("resources/subscribe", "t://a").unwrap(), json!({}));
    assert_eq!(change("resources/subscribe", "t://nobody").unwrap_err().code, Code::RESOURCE_NOT_FOUND);
    server.tools().add(tool("b", nothing)).unwrap();
    server.resource_updated("t://a");
    assert_eq!(client.notifications("notifications/tools/list_changed").len(), 1);
    assert_eq!(client.notifications("notifications/resources/updated").len(), 1);
    assert_eq!(change("resources/unsubscribe", "t://a").unwrap(), json!({}));
    server.resource_updated("t://a");
    assert_eq!(client.notifications("notifications/resources/updated").len(), 1);
    run(client.close());
}

#[test]
fn lists_change_at_run_time_only_where_declared() {
    let bare = server().build().unwrap();
    assert!(matches!(bare.tools().add(tool("a", nothing)), Err(BuildError::NotDeclared("tools"))));
    let server = server().tool(tool("a", nothing)).build().unwrap();
    assert!(matches!(server.tools().add(tool("a", nothing)), Err(BuildError::Duplicate { .. })));
    server.tools().replace(tool("a", nothing).description("new")).unwrap();
    let listed = run(TestClient::new(Arc::clone(&server)).request("tools/list", json!({}))).unwrap();
    assert_eq!(listed["tools"][0]["description"], "new");
    assert_eq!((server.tools().remove("a"), server.tools().remove("a")), (Removed::One, Removed::Nothing));
}

#[test]
fn subscriptions_of_a_session_are_bounded_in_number_and_length() {
    let server = server().resource_template(resource_template("t://items/{id}", "item", item)).build().unwrap();
    let client = TestClient::new(Arc::clone(&server)).revision(Revision::LATEST_LEGACY);
    let subscribe = |uri: String| run(client.request("resources/subscribe", json!({ "uri": uri })));
    assert_eq!(subscribe(format!("t://items/{}", "x".repeat(8_000))).unwrap_err().code, Code::INVALID_PARAMS);
    for id in 0..1_000 {
        subscribe(format!("t://items/{id}")).unwrap();
    }
    assert_eq!(subscribe("t://items/1000".into()).unwrap_err().code, Code::INVALID_PARAMS);
    assert!(subscribe("t://items/7".into()).is_ok(), "it is there already");
    run(client.request("resources/unsubscribe", json!({"uri": "t://items/7"}))).unwrap();
    assert!(subscribe("t://items/1000".into()).is_ok());

    // Another session has subscriptions of its own, and a session that ended hears nothing more.
    let other = TestClient::new(Arc::clone(&server)).revision(Revision::LATEST_LEGACY);
    run(other.request("ping", json!({}))).unwrap();
    server.resource_updated("t://items/5");
    assert_eq!(client.notifications("notifications/resources/updated").len(), 1);
    assert_eq!(other.notifications("notifications/resources/updated").len(), 0);
    run(client.close());
    server.resource_updated("t://items/5");
    assert_eq!(client.notifications("notifications/resources/updated").len(), 1);
}

#[test]
fn a_prompt_has_any_name_that_can_be_shown() {
    for name in ["Code review", "größe", "a/b"] {
        let client = TestClient::new(server().prompt(prompt(name, say)).build().unwrap());
        assert_eq!(run(client.get_prompt(name, json!({"what": "x"}))).unwrap().messages.len(), 1);
    }
    for name in ["", " ", "a\nb"] {
        assert!(matches!(server().prompt(prompt(name, say)).build(), Err(BuildError::PromptName(_))), "{name:?}");
    }
}

// MCP 2026-07-28, completion: "Maximum 100 items per response".
#[test]
fn a_completion_says_how_much_more_there_is() {
    async fn many(_cx: Cx, typed: Completing) -> Vec<String> {
        let after = typed.arguments.get("from").and_then(|from| from.parse().ok()).unwrap_or(0);
        (after..150).map(|n| format!("{}{n}", typed.value)).collect()
    }
    let say = prompt("say", say)
        .argument(PromptArgument::new("what"))
        .argument(PromptArgument::new("from"))
        .complete("what", many);
    let server = server().prompt(say).build().unwrap();
    for revision in Revision::ALL {
        let client = TestClient::new(Arc::clone(&server)).revision(revision);
        let complete = |from: &str| {
            let mut params =
                json!({"ref": {"type": "ref/prompt", "name": "say"}, "argument": {"name": "what", "value": "x"}});
            params["context"] = json!({"arguments": {"from": from}});
            run(client.request("completion/complete", params)).unwrap()["completion"].clone()
        };
        let all = complete("0");
        assert_eq!(all["values"].as_array().unwrap().len(), 100);
        assert_eq!((&all["values"][0], &all["total"], &all["hasMore"]), (&json!("x0"), &json!(150), &json!(true)));
        // Settled arguments come since 2025-06-18; before, they are no part of the request.
        let rest = complete("140");
        let expected = if revision.has_completion_context() { 10 } else { 150 };
        assert_eq!(rest["total"], json!(expected), "{revision}");
        assert_eq!(rest["hasMore"], json!(expected > 100));
    }
}
