//! What each side says that it can do.

use serde_json::{Map, Value};

use super::object::object;

/// Settings of a capability that the schema leaves open: an object whose presence is what counts.
pub type Settings = Map<String, Value>;

/// The identifier of the tasks extension.
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

object! {
    /// What a client can do.
    #[derive(Default)]
    pub struct ClientCapabilities {
        optional {
            /// Capabilities outside the standard, by name.
            experimental: Map<String, Value> => with_experimental,
            /// The client lists roots.
            roots: RootsCapability => with_roots,
            /// The client samples from a model.
            sampling: SamplingCapability => with_sampling,
            /// The client asks its user.
            elicitation: ElicitationCapability => with_elicitation,
            /// Extensions by identifier, with their settings (since 2026-07-28).
            extensions: Map<String, Value> => with_extensions,
        }
    }
}

object! {
    /// How a client lists roots.
    #[derive(Default)]
    pub struct RootsCapability {
        optional {
            /// Whether it tells of changes (legacy).
            list_changed: bool => with_list_changed,
        }
    }
}

object! {
    /// How a client samples (its parts since 2025-11-25).
    #[derive(Default)]
    pub struct SamplingCapability {
        optional {
            /// It includes context of servers.
            context: Settings => with_context,
            /// It lets the model use tools.
            tools: Settings => with_tools,
        }
    }
}

object! {
    /// How a client asks its user (its parts since 2025-11-25). Empty means: by form.
    #[derive(Default)]
    pub struct ElicitationCapability {
        optional {
            /// By a form that the client shows.
            form: Settings => with_form,
            /// By sending the user to a URL.
            url: Settings => with_url,
        }
    }
}

impl ElicitationCapability {
    /// Whether forms are supported: said outright, or implied by an empty object.
    #[must_use]
    pub const fn supports_form(&self) -> bool {
        self.form.is_some() || self.url.is_none()
    }

    /// Whether URLs are supported.
    #[must_use]
    pub const fn supports_url(&self) -> bool {
        self.url.is_some()
    }
}

object! {
    /// What a server can do.
    #[derive(Default)]
    pub struct ServerCapabilities {
        optional {
            /// Capabilities outside the standard, by name.
            experimental: Map<String, Value> => with_experimental,
            /// The server sends log messages.
            logging: Settings => with_logging,
            /// The server completes arguments (declared since 2025-03-26).
            completions: Settings => with_completions,
            /// The server has prompts.
            prompts: ListCapability => with_prompts,
            /// The server has resources.
            resources: ResourcesCapability => with_resources,
            /// The server has tools.
            tools: ListCapability => with_tools,
            /// Extensions by identifier, with their settings (since 2026-07-28).
            extensions: Map<String, Value> => with_extensions,
        }
    }
}

object! {
    /// How a server offers prompts or tools.
    #[derive(Default)]
    pub struct ListCapability {
        optional {
            /// Whether it tells of changes to the list.
            list_changed: bool => with_list_changed,
        }
    }
}

object! {
    /// How a server offers resources.
    #[derive(Default)]
    pub struct ResourcesCapability {
        optional {
            /// Whether it tells of updates to single resources.
            subscribe: bool => with_subscribe,
            /// Whether it tells of changes to the list.
            list_changed: bool => with_list_changed,
        }
    }
}
