//! Resources: what a server lets be read.

mod contents;
mod template;
mod uri;

use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use bytes::Bytes;
use mcp_transport::{
    auth::ScopeSet,
    protocol::{Annotations, CacheHints, Downgrade, Icon, Meta, Resource, ResourceTemplate, Revision},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::contents::{IntoResourceOutput, ResourceOutput};
pub(crate) use self::template::Template;
use crate::{
    ask::Ability,
    completion::{self, Completer, Completers, Completing},
    cx::Cx,
    drive::Running,
    error::{BuildError, ToolError},
    registry::Item,
};

/// A resource made of an async function, run at each read.
///
/// ```
/// use mcp_server_kit::{Cx, Server, resource, testing::TestClient};
///
/// async fn uptime(_cx: Cx) -> String {
///     "3 days".into()
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("host", "1.0.0")
///     .resource(resource("host://uptime", "uptime", uptime).mime_type("text/plain"))
///     .build()?;
/// let read = TestClient::new(server).read_resource("host://uptime").await.unwrap();
/// assert_eq!(read.contents[0].uri(), "host://uptime");
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub fn resource<F, Fut>(uri: impl Into<String>, name: impl Into<String>, function: F) -> ResourceBuilder
where
    F: Fn(Cx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResourceOutput> + Send + 'static,
{
    let read: Read = Box::new(move |cx| {
        let running = function(cx);
        Box::pin(async move { running.await.into_resource_output() })
    });
    ResourceBuilder {
        definition: Resource::new(uri, name),
        read,
        scopes: None,
        timeout: None,
        abilities: Vec::new(),
        cache: CacheHints::NONE,
    }
}

/// A resource whose text does not change.
///
/// ```
/// use mcp_server_kit::{Server, testing::TestClient, text_resource};
///
/// # futures_executor::block_on(async {
/// let licence = text_resource("about://licence", "licence", "MIT").description("Under what terms it comes.");
/// let client = TestClient::new(Server::builder("about", "1.0.0").resource(licence).build()?);
/// let read = client.request("resources/read", serde_json::json!({"uri": "about://licence"})).await.unwrap();
/// assert_eq!(read["contents"][0]["text"], "MIT");
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub fn text_resource(uri: impl Into<String>, name: impl Into<String>, text: impl Into<String>) -> ResourceBuilder {
    let text = text.into();
    let size = text.len() as u64;
    resource(uri, name, move |_| std::future::ready(text.clone())).mime_type("text/plain").size(size)
}

/// A resource whose bytes do not change.
///
/// ```
/// use mcp_server_kit::{Server, binary_resource, testing::TestClient};
///
/// # futures_executor::block_on(async {
/// let pixel = binary_resource("about://pixel", "pixel", vec![0, 255]).mime_type("image/png");
/// let client = TestClient::new(Server::builder("about", "1.0.0").resource(pixel).build()?);
/// let read = client.request("resources/read", serde_json::json!({"uri": "about://pixel"})).await.unwrap();
/// assert_eq!(read["contents"][0]["blob"], "AP8=");
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub fn binary_resource(uri: impl Into<String>, name: impl Into<String>, bytes: impl Into<Bytes>) -> ResourceBuilder {
    let bytes = bytes.into();
    let size = bytes.len() as u64;
    resource(uri, name, move |_| std::future::ready(bytes.clone())).mime_type("application/octet-stream").size(size)
}

/// Resources by a template of their URIs (RFC 6570 level 1), read by an async function that gets the variables: a type
/// of yours with texts for fields, or a `BTreeMap<String, String>`.
///
/// A variable takes no `/` unless the client encodes it. Decoded, it can be anything: where it becomes part of a path,
/// check it (MCP 2026-07-28, resources: "Servers MUST sanitize file paths to prevent directory traversal attacks").
///
/// ```
/// use mcp_server_kit::{Cx, Server, ToolError, resource_template, testing::TestClient};
///
/// #[derive(serde::Deserialize)]
/// struct Which {
///     id: String,
/// }
///
/// async fn user(_cx: Cx, Which { id }: Which) -> Result<String, ToolError> {
///     if id != "7" {
///         return Err(ToolError::not_found());
///     }
///     Ok(format!("user {id}"))
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("users", "1.0.0")
///     .resource_template(resource_template("users://{id}/profile", "profile", user))
///     .build()?;
/// let client = TestClient::new(server);
/// assert!(client.read_resource("users://7/profile").await.is_ok());
/// assert!(client.read_resource("users://8/profile").await.is_err());
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
pub fn resource_template<F, V, Fut>(
    uri_template: impl Into<String>,
    name: impl Into<String>,
    function: F,
) -> TemplateBuilder
where
    F: Fn(Cx, V) -> Fut + Send + Sync + 'static,
    V: DeserializeOwned + 'static,
    Fut: Future<Output: IntoResourceOutput> + Send + 'static,
{
    let read: ReadTemplate = Box::new(move |cx, variables| {
        let variables = variables.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        // Variables that do not decode name nothing.
        let running = serde_json::from_value::<V>(Value::Object(variables)).map(|variables| function(cx, variables));
        Box::pin(async move {
            match running {
                Ok(running) => running.await.into_resource_output(),
                Err(_) => Err(ToolError::not_found()),
            }
        })
    });
    TemplateBuilder {
        definition: ResourceTemplate::new(uri_template, name),
        read,
        scopes: None,
        timeout: None,
        abilities: Vec::new(),
        cache: CacheHints::NONE,
        completers: Completers::default(),
    }
}

type Read = Box<dyn Fn(Cx) -> Running<ResourceOutput> + Send + Sync>;
type ReadTemplate = Box<dyn Fn(Cx, BTreeMap<String, String>) -> Running<ResourceOutput> + Send + Sync>;

/// A resource that is being described; made by [`resource`], [`text_resource`] and [`binary_resource`].
#[must_use]
pub struct ResourceBuilder {
    definition: Resource,
    read: Read,
    scopes: Option<ScopeSet>,
    timeout: Option<Duration>,
    abilities: Vec<Ability>,
    cache: CacheHints,
}

/// A template that is being described; made by [`resource_template`].
#[must_use]
pub struct TemplateBuilder {
    definition: ResourceTemplate,
    read: ReadTemplate,
    scopes: Option<ScopeSet>,
    timeout: Option<Duration>,
    abilities: Vec<Ability>,
    cache: CacheHints,
    completers: Completers,
}

macro_rules! description {
    ($builder:ident) => {
        impl $builder {
            /// Its name for people.
            pub fn title(mut self, text: impl Into<String>) -> Self {
                self.definition.title = Some(text.into());
                self
            }

            /// What it is, for the model.
            pub fn description(mut self, text: impl Into<String>) -> Self {
                self.definition.description = Some(text.into());
                self
            }

            /// Its media type.
            pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
                self.definition.mime_type = Some(mime_type.into());
                self
            }

            /// For whom it is and how much it matters.
            pub fn annotations(mut self, annotations: Annotations) -> Self {
                self.definition.annotations = Some(annotations);
                self
            }

            /// Its pictures.
            pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
                self.definition.icons = Some(icons.into_iter().collect());
                self
            }

            /// Metadata that is listed with it.
            pub fn meta(mut self, meta: Meta) -> Self {
                self.definition.meta = Some(meta);
                self
            }

            /// What a caller's token must grant, all of it.
            pub fn scopes(mut self, scopes: ScopeSet) -> Self {
                self.scopes = Some(scopes);
                self
            }

            /// How long reading may take, what the client takes to answer not counted. It needs a runtime of tokio with
            /// time enabled.
            pub const fn timeout(mut self, limit: Duration) -> Self {
                self.timeout = Some(limit);
                self
            }

            /// What the client must be able to do, where reading asks; as
            /// [`ToolBuilder::requires`](crate::ToolBuilder::requires).
            pub fn requires(mut self, ability: Ability) -> Self {
                self.abilities.push(ability);
                self
            }

            /// How long and for whom clients may keep what they read. Unless said otherwise it is stale at once and
            /// private. Never make public what depends on the caller.
            pub const fn cache(mut self, hints: CacheHints) -> Self {
                self.cache = hints;
                self
            }

            pub(crate) fn scopes_unless_set(mut self, scopes: Option<&ScopeSet>) -> Self {
                if self.scopes.is_none() {
                    self.scopes = scopes.cloned();
                }
                self
            }

            pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
                self.definition.name = format!("{prefix}{}", self.definition.name);
                self
            }
        }

        impl fmt::Debug for $builder {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($builder)).field("name", &self.definition.name).finish_non_exhaustive()
            }
        }
    };
}

