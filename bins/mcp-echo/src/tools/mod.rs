//! The tools, one file each: a report is a plain function of [`Facts`], so that it can be tested without a server.

mod auth_context;
mod bearer_decode;
mod cors_analysis;
mod echo;
mod environment_dump;
mod health_probe;
mod print_header;
mod protocol_info;
mod request_timing;
#[cfg(test)]
pub(crate) mod testing;
mod who_is_the_goat;

use std::sync::Arc;

use mcp_server_kit::{BuildError, Cx, NoArgs, Server, ToolBuilder, schemars::JsonSchema, tool};
use mcp_transport::protocol::ToolAnnotations;
use serde::{Deserialize as _, Deserializer, de};
use serde_json::Value;

use crate::{
    facts::{Facts, Program},
    system::{Snapshot, System},
};

const INSTRUCTIONS: &str = "A diagnostic server: its tools show what a request looked like when it arrived. Tokens and \
                            other secrets are never shown.";

/// The echo server with all its tools.
///
/// # Errors
/// A tool's definition does not make sense.
pub(crate) fn server(program: &Arc<Program>, system: &System) -> Result<Arc<Server>, BuildError> {
    let tools = [
        echo::definition(),
        plain(program, print_header::NAME, print_header::DESCRIPTION, print_header::report),
        with_arguments(program, bearer_decode::NAME, bearer_decode::DESCRIPTION, bearer_decode::report),
        plain(program, auth_context::NAME, auth_context::DESCRIPTION, auth_context::report),
        with_system(program, system, request_timing::NAME, request_timing::DESCRIPTION, request_timing::report),
        plain(program, cors_analysis::NAME, cors_analysis::DESCRIPTION, cors_analysis::report),
        with_arguments(program, environment_dump::NAME, environment_dump::DESCRIPTION, environment_dump::report),
        with_system(program, system, health_probe::NAME, health_probe::DESCRIPTION, health_probe::report),
        plain(program, who_is_the_goat::NAME, who_is_the_goat::DESCRIPTION, who_is_the_goat::report),
        plain(program, protocol_info::NAME, protocol_info::DESCRIPTION, protocol_info::report),
    ];
    let builder = Server::builder(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .title("MCP echo")
        .description(env!("CARGO_PKG_DESCRIPTION"))
        .instructions(INSTRUCTIONS);
    let looks_only = ToolAnnotations::new().with_read_only_hint(true).with_open_world_hint(false);
    tools.into_iter().fold(builder, |builder, tool| builder.tool(tool.annotations(looks_only.clone()))).build()
}

/// A tool without arguments that looks at the request.
fn plain(program: &Arc<Program>, name: &str, description: &str, report: fn(&Facts<'_>) -> String) -> ToolBuilder {
    let program = Arc::clone(program);
    let run = move |cx: Cx, _: NoArgs| {
        let program = Arc::clone(&program);
        async move { report(&Facts::of(&cx, &program)) }
    };
    tool(name, run).description(description)
}

/// A tool with arguments that looks at the request.
fn with_arguments<A>(
    program: &Arc<Program>,
    name: &str,
    description: &str,
    report: fn(&Facts<'_>, &A) -> String,
) -> ToolBuilder
where
    A: de::DeserializeOwned + JsonSchema + Send + 'static,
{
    let program = Arc::clone(program);
    let run = move |cx: Cx, args: A| {
        let program = Arc::clone(&program);
        async move { report(&Facts::of(&cx, &program), &args) }
    };
    tool(name, run).description(description)
}

/// An argument that is yes or no. What else a client sends in its place is not said back: it may be a secret that went
/// astray.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Ok(flag),
        _ => Err(de::Error::custom("a flag must be true or false")),
    }
}

/// A tool without arguments that looks at the request and at the machine.
fn with_system(
    program: &Arc<Program>,
    system: &System,
    name: &str,
    description: &str,
    report: fn(&Facts<'_>, &Snapshot) -> String,
) -> ToolBuilder {
    let (program, system) = (Arc::clone(program), system.clone());
    let run = move |cx: Cx, _: NoArgs| {
        let (program, system) = (Arc::clone(&program), system.clone());
        async move {
            // The request first: what reading the machine takes is not the request's time.
            let facts = Facts::of(&cx, &program);
            report(&facts, &system.snapshot().await)
        }
    };
    tool(name, run).description(description)
}
