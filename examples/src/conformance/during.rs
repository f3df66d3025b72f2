//! Tools that say something before they answer.

use std::time::Duration;

use mcp_server_kit::{Cx, NoArgs, ServerBuilder, tool};
use tokio::time::sleep;

/// The suite wants the messages apart, to see that they come while the tool runs.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool(tool("test_tool_with_logging", logging).description("Logs three messages while it runs."))
        .tool(tool("test_tool_with_progress", progress).description("Tells its progress while it runs."))
        .tool(tool("test_reconnection", reconnection).description("Closes its stream before it answers."))
}

async fn logging(cx: Cx, _: NoArgs) -> &'static str {
    cx.info("Tool execution started");
    sleep(PAUSE).await;
    cx.info("Tool processing data");
    sleep(PAUSE).await;
    cx.info("Tool execution completed");
    "Tool with logging executed successfully"
}

async fn progress(cx: Cx, _: NoArgs) -> &'static str {
    cx.progress(0.0, Some(100.0), None);
    sleep(PAUSE).await;
    cx.progress(50.0, Some(100.0), None);
    sleep(PAUSE).await;
    cx.progress(100.0, Some(100.0), None);
    "Tool with progress executed successfully"
}

async fn reconnection(cx: Cx, _: NoArgs) -> &'static str {
    // The client comes back for the answer (2025-11-25, transports: a server may close the connection without closing
    // the stream).
    cx.exchange().outbox().detach();
    sleep(2 * PAUSE).await;
    "Reconnection test completed successfully"
}
