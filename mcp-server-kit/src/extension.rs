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
    ask::Ability,
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
            if !is_identifier(&id) {
                return Err(BuildError::Extension(id));
            }
            if all.declared.insert(id.clone(), Value::Object(settings)).is_some() {
                return Err(BuildError::Duplicate { kind: "extensions", name: id });
            }
        }
        for (name, method) in self.methods {
            if Method::KNOWN.contains(&Method::parse(&name)) && !EXTENSIONS.contains(&Method::parse(&name)) {
                return Err(BuildError::Method(name.into()));
            }
            if let Ability::Extension(extension) = &method.of
                && !all.declared.contains_key(extension)
            {
                return Err(BuildError::ExtensionNotDeclared { method: name.into(), extension: extension.clone() });
            }
            if all.methods.insert(name.clone(), method).is_some() {
                return Err(BuildError::Duplicate { kind: "extension methods", name: name.into() });
            }
        }
        Ok(all)
    }
}

/// MCP 2026-07-28, extensions: identifiers "MUST follow the `_meta` key naming rules, with a mandatory prefix": labels
/// with dots between them, a slash, and a name.
fn is_identifier(id: &str) -> bool {
    let Some((prefix, name)) = id.split_once('/') else {
        return false;
    };
    let is = |byte: Option<&u8>, test: fn(&u8) -> bool| byte.is_some_and(test);
    let label = |label: &str| {
        let bytes = label.as_bytes();
        is(bytes.first(), u8::is_ascii_alphabetic)
            && is(bytes.last(), u8::is_ascii_alphanumeric)
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    let bytes = name.as_bytes();
    prefix.split('.').all(label)
        && is(bytes.first(), u8::is_ascii_alphanumeric)
        && is(bytes.last(), u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A method of an extension.
pub(crate) struct ExtensionMethod {
    /// The extension, which a client must have declared.
    pub(crate) of: Ability,
    pub(crate) run: Box<dyn Fn(Cx, Params) -> Running<Raw> + Send + Sync>,
    /// The default scopes of the server that it was written for, if it was merged into this one.
    pub(crate) scopes: Option<ScopeSet>,
}

/// Makes a method of an async function.
pub(crate) fn method<F, Fut, T>(extension: String, function: F) -> ExtensionMethod
where
    F: Fn(Cx, Params) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, ToolError>> + Send + 'static,
    T: Serialize,
{
    let run = Box::new(move |cx, params| -> Pin<Box<dyn Future<Output = Result<Raw, ToolError>> + Send>> {
        let running = function(cx, params);
        Box::pin(async move { Ok(Raw::write(&running.await?)?) })
    });
    ExtensionMethod { of: Ability::Extension(extension), run, scopes: None }
}

#[cfg(test)]
mod tests {
    use super::is_identifier;

    #[test]
    fn an_identifier_has_a_prefix_and_a_name() {
        for id in ["com.example/dice", "io.modelcontextprotocol/tasks", "a/b", "x-1.y2/a.b_c-d", "com.example/7"] {
            assert!(is_identifier(id), "{id}");
        }
        for id in
            ["dice", "", "/dice", "com.example/", "com..example/a", "1com/a", "com-/a", "com/-a", "com/a_", "a/b/c"]
        {
            assert!(!is_identifier(id), "{id}");
        }
    }
}
