//! What all results share: their kind, their cache hints, and how they are read.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Meta;
use super::object::object;

/// The name of the member that says a result's kind.
pub const RESULT_TYPE: &str = "resultType";

/// The kind of a result (`resultType`).
///
/// No result type has it as a member: whoever frames the result writes it, and reading tolerates it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ResultKind {
    /// `complete`: the final result. An absent member means the same.
    #[default]
    Complete,
    /// `input_required`: the client is asked for something first.
    InputRequired,
    /// A kind that an extension defines, such as `task`.
    Other(Box<str>),
}

impl ResultKind {
    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "complete" => Self::Complete,
            "input_required" => Self::InputRequired,
            other => Self::Other(other.into()),
        }
    }

    /// The kind's name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Complete => "complete",
            Self::InputRequired => "input_required",
            Self::Other(name) => name,
        }
    }
}

/// Who may share a cached result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CacheScope {
    /// Anybody, intermediaries included: the result holds nothing about the caller.
    Public,
    /// Only the same authorization context.
    Private,
}

/// How long and for whom a result may be cached (SEP-2549).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "the two members of the schema's CacheableResult")]
pub struct CacheHints {
    /// For how many milliseconds the result is fresh; 0 means that it is stale at once.
    pub ttl_ms: u64,
    /// Who may share it.
    #[serde(rename = "cacheScope")]
    pub scope: CacheScope,
}

impl CacheHints {
    /// Not to be cached at all: stale at once, and the caller's own.
    pub const NONE: Self = Self { ttl_ms: 0, scope: CacheScope::Private };

    /// Hints of a result that anybody may share for `ttl_ms` milliseconds.
    #[must_use]
    pub const fn public(ttl_ms: u64) -> Self {
        Self { ttl_ms, scope: CacheScope::Public }
    }

    /// Hints of a result that its caller may reuse for `ttl_ms` milliseconds.
    #[must_use]
    pub const fn private(ttl_ms: u64) -> Self {
        Self { ttl_ms, scope: CacheScope::Private }
    }
}

object! {
    /// A result that says nothing but done.
    #[derive(Default)]
    pub result EmptyResult {
        optional {
            /// Metadata of the result.
            #[serde(rename = "_meta")]
            meta: Meta => with_meta,
        }
    }
}

/// Reads the two cache hints out of a result's members. Of an incomplete pair the missing half is the careful one.
pub(super) fn cache_hints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CacheHints>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        ttl_ms: Option<u64>,
        cache_scope: Option<CacheScope>,
    }
    let wire = Wire::deserialize(deserializer)?;
    Ok(match (wire.ttl_ms, wire.cache_scope) {
        (None, None) => None,
        (ttl_ms, scope) => Some(CacheHints {
            ttl_ms: ttl_ms.unwrap_or(CacheHints::NONE.ttl_ms),
            scope: scope.unwrap_or(CacheHints::NONE.scope),
        }),
    })
}

/// Reads a result's remaining members, without the kind, which its framing owns.
pub(super) fn extra_members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let mut members = Map::deserialize(deserializer)?;
    members.remove(RESULT_TYPE);
    Ok(members)
}

/// Reads an optional member whose value may be null, so that null is not taken for absence.
pub(super) fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ListToolsResult;

    fn read(text: &str) -> ListToolsResult {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_kind_of_a_result_is_tolerated_and_not_kept() {
        let result = read(r#"{"resultType":"complete","tools":[],"x":1}"#);
        assert_eq!(serde_json::to_string(&result).unwrap(), r#"{"tools":[],"x":1}"#);
    }

    #[test]
    fn half_a_pair_of_cache_hints_is_completed_with_care() {
        assert_eq!(read(r#"{"tools":[]}"#).cache, None);
        let fresh = read(r#"{"tools":[],"ttlMs":5}"#);
        assert_eq!(fresh.cache, Some(CacheHints::private(5)));
        let shared = read(r#"{"tools":[],"cacheScope":"public"}"#);
        assert_eq!(shared.cache, Some(CacheHints::public(0)));
        assert!(fresh.extra.is_empty() && shared.extra.is_empty());
    }

    #[test]
    fn wrong_cache_hints_are_an_error_and_not_ignored() {
        // 2026-07-28 schema: ttlMs has minimum 0.
        let negative = serde_json::from_str::<ListToolsResult>(r#"{"tools":[],"ttlMs":-1}"#);
        assert!(negative.is_err());
    }

    #[test]
    fn kinds_are_known_by_name() {
        for name in ["complete", "input_required", "task"] {
            assert_eq!(ResultKind::parse(name).as_str(), name);
        }
        assert_eq!(ResultKind::parse("complete"), ResultKind::default());
    }
}
