//! Tools: arguments, answers, errors.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use mcp_server_kit::{
    Cx, Json, NoArgs, RawArgs, ToolError,
    jsonrpc::{Code, ErrorObject},
    protocol::{CallToolResult, Content, JsonSchema, Revision},
    schemars,
    testing::TestClient,
    tool,
};
use serde_json::{Value, json};

use crate::{run, server};

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Greet {
    name: String,
}

async fn greet(_cx: Cx, args: Greet) -> Result<String, ToolError> {
    Ok(format!("Hello, \"{}\"!", args.name))
}

fn client() -> TestClient {
    TestClient::new(server().tool(tool("greet", greet).description("Greets.")).build().unwrap())
}

#[test]
fn a_tool_answers_in_every_revision() {
    for revision in Revision::ALL {
        let result = run(client()
            .revision(revision)
            .request("tools/call", json!({"name": "greet", "arguments": {"name": "A\n"}})));
        let result = result.unwrap();
        assert_eq!(result["content"], json!([{"type": "text", "text": "Hello, \"A\n\"!"}]));
        let modern = revision.is_modern();
        assert_eq!(result.get("resultType").is_some(), modern, "{revision}");
        assert_eq!(result.get("_meta").is_some(), modern, "{revision}");
    }
}

/// Panics when it is dropped, and counts that.
struct Vicious(Arc<AtomicUsize>);

impl Drop for Vicious {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("on purpose");
    }
}

/// A tool's code that is over at once or never, and holds something vicious to its end.
struct Holding {
    _held: Vicious,
    over: bool,
}

impl Future for Holding {
    type Output = &'static str;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<&'static str> {
        if self.over { Poll::Ready("done") } else { Poll::Pending }
    }
}

#[tokio::test(start_paused = true)]
async fn code_that_panics_while_it_is_dropped_is_dropped_once_and_hurts_nobody() {
    let drops = Arc::new(AtomicUsize::new(0));
    let dropped = || drops.swap(0, Ordering::SeqCst);
    let holding = |over| {
        let drops = Arc::clone(&drops);
        move |_cx: Cx, _: NoArgs| Holding { _held: Vicious(Arc::clone(&drops)), over }
    };
    let server = server()
        .tool(tool("over", holding(true)))
        .tool(tool("late", holding(false)).timeout(Duration::from_secs(1)))
        .tool(tool("cut", holding(false)))
        .build();
    let client = TestClient::new(server.unwrap());
    let over = client.call_tool("over", json!({})).await.unwrap();
    assert_eq!((over.content[0].as_text(), dropped()), (Some("done"), 1));
    let late = client.call_tool("late", json!({})).await.unwrap();
    assert_eq!((late.is_error, dropped()), (Some(true), 1));
    let mut cut = client.open("tools/call", json!({"name": "cut"}));
    assert!(cut.turn().is_none());
    drop(cut);
    assert_eq!(dropped(), 1);
    assert_eq!(client.call_tool("over", json!({})).await.unwrap().content[0].as_text(), Some("done"));
}

// MCP 2025-11-25, tools, "Error Handling" (SEP-1303): input validation errors are tool execution errors.
#[test]
fn arguments_that_do_not_fit_are_told_to_the_model_or_the_protocol() {
    for revision in Revision::ALL {
        for arguments in [json!({}), json!({"name": 7}), json!({"name": "a", "more": 1})] {
            let answer = run(client().revision(revision).call_tool("greet", arguments.clone()));
            if revision.input_validation_is_tool_error() {
                let answer = answer.unwrap();
                assert_eq!(answer.is_error, Some(true), "{revision} {arguments}");
                assert!(!answer.content[0].as_text().unwrap().contains(" line "), "{answer:?}");
            } else {
                assert_eq!(answer.unwrap_err().code, Code::INVALID_PARAMS, "{revision} {arguments}");
            }
        }
        let listed = run(client().revision(revision).call_tool("greet", json!(["a"])));
        assert_eq!(listed.unwrap_err().code, Code::INVALID_PARAMS);
    }
}

