//! Prompts: templates that a person chooses.

mod entry;
mod output;

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

pub(crate) use self::entry::Entry;
pub use self::{
    entry::{PromptBuilder, prompt},
    output::IntoPromptOutput,
};

/// The arguments of a prompt as the client gave them, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PromptArgs(BTreeMap<String, String>);

impl PromptArgs {
    /// An argument; empty if it was not given.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// All arguments.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl JsonSchema for PromptArgs {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("PromptArgs")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}
