//! Putting a server together.

mod compose;

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mcp_transport::{
    auth::ScopeSet,
    jsonrpc::Params,
    protocol::{CacheHints, Icon, Implementation, Revisions, Settings},
    seal::Seal,
};
use serde::Serialize;

use crate::{
    cx::Cx,
    error::{BuildError, ToolError},
    extension::{self, Described},
    notify::Hub,
    prompt::PromptBuilder,
    registry::{Item, Listing, Registry},
    resource::{ResourceBuilder, TemplateBuilder},
    rounds::StatePolicy,
    server::{Declared, Logging, Part, Server},
    tool::ToolBuilder,
    write::Heads,
};

/// A server that is being put together; made by [`Server::builder`].
///
/// ```
/// use mcp_server_kit::{Cx, NoArgs, Server, testing::TestClient, text_resource, tool};
///
/// async fn now(_cx: Cx, _: NoArgs) -> String {
///     format!("{:?}", std::time::SystemTime::now())
/// }
///
/// # futures_executor::block_on(async {
/// let server = Server::builder("clock", "1.0.0")
///     .instructions("Ask now for the time.")
///     .tool(tool("now", now).description("What time it is."))
///     .resource(text_resource("about://server", "about", "A clock."))
///     .build()?;
/// let told = TestClient::new(server).request("server/discover", serde_json::json!({})).await.unwrap();
/// assert_eq!(told["instructions"], "Ask now for the time.");
/// assert!(told["capabilities"].get("tools").is_some() && told["capabilities"].get("prompts").is_none());
/// # Ok::<(), mcp_server_kit::BuildError>(())
/// # }).unwrap();
/// ```
#[must_use]
pub struct ServerBuilder {
    info: Implementation,
    instructions: Option<String>,
    revisions: Revisions,
    named: Named,
    page_size: usize,
    list_cache: CacheHints,
    tools: Vec<ToolBuilder>,
    resources: Vec<ResourceBuilder>,
    templates: Vec<TemplateBuilder>,
    prompts: Vec<PromptBuilder>,
    at_run_time: AtRunTime,
    extensions: Described,
    logging: Logging,
    default_scopes: Option<ScopeSet>,
    seal: Option<Seal>,
    state: StateLimits,
}

/// Whether results name the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

/// The kinds that get their items while the server runs.
#[derive(Clone, Copy, Debug, Default)]
struct AtRunTime {
    tools: Option<()>,
    resources: Option<()>,
    prompts: Option<()>,
}

/// The bounds of calls that ask a modern client.
#[derive(Clone, Copy)]
struct StateLimits {
    lifetime: Duration,
    most: usize,
    rounds: u32,
    clock: fn() -> SystemTime,
}

impl ServerBuilder {
    pub(crate) fn new(name: String, version: String) -> Self {
        Self {
            info: Implementation::new(name, version),
            instructions: None,
            revisions: Revisions::all(),
            named: Named::Yes,
            page_size: 100,
            list_cache: CacheHints::NONE,
            tools: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            prompts: Vec::new(),
            at_run_time: AtRunTime::default(),
            extensions: Described::default(),
            logging: Logging::Off,
            default_scopes: None,
            seal: None,
            state: StateLimits {
                lifetime: Duration::from_secs(600),
                most: 64 << 10,
                rounds: 32,
                clock: SystemTime::now,
            },
        }
    }

