//! One JSON value, kept as its text.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{Serialize, Serializer, de::DeserializeOwned, ser::Error as _};

use super::scan::{DefectKind, Limits, Scanner, Span, text, unescape};

/// Exactly one well-formed JSON value, as the text that came over the wire or that a serializer wrote.
///
/// A clone counts a reference; nothing is copied. The text never holds white space around the value.
///
/// ```
/// use mcp_transport::jsonrpc::Raw;
///
/// let raw = Raw::parse(r#" {"b":1,"a":2.50} "#)?;
/// assert_eq!(raw.as_str(), r#"{"b":1,"a":2.50}"#); // members and numbers as they were written
/// # Ok::<(), mcp_transport::jsonrpc::DefectKind>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Bytes);

impl Raw {
    /// The value `{}`.
    pub const EMPTY_OBJECT: Self = Self(Bytes::from_static(b"{}"));
    /// The value `null`.
    pub const NULL: Self = Self(Bytes::from_static(b"null"));

    /// Checks that `bytes` hold one JSON value within the default [`Limits`].
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self, DefectKind> {
        Self::parse_within(bytes.into(), &Limits::default())
    }

    /// Checks that `bytes` hold one JSON value within `limits`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    #[expect(clippy::needless_pass_by_value, reason = "the value keeps a slice of it")]
    pub fn parse_within(bytes: Bytes, limits: &Limits) -> Result<Self, DefectKind> {
        let mut scanner = Scanner::new(text(&bytes, limits)?, limits);
        let span = scanner.value()?;
        scanner.finish()?;
        Ok(Self::slice(&bytes, span))
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold, for example a map with keys that are not strings.
    pub fn write<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(|text| Self(Bytes::from(text)))
    }

    /// Takes text that the caller has just written as one JSON value.
    pub(crate) const fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn slice(whole: &Bytes, span: Span) -> Self {
        Self(whole.slice(span.start as usize..span.end as usize))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The constructors saw that it is UTF-8; an empty text cannot happen.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes of the text.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The bytes of the text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.first() == Some(&b'{')
    }

    /// The value, if it is a string, unescaped.
    #[must_use]
    pub fn as_string(&self) -> Option<Cow<'_, str>> {
        string(self.as_str())
    }

    /// Decodes the value.
    ///
    /// # Errors
    /// The value does not have the shape of `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }
}

/// The string that `json` is, unescaped; `None` for any other value.
pub(crate) fn string(json: &str) -> Option<Cow<'_, str>> {
    json.strip_prefix('"')?.strip_suffix('"').map(unescape)
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments and results may hold secrets: only the size is for the log.
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue = serde_json::from_slice(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(Bytes::from(String::from(Box::<str>::from(raw)))))
    }
}
