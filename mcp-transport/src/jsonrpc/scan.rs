//! The one walk over a message: well-formed, within limits, no member named twice.

use std::cmp::Ordering;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use super::{
    Defect,
    defect::{DefectKind, Limits},
    escape::chars,
    span::Span,
};

/// What ends a walk. It is behind a pointer so that each step gives back what it found in registers.
#[derive(Debug)]
pub(crate) struct Broken(Box<DefectKind>);

impl From<DefectKind> for Broken {
    #[cold]
    fn from(kind: DefectKind) -> Self {
        Self(Box::new(kind))
    }
}

impl From<Broken> for DefectKind {
    #[cold]
    fn from(broken: Broken) -> Self {
        *broken.0
    }
}

impl From<Broken> for Defect {
    #[cold]
    fn from(broken: Broken) -> Self {
        DefectKind::from(broken).into()
    }
}

/// The order of two names, unescaped.
fn compare(a: Span, b: Span, text: &str) -> Ordering {
    let (left, right) = (a.of(text), b.of(text));
    // The order of characters is the order of their bytes in UTF-8.
    if a.is_escaped() || b.is_escaped() { chars(left).cmp(chars(right)) } else { left.cmp(right) }
}

#[inline(always)]
fn same(a: Span, b: Span, text: &str) -> bool {
    // Most are told apart by their length.
    (a.may_have(b.len()) || b.is_escaped()) && are_same(a, b, text)
}

#[cold]
fn are_same(a: Span, b: Span, text: &str) -> bool {
    if a.is_escaped() || b.is_escaped() { compare(a, b, text).is_eq() } else { a.of(text) == b.of(text) }
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
    /// The insides of the names of all open objects, those of the innermost last.
    names: SmallVec<[Span; 16]>,
}

impl<'a> Scanner<'a> {
    /// A scanner at the first byte. A text of 2 GiB or more, which a span cannot hold, is as good as none.
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Self {
        let text = if text.len() > LONGEST { "" } else { text };
        Self { text, at: 0, depth: 0, limit: limits.depth, names: SmallVec::new() }
    }

    /// What is walked over.
    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// Skips white space and says what comes next, without consuming it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let (at, next) = next(self.text.as_bytes(), self.at);
        self.at = at;
        next
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    #[cold]
    fn malformed(&self) -> Broken {
        DefectKind::Malformed { at: self.at }.into()
    }

    /// Nothing but white space may be left.
    pub(crate) fn finish(&mut self) -> Result<(), Broken> {
        if self.peek().is_none() { Ok(()) } else { Err(self.malformed()) }
    }

