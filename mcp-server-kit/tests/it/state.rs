//! Request state: what it is bound to, and how long and large it may be.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mcp_server_kit::{
    Cx, NoArgs, RawArgs, Server, ToolError,
    auth::{Issuer, Principal, ProtectedResource, ResourceId, Subject},
    exchange::{Exchange, Transport},
    jsonrpc::{Code, Params, Request, RequestId},
    protocol::{Method, Revision},
    resource_template,
    seal::{Seal, SealKey},
    testing::TestClient,
    tool,
};
use mcp_transport::handler::{Handler as _, Outcome};
use serde_json::{Value, json};

use crate::{
    asking::{answer, asked, code, name_form},
    run, server,
};

fn principal(subject: &str) -> Arc<Principal> {
    let issuer = Issuer::parse("https://issuer.example").unwrap();
    Arc::new(Principal::builder(issuer, Subject::parse(subject).unwrap()).build())
}

static NOW: AtomicU64 = AtomicU64::new(1_000_000);

fn clock() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::SeqCst))
}

fn secretive() -> Arc<Server> {
    async fn ask(cx: Cx, _: RawArgs) -> Result<String, ToolError> {
        let secret = cx.step("secret", async { Ok::<_, ToolError>("hunter2".to_owned()) }).await?;
        cx.elicit("name", name_form()).await?;
        Ok(secret)
    }
    server()
        .tool(tool("ask", ask))
        .tool(tool("other", ask))
        .clock(clock)
        .answer_within(Duration::from_secs(60))
        .build()
        .unwrap()
}

