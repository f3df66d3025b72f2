//! What a server says of itself.

use mcp_transport::{
    exchange::Exchange,
    handler::Outcome,
    protocol::{
        DiscoverResult, Downgrade, InitializeResult, ListCapability, ResourcesCapability, Revision, ServerCapabilities,
        Settings,
    },
};

use crate::server::Server;

/// Answers `initialize`. The driver has settled the revision.
pub(crate) fn initialize(server: &Server, exchange: &Exchange) -> Outcome {
    let revision = exchange.revision();
    let mut result = InitializeResult::new(revision.as_str(), server.capabilities(revision), server.info.clone());
    result.instructions.clone_from(&server.instructions);
    result.downgrade(revision);
    let mut out = server.heads.complete(revision, None, 512);
    out.splice(&result);
    Outcome::complete(out.end())
}

/// Answers `server/discover`.
pub(crate) fn discover(server: &Server, exchange: &Exchange) -> Outcome {
    let revision = exchange.revision();
    let supported: Vec<_> = server.revisions.iter().map(|revision| revision.as_str().to_owned()).collect();
    let mut result = DiscoverResult::new(supported, server.capabilities(revision)).with_cache(server.listing.cache);
    result.instructions.clone_from(&server.instructions);
    let mut out = server.heads.complete(revision, None, 512);
    out.splice(&result);
    Outcome::complete(out.end())
}

impl Server {
    /// What is registered, and nothing else.
    fn capabilities(&self, revision: Revision) -> ServerCapabilities {
        let list = || ListCapability::default().with_list_changed(true);
        let mut capabilities = ServerCapabilities::default();
        capabilities.tools = self.tools.is_declared().then(list);
        capabilities.prompts = self.prompts.is_declared().then(list);
        if self.resources.is_declared() {
            let resources = ResourcesCapability::default().with_subscribe(true).with_list_changed(true);
            capabilities.resources = Some(resources);
        }
        if self.logs() {
            capabilities.logging = Some(Settings::new());
        }
        if self.completes() {
            capabilities.completions = Some(Settings::new());
        }
        if !self.extensions.declared.is_empty() {
            capabilities.extensions = Some(self.extensions.declared.clone());
        }
        capabilities.downgrade(revision);
        capabilities
    }

    /// Whether anything can be completed.
    pub(crate) fn completes(&self) -> bool {
        self.prompts.registry.now().iter().any(|prompt| prompt.completes())
            || self.templates.registry.now().iter().any(|template| template.completes())
    }
}
