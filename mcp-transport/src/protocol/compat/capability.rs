//! Capabilities and introductions.

use crate::protocol::{
    ClientCapabilities, DiscoverResult, Downgrade, Icon, Implementation, InitializeParams, InitializeResult, Revision,
    ServerCapabilities,
};

use super::{drop_experimental_task, drop_unless};

impl Downgrade for ClientCapabilities {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.extensions, to.has_extensions());
        if let Some(roots) = &mut self.roots {
            drop_unless(&mut roots.list_changed, to.has_roots_list_changed());
        }
        if let Some(sampling) = &mut self.sampling {
            drop_unless(&mut sampling.context, to.has_sampling_tools());
            drop_unless(&mut sampling.tools, to.has_sampling_tools());
        }
        if !to.has_url_elicitation() {
            // An empty object means forms there, so a client without forms has nothing left to declare.
            let forms = self.elicitation.as_ref().is_some_and(|e| e.supports_form());
            drop_unless(&mut self.elicitation, to.has_elicitation() && forms);
        }
        if let Some(elicitation) = &mut self.elicitation {
            drop_unless(&mut elicitation.form, to.has_url_elicitation());
            drop_unless(&mut elicitation.url, to.has_url_elicitation());
        }
        drop_experimental_task(&mut self.extra, "tasks", to);
    }
}

impl Downgrade for ServerCapabilities {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.completions, to.has_completions_capability());
        drop_unless(&mut self.extensions, to.has_extensions());
        drop_experimental_task(&mut self.extra, "tasks", to);
    }
}

impl Downgrade for Implementation {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.title, to.has_titles());
        drop_icons(&mut self.icons, to);
        drop_unless(&mut self.description, to.has_icons());
        drop_unless(&mut self.website_url, to.has_icons());
    }
}

impl Downgrade for InitializeParams {
    fn downgrade(&mut self, to: Revision) {
        self.capabilities.downgrade(to);
        self.client_info.downgrade(to);
        self.meta.downgrade(to);
    }
}

impl Downgrade for InitializeResult {
    fn downgrade(&mut self, to: Revision) {
        self.capabilities.downgrade(to);
        self.server_info.downgrade(to);
        self.meta.downgrade(to);
    }
}

impl Downgrade for DiscoverResult {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.cache, to.has_cache_hints());
        self.capabilities.downgrade(to);
        self.meta.downgrade(to);
    }
}

/// Icons are all or nothing.
pub(super) fn drop_icons(icons: &mut Option<Vec<Icon>>, to: Revision) {
    drop_unless(icons, to.has_icons());
}
