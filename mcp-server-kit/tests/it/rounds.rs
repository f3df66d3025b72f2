//! Asking the client: keys, steps that fail or run aside, questions that are given up, answers that change.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::{Either, select};
use mcp_server_kit::{
    Ability, AskError, Cx, NoArgs, ToolError,
    jsonrpc::Code,
    protocol::{
        Content, CreateMessageParams, ElicitAction, ElicitFormParams, FormSchema, Role, SamplingMessage, StringSchema,
        ToolChoice,
    },
    testing::TestClient,
    tool,
};
use mcp_transport::handler::Outcome;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    asking::{ERAS, answer, asked, code, name_form, sampling},
    run, server,
};

fn text(outcome: Outcome) -> String {
    let Outcome::Reply(reply) = outcome else { panic!("{outcome:?}") };
    let body: Value = reply.body.decode().unwrap();
    body["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

// "Give each question of a call a key of its own": a key that was answered is an error in both eras, not the same answer
// again, which in a loop would never end.
#[test]
fn a_key_that_was_answered_cannot_be_asked_under_again() {
    async fn insists(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        for tried in 0..1_000 {
            match cx.elicit("name", name_form()).await {
                Ok(answer) if answer.text("name") == Some("Eve") => return Ok("Eve".into()),
                Ok(_) => {}
                Err(error) => return Ok(format!("{tried}: {error}")),
            }
        }
        Ok("endless".into())
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("insists", insists)).build().unwrap());
        let told = run(client.revision(revision).answering(answer).call_tool("insists", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("1: the key `name` is in use already"), "{revision}");
    }
    async fn counts(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        for tried in 0..3 {
            cx.elicit(&format!("name {tried}"), name_form()).await?;
        }
        Ok("three".into())
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("counts", counts)).build().unwrap());
        let told = run(client.revision(revision).answering(answer).call_tool("counts", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("three"), "{revision}");
    }
}

#[test]
fn a_step_has_a_key_of_its_own_in_both_eras() {
    for revision in ERAS {
        let effects = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&effects);
        let twice = tool("twice", move |cx: Cx, _: NoArgs| {
            let counter = Arc::clone(&counter);
            async move {
                let effect = || async { Ok::<_, ToolError>(counter.fetch_add(1, Ordering::SeqCst)) };
                cx.step("pay", effect()).await?;
                cx.elicit("name", name_form()).await?;
                // A question and a step may have the same key; two steps may not.
                let error = cx.step("pay", effect()).await.unwrap_err();
                Ok::<_, ToolError>(error.cause().unwrap().to_string())
            }
        });
        let client = TestClient::new(server().tool(twice).build().unwrap()).revision(revision).answering(answer);
        let told = run(client.call_tool("twice", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("the key `pay` is in use already"), "{revision}");
        assert_eq!(effects.load(Ordering::SeqCst), 1, "{revision}");
    }
}

#[test]
fn a_step_that_fails_is_tried_again_and_its_success_is_kept() {
    for revision in ERAS {
        let tries = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&tries);
        let flaky = tool("flaky", move |cx: Cx, _: NoArgs| {
            let counter = Arc::clone(&counter);
            async move {
                let effect = || async {
                    let tried = counter.fetch_add(1, Ordering::SeqCst);
                    if tried < 2 { Err(ToolError::new("not yet")) } else { Ok(tried) }
                };
                let first = cx.step("effect", effect()).await;
                assert!(first.is_err() || counter.load(Ordering::SeqCst) == 3);
                if first.is_err() {
                    assert!(cx.step("effect", effect()).await.is_err());
                    cx.step("effect", effect()).await?;
                }
                let name = cx.elicit("name", name_form()).await?;
                Ok::<_, ToolError>(name.text("name").unwrap().to_owned())
            }
        });
        let client = TestClient::new(server().tool(flaky).build().unwrap()).revision(revision).answering(answer);
        let told = run(client.call_tool("flaky", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("Ada"));
        assert_eq!(tries.load(Ordering::SeqCst), 3, "{revision}");
    }
}

