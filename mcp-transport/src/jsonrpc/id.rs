//! The id of a request, kept as it was written.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use bytes::Bytes;
use serde::{Serialize, Serializer};

use super::raw::{Raw, string};

/// The id of a request: a string or an integer, sent back exactly as it came.
///
/// Two ids are equal if their values are: strings are compared after unescaping, integers by their digits.
#[derive(Clone)]
pub struct RequestId(Raw);

impl RequestId {
    /// The id that `raw` is, if it is a string or an integer (MCP 2026-07-28, basic, "Requests"; `null` is not an id).
    #[must_use]
    pub fn from_raw(raw: Raw) -> Option<Self> {
        is_id(raw.as_str()).then_some(Self(raw))
    }

    /// A string id.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(Raw::write(text).unwrap_or(Raw::NULL))
    }

    /// The JSON text of the id, quotes included.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.as_str()
    }

    /// The id as a JSON value.
    #[must_use]
    pub const fn as_raw(&self) -> &Raw {
        &self.0
    }
}

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        Self(Raw::trusted(Bytes::copy_from_slice(itoa::Buffer::new().format(number).as_bytes())))
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        // Ids that are written alike, as a client writes its own, need no look inside.
        if self.as_json() == other.as_json() {
            return true;
        }
        match (string(self.as_json()), string(other.as_json())) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (None, None) => self.as_json() == other.as_json(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Eq for RequestId {}

impl Hash for RequestId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match string(self.as_json()) {
            Some(text) => {
                state.write_u8(1);
                text.hash(state);
            }
            None => self.as_json().hash(state),
        }
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A string, or a number whose value is an integer by its digits (`7`, `-7`, `7.0`).
fn is_id(json: &str) -> bool {
    match json.as_bytes().first() {
        Some(b'"') => true,
        Some(_) if json.bytes().all(|byte| byte.is_ascii_digit()) => true,
        Some(b'-' | b'0'..=b'9') => {
            let (_, fraction) = json.split_once('.').unwrap_or((json, ""));
            !json.contains(['e', 'E']) && fraction.bytes().all(|digit| digit == b'0')
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(json: &'static str) -> Option<RequestId> {
        RequestId::from_raw(Raw::parse(json).unwrap())
    }

    // MCP 2026-07-28, basic: "Requests MUST include a string or integer ID", "the ID MUST NOT be null".
    #[test]
    fn only_strings_and_integers_are_ids() {
        for good in [r#""a""#, "0", "-7", "7.0", "123456789012345678901234567890"] {
            assert_eq!(id(good).unwrap().as_json(), good);
        }
        for bad in ["null", "1.5", "1e3", "true", "{}", "[1]"] {
            assert!(id(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ids_are_compared_by_value_and_kept_as_written() {
        let plain = id(r#""ab""#).unwrap();
        let escaped = id(r#""\u0061b""#).unwrap();
        assert_eq!(plain, escaped);
        assert_ne!(escaped.as_json(), plain.as_json());
        assert_ne!(id("1"), id(r#""1""#));
        let set: std::collections::HashSet<_> = [plain, escaped].into();
        assert_eq!(set.len(), 1);
    }
}
