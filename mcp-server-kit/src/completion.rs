//! Completing arguments of prompts and variables of templates while the user types.

use std::{collections::BTreeMap, future::Future};

use mcp_transport::protocol::Completion;

use crate::{cx::Cx, drive::Running};

/// The most values that an answer may hold (MCP 2026-07-28, completion, "Completion Results").
const MOST: usize = 100;

/// What is typed so far.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Completing {
    /// The text of the argument, as far as it is typed.
    pub value: String,
    /// The arguments that are settled already (since 2025-06-18; else empty).
    pub arguments: BTreeMap<String, String>,
}

impl Completing {
    pub(crate) const fn new(value: String, arguments: BTreeMap<String, String>) -> Self {
        Self { value, arguments }
    }
}

/// Finds values.
pub(crate) type Completer = Box<dyn Fn(Cx, Completing) -> Running<Vec<String>> + Send + Sync>;

/// The completers of one prompt or template, by argument.
pub(crate) type Completers = BTreeMap<String, Completer>;

pub(crate) fn completer<F, Fut>(function: F) -> Completer
where
    F: Fn(Cx, Completing) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<String>> + Send + 'static,
{
    Box::new(move |cx, completing| {
        let running = function(cx, completing);
        Box::pin(async move { Ok(running.await) })
    })
}

/// The first hundred values, and how many there are.
pub(crate) fn completion(mut values: Vec<String>) -> Completion {
    let total = values.len();
    values.truncate(MOST);
    Completion::new(values).with_total(total as u64).with_has_more(total > MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    // MCP 2026-07-28, completion: "Maximum 100 items per response".
    #[test]
    fn a_hundred_values_are_the_most() {
        let found = completion((0..150).map(|n| n.to_string()).collect());
        assert_eq!((found.values.len(), found.total, found.has_more), (100, Some(150), Some(true)));
        assert_eq!(completion(Vec::new()).has_more, Some(false));
    }
}
