//! The one walk over a message: well-formed, within limits, no member named twice.

use std::{borrow::Cow, cmp::Ordering};

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use super::{Code, RequestId};

/// How large and how deep a message may be, and how many entries a batch may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in one message or batch. The default is 4 MiB.
    pub bytes: usize,
    /// Objects and arrays open inside one another. The default is 128, which is what serde_json reads.
    pub depth: u16,
    /// Messages in one batch of revision 2025-03-26. The default is 64.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: 128, batch: 64 }
    }
}

/// Why a message was refused before anybody acted on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defect {
    /// What is wrong.
    pub kind: DefectKind,
    /// The id of the request, where it could be read before the defect was met.
    pub id: Option<RequestId>,
}

/// The kinds of [`Defect`], each with one JSON-RPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefectKind {
    /// The text is not UTF-8.
    #[error("the message is not UTF-8")]
    NotUtf8,
    /// The text is not JSON.
    #[error("the message is not well-formed JSON (at byte {at})")]
    Malformed {
        /// Offset of the first byte that does not fit.
        at: usize,
    },
    /// The text is longer than [`Limits::bytes`].
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Objects and arrays are nested deeper than [`Limits::depth`].
    #[error("the message is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: u16,
    },
    /// An object names the same member twice, compared after unescaping (RFC 8259 section 4 leaves the meaning open,
    /// and two readers that choose differently are a hole).
    #[error("an object names the same member twice (at byte {at})")]
    DuplicateMember {
        /// Offset of the second name.
        at: usize,
    },
    /// The value is not an object, or its members do not make a request, a notification or a response.
    #[error("not a JSON-RPC 2.0 request, notification or response: {0}")]
    NotAMessage(&'static str),
    /// `params` is there and is not an object, or its `_meta` is not one.
    #[error("invalid params: {0}")]
    BadParams(&'static str),
    /// A batch has no entry, or more than [`Limits::batch`].
    #[error("a batch has between 1 and {limit} messages")]
    BatchSize {
        /// The limit, in messages.
        limit: usize,
    },
}

impl DefectKind {
    /// The JSON-RPC 2.0 code of this defect (section 5.1).
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::NotUtf8 | Self::Malformed { .. } => Code::PARSE_ERROR,
            Self::TooLarge { .. }
            | Self::TooDeep { .. }
            | Self::DuplicateMember { .. }
            | Self::NotAMessage(_)
            | Self::BatchSize { .. } => Code::INVALID_REQUEST,
            Self::BadParams(_) => Code::INVALID_PARAMS,
        }
    }
}

impl From<DefectKind> for Defect {
    fn from(kind: DefectKind) -> Self {
        Self { kind, id: None }
    }
}

/// A range of byte offsets in the scanned text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub(crate) const fn relative_to(self, start: u32) -> Self {
        Self { start: self.start.saturating_sub(start), end: self.end.saturating_sub(start) }
    }
}

/// The name of a member as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    text: &'a str,
    escaped: bool,
    pub(crate) span: Span,
}

impl<'a> Name<'a> {
    /// The name after unescaping.
    pub(crate) fn unescaped(&self) -> Cow<'a, str> {
        if self.escaped { unescape(self.text) } else { Cow::Borrowed(self.text) }
    }

    pub(crate) fn is(&self, other: &str) -> bool {
        if self.escaped { unescape(self.text) == other } else { self.text == other }
    }

    pub(crate) const fn is_escaped(&self) -> bool {
        self.escaped
    }
}

/// What is kept of a name while its object is open: for a body full of short members less than the body itself.
#[derive(Clone, Copy, Debug)]
struct Kept {
    span: Span,
    escaped: bool,
}

impl Kept {
    fn compare(self, other: Self, text: &str) -> Ordering {
        let (ours, theirs) = (self.span.of(text), other.span.of(text));
        // The order of characters is the order of their bytes in UTF-8.
        if self.escaped || other.escaped { chars(ours).cmp(chars(theirs)) } else { ours.cmp(theirs) }
    }

    fn same(self, other: Self, text: &str) -> bool {
        let length = |span: Span| span.end - span.start;
        let may_be = self.escaped || other.escaped || length(self.span) == length(other.span);
        may_be && self.compare(other, text).is_eq()
    }
}