description!(ResourceBuilder);
description!(TemplateBuilder);

impl ResourceBuilder {
    /// Its size in bytes, before any encoding.
    pub fn size(mut self, bytes: u64) -> Self {
        self.definition.size = Some(bytes);
        self
    }

    pub(crate) fn finish(self) -> Result<Entry, BuildError> {
        let Self { definition, read, scopes, timeout, abilities, cache } = self;
        uri::check(&definition.uri)?;
        Ok(Entry { definition, read, scopes, timeout, abilities, cache })
    }
}

impl TemplateBuilder {
    /// Completes a variable while the user types; see [`PromptBuilder::complete`](crate::PromptBuilder::complete).
    pub fn complete<F, Fut>(mut self, variable: impl Into<String>, function: F) -> Self
    where
        F: Fn(Cx, Completing) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<String>> + Send + 'static,
    {
        self.completers.insert(variable.into(), completion::completer(function));
        self
    }

    pub(crate) fn finish(self) -> Result<TemplateEntry, BuildError> {
        let Self { definition, read, scopes, timeout, abilities, cache, completers } = self;
        let template = Template::parse(&definition.uri_template)?;
        if let Some(unknown) = completers.keys().find(|key| !template.variables().any(|name| name == key.as_str())) {
            let argument = unknown.clone();
            return Err(BuildError::Completion { name: definition.name, argument });
        }
        Ok(TemplateEntry { definition, template, read, scopes, timeout, abilities, cache, completers })
    }
}

