//! Scope tokens and sets of them (RFC 6749 section 3.3).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::text::text_newtype;

/// One scope: `1*( %x21 / %x23-5B / %x5D-7E )`, case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeToken(Arc<str>);

text_newtype!(ScopeToken, ScopeError, check_token);

/// Why a text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// An empty token: nothing at all, or more than one space in a row.
    #[error("a scope token is empty")]
    EmptyToken,
    /// A character outside the grammar, such as a quote, a backslash or a control.
    #[error("a scope token holds a character that RFC 6749 does not allow")]
    Character,
}

fn check_token(text: &str) -> Result<(), ScopeError> {
    if text.is_empty() {
        return Err(ScopeError::EmptyToken);
    }
    // RFC 6749 section 3.3 leaves out the space, the quote and the backslash.
    if text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
        Ok(())
    } else {
        Err(ScopeError::Character)
    }
}

/// A set of scopes: sorted, without repetition, cheap to clone.
///
/// Written and read as one text with single spaces. The empty set is the empty text, which some
/// servers put into tokens although the grammar has no word for it.
///
/// ```
/// use mcp_transport::auth::ScopeSet;
///
/// let needed: ScopeSet = "files:write files:read".parse()?;
/// let granted: ScopeSet = "files:read".parse()?;
/// assert!(!granted.is_superset(&needed));
/// assert_eq!(needed.missing_from(&granted).to_string(), "files:write");
/// # Ok::<(), mcp_transport::auth::ScopeError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(
    // `Some` is never empty, so that equality is that of the sets.
    Option<Arc<[ScopeToken]>>,
);

impl ScopeSet {
    /// The set without members.
    pub const EMPTY: Self = Self(None);

    /// Parses scopes separated by single spaces.
    ///
    /// # Errors
    ///
    /// When a token breaks the grammar of RFC 6749 section 3.3, or spaces are doubled, leading or
    /// trailing.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Ok(Self::EMPTY);
        }
        text.split(' ').map(ScopeToken::parse).collect()
    }

    /// The members in order.
    pub fn iter(&self) -> std::slice::Iter<'_, ScopeToken> {
        self.as_slice().iter()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `scope` is a member. Compared case-sensitively, as RFC 6749 section 3.3 asks.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.as_slice().binary_search_by(|member| member.as_str().cmp(scope)).is_ok()
    }

    /// Whether every member of `other` is a member of this set.
    #[must_use]
    pub fn is_superset(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope.as_str()))
    }

    /// The members of this set that `granted` lacks.
    #[must_use]
    pub fn missing_from(&self, granted: &Self) -> Self {
        self.iter().filter(|scope| !granted.contains(scope.as_str())).cloned().collect()
    }

    /// The members of both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_superset(other) {
            self.clone()
        } else if other.is_superset(self) {
            other.clone()
        } else {
            self.iter().chain(other.iter()).cloned().collect()
        }
    }

    fn as_slice(&self) -> &[ScopeToken] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl FromIterator<ScopeToken> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(tokens: I) -> Self {
        let mut tokens: Vec<ScopeToken> = tokens.into_iter().collect();
        if tokens.is_empty() {
            return Self::EMPTY;
        }
        tokens.sort_unstable();
        tokens.dedup();
        Self(Some(tokens.into()))
    }
}

impl From<ScopeToken> for ScopeSet {
    fn from(token: ScopeToken) -> Self {
        Self(Some([token].into()))
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a ScopeToken;
    type IntoIter = std::slice::Iter<'a, ScopeToken>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for scope in self {
            write!(f, "{separator}{scope}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeSet({self})")
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn rfc6749_3_3_grammar() {
        for text in ["mcp", "files:read", "https://h/x", "!#[]~", "a b c"] {
            assert!(ScopeSet::parse(text).is_ok(), "{text}");
        }
        for text in [" ", "a  b", " a", "a "] {
            assert_eq!(ScopeSet::parse(text), Err(ScopeError::EmptyToken), "{text:?}");
        }
        for text in ["a\"b", "a\\b", "a\tb", "a\nb", "ä", "a\u{7f}", "a\0"] {
            assert_eq!(ScopeSet::parse(text), Err(ScopeError::Character), "{text:?}");
        }
        assert_eq!(ScopeToken::parse(""), Err(ScopeError::EmptyToken));
        assert_eq!(ScopeToken::parse("a b"), Err(ScopeError::Character));
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        // RFC 6749 section 3.3: "the order does not matter".
        assert_eq!(set("b a b"), set("a b"));
        assert_eq!(set("b a b").to_string(), "a b");
        assert_eq!(set("b a b").len(), 2);
        assert_eq!(set(""), ScopeSet::EMPTY);
        assert_eq!(ScopeSet::EMPTY.to_string(), "");
    }

    #[test]
    fn case_matters() {
        assert!(!set("Read").contains("read"));
        assert!(!set("Read").is_superset(&set("read")));
    }

    #[test]
    fn set_operations() {
        assert!(set("a b c").is_superset(&set("a c")));
        assert!(set("a").is_superset(&ScopeSet::EMPTY));
        assert!(!ScopeSet::EMPTY.is_superset(&set("a")));
        assert_eq!(set("a b c").missing_from(&set("b")), set("a c"));
        assert!(set("a").missing_from(&set("a b")).is_empty());
        assert_eq!(set("a c").union(&set("b c")), set("a b c"));
        assert_eq!(ScopeSet::EMPTY.union(&set("a")), set("a"));
        assert_eq!(set("a").union(&ScopeSet::EMPTY), set("a"));
    }

    #[test]
    fn serde_is_one_text() {
        let json = serde_json::to_string(&set("b a")).unwrap();
        assert_eq!(json, "\"a b\"");
        assert_eq!(serde_json::from_str::<ScopeSet>(&json).unwrap(), set("a b"));
        assert!(serde_json::from_str::<ScopeSet>("\"a  b\"").is_err());
        assert!(serde_json::from_str::<ScopeSet>("[\"a\"]").is_err());
    }
}