/// Undoes the escapes of a JSON string's inside. A lone surrogate becomes U+FFFD: it has no Unicode value.
pub(crate) fn unescape(inside: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at(at);
        let (char, used) = undo(escape);
        out.push_str(plain);
        out.push(char);
        rest = escape.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The characters of a JSON string's inside, with its escapes undone.
fn chars(inside: &str) -> impl Iterator<Item = char> {
    let mut rest = inside;
    std::iter::from_fn(move || {
        let (char, used) = match rest.chars().next()? {
            '\\' => undo(rest),
            char => (char, char.len_utf8()),
        };
        rest = rest.get(used..).unwrap_or_default();
        Some(char)
    })
}

/// The character that the escape at the front of `text` stands for, and how long the escape is.
fn undo(text: &str) -> (char, usize) {
    let char = match text.as_bytes().get(1).copied().unwrap_or(b'\\') {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = |from: usize| text.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
            let high = unit(2).unwrap_or(0xFFFD);
            if (0xD800..0xDC00).contains(&high)
                && text.get(6..8) == Some("\\u")
                && let Some(low) = unit(8).filter(|low| (0xDC00..0xE000).contains(low))
            {
                let value = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return (char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
            }
            return (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6);
        }
        other => char::from(other),
    };
    (char, 2)
}

/// Up to this many names of one object are compared pair by pair; beyond it they are sorted once at its end.
const PAIRWISE: usize = 16;

/// An object that is being walked through.
#[derive(Debug)]
pub(crate) struct Object {
    /// Where its names begin among those of all open objects.
    base: usize,
    /// A member has been seen.
    begun: bool,
}

/// A cursor over the text. Each method consumes exactly what it names.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u16,
    limit: u16,
    /// Names of all open objects, innermost last.
    names: SmallVec<[Kept; 16]>,
}

impl<'a> Scanner<'a> {
    /// A scanner at the first byte. The text must be shorter than 2 GiB, which [`text`] sees to.
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Self {
        Self { text, at: 0, depth: 0, limit: limits.depth, names: SmallVec::new() }
    }