/// A registered resource.
pub(crate) struct Entry {
    pub(crate) definition: Resource,
    read: Read,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) abilities: Vec<Ability>,
    pub(crate) cache: CacheHints,
}

impl Entry {
    pub(crate) fn start(&self, cx: Cx) -> Running<ResourceOutput> {
        (self.read)(cx)
    }
}

impl Item for Entry {
    const KIND: &'static str = "resources";
    const MEMBER: &'static str = "resources";

    fn key(&self) -> &str {
        &self.definition.uri
    }

    fn listed(&self, revision: Revision) -> Result<String, serde_json::Error> {
        let mut definition = self.definition.clone();
        definition.downgrade(revision);
        serde_json::to_string(&definition)
    }
}

/// A registered template.
pub(crate) struct TemplateEntry {
    pub(crate) definition: ResourceTemplate,
    pub(crate) template: Template,
    read: ReadTemplate,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) abilities: Vec<Ability>,
    pub(crate) cache: CacheHints,
    completers: Completers,
}

impl TemplateEntry {
    pub(crate) fn start(&self, cx: Cx, variables: BTreeMap<String, String>) -> Running<ResourceOutput> {
        (self.read)(cx, variables)
    }

    pub(crate) fn completer(&self, variable: &str) -> Option<&Completer> {
        self.completers.get(variable)
    }

    pub(crate) fn completes(&self) -> bool {
        !self.completers.is_empty()
    }
}

impl Item for TemplateEntry {
    const KIND: &'static str = "templates";
    const MEMBER: &'static str = "resourceTemplates";

    fn key(&self) -> &str {
        self.template.as_str()
    }

    fn listed(&self, revision: Revision) -> Result<String, serde_json::Error> {
        let mut definition = self.definition.clone();
        definition.downgrade(revision);
        serde_json::to_string(&definition)
    }
}
