//! Extensions: what a server can do beyond the protocol.

use std::{collections::HashMap, future::Future, pin::Pin};

use mcp_transport::{
    auth::ScopeSet,
    jsonrpc::{Params, Raw},
    protocol::{Method, Settings},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cx::Cx,
    drive::Running,
    error::{BuildError, ToolError},
};

/// Methods that we know although they are of extensions.
const EXTENSIONS: [Method; 5] =
    [Method::ListTasks, Method::GetTask, Method::GetTaskPayload, Method::UpdateTask, Method::CancelTask];

/// The extensions that a server declares, and their methods.
#[derive(Default)]
pub(crate) struct Extensions {
    pub(crate) declared: Settings,
    pub(crate) methods: HashMap<Box<str>, ExtensionMethod>,
}

/// The extensions of a server that is being put together.
#[derive(Default)]
pub(crate) struct Described {
    pub(crate) declared: Vec<(String, Settings)>,
    pub(crate) methods: Vec<(Box<str>, ExtensionMethod)>,
}

impl Described {
    /// Takes over what another server has. What that asked of callers by default, its methods still ask for.
    pub(crate) fn merge(&mut self, other: Self, scopes: Option<&ScopeSet>) {
        self.declared.extend(other.declared);
        self.methods.extend(other.methods.into_iter().map(|(name, mut method)| {
            method.scopes = method.scopes.or_else(|| scopes.cloned());
            (name, method)
        }));
    }

    pub(crate) fn finish(self) -> Result<Extensions, BuildError> {
        let mut all = Extensions::default();
        for (id, settings) in self.declared {
            if all.declared.insert(id.clone(), Value::Object(settings)).is_some() {
                return Err(BuildError::Duplicate { kind: "extensions", name: id });
            }
        }
        for (name, method) in self.methods {
            if Method::KNOWN.contains(&Method::parse(&name)) && !EXTENSIONS.contains(&Method::parse(&name)) {
                return Err(BuildError::Method(name.into()));
            }
            if all.methods.insert(name.clone(), method).is_some() {
                return Err(BuildError::Duplicate { kind: "extension methods", name: name.into() });
            }
        }
        Ok(all)
    }
}

/// A method of an extension.
pub(crate) struct ExtensionMethod {
    pub(crate) run: Box<dyn Fn(Cx, Params) -> Running<Raw> + Send + Sync>,
    /// The default scopes of the server that it was written for, if it was merged into this one.
    pub(crate) scopes: Option<ScopeSet>,
}

/// Makes a method of an async function.
pub(crate) fn method<F, Fut, T>(function: F) -> ExtensionMethod
where
    F: Fn(Cx, Params) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, ToolError>> + Send + 'static,
    T: Serialize,
{
    let run = Box::new(move |cx, params| -> Pin<Box<dyn Future<Output = Result<Raw, ToolError>> + Send>> {
        let running = function(cx, params);
        Box::pin(async move { Ok(Raw::write(&running.await?)?) })
    });
    ExtensionMethod { run, scopes: None }
}