// What a tool no longer waits for is not asked: a tool that went on to do something else is not cut off in it.
#[test]
fn a_question_that_was_given_up_is_not_asked() {
    let gate = Arc::new(Notify::new());
    let inner = Arc::clone(&gate);
    let impatient = tool("impatient", move |cx: Cx, _: NoArgs| {
        let gate = Arc::clone(&inner);
        async move {
            {
                let asking = Box::pin(cx.elicit("name", name_form()));
                let Either::Right(_) = select(asking, std::future::ready(())).await else { panic!() };
            }
            gate.notified().await;
            "done without"
        }
    });
    let client = TestClient::new(server().tool(impatient).build().unwrap()).answering(answer);
    let mut call = client.open("tools/call", json!({"name": "impatient"}));
    assert!(call.turn().is_none(), "the tool waits for something else");
    gate.notify_one();
    assert_eq!(text(call.turn().unwrap()), "done without");
}

// In a `select!` a question counts as soon as all branches wait; the other branch is dropped with the tool.
#[test]
fn a_question_in_a_select_is_asked_once_all_branches_wait() {
    async fn either(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let asking = Box::pin(cx.elicit("name", name_form()));
        match select(asking, std::future::pending::<()>()).await {
            Either::Left((name, _)) => Ok(name?.text("name").unwrap().to_owned()),
            Either::Right(((), _)) => Ok("never".into()),
        }
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("either", either)).build().unwrap());
        let told = run(client.revision(revision).answering(answer).call_tool("either", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("Ada"), "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_ends_in_a_task_lets_the_call_ask() {
    let (began, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inner_began, inner_gate) = (Arc::clone(&began), Arc::clone(&gate));
    let aside = tool("aside", move |cx: Cx, _: NoArgs| {
        let (began, gate) = (Arc::clone(&inner_began), Arc::clone(&inner_gate));
        async move {
            let of_task = cx.clone();
            let step = tokio::spawn(async move {
                let effect = async {
                    began.notify_one();
                    gate.notified().await;
                    Ok::<_, ToolError>(7)
                };
                of_task.step("effect", effect).await
            });
            tokio::task::yield_now().await;
            let name = cx.elicit("name", name_form()).await?;
            let seven = step.await??;
            Ok::<_, ToolError>(format!("{} {seven}", name.text("name").unwrap()))
        }
    });
    let client = TestClient::new(server().tool(aside).build().unwrap()).answering(answer);
    let call = client.round("tools/call", json!({"name": "aside"}));
    let release = async {
        began.notified().await;
        tokio::task::yield_now().await;
        gate.notify_one();
    };
    let start = tokio::time::Instant::now();
    let both = async { tokio::join!(call, release) };
    let (outcome, ()) = tokio::time::timeout(std::time::Duration::from_secs(5), both).await.unwrap();
    // The end of the timeout would poll the call as well: it is the step that must wake it.
    assert_eq!(start.elapsed(), std::time::Duration::ZERO, "the call asks when the step is done");
    let (_, state) = asked(outcome).unwrap();
    let responses = json!({"name": {"action": "accept", "content": {"name": "Ada"}}});
    let params = json!({"name": "aside", "requestState": state, "inputResponses": responses});
    assert_eq!(text(client.round("tools/call", params).await), "Ada 7", "the step is not done again");
}

// A task of the tool's own may outlive the run that asks; what it would do then, the next run does.
#[tokio::test]
async fn no_step_begins_after_the_call_has_asked() {
    let (effects, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, inner) = (Arc::clone(&effects), Arc::clone(&gate));
    let aside = tool("aside", move |cx: Cx, _: NoArgs| {
        let (counter, gate) = (Arc::clone(&counter), Arc::clone(&inner));
        async move {
            let of_task = cx.clone();
            tokio::spawn(async move {
                gate.notified().await;
                let effect = async { Ok::<_, ToolError>(counter.fetch_add(1, Ordering::SeqCst)) };
                let told = of_task.step("effect", effect).await.unwrap_err().to_string();
                assert_eq!(told, "the call is over");
                gate.notify_one();
            });
            cx.elicit("name", name_form()).await?;
            Ok::<_, ToolError>(())
        }
    });
    let client = TestClient::new(server().tool(aside).build().unwrap()).answering(answer);
    assert!(asked(client.round("tools/call", json!({"name": "aside"})).await).is_some());
    gate.notify_one();
    tokio::task::yield_now().await;
    gate.notified().await;
    assert_eq!(effects.load(Ordering::SeqCst), 0);
}

// An answer that a step was done for cannot be exchanged in a later round.
#[test]
fn an_answer_of_an_earlier_round_stands() {
    let paid = Arc::new(Mutex::new(Vec::new()));
    let inner = Arc::clone(&paid);
    let pay = tool("pay", move |cx: Cx, _: NoArgs| {
        let paid = Arc::clone(&inner);
        async move {
            let to = cx.elicit("to", name_form()).await?.text("name").unwrap().to_owned();
            let effect = async {
                paid.lock().unwrap().push(to.clone());
                Ok::<_, ToolError>(())
            };
            cx.step("pay", effect).await?;
            cx.elicit("receipt", name_form()).await?;
            Ok::<_, ToolError>(format!("paid {to}"))
        }
    });
    let client = TestClient::new(server().tool(pay).build().unwrap()).answering(answer);
    let named = |name: &str| json!({"action": "accept", "content": {"name": name}});
    let (_, first) = asked(run(client.round("tools/call", json!({"name": "pay"})))).unwrap();
    let params = json!({"name": "pay", "requestState": first, "inputResponses": {"to": named("Ada")}});
    let (_, second) = asked(run(client.round("tools/call", params))).unwrap();
    let responses = json!({"to": named("Mallory"), "receipt": named("x")});
    let params = json!({"name": "pay", "requestState": second, "inputResponses": responses});
    assert_eq!(text(run(client.round("tools/call", params))), "paid Ada");
    assert_eq!(*paid.lock().unwrap(), ["Ada"]);
}

#[test]
fn a_form_without_required_fields_may_be_accepted_without_content() {
    async fn confirm(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let form = FormSchema::default().optional("note", StringSchema::new());
        let answer = cx.elicit("sure", ElicitFormParams::new("Sure?", form)).await?;
        assert_eq!(answer.action(), ElicitAction::Accept);
        Ok(format!("{:?}", answer.content()))
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("confirm", confirm)).build().unwrap());
        let client = client.revision(revision).answering(|_, _, _| json!({"action": "accept"}));
        let told = run(client.call_tool("confirm", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("Some({})"), "{revision}");
    }
}

