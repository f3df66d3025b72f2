//! What a person writes an MCP server with: tools, resources, prompts, and asking the user. Write it once; every revision
//! of the protocol and every transport can reach it.
//!
//! ```
//! use mcp_server_kit::{Cx, Server, ToolError, schemars::{self, JsonSchema}, testing::TestClient, tool};
//!
//! #[derive(serde::Deserialize, JsonSchema)]
//! struct Greet {
//!     /// Whom to greet.
//!     name: String,
//! }
//!
//! async fn greet(_cx: Cx, args: Greet) -> Result<String, ToolError> {
//!     Ok(format!("Hello, {}!", args.name))
//! }
//!
//! # futures_executor::block_on(async {
//! let server = Server::builder("hello", env!("CARGO_PKG_VERSION"))
//!     .tool(tool("greet", greet).description("Greets somebody."))
//!     .build()?;
//! // `server` is an `Arc<Server>`, and that is a `Handler`: `mcp_transport` serves it over HTTP and stdio.
//! let answer = TestClient::new(server).call_tool("greet", serde_json::json!({"name": "Ada"})).await.unwrap();
//! assert_eq!(answer.content[0].as_text(), Some("Hello, Ada!"));
//! # Ok::<(), mcp_server_kit::BuildError>(())
//! # }).unwrap();
//! ```
//!
//! # A whole program
//! The same server, over HTTP when it is given an address and on the standard streams when it is not:
//!
#![doc = include_str!("../docs/program.md")]
//!
//! # What there is
//!
//! | to | use |
//! |---|---|
//! | let the model do something | [`tool`]: an async function with typed arguments; [`Tool`]: a trait, for tools made at run time |
//! | let something be read | [`text_resource`], [`binary_resource`], [`resource`], [`resource_template`] |
//! | offer a person a text to start from | [`prompt`], with [`PromptBuilder::complete`] for its arguments |
//! | answer with data | [`Json`], or a [`CallToolResult`](protocol::CallToolResult) of your own |
//! | fail | [`ToolError`]: a text for the model, a cause for the log |
//! | ask the user, the model, for roots | [`Cx::elicit`], [`Cx::elicit_url`], [`Cx::sample`], [`Cx::roots`]; read the rule there first |
//! | say something before the answer | [`Cx::progress`], [`Cx::log`] |
//! | change lists while the server runs | [`Server::tools`] and its siblings, [`Server::resource_updated`] |
//! | demand scopes, limit time, mirror arguments in headers | [`ToolBuilder::scopes`], [`ToolBuilder::timeout`], [`ToolBuilder::mirror`] |
//! | put servers together | [`ServerBuilder::merge`], [`ServerBuilder::nest`] |
//! | go beyond the protocol | [`ServerBuilder::extension`] |
//! | test | [`testing::TestClient`]: no socket, any executor |
//!
//! # When not to use it
//! To pass on what another server answers, implement `mcp_transport::handler::Handler` yourself: the kit reads and writes
//! what it serves, and a bridge should not.
//!
//! # Floors
//! The kit stands on floor 0 of `mcp-transport`: messages, the handler trait, the exchange. It knows no transport, opens
//! no socket and spawns no task. Of tokio it has the timers, and those only run for calls with a
//! [`timeout`](ToolBuilder::timeout); everything else runs on any executor. It never imports `mcp-oauth`: who calls and
//! what they may do comes as a [`Principal`](auth::Principal).
//!
//! # One server, two eras
//! Revisions until 2025-11-25 hold a session and can send requests to the client; 2026-07-28 is stateless. The kit
//! hides that where it can: answers take the shape of the revision, lists and logs follow its rules, and a question goes
//! down the stream or out as a result. What cannot be hidden is that in the modern era a tool that asks runs again when
//! the answer is there: the rule stands at [`Cx::elicit`].
//!
//! # Cancel safety
//! A call that is cancelled is dropped at the `.await` where it waits; there is no signal to check. Work that must
//! finish belongs in a task of its own. [`Cx::stopping`] tells of a server that drains. A panic answers its call with an
//! error and touches nothing else.

mod ask;
mod builder;
mod call;
mod completion;
mod cx;
mod dispatch;
mod drive;
mod error;
mod extension;
mod lifecycle;
mod listen;
mod lists;
mod mirror;
mod notify;
mod page;
mod prompt;
mod registry;
mod resource;
mod rounds;
mod schema;
mod server;
mod session;
pub mod testing;
mod tool;
mod write;

pub use async_trait::async_trait;
pub use mcp_transport::{auth, exchange, jsonrpc, protocol, seal};
pub use schemars;

pub use self::{
    ask::{Ability, AskError, Elicited},
    builder::ServerBuilder,
    completion::Completing,
    cx::Cx,
    error::{BuildError, ToolError},
    lists::{Prompts, ResourceTemplates, Resources, Tools},
    prompt::{IntoPromptOutput, PromptArgs, PromptBuilder, prompt},
    registry::Removed,
    resource::{
        IntoResourceOutput, ResourceBuilder, ResourceOutput, TemplateBuilder, binary_resource, resource,
        resource_template, text_resource,
    },
    server::Server,
    tool::{IntoToolOutput, Json, NoArgs, RawArgs, Tool, ToolBuilder, ToolOutput, tool, tool_from},
};
