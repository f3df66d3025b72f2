//! What goes out before the answer: logs and progress; and that nothing does after it.

use std::sync::Arc;

use mcp_server_kit::{
    Cx, NoArgs,
    protocol::{LoggingLevel, Revision},
    testing::TestClient,
    tool,
};
use serde_json::json;

use crate::{
    drivers::{Era, each},
    run, server,
};

// MCP 2026-07-28, logging: "The server MUST NOT emit notifications/message for a request that does not include this
// field." Before, the server decides until logging/setLevel has come.
#[test]
fn log_messages_go_out_by_the_rules_of_the_revision() {
    async fn chat(cx: Cx, _: NoArgs) {
        cx.log(LoggingLevel::Debug, None, "debug");
        cx.info("info");
        cx.log(LoggingLevel::Error, Some("part"), &json!({"a": 1}));
    }
    let server = server().logging().tool(tool("chat", chat)).build().unwrap();
    for revision in Revision::ALL {
        let heard = |client: TestClient| {
            run(client.call_tool("chat", json!({}))).unwrap();
            client.notifications("notifications/message").len()
        };
        let client = || TestClient::new(Arc::clone(&server)).revision(revision);
        assert_eq!(heard(client()), if revision.is_modern() { 0 } else { 2 }, "{revision}");
        assert_eq!(heard(client().log_level(LoggingLevel::Debug)), 3);
        assert_eq!(heard(client().log_level(LoggingLevel::Error)), 1);
    }
    let silent = self::server().tool(tool("chat", chat)).build().unwrap();
    let client = TestClient::new(silent).log_level(LoggingLevel::Debug);
    run(client.call_tool("chat", json!({}))).unwrap();
    assert_eq!(client.notifications("notifications/message").len(), 0, "logging is not declared");
}

// MCP 2025-11-25, logging, "Setting Log Level": as the client says it on the wire, over each driver.
#[tokio::test]
async fn a_session_hears_from_the_level_on_that_it_set() {
    async fn chat(cx: Cx, _: NoArgs) {
        for level in [LoggingLevel::Debug, LoggingLevel::Info, LoggingLevel::Error] {
            cx.log(level, None, "said");
        }
    }
    each(
        || server().logging().tool(tool("chat", chat)),
        async |mut client, driver, era| {
            if era == Era::Modern {
                return;
            }
            // Until it has said something, the server decides.
            let mut expected = vec!["info", "error"];
            for (level, then) in [
                (None, None),
                (Some(json!({"level": "error"})), Some(vec!["error"])),
                (Some(json!({"level": "loud"})), None),
                (Some(json!({})), None),
                (Some(json!({"level": "debug"})), Some(vec!["debug", "info", "error"])),
                (Some(json!({"level": "emergency"})), Some(vec![])),
            ] {
                if let Some(params) = level {
                    client.request("logging/setLevel", params.clone()).await;
                    let answer = client.next().await;
                    match &then {
                        Some(_) => assert_eq!(answer["result"], json!({}), "{driver} {params}"),
                        None => assert_eq!(answer["error"]["code"], -32602, "{driver} {params}"),
                    }
                }
                // What is refused changes nothing.
                expected = then.unwrap_or(expected);
                let id = client.request("tools/call", json!({"name": "chat"})).await;
                let mut heard = Vec::new();
                loop {
                    let message = client.next().await;
                    if message["id"] == id {
                        break;
                    }
                    assert_eq!(message["method"], "notifications/message", "{driver}");
                    heard.push(message["params"]["level"].as_str().unwrap().to_owned());
                }
                assert_eq!(heard, expected, "{driver}");
            }
        },
    )
    .await;
}

// MCP 2026-07-28, progress: "The progress value MUST increase with each notification".
#[test]
fn progress_only_increases() {
    async fn work(cx: Cx, _: NoArgs) {
        for done in [0.0, 1.5, 1.5, 1.0, f64::NAN, f64::INFINITY, 2.0] {
            cx.progress(done, Some(2.0), Some("working"));
        }
    }
    let server = server().tool(tool("work", work)).build().unwrap();
    for revision in Revision::ALL {
        let client = TestClient::new(Arc::clone(&server)).revision(revision);
        run(client.call_tool("work", json!({}))).unwrap();
        let said = client.notifications("notifications/progress");
        let done: Vec<_> = said.iter().map(|params| params["progress"].as_f64().unwrap()).collect();
        assert_eq!(done, [0.0, 1.5, 2.0]);
        assert_eq!(said[0]["progressToken"], "test");
        assert_eq!(said[0].get("message").is_some(), revision.has_progress_message(), "{revision}");
    }
}

#[test]
fn dropping_a_call_drops_the_tool() {
    struct Flag(Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let wait = tool("wait", move |_cx: Cx, _: NoArgs| {
        let held = Flag(Arc::clone(&flag));
        async move {
            let _held = held;
            std::future::pending::<()>().await;
        }
    });
    let client = TestClient::new(server().tool(wait).build().unwrap());
    let mut call = client.open("tools/call", json!({"name": "wait"}));
    assert!(call.turn().is_none());
    assert!(!dropped.load(std::sync::atomic::Ordering::SeqCst));
    drop(call);
    assert!(dropped.load(std::sync::atomic::Ordering::SeqCst));
}

// MCP 2026-07-28, progress: notifications MUST stop after completion; also for tasks that outlive the call.
#[tokio::test]
async fn nothing_is_sent_after_the_answer() {
    use mcp_transport::outbox::Emitted;
    let late = Arc::new(std::sync::Mutex::new(None));
    let inner = Arc::clone(&late);
    let leaves = tool("leaves", move |cx: Cx, _: NoArgs| {
        let late = Arc::clone(&inner);
        async move {
            cx.progress(1.0, None, None);
            *late.lock().unwrap() = Some(cx);
        }
    });
    let server = server().logging().tool(leaves).build().unwrap();
    for revision in Revision::ALL {
        let client = TestClient::new(Arc::clone(&server)).revision(revision).log_level(LoggingLevel::Debug);
        client.call_tool("leaves", json!({})).await.unwrap();
        let cx = late.lock().unwrap().take().unwrap();
        assert_eq!(cx.progress(2.0, None, None), Emitted::Dropped, "{revision}");
        assert_eq!(cx.info("late"), Emitted::Dropped, "{revision}");
        assert_eq!(client.notifications("notifications/progress").len(), 1);
        assert_eq!(client.notifications("notifications/message").len(), 0);
    }
}

#[test]
fn the_progress_token_comes_back_as_it_was_written() {
    async fn works(cx: Cx, _: NoArgs) -> String {
        format!("{:?}", cx.progress(1.0, None, None))
    }
    let server = server().tool(tool("works", works)).build().unwrap();
    for token in [json!(7), json!("a\"b"), json!("")] {
        let client = TestClient::new(Arc::clone(&server));
        run(client.request("tools/call", json!({"name": "works", "_meta": {"progressToken": token}}))).unwrap();
        assert_eq!(client.notifications("notifications/progress")[0]["progressToken"], token);
    }
}
