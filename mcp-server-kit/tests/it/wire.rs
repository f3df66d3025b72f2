//! Everything that the kit writes, against the official JSON schemas of all revisions: valid, and without members that
//! the revision does not define.

mod everything;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use mcp_server_kit::{
    jsonrpc::ErrorObject,
    prompt,
    protocol::{LoggingLevel, Revision},
    testing::TestClient,
};
use mcp_transport::handler::Outcome;
use serde_json::{Map, Value, json};

use self::everything::{everything, say};
use crate::{asking::answer, run};

/// The schema of a revision, with every object closed to members that it does not name.
struct Document {
    revision: Revision,
    key: &'static str,
    definitions: Value,
    validators: Mutex<HashMap<String, Arc<jsonschema::Validator>>>,
}

impl Document {
    fn of(revision: Revision) -> Self {
        let text = match revision.as_str() {
            "2024-11-05" => include_str!("../../../mcp-transport/tests/schema/2024-11-05.json"),
            "2025-03-26" => include_str!("../../../mcp-transport/tests/schema/2025-03-26.json"),
            "2025-06-18" => include_str!("../../../mcp-transport/tests/schema/2025-06-18.json"),
            "2025-11-25" => include_str!("../../../mcp-transport/tests/schema/2025-11-25.json"),
            "2026-07-28" => include_str!("../../../mcp-transport/tests/schema/2026-07-28.json"),
            other => panic!("no schema of {other}"),
        };
        let mut root: Value = serde_json::from_str(text).unwrap();
        let key = if root.get("$defs").is_some() { "$defs" } else { "definitions" };
        let mut definitions = root[key].take();
        close(&mut definitions);
        Self { revision, key, definitions, validators: Mutex::default() }
    }

    fn validator(&self, name: &str) -> Arc<jsonschema::Validator> {
        assert!(self.definitions.get(name).is_some(), "{} does not define {name}", self.revision);
        let compile = || {
            let schema = json!({"$ref": format!("#/{}/{name}", self.key), self.key: self.definitions});
            Arc::new(jsonschema::validator_for(&schema).unwrap())
        };
        Arc::clone(self.validators.lock().unwrap().entry(name.to_owned()).or_insert_with(compile))
    }

    fn check(&self, name: &str, value: &Value) {
        let validator = self.validator(name);
        let wrong: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
        assert!(wrong.is_empty(), "{name} of {}: {wrong:#?}\n{value:#}", self.revision);
    }

    fn error(&self, error: &ErrorObject) {
        let mut written = json!({"code": error.code.get(), "message": error.message});
        if let Some(data) = &error.data {
            written["data"] = data.decode().unwrap();
        }
        let name =
            ["JSONRPCErrorResponse", "JSONRPCError"].into_iter().find(|name| self.definitions.get(*name).is_some());
        self.check(name.unwrap(), &json!({"jsonrpc": "2.0", "id": 1, "error": written}));
    }

    fn message(&self, union: &str, method: &str, params: &Value) {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        if union == "ServerRequest" {
            message["id"] = 1.into();
        }
        if !params.is_null() {
            message["params"] = params.clone();
        }
        self.check(union, &message);
    }
}

