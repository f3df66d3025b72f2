//! Changing what a running server has.

use crate::{
    error::BuildError,
    prompt::PromptBuilder,
    registry::Removed,
    resource::{ResourceBuilder, TemplateBuilder},
    server::{Declared, Server},
    tool::ToolBuilder,
};

/// A list that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Tools,
    Resources,
    Prompts,
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $part:ident, $builder:ty, $change:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>(pub(crate) &'a Server);

        impl $name<'_> {
            /// Adds one at the end of the list.
            ///
            /// # Errors
            /// Its name or URI is taken, it does not make sense, or the server did not declare the list.
            pub fn add(&self, item: $builder) -> Result<(), BuildError> {
                self.declared()?;
                self.0.$part.registry.add(item.finish()?)?;
                self.0.changed(Change::$change);
                Ok(())
            }

            /// Puts one into the place of its namesake, or at the end.
            ///
            /// # Errors
            /// It does not make sense, or the server did not declare the list.
            pub fn replace(&self, item: $builder) -> Result<(), BuildError> {
                self.declared()?;
                self.0.$part.registry.replace(item.finish()?);
                self.0.changed(Change::$change);
                Ok(())
            }

            /// Takes one away. Calls of it that run already go on.
            pub fn remove(&self, key: &str) -> Removed {
                let removed = self.0.$part.registry.remove(key);
                if removed == Removed::One {
                    self.0.changed(Change::$change);
                }
                removed
            }

            fn declared(&self) -> Result<(), BuildError> {
                match self.0.$part.declared {
                    Declared::Yes => Ok(()),
                    Declared::No => Err(BuildError::NotDeclared($kind)),
                }
            }
        }
    };
}

handle! {
    /// The tools of a running server.
    ///
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, Removed, Server, tool};
    ///
    /// async fn ping(_cx: Cx, _: NoArgs) -> &'static str {
    ///     "pong"
    /// }
    ///
    /// let server = Server::builder("changing", "1.0.0").tools_at_run_time().build()?;
    /// server.tools().add(tool("ping", ping))?;
    /// assert_eq!(server.tools().remove("ping"), Removed::One);
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// ```
    Tools, tools, ToolBuilder, Tools, "tools"
}

handle! {
    /// The resources of a running server.
    Resources, resources, ResourceBuilder, Resources, "resources"
}

handle! {
    /// The resource templates of a running server. Clients learn of changes as of a change of the resources.
    ResourceTemplates, templates, TemplateBuilder, Resources, "resources"
}

handle! {
    /// The prompts of a running server.
    Prompts, prompts, PromptBuilder, Prompts, "prompts"
}