// MCP 2026-07-28, sampling: "Servers MUST NOT send tool-enabled sampling requests to clients that have not declared
// support for tool use via the sampling.tools capability."
#[test]
fn a_tool_choice_needs_a_client_whose_model_uses_tools() {
    async fn chooses(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let params = sampling().with_tool_choice(ToolChoice::default());
        match cx.sample("s", params).await {
            Err(AskError::NotDeclared { ability, .. }) => Ok(format!("{}", ability == Ability::SamplingTools)),
            other => Ok(format!("{other:?}")),
        }
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("chooses", chooses)).build().unwrap()).revision(revision);
        let able: mcp_server_kit::protocol::ClientCapabilities =
            serde_json::from_value(json!({"sampling": {}})).unwrap();
        let told = run(client.capabilities(able).call_tool("chooses", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("true"), "{revision}");
    }
}

// Only calls that can be answered by input-required results can ask (MCP 2026-07-28, multi round-trip requests,
// "Supported Requests").
#[test]
fn a_completion_cannot_ask_a_modern_client() {
    use mcp_server_kit::{Completing, PromptArgs, prompt, protocol::PromptArgument};
    async fn complete(cx: Cx, _: Completing) -> Vec<String> {
        vec![cx.roots("roots").await.unwrap_err().to_string()]
    }
    async fn get(_cx: Cx, _: PromptArgs) -> &'static str {
        ""
    }
    let asks = prompt("asks", get).argument(PromptArgument::new("a")).complete("a", complete);
    let client = TestClient::new(server().prompt(asks).build().unwrap()).answering(answer);
    let params = json!({"ref": {"type": "ref/prompt", "name": "asks"}, "argument": {"name": "a", "value": ""}});
    let told = run(client.request("completion/complete", params)).unwrap();
    assert_eq!(told["completion"]["values"], json!(["the client cannot be asked here"]));
}