// MCP 2026-07-28, tools, "Error Handling": unknown tools are protocol errors.
#[test]
fn an_unknown_tool_is_invalid_params() {
    for revision in Revision::ALL {
        let error = run(client().revision(revision).call_tool("nobody", json!({}))).unwrap_err();
        assert_eq!((error.code, &*error.message), (Code::INVALID_PARAMS, "unknown tool: nobody"));
    }
}

#[test]
fn the_client_is_told_the_text_and_never_the_cause() {
    async fn fails(_cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Err(std::io::Error::other("/secret/path"))?
    }
    async fn tells(_cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Err(ToolError::new("use another name").with_cause("/secret/path"))
    }
    async fn breaks(_cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Err(ToolError::protocol(ErrorObject::new(Code::new(7), "no")))
    }
    let server = server().tool(tool("fails", fails)).tool(tool("tells", tells)).tool(tool("breaks", breaks)).build();
    let client = TestClient::new(server.unwrap());
    let text = |name| run(client.call_tool(name, json!({}))).unwrap().content[0].as_text().unwrap().to_owned();
    assert_eq!(text("fails"), "the call failed");
    assert_eq!(text("tells"), "use another name");
    assert_eq!(run(client.call_tool("breaks", json!({}))).unwrap_err().code, Code::new(7));
}

#[test]
fn a_panic_answers_its_call_and_hurts_nothing_else() {
    async fn panics(_cx: Cx, _: NoArgs) -> &'static str {
        panic!("on purpose")
    }
    let early = tool("early", |_cx: Cx, _: NoArgs| {
        assert!(std::env::var_os("NEVER").is_some(), "on purpose");
        std::future::ready("late")
    });
    let client =
        TestClient::new(server().tool(tool("panics", panics)).tool(early).tool(tool("greet", greet)).build().unwrap());
    for name in ["panics", "early"] {
        let answer = run(client.call_tool(name, json!({}))).unwrap();
        assert_eq!(answer.is_error, Some(true));
        assert_eq!(answer.content[0].as_text(), Some("the call failed"));
    }
    assert!(run(client.call_tool("greet", json!({"name": "a"}))).unwrap().is_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_dropped_and_answered() {
    async fn forever(_cx: Cx, _: NoArgs) -> &'static str {
        std::future::pending().await
    }
    let server = server().tool(tool("forever", forever).timeout(Duration::from_secs(5))).build().unwrap();
    let answer = TestClient::new(server).call_tool("forever", json!({})).await.unwrap();
    assert_eq!(answer.content[0].as_text(), Some("the call was given up after 5 s"));
}

#[test]
fn a_time_limit_without_a_runtime_is_no_panic() {
    async fn quick(_cx: Cx, _: NoArgs) -> &'static str {
        "done"
    }
    let server = server().tool(tool("quick", quick).timeout(Duration::from_secs(5))).build().unwrap();
    let answer = run(TestClient::new(server).call_tool("quick", json!({}))).unwrap();
    assert_eq!(answer.content[0].as_text(), Some("done"));
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Sum {
    sum: i64,
}

