//! Asking the client, in both eras: how often effects happen, what is refused.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::join;
use mcp_server_kit::{
    Ability, Cx, NoArgs, PromptArgs, ToolBuilder, ToolError,
    jsonrpc::Code,
    prompt,
    protocol::{
        ClientCapabilities, Content, CreateMessageParams, ElicitFormParams, ElicitUrlParams, ElicitationCapability,
        FormSchema, NumberSchema, PromptArgument, Revision, Role, SamplingCapability, SamplingMessage, Settings,
        StringSchema,
    },
    resource, resource_template,
    testing::TestClient,
    tool,
};
use mcp_transport::handler::{Outcome, ReplyKind};
use serde_json::{Value, json};

use crate::{run, server};

pub(crate) const ERAS: [Revision; 2] = [Revision::LATEST, Revision::LATEST_LEGACY];

pub(crate) fn name_form() -> ElicitFormParams {
    ElicitFormParams::new("What is your name?", FormSchema::default().required("name", StringSchema::new()))
}

pub(crate) fn sampling() -> CreateMessageParams {
    CreateMessageParams::new([SamplingMessage::new(Role::User, Content::text("Capital of France?"))], 100_u64)
}

pub(crate) fn answer(_key: &str, method: &str, params: &Value) -> Value {
    match method {
        "elicitation/create" if params["mode"] == "url" => json!({"action": "accept"}),
        "elicitation/create" => json!({"action": "accept", "content": {"name": "Ada"}}),
        "sampling/createMessage" => {
            json!({"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"})
        }
        _ => json!({"roots": [{"uri": "file:///a"}]}),
    }
}

/// What `inputRequests`, `requestState` are, if the call asks.
pub(crate) fn asked(outcome: Outcome) -> Option<(Value, String)> {
    let Outcome::Reply(reply) = outcome else { return None };
    (reply.kind == ReplyKind::InputRequired).then(|| {
        let body: Value = reply.body.decode().unwrap();
        assert_eq!(body["resultType"], "input_required");
        (body["inputRequests"].clone(), body["requestState"].as_str().unwrap().to_owned())
    })
}

pub(crate) fn code(outcome: Outcome) -> Code {
    let Outcome::Error(error) = outcome else { panic!("{outcome:?}") };
    error.code
}

/// A tool that counts how often it ran, how often an effect in a step and one outside were done.
fn counting(runs: &Arc<AtomicUsize>, steps: &Arc<AtomicUsize>) -> ToolBuilder {
    let (runs, steps) = (Arc::clone(runs), Arc::clone(steps));
    tool("count", move |cx: Cx, _: NoArgs| {
        let (runs, steps) = (Arc::clone(&runs), Arc::clone(&steps));
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let id =
                cx.step("reserve", async { Ok::<_, ToolError>(steps.fetch_add(1, Ordering::SeqCst) + 40) }).await?;
            let answer = cx.elicit("name", name_form()).await?;
            Ok::<_, ToolError>(format!("{} {id}", answer.text("name").unwrap_or("nobody")))
        }
    })
}

// The rule that stands first in the docs of `elicit`: modern runs again, legacy runs once, steps are done once in both.
#[test]
fn a_tool_runs_again_in_the_modern_era_and_its_steps_do_not() {
    for (revision, expected) in [(Revision::LATEST, 2), (Revision::LATEST_LEGACY, 1), (Revision::V2025_06_18, 1)] {
        let (runs, steps) = (Arc::default(), Arc::default());
        let client = TestClient::new(server().tool(counting(&runs, &steps)).build().unwrap());
        let result = run(client.revision(revision).answering(answer).call_tool("count", json!({}))).unwrap();
        assert_eq!(result.content[0].as_text(), Some("Ada 40"));
        assert_eq!(runs.load(Ordering::SeqCst), expected, "{revision}");
        assert_eq!(steps.load(Ordering::SeqCst), 1, "{revision}");
    }
}

async fn three(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
    let (name, text, roots) =
        join!(cx.elicit("name", name_form()), cx.sample("capital", sampling()), cx.roots("roots"));
    let text = text?.content.into_blocks().remove(0);
    Ok(format!("{} {} {}", name?.text("name").unwrap(), text.as_text().unwrap(), roots?.roots.len()))
}

#[test]
fn three_questions_at_once_are_one_round_trip() {
    let client = TestClient::new(server().tool(tool("three", three)).build().unwrap()).answering(answer);
    let (requests, state) = asked(run(client.round("tools/call", json!({"name": "three"})))).unwrap();
    assert_eq!(requests.as_object().unwrap().len(), 3);
    assert_eq!(requests["name"]["params"]["message"], "What is your name?");
    let responses: Value = requests
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, request)| (key.clone(), answer(key, request["method"].as_str().unwrap(), &request["params"])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let params = json!({"name": "three", "inputResponses": responses, "requestState": state});
    let Outcome::Reply(reply) = run(client.round("tools/call", params)) else { panic!() };
    assert!(reply.body.as_str().contains("Ada Paris 1"));
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("three", three)).build().unwrap());
        let result = run(client.revision(revision).answering(answer).call_tool("three", json!({}))).unwrap();
        assert_eq!(result.content[0].as_text(), Some("Ada Paris 1"));
    }
}

