//! Which scope implies which.

use std::collections::BTreeMap;
use std::str::FromStr;

use thiserror::Error;

use super::scope::{ScopeError, ScopeSet, ScopeToken};

/// Broader scopes and the narrower ones that they imply.
///
/// "Servers MUST account for scope hierarchies, where a broader scope implies narrower ones, when
/// deciding whether a token is sufficient" (MCP authorization, "Step-Up Authorization Flow"). The
/// hierarchy is applied once, when a principal is made ([`PrincipalBuilder::hierarchy`]); every
/// later comparison is plain set arithmetic. Implication is transitive.
///
/// ```
/// use mcp_transport::auth::{ScopeHierarchy, ScopeSet};
///
/// let hierarchy: ScopeHierarchy = "admin implies write\nwrite implies read".parse()?;
/// let granted: ScopeSet = "admin".parse()?;
/// assert_eq!(hierarchy.expand(&granted).to_string(), "admin read write");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`PrincipalBuilder::hierarchy`]: super::PrincipalBuilder::hierarchy
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeHierarchy(
    // Always transitively closed, so that expanding is a single pass.
    BTreeMap<ScopeToken, ScopeSet>,
);

impl ScopeHierarchy {
    /// A hierarchy in which no scope implies another.
    #[must_use]
    pub const fn flat() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds: whoever has `broad` has `narrow` too.
    #[must_use]
    pub fn imply(mut self, broad: ScopeToken, narrow: &ScopeSet) -> Self {
        let known = self.0.entry(broad).or_default();
        *known = known.union(narrow);
        self.close();
        self
    }

    /// `granted`, and everything that it implies.
    #[must_use]
    pub fn expand(&self, granted: &ScopeSet) -> ScopeSet {
        granted.iter().filter_map(|scope| self.0.get(scope)).fold(granted.clone(), |all, implied| all.union(implied))
    }

    /// Adds what is implied by implication until nothing new appears. Circles end, because the
    /// sets only grow and are bounded by the scopes that were named.
    fn close(&mut self) {
        loop {
            let next: BTreeMap<_, _> =
                self.0.iter().map(|(broad, implied)| (broad.clone(), self.expand(implied))).collect();
            if next == self.0 {
                return;
            }
            self.0 = next;
        }
    }
}

/// Why a text is not a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// The line is not of the form `BROAD implies NARROW ..`.
    #[error("line {line} is not of the form: BROAD implies NARROW [NARROW ..]")]
    Form {
        /// The line, counted from 1.
        line: usize,
    },
    /// A scope on the line breaks the grammar.
    #[error("line {line} holds an invalid scope")]
    Scope {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        source: ScopeError,
    },
}

/// Lines of `BROAD implies NARROW ..`; blank lines are skipped.
impl FromStr for ScopeHierarchy {
    type Err = HierarchyError;

    fn from_str(text: &str) -> Result<Self, HierarchyError> {
        let mut hierarchy = Self::flat();
        for (line, content) in (1..).zip(text.lines()) {
            let mut words = content.split_ascii_whitespace();
            let Some(broad) = words.next() else { continue };
            if words.next() != Some("implies") {
                return Err(HierarchyError::Form { line });
            }
            let scope_fault = |source| HierarchyError::Scope { line, source };
            let broad = ScopeToken::parse(broad).map_err(scope_fault)?;
            let narrow: ScopeSet = words.map(ScopeToken::parse).collect::<Result<_, _>>().map_err(scope_fault)?;
            if narrow.is_empty() {
                return Err(HierarchyError::Form { line });
            }
            hierarchy = hierarchy.imply(broad, &narrow);
        }
        Ok(hierarchy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(hierarchy: &str, granted: &str) -> String {
        let hierarchy: ScopeHierarchy = hierarchy.parse().unwrap();
        hierarchy.expand(&granted.parse().unwrap()).to_string()
    }

    #[test]
    fn mcp_must_honour_hierarchies() {
        assert_eq!(expand("admin implies read write", "admin"), "admin read write");
        assert_eq!(expand("admin implies read write", "read"), "read");
        assert_eq!(expand("admin implies read", "other"), "other");
        assert_eq!(expand("", "a"), "a");
    }

    #[test]
    fn implication_is_transitive_in_any_order() {
        for lines in [
            "a implies b\nb implies c\nc implies d",
            "c implies d\nb implies c\na implies b",
            "b implies c\n\nc implies d\na implies b",
        ] {
            assert_eq!(expand(lines, "a"), "a b c d", "{lines}");
            assert_eq!(expand(lines, "c"), "c d", "{lines}");
        }
    }

    #[test]
    fn circles_end() {
        assert_eq!(expand("a implies b\nb implies a", "a"), "a b");
        assert_eq!(expand("a implies a", "a"), "a");
    }

    #[test]
    fn lines_may_repeat() {
        assert_eq!(expand("a implies b\na implies c", "a"), "a b c");
    }

    #[test]
    fn errors_name_the_line() {
        let fault = |text: &str| ScopeHierarchy::from_str(text).unwrap_err();
        assert_eq!(fault("a"), HierarchyError::Form { line: 1 });
        assert_eq!(fault("a implies"), HierarchyError::Form { line: 1 });
        assert_eq!(fault("\na > b"), HierarchyError::Form { line: 2 });
        assert!(matches!(
            fault("a implies b\na implies b\\c"),
            HierarchyError::Scope { line: 2, source: ScopeError::Character }
        ));
    }
}