#[test]
fn structured_answers_have_a_schema_and_their_json_as_text() {
    async fn sum(_cx: Cx, _: NoArgs) -> Json<Sum> {
        Json(Sum { sum: 3 })
    }
    async fn list(_cx: Cx, _: NoArgs) -> Result<Json<Vec<i64>>, ToolError> {
        Ok(Json(vec![1, 2]))
    }
    let server = server().tool(tool("sum", sum)).tool(tool("list", list)).build().unwrap();
    for revision in Revision::ALL {
        let client = TestClient::new(server.clone()).revision(revision);
        let answer = run(client.call_tool("sum", json!({}))).unwrap();
        assert_eq!(answer.content[0].as_text(), Some(r#"{"sum":3}"#));
        assert_eq!(answer.structured_content.is_some(), revision.has_structured_content());
        let answer = run(client.call_tool("list", json!({}))).unwrap();
        assert_eq!(answer.structured_content, revision.structured_content_is_any_json().then(|| json!([1, 2])));
        let listed = run(client.request("tools/list", json!({}))).unwrap();
        assert_eq!(listed["tools"][0].get("outputSchema").is_some(), revision.has_output_schema());
        assert_eq!(listed["tools"][1].get("outputSchema").is_some(), revision.structured_content_is_any_json());
    }
}

// MCP 2026-07-28, tools, "Security Considerations": "Servers MUST validate all tool inputs".
#[test]
fn constraints_that_a_derived_schema_lists_are_checked() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Order {
        #[schemars(range(min = 1, max = 10))]
        count: u32,
        #[schemars(length(max = 3), regex(pattern = "^[a-z]+$"))]
        code: Option<String>,
    }
    async fn order(_cx: Cx, Order { count, code }: Order) -> String {
        format!("{count} {}", code.unwrap_or_default())
    }
    for revision in Revision::ALL {
        let client = TestClient::new(server().tool(tool("order", order)).build().unwrap()).revision(revision);
        let call = |arguments: &Value| run(client.call_tool("order", arguments.clone()));
        for (good, text) in [(json!({"count": 10, "code": "abc"}), "10 abc"), (json!({"count": 1, "code": null}), "1 ")]
        {
            assert_eq!(call(&good).unwrap().content[0].as_text(), Some(text), "{revision}");
        }
        for (bad, place) in [
            (json!({"count": 999}), "/count"),
            (json!({"count": 0}), "/count"),
            (json!({"count": 1, "code": "abcd"}), "/code"),
            (json!({"count": 1, "code": "A"}), "/code"),
        ] {
            if revision.input_validation_is_tool_error() {
                let told = call(&bad).unwrap();
                assert_eq!(told.is_error, Some(true), "{revision} {bad}");
                assert!(told.content[0].as_text().unwrap().contains(place), "{told:?}");
            } else {
                assert_eq!(call(&bad).unwrap_err().code, Code::INVALID_PARAMS, "{revision} {bad}");
            }
        }
    }
}

const HAND: &str = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"a":{"$anchor":"x","type":"string","minLength":2}},"properties":{"z":{"$ref":"#/$defs/a"},"b":{"type":"integer"}},"required":["z"],"additionalProperties":false}"##;