    /// The server's name for people.
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.info.title = Some(text.into());
        self
    }

    /// What the server does, for people.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.info.description = Some(text.into());
        self
    }

    /// The server's home page.
    pub fn website_url(mut self, url: impl Into<String>) -> Self {
        self.info.website_url = Some(url.into());
        self
    }

    /// The server's pictures.
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.info.icons = Some(icons.into_iter().collect());
        self
    }

    /// How to use the server, for the model.
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.instructions = Some(text.into());
        self
    }

    /// The revisions that the server answers; all of them unless said otherwise.
    pub const fn revisions(mut self, revisions: Revisions) -> Self {
        self.revisions = revisions;
        self
    }

    /// Leaves the server's name out of the `_meta` of modern results, where the specification wants it unless it is
    /// configured away.
    pub const fn anonymous_results(mut self) -> Self {
        self.named = Named::No;
        self
    }

    /// How many entries a page of a list has; 100 unless said otherwise.
    pub const fn page_size(mut self, entries: usize) -> Self {
        self.page_size = entries;
        self
    }

    /// How long and for whom clients may keep lists and what `server/discover` says. Unless said otherwise they are
    /// stale at once and private. The kit's lists are the same for every caller, so a server whose very list is no
    /// secret can make them public.
    pub const fn cache_lists(mut self, hints: CacheHints) -> Self {
        self.list_cache = hints;
        self
    }

    /// Adds a tool.
    pub fn tool(mut self, tool: ToolBuilder) -> Self {
        self.tools.push(tool);
        self
    }

    /// Adds a resource.
    pub fn resource(mut self, resource: ResourceBuilder) -> Self {
        self.resources.push(resource);
        self
    }

    /// Adds a template of resources. A URI that several match is read from the one that was added first.
    pub fn resource_template(mut self, template: TemplateBuilder) -> Self {
        self.templates.push(template);
        self
    }

    /// Adds a prompt.
    pub fn prompt(mut self, prompt: PromptBuilder) -> Self {
        self.prompts.push(prompt);
        self
    }

    /// Declares tools although there are none yet: they come through [`Server::tools`].
    pub const fn tools_at_run_time(mut self) -> Self {
        self.at_run_time.tools = Some(());
        self
    }

    /// Declares resources although there are none yet: they come through [`Server::resources`].
    pub const fn resources_at_run_time(mut self) -> Self {
        self.at_run_time.resources = Some(());
        self
    }

    /// Declares prompts although there are none yet: they come through [`Server::prompts`].
    pub const fn prompts_at_run_time(mut self) -> Self {
        self.at_run_time.prompts = Some(());
        self
    }

    /// Lets [`Cx::log`] reach clients. 2026-07-28 deprecates such messages; `tracing` is for logs of your own.
    pub const fn logging(mut self) -> Self {
        self.logging = Logging::Declared;
        self
    }

    /// The scopes that calling a tool, getting or completing a prompt, and reading, completing or hearing of a resource
    /// needs where the item names none itself; and those of every method of an extension.
    pub fn default_scopes(mut self, scopes: ScopeSet) -> Self {
        self.default_scopes = Some(scopes);
        self
    }

    /// Declares an extension with its settings (in revisions that have extensions). Its identifier has a prefix that is
    /// yours, as `com.example/dice` has.
    ///
    /// ```
    /// use mcp_server_kit::{Cx, Server, ToolError, jsonrpc::Params, testing::TestClient};
    /// use mcp_server_kit::protocol::{ClientCapabilities, Settings};
    ///
    /// async fn rolled(_cx: Cx, _params: Params) -> Result<serde_json::Value, ToolError> {
    ///     Ok(serde_json::json!({"rolled": 4}))
    /// }
    ///
    /// # futures_executor::block_on(async {
    /// let server = Server::builder("dice", "1.0.0")
    ///     .extension("com.example/dice", Settings::new())
    ///     .extension_method("com.example/dice", "dice/roll", rolled)
    ///     .build()?;
    /// let able = serde_json::json!({"com.example/dice": {}}).as_object().cloned().unwrap();
    /// let able = ClientCapabilities::default().with_extensions(able);
    /// let client = TestClient::new(server.clone()).capabilities(able);
    /// assert_eq!(client.request("dice/roll", serde_json::json!({})).await.unwrap()["rolled"], 4);
    /// // Who did not declare the extension does not get it.
    /// assert!(TestClient::new(server).request("dice/roll", serde_json::json!({})).await.is_err());
    /// # Ok::<(), mcp_server_kit::BuildError>(())
    /// # }).unwrap();
    /// ```
    pub fn extension(mut self, id: impl Into<String>, settings: Settings) -> Self {
        self.extensions.declared.push((id.into(), settings));
        self
    }

    /// Adds a method of an extension that is declared with [`extension`](Self::extension). Its result is an object;
    /// `resultType` and the server's name are added. A client that did not declare the extension gets -32021 (MCP
    /// 2026-07-28, versioning, "Extension Negotiation"). Methods of the protocol itself are refused by
    /// [`build`](Self::build).
    pub fn extension_method<F, Fut, T>(
        mut self,
        extension: impl Into<String>,
        method: impl Into<Box<str>>,
        function: F,
    ) -> Self
    where
        F: Fn(Cx, Params) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, ToolError>> + Send + 'static,
        T: Serialize,
    {
        self.extensions.methods.push((method.into(), extension::method(extension.into(), function)));
        self
    }

    /// Seals the state of calls that ask modern clients with keys that all processes of the server share. Without, a
    /// key of this process's own is made: then a client's answer must reach the process that asked.
    ///
    /// ```
    /// use mcp_server_kit::{Server, seal::{Seal, SealKey}};
    ///
    /// // The first key seals; what the others have sealed is still opened, so that a key can be replaced.
    /// let (new, old) = (SealKey::from_bytes([2; 32]), SealKey::from_bytes([1; 32]));
    /// let server = Server::builder("many", "1.0.0").seal(Seal::with_keys(new, [old])).build();
    /// assert!(server.is_ok());
    /// ```
    pub fn seal(mut self, seal: Seal) -> Self {
        self.seal = Some(seal);
        self
    }

    /// How long a modern client has to answer one round of questions; 10 minutes unless said otherwise.
    pub const fn answer_within(mut self, time: Duration) -> Self {
        self.state.lifetime = time;
        self
    }

    /// How many bytes of answers and step results a call may carry from round to round (64 KiB unless said otherwise),
    /// and how many rounds it may take (32). A call over either bound ends with an error instead of the question, after
    /// its steps were done: calling it again does them again.
    pub const fn limit_rounds(mut self, bytes: usize, rounds: u32) -> Self {
        self.state.most = bytes;
        self.state.rounds = rounds;
        self
    }

    /// The clock by which request state expires, for tests.
    pub fn clock(mut self, now: fn() -> SystemTime) -> Self {
        self.state.clock = now;
        self
    }

    /// Checks everything and makes the server.
    ///
    /// # Errors
    /// Something does not make sense: a name, a schema, two things under one name.
    pub fn build(self) -> Result<Arc<Server>, BuildError> {
        let named = (self.named == Named::Yes).then_some(&self.info);
        let heads = Heads::new(named)?;
        let seal = match self.seal {
            Some(seal) => seal,
            None => Seal::random().map_err(BuildError::Key)?,
        };
        let StateLimits { lifetime, most, rounds, clock } = self.state;
        let run_time = self.at_run_time;
        let any_resources = !(self.resources.is_empty() && self.templates.is_empty());
        let resources_later = run_time.resources.or(any_resources.then_some(()));
        Ok(Arc::new(Server {
            heads,
            listing: Listing { page_size: self.page_size, cache: self.list_cache },
            tools: part(self.tools, ToolBuilder::finish, run_time.tools)?,
            resources: part(self.resources, ResourceBuilder::finish, resources_later)?,
            templates: part(self.templates, TemplateBuilder::finish, resources_later)?,
            prompts: part(self.prompts, PromptBuilder::finish, run_time.prompts)?,
            info: self.info,
            instructions: self.instructions,
            revisions: self.revisions,
            extensions: self.extensions.finish()?,
            logging: self.logging,
            default_scopes: self.default_scopes,
            state: StatePolicy { seal, lifetime, most, rounds, clock },
            hub: Hub::default(),
        }))
    }
}

fn part<B, I: Item>(
    builders: Vec<B>,
    finish: impl Fn(B) -> Result<I, BuildError>,
    at_run_time: Option<()>,
) -> Result<Part<I>, BuildError> {
    let declared = if builders.is_empty() && at_run_time.is_none() { Declared::No } else { Declared::Yes };
    let items = builders.into_iter().map(finish).collect::<Result<_, _>>()?;
    Ok(Part { registry: Registry::new(items)?, declared })
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("info", &self.info).finish_non_exhaustive()
    }
}
