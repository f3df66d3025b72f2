//! The server: what a builder made, as a handler that any transport serves.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use mcp_transport::{
    auth::ScopeSet,
    exchange::Exchange,
    handler::{Handler, Head, Needs, Outcome},
    jsonrpc::{Notification, Params, Request},
    protocol::{CompleteParams, Implementation, ListenParams, Method, Reference, Revisions},
    session::{Closed, Session, SessionId},
};

use crate::{
    builder::ServerBuilder,
    dispatch,
    extension::Extensions,
    lists::{Change, Prompts, ResourceTemplates, Resources, Tools},
    notify::{Hub, MOST_SUBSCRIPTIONS},
    prompt,
    registry::{Item, Listing, Registry},
    resource,
    rounds::StatePolicy,
    tool,
    write::Heads,
};

/// A server: whatever transport it is given to, it answers. Made by [`Server::builder`].
pub struct Server {
    pub(crate) info: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) revisions: Revisions,
    pub(crate) heads: Heads,
    pub(crate) listing: Listing,
    pub(crate) tools: Part<tool::Entry>,
    pub(crate) resources: Part<resource::Entry>,
    pub(crate) templates: Part<resource::TemplateEntry>,
    pub(crate) prompts: Part<prompt::Entry>,
    pub(crate) extensions: Extensions,
    pub(crate) logging: Logging,
    pub(crate) default_scopes: Option<ScopeSet>,
    pub(crate) state: StatePolicy,
    pub(crate) hub: Hub,
}

/// Whether log messages go to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    Declared,
    Off,
}

/// All items of one kind, and whether the server said that it has this kind.
pub(crate) struct Part<I> {
    pub(crate) registry: Registry<I>,
    pub(crate) declared: Declared,
}

/// Whether a kind of item is declared among the server's capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    Yes,
    No,
}

impl<I: Item> Part<I> {
    pub(crate) fn is_declared(&self) -> bool {
        self.declared == Declared::Yes
    }
}

impl Server {
    /// Begins a server of this name and version.
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> ServerBuilder {
        ServerBuilder::new(name.into(), version.into())
    }

    /// Who the server says it is.
    #[must_use]
    pub const fn info(&self) -> &Implementation {
        &self.info
    }

    /// The tools, to be changed while the server runs. Clients are told.
    #[must_use]
    pub const fn tools(&self) -> Tools<'_> {
        Tools(self)
    }

    /// The resources, to be changed while the server runs. Clients are told.
    #[must_use]
    pub const fn resources(&self) -> Resources<'_> {
        Resources(self)
    }

    /// The resource templates, to be changed while the server runs. Clients are told.
    #[must_use]
    pub const fn resource_templates(&self) -> ResourceTemplates<'_> {
        ResourceTemplates(self)
    }

    /// The prompts, to be changed while the server runs. Clients are told.
    #[must_use]
    pub const fn prompts(&self) -> Prompts<'_> {
        Prompts(self)
    }

    /// Tells all who subscribed to this resource that it changed. It does not wait for them.
    ///
    /// ```
    /// use mcp_server_kit::{Cx, NoArgs, tool};
    ///
    /// async fn save(cx: Cx, _: NoArgs) {
    ///     cx.server().resource_updated("notes://today");
    /// }
    /// # let _ = tool("save", save);
    /// ```
    pub fn resource_updated(&self, uri: &str) {
        self.hub.updated(uri);
    }

    pub(crate) fn changed(&self, change: Change) {
        self.hub.changed(change);
    }

    pub(crate) fn logs(&self) -> bool {
        self.logging == Logging::Declared
    }
}

#[async_trait]
impl Handler for Server {
    fn revisions(&self) -> Revisions {
        self.revisions
    }

    fn needs(&self, head: &Head<'_>) -> Needs {
        let named = |member| head.params.get_str(member);
        let found = match head.method {
            Method::CallTool => {
                named("name").and_then(|name| self.tools.registry.find(&name, |tool| tool.needs.clone()))
            }
            Method::GetPrompt => named("name").and_then(|name| self.needs_of_prompt(&name)),
            Method::ReadResource | Method::Subscribe => named("uri").and_then(|uri| self.needs_to_read(&uri)),
            Method::Complete => self.needs_to_complete(head.params),
            Method::Listen => return self.needs_to_listen(head.params),
            method => match self.extensions.methods.get(method.as_str()) {
                Some(method) => Some(scopes(method.scopes.as_ref())),
                None => return Needs::NONE,
            },
        };
        let mut needs = found.unwrap_or_default();
        if needs.scopes.is_none() {
            needs.scopes.clone_from(&self.default_scopes);
        }
        needs
    }

    // Written out, because the future is boxed where it is known what it must hold.
    fn call<'async_trait>(
        self: Arc<Self>,
        cx: Exchange,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'async_trait>>
    where
        Self: 'async_trait,
    {
        dispatch::request(self, cx, request)
    }

    async fn notify(self: Arc<Self>, cx: Exchange, notification: Notification) {
        // The driver owns cancellation and the handshake; of the rest (progress, changed roots) nothing is kept.
        tracing::trace!(method = %notification.method, id = %cx.id(), "a notification was ignored");
    }

    async fn opened(self: Arc<Self>, session: Session) {
        self.hub.opened(session);
    }

    async fn closed(self: Arc<Self>, session: SessionId, _why: Closed) {
        self.hub.closed(&session);
    }
}

impl Server {
    fn needs_of_prompt(&self, name: &str) -> Option<Needs> {
        self.prompts.registry.find(name, |prompt| scopes(prompt.scopes.as_ref()))
    }

    /// Completing runs code of the prompt or template, so it needs what they need.
    fn needs_to_complete(&self, params: &Params) -> Option<Needs> {
        match params.decode::<CompleteParams>().ok()?.reference {
            Reference::Prompt(prompt) => self.needs_of_prompt(&prompt.name),
            Reference::Resource(template) => {
                self.templates.registry.now().get(&template.uri).map(|template| scopes(template.scopes.as_ref()))
            }
            _ => None,
        }
    }

    /// Hearing of a resource needs what reading it needs. Who asks for no resource needs nothing.
    fn needs_to_listen(&self, params: &Params) -> Needs {
        let filter = params.decode::<ListenParams>().map(|params| params.notifications).unwrap_or_default();
        let uris = filter.resource_subscriptions.unwrap_or_default();
        let mut all = Needs::NONE;
        for uri in uris.iter().take(MOST_SUBSCRIPTIONS) {
            let one = self.needs_to_read(uri).and_then(|needs| needs.scopes).or_else(|| self.default_scopes.clone());
            all.scopes = match (all.scopes, one) {
                (Some(all), Some(one)) => Some(all.union(&one)),
                (all, one) => all.or(one),
            };
        }
        all
    }

    fn needs_to_read(&self, uri: &str) -> Option<Needs> {
        if let Some(resource) = self.resources.registry.now().get(uri) {
            return Some(scopes(resource.scopes.as_ref()));
        }
        let templates = self.templates.registry.now();
        templates.iter().find(|template| template.template.matches(uri)).map(|found| scopes(found.scopes.as_ref()))
    }

    /// Whether there is a resource at this URI, as far as can be known without reading it.
    pub(crate) fn has_resource(&self, uri: &str) -> bool {
        self.needs_to_read(uri).is_some()
    }
}

fn scopes(scopes: Option<&ScopeSet>) -> Needs {
    let mut needs = Needs::NONE;
    needs.scopes = scopes.cloned();
    needs
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("info", &self.info).finish_non_exhaustive()
    }
}
