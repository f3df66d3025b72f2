//! The newest shape as older revisions have it.
//!
//! Every change hangs on a question of `rules.rs`. `_meta` of definitions and content stays at every revision, although
//! revisions before 2025-06-18 do not name it: their objects are open, and metadata that is not understood is ignored.

mod capability;
mod client;
mod content;
mod definition;
mod elicitation;
mod json_schema;
mod message;
mod sampling;

use serde_json::{Map, Value};

use super::Revision;

/// Brings a value of the newest shape into the shape of the revision that a peer speaks.
///
/// What a revision does not define is left out, or said in a way that it does define; nothing else is lost. A value
/// that is in the shape already is not changed, so it does no harm to ask twice.
///
/// ```
/// use mcp_transport::protocol::{CallToolResult, Downgrade, Revision};
///
/// let mut result = CallToolResult::structured(serde_json::json!([1, 2]));
/// result.downgrade(Revision::V2025_06_18);
/// // That revision has only objects there; the text still says it.
/// assert_eq!(serde_json::to_string(&result).unwrap(), r#"{"content":[{"type":"text","text":"[1,2]"}]}"#);
/// ```
pub trait Downgrade {
    /// Changes the value into the shape of `to`.
    fn downgrade(&mut self, to: Revision);
}

impl<T: Downgrade> Downgrade for Option<T> {
    fn downgrade(&mut self, to: Revision) {
        if let Some(value) = self {
            value.downgrade(to);
        }
    }
}

impl<T: Downgrade> Downgrade for Box<T> {
    fn downgrade(&mut self, to: Revision) {
        (**self).downgrade(to);
    }
}

impl<T: Downgrade> Downgrade for Vec<T> {
    fn downgrade(&mut self, to: Revision) {
        for value in self {
            value.downgrade(to);
        }
    }
}

/// Empties an optional member that a revision does not define.
fn drop_unless<T>(member: &mut Option<T>, defined: bool) {
    if !defined {
        *member = None;
    }
}

/// Takes out a member of the experimental tasks of 2025-11-25, which pass through as unknown members: the capability
/// `tasks`, and `task` of a request that is to run as one.
fn drop_experimental_task(extra: &mut Map<String, Value>, name: &str, to: Revision) {
    if !to.has_execution_tasks() {
        extra.remove(name);
    }
}

#[cfg(test)]
mod tests;