#[test]
fn a_schema_given_by_hand_is_listed_verbatim_and_checked() {
    async fn raw(_cx: Cx, args: RawArgs) -> String {
        args.as_str().to_owned()
    }
    let server = server().tool(tool("raw", raw).input_schema(JsonSchema::parse(HAND).unwrap())).build().unwrap();
    let client = TestClient::new(server);
    let outcome = run(client.round("tools/list", json!({})));
    let mcp_transport::handler::Outcome::Reply(reply) = outcome else { panic!() };
    assert!(reply.body.as_str().contains(HAND), "{}", reply.body.as_str());
    let answer = run(client.call_tool("raw", json!({"z": "ab"}))).unwrap();
    assert_eq!(answer.content[0].as_text(), Some(r#"{"z":"ab"}"#));
    for bad in [json!({}), json!({"z": "a"}), json!({"z": "ab", "c": 1})] {
        assert_eq!(run(client.call_tool("raw", bad)).unwrap().is_error, Some(true));
    }
}

// MCP 2026-07-28, tools, "Output Schema": "Servers MUST provide structured results that conform to this schema."
#[test]
fn an_answer_that_does_not_fit_its_declared_schema_never_goes_out() {
    let schema =
        || JsonSchema::parse(r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#).unwrap();
    async fn answer(_cx: Cx, args: RawArgs) -> CallToolResult {
        match args.get_str("kind").as_deref() {
            Some("good") => CallToolResult::structured(json!({"n": 1})),
            Some("bad") => CallToolResult::structured(json!({"n": "secret"})),
            Some("failed") => CallToolResult::error("told"),
            _ => CallToolResult::new([Content::text("only text")]),
        }
    }
    for revision in Revision::ALL {
        let server = server().tool(tool("answer", answer).output_schema(schema())).build().unwrap();
        let client = TestClient::new(server).revision(revision);
        let call = |kind: &str| run(client.call_tool("answer", json!({"kind": kind})));
        assert!(call("good").is_ok());
        assert!(call("failed").is_ok(), "errors need no structured content");
        for kind in ["bad", "text"] {
            let error = call(kind).unwrap_err();
            assert_eq!((error.code, &*error.message), (Code::INTERNAL_ERROR, "internal error"), "{revision} {kind}");
        }
    }
}

// The same rule: what serde writes of a type need not fit the schema that is derived from it.
#[test]
fn an_answer_is_checked_against_its_derived_schema_too() {
    #[derive(serde::Serialize, schemars::JsonSchema)]
    struct Load {
        one_minute: f64,
        #[schemars(range(max = 10))]
        processes: u32,
    }
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Which {
        kind: String,
    }
    async fn load(_cx: Cx, Which { kind }: Which) -> Result<Json<Load>, ToolError> {
        match &*kind {
            "good" => Ok(Json(Load { one_minute: 0.5, processes: 10 })),
            "many" => Ok(Json(Load { one_minute: 0.5, processes: 11 })),
            "nan" => Ok(Json(Load { one_minute: f64::NAN, processes: 1 })),
            "infinite" => Ok(Json(Load { one_minute: f64::INFINITY, processes: 1 })),
            _ => Err(ToolError::new("told")),
        }
    }
    for revision in Revision::ALL {
        let client = TestClient::new(server().tool(tool("load", load)).build().unwrap()).revision(revision);
        let call = |kind: &str| run(client.call_tool("load", json!({"kind": kind})));
        assert_eq!(call("good").unwrap().content[0].as_text(), Some(r#"{"one_minute":0.5,"processes":10}"#));
        assert_eq!(call("").unwrap().is_error, Some(true), "errors need no structured content");
        for kind in ["nan", "infinite", "many"] {
            assert_eq!(call(kind).unwrap_err().code, Code::INTERNAL_ERROR, "{revision} {kind}");
        }
    }
}

#[test]
fn bad_registrations_are_errors_and_never_panics() {
    let refused = |tool| server().tool(tool).build().unwrap_err().to_string();
    assert!(refused(tool("a b", greet)).contains("no name"));
    assert!(refused(tool("", greet)).contains("no name"));
    assert!(
        refused(tool("g", greet).input_schema(JsonSchema::parse(r#"{"type":7}"#).unwrap())).contains("input schema")
    );
    assert!(
        refused(tool("g", greet).input_schema(JsonSchema::parse(r#"{"type":"string"}"#).unwrap())).contains("object")
    );
    assert!(
        refused(tool("g", greet).output_schema(JsonSchema::parse(r#"{"$ref":"http://x/"}"#).unwrap()))
            .contains("output")
    );
    assert!(refused(tool("g", greet).mirror("nobody", "X")).contains("nobody"));
    let twice = server().tool(tool("g", greet)).tool(tool("g", greet)).build();
    assert_eq!(twice.unwrap_err().to_string(), "there are two tools called `g`");
}

#[test]
fn an_answer_may_carry_metadata_of_its_own() {
    async fn meta(_cx: Cx, _: NoArgs) -> CallToolResult {
        CallToolResult::text("x").with_meta(mcp_server_kit::protocol::Meta::new().with("com.example/a", 1))
    }
    let server = server().tool(tool("meta", meta)).build().unwrap();
    for revision in [Revision::LATEST, Revision::LATEST_LEGACY] {
        let result =
            run(TestClient::new(server.clone()).revision(revision).request("tools/call", json!({"name": "meta"})));
        let result: Value = result.unwrap();
        assert_eq!(result["_meta"]["com.example/a"], 1);
    }
}
