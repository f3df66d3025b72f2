//! Time limits of calls that ask.

use std::time::Duration;

use mcp_server_kit::{Cx, NoArgs, ToolError, tool};
use serde_json::json;

use crate::{asking::name_form, drivers::each, server};

// "Server code is written once for both eras": a user who thinks does not make the call late in either.
#[tokio::test(start_paused = true)]
async fn what_the_user_takes_to_answer_does_not_count() {
    async fn greets(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let name = cx.elicit("name", name_form()).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(name.text("name").unwrap().to_owned())
    }
    let greeting = || server().tool(tool("greets", greets).timeout(Duration::from_secs(5)));
    each(greeting, async |mut client, driver, era| {
        let (response, asked) = client.call_thinking("greets", json!({}), Duration::from_secs(20)).await;
        assert_eq!(response["result"]["content"][0]["text"], "Ada", "{driver} {era:?}");
        assert_eq!(asked, [1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_the_tool_takes_besides_counts_before_and_after() {
    async fn dawdles(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let name = cx.elicit("name", name_form()).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(name.text("name").unwrap().to_owned())
    }
    let dawdling = || server().tool(tool("dawdles", dawdles).timeout(Duration::from_secs(5)));
    each(dawdling, async |mut client, driver, era| {
        let (response, _) = client.call_thinking("dawdles", json!({}), Duration::from_secs(20)).await;
        let told = "the call was given up after 5 s";
        assert_eq!(response["result"]["content"][0]["text"], told, "{driver} {era:?}");
    })
    .await;
}

// The answer wakes the task that asked, and not the call: the time goes on all the same.
#[tokio::test(start_paused = true)]
async fn the_time_goes_on_when_a_task_of_the_tools_own_has_its_answer() {
    async fn waits(cx: Cx, _: NoArgs) -> Result<String, ToolError> {
        let asking = cx.clone();
        tokio::spawn(async move { asking.elicit("name", name_form()).await.is_ok() });
        std::future::pending().await
    }
    let waiting = || server().tool(tool("waits", waits).timeout(Duration::from_secs(5)));
    each(waiting, async |mut client, driver, era| {
        let (response, _) = client.call_thinking("waits", json!({}), Duration::from_secs(20)).await;
        let told = "the call was given up after 5 s";
        assert_eq!(response["result"]["content"][0]["text"], told, "{driver} {era:?}");
    })
    .await;
}