    /// Skips white space and says what comes next, without consuming it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    pub(crate) const fn at(&self) -> u32 {
        // `text` keeps texts below 2 GiB.
        self.at as u32
    }

    #[cold]
    pub(crate) const fn malformed(&self) -> DefectKind {
        DefectKind::Malformed { at: self.at }
    }

    /// Nothing but white space may be left.
    pub(crate) fn finish(&mut self) -> Result<(), DefectKind> {
        if self.peek().is_none() { Ok(()) } else { Err(self.malformed()) }
    }

    /// Any value; returns where it stands.
    pub(crate) fn value(&mut self) -> Result<Span, DefectKind> {
        let first = self.peek();
        let start = self.at();
        match first {
            Some(b'{') => {
                let mut object = self.enter()?;
                while self.member(&mut object)?.is_some() {
                    self.value()?;
                }
            }
            Some(b'[') => self.array(|scanner| scanner.value().map(drop))?,
            Some(b'"') => drop(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            Some(_) | None => return Err(self.malformed()),
        }
        Ok(Span { start, end: self.at() })
    }

    /// An object. `member` is called behind each colon and must consume the value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Name<'a>) -> Result<(), DefectKind>,
    ) -> Result<(), DefectKind> {
        let mut object = self.enter()?;
        while let Some(name) = self.member(&mut object)? {
            member(self, name)?;
        }
        Ok(())
    }

    /// Begins an object, whose members [`member`](Self::member) then gives one by one.
    pub(crate) fn enter(&mut self) -> Result<Object, DefectKind> {
        self.open(b'{')?;
        Ok(Object { base: self.names.len(), begun: false })
    }

    /// The name of the next member of `object`: the scanner stands behind the colon, and the value must be consumed before
    /// the next call. `None` at the object's end.
    pub(crate) fn member(&mut self, object: &mut Object) -> Result<Option<Name<'a>>, DefectKind> {
        let more = match self.peek() {
            Some(b'}') => false,
            Some(b',') if object.begun => {
                self.at += 1;
                true
            }
            Some(b'"') if !object.begun => true,
            Some(_) | None => return Err(self.malformed()),
        };
        if !more {
            self.at += 1;
            self.depth -= 1;
            return self.forget(object.base).map(|()| None);
        }
        object.begun = true;
        if self.peek() != Some(b'"') {
            return Err(self.malformed());
        }
        let name = self.string()?;
        self.remember(name, object.base)?;
        if self.peek() != Some(b':') {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// An array. `entry` must consume one value each time it is called.
    pub(crate) fn array(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<(), DefectKind>,
    ) -> Result<(), DefectKind> {
        self.open(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                entry(self)?;
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break self.at += 1,
                    Some(_) | None => return Err(self.malformed()),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Consumes the byte that an object or array begins with.
    fn open(&mut self, first: u8) -> Result<(), DefectKind> {
        if self.text.as_bytes().get(self.at) != Some(&first) {
            return Err(self.malformed());
        }
        self.at += 1;
        if self.depth >= self.limit {
            return Err(DefectKind::TooDeep { limit: self.limit });
        }
        self.depth += 1;
        Ok(())
    }

    fn remember(&mut self, name: Name<'a>, base: usize) -> Result<(), DefectKind> {
        let kept = Kept { span: name.span, escaped: name.escaped };
        let open = self.names.get(base..).unwrap_or_default();
        if open.len() < PAIRWISE && open.iter().any(|seen| seen.same(kept, self.text)) {
            return Err(DefectKind::DuplicateMember { at: name.span.start as usize });
        }
        self.names.push(kept);
        Ok(())
    }

    fn forget(&mut self, base: usize) -> Result<(), DefectKind> {
        let text = self.text;
        let closed = self.names.get_mut(base..).unwrap_or_default();
        if closed.len() > PAIRWISE {
            closed.sort_unstable_by(|a, b| a.compare(*b, text).then(a.span.start.cmp(&b.span.start)));
            let twice = closed.windows(2).find_map(|pair| match pair {
                [first, second] if first.same(*second, text) => Some(second.span.start),
                _ => None,
            });
            if let Some(at) = twice {
                return Err(DefectKind::DuplicateMember { at: at as usize });
            }
        }
        self.names.truncate(base);
        Ok(())
    }

    /// A string; the span is that of its inside.
    fn string(&mut self) -> Result<Name<'a>, DefectKind> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain(bytes.get(self.at..).unwrap_or_default());
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                // RFC 8259 section 7: control characters must be escaped.
                Some(_) | None => return Err(self.malformed()),
            }
        }
        let end = self.at;
        self.at += 1;
        Ok(Name {
            text: self.text.get(start..end).unwrap_or_default(),
            escaped,
            span: Span { start: start as u32, end: end as u32 },
        })
    }

    fn escape(&mut self) -> Result<(), DefectKind> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let hex = bytes.get(self.at + 2..self.at + 6);
                if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.malformed());
                }
                self.at += 6;
            }
            Some(_) | None => return Err(self.malformed()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), DefectKind> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            Some(_) | None => return Err(self.malformed()),
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), DefectKind> {
        let start = self.at;
        while matches!(self.text.as_bytes().get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.malformed()) } else { Ok(()) }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), DefectKind> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.malformed())
        }
    }
}

/// How many bytes at the front need no look of their own in a string: no quote, no backslash, no control character.
///
/// Eight bytes are looked at in one step. A byte of a word is marked by its highest bit; marks above the first one may
/// be wrong, because a borrow runs upwards, and only the first counts.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        let control = word.wrapping_sub(ONES * 0x20);
        // Neither byte looked for has the highest bit, so one mask serves all three.
        let marks = (quote | backslash | control) & !word & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(rest.len())
}

/// `bytes` as text, if they are UTF-8 and within the limit. They are looked at once, here; slices of the text need no
/// second look.
pub(crate) fn text(bytes: Bytes, limits: &Limits) -> Result<ByteString, DefectKind> {
    let limit = limits.bytes.min(i32::MAX as usize);
    if bytes.len() > limit {
        return Err(DefectKind::TooLarge { limit });
    }
    ByteString::try_from(bytes).map_err(|_| DefectKind::NotUtf8)
}

#[cfg(test)]
mod tests;
