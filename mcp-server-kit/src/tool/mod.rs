//! Tools: what a server lets be called.

mod call;
mod entry;
mod function;
mod output;

use async_trait::async_trait;
use mcp_transport::{jsonrpc::Raw, protocol::JsonSchema};

pub(crate) use self::{
    call::{Answering, answer},
    entry::Entry,
};
pub use self::{
    entry::{ToolBuilder, tool, tool_from},
    function::{NoArgs, RawArgs},
    output::{IntoToolOutput, Json, ToolOutput},
};
use crate::{cx::Cx, error::ToolError};

/// A tool as a type of its own. Most often an async function will do: see [`tool`].
///
/// Use it where a tool is made at run time, or holds what a closure would hold only clumsily. Arguments are checked
/// against [`input_schema`](Self::input_schema) before [`call`](Self::call).
///
/// ```
/// use mcp_server_kit::{async_trait, protocol::JsonSchema, testing::TestClient, tool_from};
/// use mcp_server_kit::{Cx, RawArgs, Server, Tool, ToolError, ToolOutput};
///
/// struct Greeter {
///     greeting: String,
/// }
///
/// #[async_trait]
/// impl Tool for Greeter {
///     fn input_schema(&self) -> JsonSchema {
///         JsonSchema::parse(r#"{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}"#).unwrap()
///     }
///
///     async fn call(&self, _cx: Cx, args: RawArgs) -> Result<ToolOutput, ToolError> {
///         let name = args.get_str("name").unwrap_or_default();
///         Ok(format!("{}, {name}!", self.greeting).into())
///     }
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("greeter", "1.0.0")
///     .tool(tool_from("greet", Greeter { greeting: "Ahoy".into() }))
///     .build()?;
/// let answer = TestClient::new(server).call_tool("greet", serde_json::json!({"name": "Ada"})).await.unwrap();
/// assert_eq!(answer.content[0].as_text(), Some("Ahoy, Ada!"));
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait Tool: Send + Sync + 'static {
    /// The schema of the arguments; asked for once.
    fn input_schema(&self) -> JsonSchema;

    /// The schema of the structured content, if there is any; asked for once.
    fn output_schema(&self) -> Option<JsonSchema> {
        None
    }

    /// Answers one call.
    ///
    /// # Errors
    /// What the client is told instead of an answer.
    ///
    /// # Cancel safety
    /// The future is dropped when the call is cancelled, takes too long, or (modern era) waits for an answer that it
    /// asked the client for; see [`Cx::elicit`](crate::Cx::elicit).
    async fn call(&self, cx: Cx, args: RawArgs) -> Result<ToolOutput, ToolError>;
}

impl RawArgs {
    pub(crate) const fn from_raw(raw: Raw) -> Self {
        Self(raw)
    }
}
