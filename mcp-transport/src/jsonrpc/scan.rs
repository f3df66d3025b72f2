//! The one walk over a message: well-formed, within limits, no member named twice.

use std::{borrow::Cow, cmp::Ordering};

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use super::{
    defect::{DefectKind, Limits},
    escape::{chars, unescape},
};

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
