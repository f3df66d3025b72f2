//! `echo`: the message, and nothing else. It is what the benchmarks call, so it looks at nothing but its argument.

use mcp_server_kit::{Cx, ToolBuilder, schemars, tool};

const DESCRIPTION: &str = "Answers with the message that it is given.";

/// What `echo` takes.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    /// The message to answer with.
    message: String,
}

pub(super) fn definition() -> ToolBuilder {
    tool("echo", |_: Cx, args: Args| std::future::ready(args.message)).description(DESCRIPTION)
}