/// Lets no object with named members have others, except `_meta`, schemas of tools, and what a schema leaves free.
fn close(node: &mut Value) {
    match node {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if !matches!(name.as_str(), "inputSchema" | "outputSchema" | "_meta" | "allOf") {
                    close(member);
                }
            }
            let named = members.get("properties").and_then(Value::as_object).is_some_and(|named| !named.is_empty());
            if named && members.get("type") == Some(&json!("object")) {
                members["properties"]["_meta"] = json!({});
                // The envelope of messages is not in the older schemas' definitions of requests and notifications.
                if members["properties"].get("method").is_some() {
                    members["properties"]["jsonrpc"] = json!({});
                    members["properties"]["id"] = json!({});
                }
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn what_the_kit_writes_is_what_the_revision_defines() {
    for revision in Revision::ALL {
        let document = Arc::new(Document::of(revision));
        let server = everything();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let client = TestClient::new(Arc::clone(&server)).revision(revision).log_level(LoggingLevel::Debug).answering(
            move |key, method, params| {
                seen.lock().unwrap().push((method.to_owned(), params.clone()));
                answer(key, method, params)
            },
        );
        let result = |name: &str, method: &str, params: Value| {
            let result =
                run(client.request(method, params.clone())).unwrap_or_else(|error| panic!("{params} {error:?}"));
            document.check(name, &result);
            result
        };
        let refused = |method: &str, params: Value| {
            let error = run(client.request(method, params)).unwrap_err();
            document.error(&error);
            error
        };

        if revision.is_modern() {
            result("DiscoverResult", "server/discover", json!({}));
        } else {
            let hello =
                json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
            result("InitializeResult", "initialize", hello);
            result("EmptyResult", "ping", json!({}));
            result("EmptyResult", "logging/setLevel", json!({"level": "debug"}));
            result("EmptyResult", "resources/subscribe", json!({"uri": "t://text"}));
        }
        for (name, method, member) in [
            ("ListToolsResult", "tools/list", "tools"),
            ("ListResourcesResult", "resources/list", "resources"),
            ("ListResourceTemplatesResult", "resources/templates/list", "resourceTemplates"),
            ("ListPromptsResult", "prompts/list", "prompts"),
        ] {
            let mut page = result(name, method, json!({}));
            let mut count = page[member].as_array().unwrap().len();
            while let Some(cursor) = page.get("nextCursor") {
                page = result(name, method, json!({ "cursor": cursor }));
                count += page[member].as_array().unwrap().len();
            }
            assert_eq!(
                count,
                match member {
                    "tools" => 8,
                    "resources" => 3,
                    _ => 1,
                },
                "{revision} {member}"
            );
        }
        for name in ["blocks", "shape", "numbers", "by_hand", "fails", "asks"] {
            result("CallToolResult", "tools/call", json!({"name": name, "arguments": {}}));
        }
        for uri in ["t://text", "t://bytes", "t://items/1"] {
            result("ReadResourceResult", "resources/read", json!({ "uri": uri }));
        }
        result("GetPromptResult", "prompts/get", json!({"name": "say", "arguments": {"what": "hi"}}));
        for reference in
            [json!({"type": "ref/prompt", "name": "say"}), json!({"type": "ref/resource", "uri": "t://items/{id}"})]
        {
            let name = if reference["type"] == "ref/prompt" { "what" } else { "id" };
            result(
                "CompleteResult",
                "completion/complete",
                json!({"ref": reference, "argument": {"name": name, "value": ""}}),
            );
        }

        // Errors.
        refused("tools/call", json!({"name": "nobody"}));
        refused("tools/call", json!({"name": "blocks", "arguments": 7}));
        refused("tools/list", json!({"cursor": "x"}));
        refused("resources/read", json!({"uri": "t://nobody"}));
        refused("prompts/get", json!({"name": "say"}));
        refused("no/method", json!({}));
        if revision.is_modern() {
            // Its members are the extension's own.
            let able = serde_json::from_value(json!({"extensions": {"com.example/x": {}}})).unwrap();
            let able = TestClient::new(Arc::clone(&server)).revision(revision).capabilities(able);
            let mut own = run(able.request("x/y", json!({}))).unwrap();
            assert_eq!(own.as_object_mut().unwrap().remove("z"), Some(json!(1)));
            document.check("Result", &own);
            let error = refused("tools/call", json!({"name": "able"}));
            let written = json!({"jsonrpc": "2.0", "id": 1, "error": {
                "code": error.code.get(), "message": error.message, "data": error.data.unwrap().decode::<Value>().unwrap(),
            }});
            document.check("MissingRequiredClientCapabilityError", &written);
            refused("tools/call", json!({"name": "asks", "requestState": "x"}));
        }

        // Questions.
        let mut asked: Vec<_> = requests.lock().unwrap().iter().map(|(method, _)| method.clone()).collect();
        asked.sort();
        asked.dedup();
        let expected: &[&str] = if revision.has_elicitation() {
            &["elicitation/create", "roots/list", "sampling/createMessage"]
        } else {
            &["roots/list", "sampling/createMessage"]
        };
        assert_eq!(asked, expected, "{revision}");
        if revision.is_modern() {
            for (method, params) in [
                ("tools/call", json!({"name": "asks"})),
                ("prompts/get", json!({"name": "say", "arguments": {"what": "ask"}})),
                ("resources/read", json!({"uri": "t://asks"})),
            ] {
                let Outcome::Reply(reply) = run(client.round(method, params)) else { panic!("{method}") };
                let body: Value = reply.body.decode().unwrap();
                assert_eq!(body["resultType"], "input_required");
                document.check("InputRequiredResult", &body);
            }
        } else {
            for (method, params) in requests.lock().unwrap().iter() {
                document.message("ServerRequest", method, params);
            }
        }

        // Notifications.
        let mut listening = revision.is_modern().then(|| {
            let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
                "resourceSubscriptions": ["t://text"]});
            let mut call = client.open("subscriptions/listen", json!({"notifications": filter}));
            assert!(call.turn().is_none());
            call
        });
        server.tools().remove("typed");
        server.prompts().replace(prompt("say", say)).unwrap();
        server.resource_updated("t://text");
        server.resources().remove("t://bytes");
        if let Some(call) = &mut listening {
            assert!(call.turn().is_none());
        }
        let mut heard = vec![
            "notifications/progress",
            "notifications/message",
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
            "notifications/resources/updated",
        ];
        heard.extend(revision.is_modern().then_some("notifications/subscriptions/acknowledged"));
        for method in heard {
            let all = client.notifications(method);
            assert!(!all.is_empty(), "{revision}: no {method}");
            for params in all {
                document.message("ServerNotification", method, &params);
            }
        }
        if let Some(mut call) = listening {
            client.stop();
            let Some(Outcome::Reply(reply)) = call.turn() else { panic!() };
            document.check("SubscriptionsListenResult", &reply.body.decode().unwrap());
        }
    }
}

// The check above is worth something only if the closed schemas refuse what is not defined.
#[test]
fn the_closed_schemas_refuse_what_a_revision_does_not_define() {
    let old = Document::of(Revision::V2024_11_05);
    let tool = json!({"name": "a", "inputSchema": {"type": "object"}});
    old.check("ListToolsResult", &json!({"tools": [tool]}));
    for more in ["title", "icons", "outputSchema", "annotations"] {
        let mut tool = tool.clone();
        tool[more] = Value::Object(Map::new());
        assert!(!old.validator("ListToolsResult").is_valid(&json!({"tools": [tool]})), "{more}");
    }
    assert!(!old.validator("EmptyResult").is_valid(&json!({"resultType": "complete"})));
}