    /// Any value; returns where it stands.
    pub(crate) fn value(&mut self) -> Result<Span, Broken> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => return self.string().map(Span::quoted),
            Some(b'{') => {
                let mut object = self.enter()?;
                while self.member(&mut object)?.is_some() {
                    self.value()?;
                }
            }
            Some(b'[') => self.array(|scanner| scanner.value().map(drop))?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            Some(_) | None => return Err(self.malformed()),
        }
        Ok(Span::new(start, self.at))
    }

    /// An object. `member` is called behind each colon, with the inside of the name, and must consume the value.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Span) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let mut object = self.enter()?;
        while let Some(name) = self.member(&mut object)? {
            member(self, name)?;
        }
        Ok(())
    }

    /// Begins an object, whose members [`member`](Self::member) then gives one by one.
    pub(crate) fn enter(&mut self) -> Result<Object, Broken> {
        self.open(b'{')?;
        Ok(Object { base: self.names.len(), begun: false })
    }

    /// The inside of the name of the next member of `object`: the scanner stands behind the colon, and the value must be
    /// consumed before the next call. `None` at the object's end.
    pub(crate) fn member(&mut self, object: &mut Object) -> Result<Option<Span>, Broken> {
        let bytes = self.text.as_bytes();
        let (mut at, mut first) = next(bytes, self.at);
        if first == Some(b',') && object.begun {
            (at, first) = next(bytes, at + 1);
        } else if first == Some(b'}') {
            self.at = at + 1;
            self.depth -= 1;
            return self.forget(object.base).map(|()| None);
        } else if object.begun {
            first = None;
        }
        self.at = at;
        if first != Some(b'"') {
            return Err(self.malformed());
        }
        object.begun = true;
        let name = self.string()?;
        self.remember(name, object.base)?;
        let (at, colon) = next(bytes, self.at);
        self.at = at;
        if colon != Some(b':') {
            return Err(self.malformed());
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// An array. `entry` must consume one value each time it is called.
    pub(crate) fn array(&mut self, mut entry: impl FnMut(&mut Self) -> Result<(), Broken>) -> Result<(), Broken> {
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
    fn open(&mut self, first: u8) -> Result<(), Broken> {
        if self.text.as_bytes().get(self.at) != Some(&first) {
            return Err(self.malformed());
        }
        self.at += 1;
        if self.depth >= self.limit {
            return Err(DefectKind::TooDeep { limit: self.limit }.into());
        }
        self.depth += 1;
        Ok(())
    }

    fn remember(&mut self, name: Span, base: usize) -> Result<(), Broken> {
        let open = self.names.get(base..).unwrap_or_default();
        if open.len() < PAIRWISE && open.iter().any(|seen| same(*seen, name, self.text)) {
            return Err(DefectKind::DuplicateMember { at: name.start() }.into());
        }
        self.names.push(name);
        Ok(())
    }

    fn forget(&mut self, base: usize) -> Result<(), Broken> {
        if self.names.len() > base + PAIRWISE {
            self.sort(base)?;
        }
        self.names.truncate(base);
        Ok(())
    }

    /// Looks for equals among many names.
    #[cold]
    fn sort(&mut self, base: usize) -> Result<(), Broken> {
        let text = self.text;
        let closed = self.names.get_mut(base..).unwrap_or_default();
        closed.sort_unstable_by(|a, b| compare(*a, *b, text).then(a.start().cmp(&b.start())));
        let twice = closed.windows(2).find_map(|pair| match pair {
            [first, second] if same(*first, *second, text) => Some(second.start()),
            _ => None,
        });
        twice.map_or(Ok(()), |at| Err(DefectKind::DuplicateMember { at }.into()))
    }

    /// A string; the span is that of its inside.
    #[inline(always)]
    fn string(&mut self) -> Result<Span, Broken> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let end = start + plain(bytes.get(start..).unwrap_or_default());
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Span::new(start, end));
        }
        self.at = end;
        self.with_escapes(start)
    }

    /// A string from the first byte on that is not plain.
    #[cold]
    fn with_escapes(&mut self, start: usize) -> Result<Span, Broken> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                // RFC 8259 section 7: control characters must be escaped.
                Some(_) | None => return Err(self.malformed()),
            }
            self.at += plain(bytes.get(self.at..).unwrap_or_default());
        }
        let end = self.at;
        self.at += 1;
        Ok(Span::new(start, end).escaped())
    }

    fn escape(&mut self) -> Result<(), Broken> {
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

    fn number(&mut self) -> Result<(), Broken> {
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

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while matches!(self.text.as_bytes().get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.malformed()) } else { Ok(()) }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Broken> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.malformed())
        }
    }
}

/// The first byte from `at` on that is no white space, and where it is.
#[inline]
fn next(bytes: &[u8], mut at: usize) -> (usize, Option<u8>) {
    while let Some(byte) = bytes.get(at) {
        if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return (at, Some(*byte));
        }
        at += 1;
    }
    (at, None)
}

/// How many bytes at the front need no look of their own in a string: no quote, no backslash, no control character.
///
/// Eight bytes are looked at in one step. A byte of a word is marked by its highest bit; marks above the first one may
/// be wrong, because a borrow runs upwards, and only the first counts.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let mut rest = bytes;
    while let Some((chunk, more)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // With this bit turned over, the quote comes right behind the control characters, and nothing else does.
        let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        // No byte that is looked for has the highest bit, so one mask serves both.
        let marks = (quote_or_control | backslash) & !word & HIGH;
        if marks != 0 {
            return bytes.len() - rest.len() + (marks.trailing_zeros() / 8) as usize;
        }
        rest = more;
    }
    bytes.len() - rest.len() + plain_end(rest)
}

/// The same for what is left at the end of a text: a message ends with a few brackets, so it is rare that any is.
#[cold]
fn plain_end(rest: &[u8]) -> usize {
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(rest.len())
}

/// The longest text whose places a span can hold, in bytes.
const LONGEST: usize = i32::MAX as usize;

/// `bytes` as text, if they are UTF-8 and within the limit. They are looked at once, here; slices of the text need no
/// second look.
pub(crate) fn text(bytes: Bytes, limits: &Limits) -> Result<ByteString, DefectKind> {
    let limit = limits.bytes.min(LONGEST);
    if bytes.len() > limit {
        return Err(DefectKind::TooLarge { limit });
    }
    ByteString::try_from(bytes).map_err(|_| DefectKind::NotUtf8)
}

#[cfg(test)]
mod tests;
