//! Extensions: what a server can do beyond the protocol.

use std::{collections::HashMap, future::Future, pin::Pin};

use mcp_transport::{
    jsonrpc::{Params, Raw},
    protocol::Settings,
};
use serde::Serialize;

use crate::{cx::Cx, drive::Running, error::ToolError};

/// The extensions that a server declares, and their methods.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) declared: Settings,
    pub(crate) methods: HashMap<Box<str>, ExtensionMethod>,
}

/// A method of an extension.
pub(crate) type ExtensionMethod = Box<dyn Fn(Cx, Params) -> Running<Raw> + Send + Sync>;

/// Makes a method of an async function.
pub(crate) fn method<F, Fut, T>(function: F) -> ExtensionMethod
where
    F: Fn(Cx, Params) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, ToolError>> + Send + 'static,
    T: Serialize,
{
    Box::new(move |cx, params| -> Pin<Box<dyn Future<Output = Result<Raw, ToolError>> + Send>> {
        let running = function(cx, params);
        Box::pin(async move { Ok(Raw::write(&running.await?)?) })
    })
}
