//! `Accept` (RFC 9110 section 12.5.1), judged for the two types that we can send.

use http::header::{ACCEPT, HeaderMap};

use super::{Field, syntax};

/// Which of our two kinds of answer the peer can read.
///
/// MCP clients must list both types; a plain HTTP client often lists one, and such a client is still served
/// with what it can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two types, each acceptable or not: there is no fifth case")]
pub enum Accepts {
    /// `application/json` and `text/event-stream`.
    Both,
    /// `application/json` only.
    JsonOnly,
    /// `text/event-stream` only.
    SseOnly,
    /// None of the two.
    Neither,
}

impl Accepts {
    /// Reads all `Accept` fields.
    ///
    /// The most specific media range that matches a type decides on it, and `q=0` means "not acceptable"
    /// (RFC 9110 section 12.4.2). Where equally specific ranges disagree, the one that accepts wins. Elements
    /// that are malformed, or that ask for a parameter which our types do not carry, match nothing. Without
    /// any field, or with only empty ones, everything is acceptable.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let (mut json, mut sse) = (Best::NONE, Best::NONE);
        let mut listed = false;
        for value in headers.get_all(ACCEPT) {
            for element in syntax::split_unquoted(value.as_bytes(), b',') {
                if element.is_empty() {
                    continue;
                }
                listed = true;
                let Some(range) = Range::parse(element) else {
                    continue;
                };
                json.weigh(&range, b"application", b"application/json");
                sse.weigh(&range, b"text", b"text/event-stream");
            }
        }
        match (listed, json.acceptable, sse.acceptable) {
            (false, _, _) | (true, true, true) => Self::Both,
            (true, true, false) => Self::JsonOnly,
            (true, false, true) => Self::SseOnly,
            (true, false, false) => Self::Neither,
        }
    }

    /// As [`of`](Self::of), where the field has been found already.
    pub(in crate::http) fn of_field(field: Field<'_>, headers: &HeaderMap) -> Self {
        // What nearly every client sends, and nothing else: then there is nothing to weigh.
        if let Field::Once(value) = field
            && matches!(
                value.as_bytes(),
                b"application/json, text/event-stream" | b"text/event-stream, application/json"
            )
        {
            return Self::Both;
        }
        Self::of(headers)
    }

    /// Whether `application/json` is acceptable.
    #[must_use]
    pub const fn json(self) -> bool {
        matches!(self, Self::Both | Self::JsonOnly)
    }

    /// Whether `text/event-stream` is acceptable.
    #[must_use]
    pub const fn sse(self) -> bool {
        matches!(self, Self::Both | Self::SseOnly)
    }
}

/// One media range of the list.
struct Range<'a> {
    essence: &'a [u8],
    /// Whether it carries `charset=utf-8`, which makes it more specific and still matches.
    charset: bool,
    acceptable: bool,
}

impl<'a> Range<'a> {
    fn parse(element: &'a [u8]) -> Option<Self> {
        let (essence, parameters) = syntax::media_type(element)?;
        let mut range = Self { essence, charset: false, acceptable: true };
        for parameter in parameters {
            let (name, value) = parameter?;
            if name.eq_ignore_ascii_case(b"q") {
                range.acceptable = weight(value.raw())?;
                // What follows the weight was an extension of the field (RFC 7231) and is part of no type.
                break;
            }
            if !name.eq_ignore_ascii_case(b"charset") || !value.eq_ignore_ascii_case("utf-8") {
                return None;
            }
            range.charset = true;
        }
        Some(range)
    }

    /// How closely the range names the type; nothing if it does not match.
    fn specificity(&self, kind: &[u8], essence: &[u8]) -> Option<u8> {
        if self.essence.eq_ignore_ascii_case(essence) {
            return Some(if self.charset { 3 } else { 2 });
        }
        match self.essence.strip_suffix(b"/*")? {
            b"*" => Some(0),
            named if named.eq_ignore_ascii_case(kind) => Some(1),
            _ => None,
        }
    }
}

/// The most specific range so far that matches one type.
struct Best {
    specificity: Option<u8>,
    acceptable: bool,
}

impl Best {
    const NONE: Self = Self { specificity: None, acceptable: false };

    fn weigh(&mut self, range: &Range<'_>, kind: &[u8], essence: &[u8]) {
        let Some(specificity) = range.specificity(kind, essence) else {
            return;
        };
        if self.specificity.is_none_or(|best| specificity > best) {
            *self = Self { specificity: Some(specificity), acceptable: range.acceptable };
        } else if self.specificity == Some(specificity) {
            self.acceptable |= range.acceptable;
        }
    }
}

/// Whether a weight is above nought; nothing if it is not a `qvalue`: `0` to `1` with up to three decimals.
fn weight(text: &[u8]) -> Option<bool> {
    let (whole, decimals) = match text {
        [whole] => (*whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (*whole, decimals),
        _ => return None,
    };
    match whole {
        b'0' if decimals.iter().all(u8::is_ascii_digit) => Some(decimals.iter().any(|digit| *digit != b'0')),
        b'1' if decimals.iter().all(|digit| *digit == b'0') => Some(true),
        _ => None,
    }
}