// MCP 2026-07-28, multi round-trip requests, "Error Handling": what is missing is asked for again; what is not known is
// ignored; an answer of another shape is no answer.
#[test]
fn wrong_answers_are_asked_for_again_and_unknown_ones_ignored() {
    async fn greet(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let answer = cx.elicit("name", name_form()).await?;
        Ok(format!("Hello, {}!", answer.text("name").unwrap_or("nobody")))
    }
    let client = TestClient::new(server().tool(tool("greet", greet)).build().unwrap()).answering(answer);
    let (_, state) = asked(run(client.round("tools/call", json!({"name": "greet"})))).unwrap();
    let again = |responses: Value| {
        run(client.round("tools/call", json!({"name": "greet", "inputResponses": responses, "requestState": state})))
    };
    for bad in [
        json!({}),
        json!({"other": {"action": "accept", "content": {"name": "x"}}}),
        json!({"name": 12345}),
        json!({"name": {"action": "maybe"}}),
        json!({"name": {"action": "accept"}}),
        json!({"name": {"action": "accept", "content": {"name": 7}}}),
        json!({"name": {"action": "accept", "content": {}}}),
    ] {
        let (requests, _) = asked(again(bad.clone())).unwrap_or_else(|| panic!("{bad}"));
        assert!(requests.get("name").is_some());
    }
    assert_eq!(code(again(Value::Null)), Code::INVALID_PARAMS);
    let extra = json!({"name": {"action": "accept", "content": {"name": "Ada"}}, "more": 7});
    let Outcome::Reply(reply) = again(extra) else { panic!() };
    assert!(reply.body.as_str().contains("Hello, Ada!"));
    let declined = again(json!({"name": {"action": "decline"}}));
    let Outcome::Reply(reply) = declined else { panic!() };
    assert!(reply.body.as_str().contains("Hello, nobody!"));
}

