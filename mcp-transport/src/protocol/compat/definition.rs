//! Tools, resources, prompts, and their lists.

use crate::protocol::{
    Annotations, Downgrade, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    Prompt, PromptArgument, ReadResourceResult, Resource, ResourceTemplate, Revision, Tool,
};

use super::capability::drop_icons;
use super::{drop_unless, json_schema};

impl Downgrade for Tool {
    fn downgrade(&mut self, to: Revision) {
        json_schema::input(&mut self.input_schema, to);
        json_schema::output(&mut self.output_schema, to);
        drop_unless(&mut self.execution, to.has_execution_tasks());
        drop_unless(&mut self.title, to.has_titles());
        drop_unless(&mut self.annotations, to.has_tool_annotations());
        drop_icons(&mut self.icons, to);
    }
}

impl Downgrade for Annotations {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.last_modified, to.has_last_modified());
    }
}

impl Downgrade for Resource {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.title, to.has_titles());
        drop_icons(&mut self.icons, to);
        self.annotations.downgrade(to);
    }
}

impl Downgrade for ResourceTemplate {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.title, to.has_titles());
        drop_icons(&mut self.icons, to);
        self.annotations.downgrade(to);
    }
}

impl Downgrade for Prompt {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.title, to.has_titles());
        drop_icons(&mut self.icons, to);
        self.arguments.downgrade(to);
    }
}

impl Downgrade for PromptArgument {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.title, to.has_titles());
    }
}

macro_rules! lists {
    ($($name:ident: $items:ident,)*) => {$(
        impl Downgrade for $name {
            fn downgrade(&mut self, to: Revision) {
                drop_unless(&mut self.cache, to.has_cache_hints());
                self.$items.downgrade(to);
                self.meta.downgrade(to);
            }
        }
    )*};
}

lists! {
    ListPromptsResult: prompts,
    ListResourcesResult: resources,
    ListResourceTemplatesResult: resource_templates,
    ListToolsResult: tools,
}

impl Downgrade for ReadResourceResult {
    fn downgrade(&mut self, to: Revision) {
        drop_unless(&mut self.cache, to.has_cache_hints());
        self.meta.downgrade(to);
    }
}