// MCP 2026-07-28, multi round-trip requests, "Server Requirements": servers MUST reject state that fails verification;
// SHOULD bind it to the principal, a short expiry and the originating request.
#[test]
fn state_opens_only_for_the_same_call_of_the_same_caller_in_time() {
    let server = secretive();
    let alice = TestClient::new(Arc::clone(&server)).answering(answer).principal(principal("alice"));
    let arguments = json!({"b": {"y": 1, "x": [1, {"q": 1, "p": 2}]}, "a": 1});
    let call = json!({"name": "ask", "arguments": arguments});
    let (_, state) = asked(run(alice.round("tools/call", call.clone()))).unwrap();
    assert!(!state.contains("hunter2"));
    let retry = |state: &str| {
        let mut call = call.clone();
        call["inputResponses"] = json!({"name": {"action": "accept", "content": {"name": "A"}}});
        call["requestState"] = state.into();
        call
    };
    let answered =
        |outcome: Outcome| matches!(&outcome, Outcome::Reply(reply) if reply.body.as_str().contains("hunter2"));

    // The same call, its members in another order, is the same call.
    let mut reordered = retry(&state);
    reordered["arguments"] = serde_json::from_str(r#"{"a":1,"b":{"x":[1,{"p":2,"q":1}],"y":1}}"#).unwrap();
    assert!(answered(run(alice.round("tools/call", reordered))));

    let mut other_arguments = retry(&state);
    other_arguments["arguments"]["a"] = 2.into();
    let mut other_tool = retry(&state);
    other_tool["name"] = "other".into();
    for tampered in [retry(&format!("{state}-TAMPERED")), retry(""), other_arguments, other_tool] {
        assert_eq!(code(run(alice.round("tools/call", tampered))), Code::INVALID_PARAMS);
    }
    let mut number = retry(&state);
    number["requestState"] = 7.into();
    assert_eq!(code(run(alice.round("tools/call", number))), Code::INVALID_PARAMS);
    for index in (0..state.len()).step_by(7) {
        let mut bytes = state.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        assert_eq!(code(run(alice.round("tools/call", retry(&tampered)))), Code::INVALID_PARAMS, "byte {index}");
    }

    let mallory = TestClient::new(Arc::clone(&server)).answering(answer).principal(principal("mallory"));
    assert_eq!(code(run(mallory.round("tools/call", retry(&state)))), Code::INVALID_PARAMS);
    let nobody = TestClient::new(Arc::clone(&server)).answering(answer);
    assert_eq!(code(run(nobody.round("tools/call", retry(&state)))), Code::INVALID_PARAMS);
    let elsewhere = TestClient::new(secretive()).answering(answer).principal(principal("alice"));
    assert_eq!(code(run(elsewhere.round("tools/call", retry(&state)))), Code::INVALID_PARAMS, "another key");

    NOW.fetch_add(59, Ordering::SeqCst);
    assert!(answered(run(alice.round("tools/call", retry(&state)))));
    NOW.fetch_add(1, Ordering::SeqCst);
    assert_eq!(code(run(alice.round("tools/call", retry(&state)))), Code::INVALID_PARAMS, "expired");
}

/// A call as a driver makes it, of a principal at a resource.
fn call_at(server: &Arc<Server>, issuer: &str, resource: &str, method: &str, mut params: Value) -> Outcome {
    params["_meta"] = json!({"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}});
    let (id, params) = (RequestId::from(1), Params::write(&params).unwrap());
    let principal = Principal::builder(Issuer::parse(issuer).unwrap(), Subject::parse("alice").unwrap()).build();
    let resource = ProtectedResource::builder(ResourceId::parse(resource).unwrap())
        .authorization_server(Issuer::parse(issuer).unwrap())
        .build()
        .unwrap();
    let (mut parts, ()) = http::Request::post("/mcp").body(()).unwrap().into_parts();
    parts.extensions.insert(Arc::new(resource));
    let mut exchange = Exchange::builder(id.clone(), Revision::LATEST, Transport::Http);
    exchange.params(&params).principal(Some(Arc::new(principal))).http(Box::new(parts));
    let request = Request { id, method: Method::parse(method), params };
    run(Arc::clone(server).call(exchange.build(), request))
}

// The seal is shared, so that any process can open it: what it is bound to keeps apart what must stay apart.
#[test]
fn state_is_bound_to_the_issuer_the_resource_and_what_is_read() {
    async fn read(cx: Cx, id: BTreeMap<String, String>) -> Result<String, ToolError> {
        Ok(format!("{} {}", cx.elicit("name", name_form()).await?.text("name").unwrap(), id["id"]))
    }
    async fn ask(cx: Cx, _: RawArgs) -> Result<String, ToolError> {
        Ok(cx.elicit("name", name_form()).await?.text("name").unwrap().to_owned())
    }
    let made = |seal: Seal| {
        let template = resource_template("x://{id}", "x", read);
        server().tool(tool("ask", ask)).resource_template(template).seal(seal).build().unwrap()
    };
    let key = |byte: u8| SealKey::from_bytes([byte; 32]);
    let (one, same) = (made(Seal::with_keys(key(1), [])), made(Seal::with_keys(key(1), [])));
    let rotated = made(Seal::with_keys(key(2), [key(1)]));
    let (issuer, resource) = ("https://a.example", "https://mcp.example/mcp");
    for (method, params, other) in [
        ("tools/call", json!({"name": "ask"}), json!({"name": "ask", "arguments": {"a": 1}})),
        ("resources/read", json!({"uri": "x://1"}), json!({"uri": "x://2"})),
    ] {
        let (_, state) = asked(call_at(&one, issuer, resource, method, params.clone())).unwrap();
        let retry = |mut params: Value| {
            params["inputResponses"] = json!({"name": {"action": "accept", "content": {"name": "Ada"}}});
            params["requestState"] = state.clone().into();
            params
        };
        for server in [&one, &same, &rotated] {
            let outcome = call_at(server, issuer, resource, method, retry(params.clone()));
            assert!(matches!(&outcome, Outcome::Reply(reply) if reply.body.as_str().contains("Ada")), "{outcome:?}");
        }
        for outcome in [
            call_at(&same, "https://b.example", resource, method, retry(params.clone())),
            call_at(&same, issuer, "https://other.example/mcp", method, retry(params.clone())),
            call_at(&same, issuer, resource, method, retry(other)),
            call_at(&made(Seal::with_keys(key(2), [])), issuer, resource, method, retry(params.clone())),
        ] {
            assert_eq!(code(outcome), Code::INVALID_PARAMS, "{method}");
        }
    }
}

#[test]
fn no_arguments_and_an_empty_object_are_the_same_call() {
    let client = TestClient::new(secretive()).answering(answer);
    let (without, empty) = (json!({"name": "ask"}), json!({"name": "ask", "arguments": {}}));
    for (first, second) in [(&without, &empty), (&empty, &without), (&without, &without)] {
        let (_, state) = asked(run(client.round("tools/call", first.clone()))).unwrap();
        let mut retry = second.clone();
        retry["inputResponses"] = json!({"name": {"action": "accept", "content": {"name": "A"}}});
        retry["requestState"] = state.into();
        assert!(matches!(run(client.round("tools/call", retry)), Outcome::Reply(_)));
    }
}

#[test]
fn state_and_rounds_are_bounded() {
    async fn big(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        cx.step("big", async { Ok::<_, ToolError>("x".repeat(2_000)) }).await?;
        cx.elicit("name", name_form()).await?;
        Ok(String::new())
    }
    let small = server().tool(tool("big", big)).limit_rounds(1_000, 9).build().unwrap();
    assert_eq!(
        code(run(TestClient::new(small).answering(answer).round("tools/call", json!({"name": "big"})))),
        Code::INTERNAL_ERROR
    );
    async fn endless(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        for round in 0.. {
            cx.elicit(&round.to_string(), name_form()).await?;
        }
        Ok(String::new())
    }
    let bounded = server().tool(tool("endless", endless)).limit_rounds(60_000, 3).build().unwrap();
    let error = run(TestClient::new(bounded).answering(answer).call_tool("endless", json!({}))).unwrap_err();
    assert_eq!(error.code, Code::INTERNAL_ERROR);
}
