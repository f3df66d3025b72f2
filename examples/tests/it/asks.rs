//! The tools that ask, from both eras.

use serde_json::{Value, json};

use crate::program::{Http, Piped, modern};

/// What this client answers to each question of `plan_release`.
fn answer(method: &str, params: &Value) -> Value {
    match method {
        "elicitation/create" if params["message"].as_str().unwrap().starts_with("Which") => {
            json!({ "action": "accept", "content": { "version": "1.2" } })
        }
        "elicitation/create" => json!({ "action": "accept", "content": { "sure": true } }),
        "sampling/createMessage" => {
            json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": "Old pond" } })
        }
        "roots/list" => json!({ "roots": [{ "uri": "file:///home/ada" }] }),
        other => panic!("an unexpected question: {other}"),
    }
}

/// Calls `plan_release` as a modern client does. Gives the final text, and the keys that each round asked for.
async fn plan(client: &mut Piped) -> (String, Vec<Vec<String>>) {
    let (mut more, mut asked) = (json!({}), Vec::new());
    loop {
        let result = client.ask(&modern(1, "plan_release", &json!({}), &more)).await["result"].take();
        if result["resultType"] == "complete" {
            return (result["content"][0]["text"].as_str().unwrap().to_owned(), asked);
        }
        assert_eq!(result["resultType"], "input_required", "{result}");
        let requests = result["inputRequests"].as_object().unwrap();
        let responses: Value = requests
            .iter()
            .map(|(key, request)| (key.clone(), answer(request["method"].as_str().unwrap(), &request["params"])))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let mut keys: Vec<_> = requests.keys().cloned().collect();
        keys.sort();
        asked.push(keys);
        more = json!({ "inputResponses": responses, "requestState": result["requestState"] });
    }
}

#[tokio::test]
async fn three_questions_are_one_round_trip_and_the_step_happens_once() {
    let mut client = Piped::start(env!("CARGO_BIN_EXE_asks_the_user"));
    let (text, asked) = plan(&mut client).await;
    assert_eq!(asked, [vec!["folders", "haiku", "version"], vec!["sure"]]);
    assert_eq!(text, "Released 1.2 as number 1 from 1 folders.\nOld pond");
    // The tool ran three times and reserved one number.
    assert!(plan(&mut client).await.0.contains("as number 2 "));
    client.end().await;
}

#[tokio::test]
async fn the_same_tool_waits_in_a_session() {
    let mut client = Piped::start(env!("CARGO_BIN_EXE_asks_the_user"));
    client.initialize(&json!({ "elicitation": { "form": {} }, "sampling": {}, "roots": {} })).await;
    let call = |id, tool| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } });
    client.send(&call(1, "plan_release")).await;
    for _ in 0..4 {
        let question = client.next().await;
        let result = answer(question["method"].as_str().unwrap(), &question["params"]);
        client.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": result })).await;
    }
    let said = client.next().await;
    assert_eq!(said["result"]["content"][0]["text"], "Released 1.2 as number 1 from 1 folders.\nOld pond");
    // This client cannot send its user to a URL, so it is told where it is.
    let said = client.ask(&call(2, "connect_account")).await;
    assert_eq!(said["result"]["content"][0]["text"], "Open https://example.com/connect in your browser.");
    client.end().await;
}

#[tokio::test]
async fn the_user_is_sent_to_a_url_over_http() {
    let server = Http::start(env!("CARGO_BIN_EXE_asks_the_user"), &["127.0.0.1:0"], &[]).await;
    let (status, _, body) = server.call("connect_account", &json!({}), "").await;
    let result = serde_json::from_str::<Value>(&body).unwrap()["result"].take();
    assert_eq!((status, &result["resultType"]), (200, &json!("input_required")));
    let question = &result["inputRequests"]["sign_in"]["params"];
    assert_eq!((&question["mode"], &question["url"]), (&json!("url"), &json!("https://example.com/connect")));
    server.stop().await;
}