#[test]
fn a_legacy_answer_of_another_shape_ends_the_call() {
    async fn greet(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    let client = TestClient::new(server().tool(tool("greet", greet)).build().unwrap());
    let client = client
        .revision(Revision::LATEST_LEGACY)
        .answering(|_, _, _| json!({"action": "accept", "content": {"name": 7}}));
    let result = run(client.call_tool("greet", json!({}))).unwrap();
    assert_eq!(result.content[0].as_text(), Some("the answer does not have the shape that was asked for"));
}

#[test]
fn several_rounds_have_different_states_and_keep_answers() {
    async fn two(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let name = cx.elicit("name", name_form()).await?;
        let form = FormSchema::default().required("age", NumberSchema::integer());
        let age = cx.elicit("age", ElicitFormParams::new("How old?", form)).await?;
        Ok(format!("{} {}", name.text("name").unwrap(), age.content().unwrap()["age"]))
    }
    let client = TestClient::new(server().tool(tool("two", two)).build().unwrap()).answering(answer);
    let (_, first) = asked(run(client.round("tools/call", json!({"name": "two"})))).unwrap();
    let name = json!({"name": {"action": "accept", "content": {"name": "Ada"}}});
    let params = json!({"name": "two", "inputResponses": name, "requestState": first});
    let (requests, second) = asked(run(client.round("tools/call", params))).unwrap();
    assert!(requests.get("age").is_some() && requests.get("name").is_none());
    assert_ne!(first, second);
    let age = json!({"age": {"action": "accept", "content": {"age": 36}}});
    let params = json!({"name": "two", "inputResponses": age, "requestState": second});
    let Outcome::Reply(reply) = run(client.round("tools/call", params)) else { panic!() };
    assert!(reply.body.as_str().contains("Ada 36"));
}

// MCP 2026-07-28, basic: -32021 with data.requiredCapabilities; multi round-trip requests: "Servers MUST NOT send an
// inputRequests that the client has not declared support for".
#[test]
fn what_the_client_did_not_declare_is_never_asked() {
    let effects = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&effects);
    let needs = tool("needs", move |cx: Cx, _: NoArgs| {
        let counter = Arc::clone(&counter);
        async move {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok::<_, ToolError>(format!("{:?}", cx.sample("s", sampling()).await?.model))
        }
    })
    .requires(Ability::Sampling);
    async fn asks(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        cx.elicit("name", name_form()).await?;
        Ok(String::new())
    }
    let server = server().tool(needs).tool(tool("asks", asks)).build().unwrap();
    for (name, missing) in [("needs", json!({"sampling": {}})), ("asks", json!({"elicitation": {}}))] {
        let error = run(TestClient::new(Arc::clone(&server)).call_tool(name, json!({}))).unwrap_err();
        assert_eq!(error.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
        assert_eq!(error.data.unwrap().decode::<Value>().unwrap(), json!({"requiredCapabilities": missing}));
        let legacy = TestClient::new(Arc::clone(&server)).revision(Revision::LATEST_LEGACY);
        let told = run(legacy.call_tool(name, json!({}))).unwrap();
        assert!(told.content[0].as_text().unwrap().starts_with("the client did not declare"), "{told:?}");
    }
    assert_eq!(effects.load(Ordering::SeqCst), 0);
    // A client that knows only URLs is not asked by form.
    let urls = ClientCapabilities::default()
        .with_elicitation(ElicitationCapability::default().with_url(serde_json::Map::new()))
        .with_sampling(SamplingCapability::default());
    let error = run(TestClient::new(server).capabilities(urls).call_tool("asks", json!({}))).unwrap_err();
    assert_eq!(error.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
}

#[test]
fn a_url_is_asked_where_the_revision_has_it() {
    async fn visit(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let answer = cx.elicit_url("visit", ElicitUrlParams::new("Sign in", "https://example.com/in")).await?;
        Ok(format!("{:?}", answer.action()))
    }
    for revision in Revision::ALL {
        let server = server().tool(tool("visit", visit)).build().unwrap();
        let client = TestClient::new(server).revision(revision).answering(move |_, method, params| {
            assert_eq!((method, &params["mode"]), ("elicitation/create", &json!("url")));
            assert_eq!(params.get("elicitationId").is_some(), revision.has_elicitation_id());
            json!({"action": "accept"})
        });
        let text = run(client.call_tool("visit", json!({}))).unwrap().content[0].as_text().unwrap().to_owned();
        assert_eq!(text == "Accept", revision.has_url_elicitation(), "{revision}: {text}");
    }
}

// A legacy session lets 64 questions wait.
#[tokio::test]
async fn more_questions_than_may_wait_are_refused_as_that() {
    async fn many(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let keys: Vec<_> = (0..65).map(|number| number.to_string()).collect();
        let told = futures_util::future::join_all(keys.iter().map(|key| cx.roots(key))).await;
        let (good, bad): (Vec<_>, Vec<_>) = told.into_iter().partition(Result::is_ok);
        Ok(format!("{} {:?}", good.len(), bad.into_iter().filter_map(Result::err).collect::<Vec<_>>()))
    }
    for (revision, expected) in [(Revision::LATEST, "65 []"), (Revision::LATEST_LEGACY, "64 [TooMany]")] {
        let client = TestClient::new(server().tool(tool("many", many)).build().unwrap()).revision(revision);
        let told = client.answering(answer).call_tool("many", json!({})).await.unwrap();
        assert_eq!(told.content[0].as_text(), Some(expected), "{revision}");
    }
}

// MCP 2026-07-28, multi round-trip requests, "Supported Requests".
#[test]
fn prompts_and_resources_ask_too() {
    async fn hello(cx: Cx, _: PromptArgs) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    async fn read(cx: Cx) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    for revision in ERAS {
        let server = server().prompt(prompt("hello", hello)).resource(resource("x://y", "y", read)).build().unwrap();
        let client = TestClient::new(server).revision(revision).answering(answer);
        let got = run(client.get_prompt("hello", json!({}))).unwrap();
        assert_eq!(got.messages[0].content.as_text(), Some("Ada"));
        let result = run(client.request("resources/read", json!({"uri": "x://y"}))).unwrap();
        assert_eq!(result["contents"][0]["text"], "Ada");
        if revision.is_modern() {
            // Caching: what came of answers MUST NOT be cached.
            assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
        }
    }
}

#[test]
fn a_running_step_is_let_to_its_end_before_the_client_is_asked() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let done = Arc::new(AtomicUsize::new(0));
    let (inner_gate, inner_done) = (Arc::clone(&gate), Arc::clone(&done));
    let slow = tool("slow", move |cx: Cx, _: NoArgs| {
        let (gate, done) = (Arc::clone(&inner_gate), Arc::clone(&inner_done));
        async move {
            let effect = cx.step("effect", async {
                gate.notified().await;
                Ok::<_, ToolError>(done.fetch_add(1, Ordering::SeqCst))
            });
            let (effect, name) = join!(effect, cx.elicit("name", name_form()));
            effect?;
            Ok::<_, ToolError>(name?.text("name").unwrap().to_owned())
        }
    });
    let client = TestClient::new(server().tool(slow).build().unwrap()).answering(answer);
    let mut call = client.open("tools/call", json!({"name": "slow"}));
    assert!(call.turn().is_none(), "the step runs");
    gate.notify_one();
    let (_, state) = asked(call.turn().unwrap()).unwrap();
    let responses = json!({"name": {"action": "accept", "content": {"name": "Ada"}}});
    let params = json!({"name": "slow", "requestState": state, "inputResponses": responses});
    let Outcome::Reply(reply) = run(client.round("tools/call", params)) else { panic!() };
    assert!(reply.body.as_str().contains("Ada"));
    assert_eq!(done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_task_that_asks_does_not_outlive_the_call() {
    static OVER: AtomicUsize = AtomicUsize::new(0);
    async fn spawning(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let asking = tokio::spawn(async move {
            let answer = cx.elicit("name", name_form()).await;
            OVER.fetch_add(1, Ordering::SeqCst);
            answer
        });
        Ok(asking.await??.text("name").unwrap_or_default().to_owned())
    }
    let client = TestClient::new(server().tool(tool("spawning", spawning)).build().unwrap()).answering(answer);
    let result = client.call_tool("spawning", json!({})).await.unwrap();
    assert_eq!(result.content[0].as_text(), Some("Ada"));
    tokio::task::yield_now().await;
    assert_eq!(OVER.load(Ordering::SeqCst), 2, "the task of the first run has ended, too");
}

#[tokio::test]
async fn a_task_of_code_that_panicked_at_once_is_told_that_nobody_answers() {
    const DICE: &str = "com.example/dice";
    type Never<T> = std::future::Pending<T>;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let leaves_a_task = move |cx: Cx| -> ! {
        let tell = tell.clone();
        tokio::spawn(async move { tell.send(cx.elicit("name", name_form()).await.is_err()) });
        panic!("on purpose")
    };
    let leaves = || leaves_a_task.clone();
    let (of_tool, of_prompt, of_resource) = (leaves(), leaves(), leaves());
    let (of_template, of_argument, of_variable, of_method) = (leaves(), leaves(), leaves(), leaves());
    let server = server()
        .tool(tool("panics", move |cx: Cx, _: NoArgs| -> Never<String> { of_tool(cx) }))
        .prompt(
            prompt("panics", move |cx: Cx, _: PromptArgs| -> Never<String> { of_prompt(cx) })
                .argument(PromptArgument::new("word"))
                .complete("word", move |cx: Cx, _| -> Never<Vec<String>> { of_argument(cx) }),
        )
        .resource(resource("a://panics", "panics", move |cx: Cx| -> Never<String> { of_resource(cx) }))
        .resource_template(
            resource_template("b://{id}", "panics", move |cx: Cx, _: Value| -> Never<String> { of_template(cx) })
                .complete("id", move |cx: Cx, _| -> Never<Vec<String>> { of_variable(cx) }),
        )
        .extension(DICE, Settings::new())
        .extension_method(DICE, "dice/roll", move |cx: Cx, _| -> Never<Result<Value, ToolError>> { of_method(cx) });
    let able: ClientCapabilities =
        serde_json::from_value(json!({"elicitation": {}, "extensions": {DICE: {}}})).unwrap();
    let client = TestClient::new(server.build().unwrap()).answering(answer).capabilities(able);
    let completing = |reference: Value, name: &str| json!({"ref": reference, "argument": {"name": name, "value": ""}});
    for (method, params) in [
        ("tools/call", json!({"name": "panics"})),
        ("prompts/get", json!({"name": "panics"})),
        ("resources/read", json!({"uri": "a://panics"})),
        ("resources/read", json!({"uri": "b://7"})),
        ("completion/complete", completing(json!({"type": "ref/prompt", "name": "panics"}), "word")),
        ("completion/complete", completing(json!({"type": "ref/resource", "uri": "b://{id}"}), "id")),
        ("dice/roll", json!({})),
    ] {
        let _answer = client.request(method, params.clone()).await;
        let told = tokio::time::timeout(std::time::Duration::from_secs(20), told.recv()).await;
        assert_eq!(told.expect("the task waits for ever"), Some(true), "{method} {params}");
    }
}

#[test]
fn a_key_names_one_question() {
    async fn twice(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let (name, roots) = join!(cx.elicit("same", name_form()), cx.roots("same"));
        name?;
        roots?;
        Ok(String::new())
    }
    let client = TestClient::new(server().tool(tool("twice", twice)).build().unwrap()).answering(answer);
    // The first question is asked; the second fails, and the tool waits for the first.
    let (requests, _) = asked(run(client.round("tools/call", json!({"name": "twice"})))).unwrap();
    assert_eq!(requests["same"]["method"], "elicitation/create");
}
