//! What a person writes an MCP server with.

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