#[test]
fn a_state_of_one_round_does_not_pass_for_another_method() {
    use mcp_server_kit::{PromptArgs, prompt};
    async fn tool_asks(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    async fn prompt_asks(cx: Cx, _: PromptArgs) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    let server = server().tool(tool("same", tool_asks)).prompt(prompt("same", prompt_asks)).build().unwrap();
    let client = TestClient::new(server).answering(answer);
    let (_, state) = asked(run(client.round("tools/call", json!({"name": "same"})))).unwrap();
    let params = json!({"name": "same", "requestState": state});
    assert_eq!(code(run(client.round("prompts/get", params))), Code::INVALID_PARAMS);
}

#[test]
fn sampling_with_tools_is_asked_where_the_revision_has_it() {
    async fn weather(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let tools: mcp_server_kit::protocol::Tool =
            serde_json::from_value(json!({"name": "weather", "inputSchema": {"type": "object"}})).unwrap();
        let params = CreateMessageParams::new([SamplingMessage::new(Role::User, Content::text("?"))], 10_u64);
        let told = cx.sample("s", params.with_tools(vec![tools])).await?;
        Ok(told.model)
    }
    for revision in mcp_server_kit::protocol::Revision::ALL {
        let client = TestClient::new(server().tool(tool("weather", weather)).build().unwrap());
        let client = client.revision(revision).answering(|_, method, params| {
            assert_eq!((method, &params["tools"][0]["name"]), ("sampling/createMessage", &json!("weather")));
            json!({"role": "assistant", "model": "m", "stopReason": "toolUse",
                "content": [{"type": "tool_use", "id": "1", "name": "weather", "input": {}}]})
        });
        let told = run(client.call_tool("weather", json!({}))).unwrap().content[0].as_text().unwrap().to_owned();
        assert_eq!(told == "m", revision.has_sampling_tools(), "{revision}: {told}");
    }
}

// The call would wait for the step, and the step for the answer.
#[test]
fn nothing_is_asked_within_a_step() {
    async fn asks(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let asked = cx.step("outer", async { Ok::<_, ToolError>(cx.roots("roots").await.unwrap_err().to_string()) });
        let (asked, name) = futures_util::join!(asked, cx.elicit("name", name_form()));
        Ok(format!("{} {}", asked?, name?.text("name").unwrap()))
    }
    for revision in ERAS {
        let client = TestClient::new(server().tool(tool("asks", asks)).build().unwrap());
        let told = run(client.revision(revision).answering(answer).call_tool("asks", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("the client cannot be asked here Ada"), "{revision}");
    }
}

#[test]
fn a_time_to_answer_may_be_as_long_or_short_as_it_likes() {
    use std::time::Duration;
    async fn greet(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    for time in [Duration::MAX, Duration::from_millis(1)] {
        let server = server().tool(tool("greet", greet)).answer_within(time);
        let server = server.clock(|| std::time::UNIX_EPOCH + Duration::from_secs(1)).build().unwrap();
        let told = run(TestClient::new(server).answering(answer).call_tool("greet", json!({}))).unwrap();
        assert_eq!(told.content[0].as_text(), Some("Ada"), "{time:?}");
    }
}
