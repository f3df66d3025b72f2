//! What a client must be able to do: refused before anything is done, and before anything else is asked.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::join;
use mcp_server_kit::{
    Ability, AskError, Cx, NoArgs, PromptArgs, ToolBuilder, ToolError,
    jsonrpc::Code,
    prompt,
    protocol::{ClientCapabilities, Revision},
    resource, resource_template,
    testing::TestClient,
    tool,
};
use serde_json::{Value, json};

use crate::{
    asking::{ERAS, answer, asked, name_form, sampling},
    run, server,
};

#[test]
fn prompts_and_resources_say_what_they_require() {
    async fn get(_cx: Cx, _: PromptArgs) -> &'static str {
        panic!("it has run")
    }
    async fn read(_cx: Cx) -> &'static str {
        panic!("it has run")
    }
    async fn read_one(_cx: Cx, _: std::collections::BTreeMap<String, String>) -> &'static str {
        panic!("it has run")
    }
    let server = server()
        .prompt(prompt("get", get).requires(Ability::Roots).requires(Ability::Sampling))
        .resource(resource("x://y", "y", read).requires(Ability::Roots).requires(Ability::Sampling))
        .resource_template(
            resource_template("x://items/{id}", "item", read_one).requires(Ability::Roots).requires(Ability::Sampling),
        )
        .build()
        .unwrap();
    for (method, params) in [
        ("prompts/get", json!({"name": "get"})),
        ("resources/read", json!({"uri": "x://y"})),
        ("resources/read", json!({"uri": "x://items/1"})),
    ] {
        let error = run(TestClient::new(Arc::clone(&server)).request(method, params.clone())).unwrap_err();
        assert_eq!(error.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
        let data = error.data.unwrap().decode::<Value>().unwrap();
        assert_eq!(data, json!({"requiredCapabilities": {"roots": {}, "sampling": {}}}));
        let legacy = TestClient::new(Arc::clone(&server)).revision(Revision::LATEST_LEGACY);
        let error = run(legacy.request(method, params)).unwrap_err();
        assert_eq!(&*error.message, "the client did not declare roots, sampling");
    }
}

// MCP 2026-07-28, basic, "_meta": "data.requiredCapabilities lists the missing capabilities": all of them.
#[test]
fn a_refusal_names_everything_that_is_missing() {
    async fn never(_cx: Cx, _: NoArgs) {
        panic!("it has run");
    }
    let extension = || Ability::Extension("com.example/dice".into());
    let needy = tool("needy", never)
        .requires(Ability::Roots)
        .requires(Ability::UrlElicitation)
        .requires(Ability::Elicitation)
        .requires(Ability::SamplingTools)
        .requires(extension());
    let server = server().tool(needy).build().unwrap();
    let able = |value: Value| serde_json::from_value::<ClientCapabilities>(value).unwrap();
    let everything = json!({
        "elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {},
        "extensions": {"com.example/dice": {}},
    });
    for (declared, missing) in [
        (json!({}), everything.clone()),
        (json!({"roots": {}, "elicitation": {"url": {}}}), {
            let mut missing = everything.clone();
            missing["elicitation"] = json!({});
            missing.as_object_mut().unwrap().remove("roots");
            missing
        }),
    ] {
        let client = TestClient::new(Arc::clone(&server)).capabilities(able(declared));
        let error = run(client.call_tool("needy", json!({}))).unwrap_err();
        assert_eq!(error.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
        assert_eq!(error.data.unwrap().decode::<Value>().unwrap(), json!({ "requiredCapabilities": missing }));
    }
    let legacy = TestClient::new(server).revision(Revision::LATEST_LEGACY).capabilities(able(json!({"roots": {}})));
    let told = run(legacy.call_tool("needy", json!({}))).unwrap();
    let text = "the client did not declare elicitation by URL, elicitation, sampling with tools, com.example/dice";
    assert_eq!(told.content[0].as_text(), Some(text));
}

/// A client whose user fills in forms, and that can nothing else.
fn forms_only(tool: ToolBuilder) -> TestClient {
    let able: ClientCapabilities = serde_json::from_value(json!({"elicitation": {}})).unwrap();
    TestClient::new(server().tool(tool).build().unwrap()).answering(answer).capabilities(able)
}

// "Asking for what the client did not declare is -32021 before any effect": the user is not troubled for nothing
// either.
#[test]
fn an_undeclared_question_lets_none_beside_it_go_out() {
    async fn form_first(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let (name, text) = join!(cx.elicit("name", name_form()), cx.sample("text", sampling()));
        Ok(format!("{name:?} {}", text?.model))
    }
    async fn form_last(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let (text, roots, name) = join!(cx.sample("text", sampling()), cx.roots("r"), cx.elicit("name", name_form()));
        Ok(format!("{name:?} {roots:?} {}", text?.model))
    }
    async fn beside_a_step(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let step = cx.step("slow", async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            Ok::<_, ToolError>(())
        });
        let (_, text, name) = join!(step, cx.sample("text", sampling()), cx.elicit("name", name_form()));
        Ok(format!("{name:?} {}", text?.model))
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (tool, missing) in [
        (tool("asks", form_first), json!({"sampling": {}})),
        (tool("asks", form_last), json!({"sampling": {}, "roots": {}})),
        (tool("asks", beside_a_step), json!({"sampling": {}})),
    ] {
        let error = runtime.block_on(forms_only(tool).call_tool("asks", json!({}))).unwrap_err();
        assert_eq!(error.code, Code::MISSING_REQUIRED_CLIENT_CAPABILITY);
        assert_eq!(error.data.unwrap().decode::<Value>().unwrap(), json!({ "requiredCapabilities": missing }));
    }
}

// A tool may do without: it asks one thing after the other, and takes the failure for an answer.
#[test]
fn an_undeclared_question_alone_is_the_tools_to_handle() {
    async fn manages(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        match cx.sample("text", sampling()).await {
            Err(AskError::NotDeclared { ability: Ability::Sampling, .. }) => {
                Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
            }
            other => Ok(format!("{other:?}")),
        }
    }
    for revision in ERAS {
        let told =
            run(forms_only(tool("manages", manages)).revision(revision).call_tool("manages", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("Ada"), "{revision}");
    }
}

// The step comes first, so it is done: that is what `requires` is for.
#[test]
fn what_stands_before_an_undeclared_question_is_done_unless_the_tool_requires_it() {
    for revision in ERAS {
        for (requires, expected) in [(None, 1), (Some(Ability::Sampling), 0)] {
            let effects = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&effects);
            let reserves = tool("reserves", move |cx: Cx, _: NoArgs| {
                let counter = Arc::clone(&counter);
                async move {
                    let effect = async { Ok::<_, ToolError>(counter.fetch_add(1, Ordering::SeqCst)) };
                    cx.step("reserve", effect).await?;
                    Ok::<_, ToolError>(cx.sample("text", sampling()).await?.model)
                }
            });
            let reserves = requires.into_iter().fold(reserves, ToolBuilder::requires);
            let outcome = run(forms_only(reserves).revision(revision).round("tools/call", json!({"name": "reserves"})));
            assert!(asked(outcome).is_none());
            assert_eq!(effects.load(Ordering::SeqCst), expected, "{revision}");
        }
    }
}
