//! One JSON value, kept as its text.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Serialize, Serializer, de::DeserializeOwned, ser::Error as _};

use super::{
    DefectKind, Limits,
    escape::unescape,
    scan::{Scanner, text},
    span::Span,
};

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
pub struct Raw(ByteString);

impl Raw {
    /// The value `{}`.
    pub const EMPTY_OBJECT: Self = Self(ByteString::from_static("{}"));
    /// The value `null`.
    pub const NULL: Self = Self(ByteString::from_static("null"));

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
    pub fn parse_within(bytes: Bytes, limits: &Limits) -> Result<Self, DefectKind> {
        let text = text(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        let span = scanner.value()?;
        scanner.finish()?;
        Ok(Self::slice(&text, span))
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold, for example a map with keys that are not strings.
    pub fn write<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(ByteString::from(text)))
    }

    /// Takes text that the caller has just written as exactly one JSON value, and looks only whether it is UTF-8 (it is
    /// `null` if it is not). Text that is no JSON would go out as it stands, so nothing that came from a peer belongs
    /// here: that is for [`parse`](Self::parse).
    #[must_use]
    pub fn trusted(bytes: Bytes) -> Self {
        ByteString::try_from(bytes).map_or(Self::NULL, Self)
    }

    /// As [`trusted`](Self::trusted), for text that is known to be UTF-8: nothing is looked at.
    #[must_use]
    pub fn trusted_text(text: String) -> Self {
        Self(ByteString::from(text))
    }

    pub(crate) fn slice(whole: &ByteString, span: Span) -> Self {
        Self(whole.slice_ref(span.of(whole)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The bytes of the text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    pub(crate) const fn as_text(&self) -> &ByteString {
        &self.0
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
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
        serde_json::from_str(&self.0)
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
        let raw: &serde_json::value::RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(ByteString::from(String::from(Box::<str>::from(raw)))))
    }
}
