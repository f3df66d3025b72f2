//! Where a piece of a text stands.

use std::{borrow::Cow, fmt, num::NonZeroU64};

use super::escape::unescape;

/// Where a value stands in a scanned text, or the inside of a string.
///
/// One number holds it, so that each step of the walk gives it back in a register: the start in the lower half, the end in
/// the upper, which is never 0 because nothing that is looked for ends where the text begins. A text is shorter than 2 GiB
/// (the scanner sees to that), which leaves the highest bit of each half free. That of the end tells whether
/// there are escapes in a string, so that nobody has to look for them again; that of the start belongs to whoever keeps the
/// span.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(NonZeroU64);

const MARKED: u64 = 1 << 31;
const ESCAPED: u64 = 1 << 63;

impl Span {
    /// The bytes from `start` up to `end`, which is below 2 GiB.
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self::from_bits((end as u64) << 32 | start as u64)
    }

    const fn from_bits(bits: u64) -> Self {
        match NonZeroU64::new(bits) {
            Some(bits) => Self(bits),
            None => Self(NonZeroU64::MIN),
        }
    }

    pub(crate) const fn start(self) -> usize {
        (self.0.get() & (MARKED - 1)) as usize
    }

    pub(crate) const fn end(self) -> usize {
        (self.0.get() >> 32 & (MARKED - 1)) as usize
    }

    #[inline]
    pub(crate) const fn len(self) -> usize {
        // The difference of the halves, whatever their highest bits are.
        (((self.0.get() >> 32) as u32).wrapping_sub(self.0.get() as u32) & (MARKED as u32 - 1)) as usize
    }

    /// The same as a string with escapes.
    pub(super) const fn escaped(self) -> Self {
        Self::from_bits(self.0.get() | ESCAPED)
    }

    /// Whether it is a string, or the inside of one, with escapes.
    pub(crate) const fn is_escaped(self) -> bool {
        self.0.get() & ESCAPED != 0
    }

    /// With the bit set that its keeper may use.
    pub(crate) const fn marked(self) -> Self {
        Self::from_bits(self.0.get() | MARKED)
    }

    pub(crate) const fn is_marked(self) -> bool {
        self.0.get() & MARKED != 0
    }

    /// The whole string, quotes included, whose inside this is.
    pub(super) const fn quoted(self) -> Self {
        Self::from_bits(self.0.get() + (1 << 32) - 1)
    }

    /// The same bytes in the piece of the text that begins at `start`, which must not be behind them.
    pub(crate) const fn relative_to(self, start: usize) -> Self {
        Self::from_bits(self.0.get() - ((start as u64) << 32 | start as u64))
    }

    /// The bytes as they are written; nothing if `text` is another one than they stand in.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start()..self.end()).unwrap_or_default()
    }

    /// The inside of a string, unescaped.
    pub(crate) fn unescaped(self, text: &str) -> Cow<'_, str> {
        let inside = self.of(text);
        if self.is_escaped() { unescape(inside) } else { Cow::Borrowed(inside) }
    }

    /// The value, if it is a string, unescaped.
    pub(crate) fn string(self, text: &str) -> Option<Cow<'_, str>> {
        let inside = self.of(text).strip_prefix('"')?.strip_suffix('"')?;
        Some(if self.is_escaped() { unescape(inside) } else { Cow::Borrowed(inside) })
    }

    /// Whether the inside of a string, unescaped, is `other`.
    #[inline]
    pub(crate) fn is(self, text: &str, other: &str) -> bool {
        // Most names are told apart by their length.
        self.may_have(other.len()) && self.unescaped_is(text, other)
    }

    /// Whether the inside of a string can be so long when it is unescaped.
    #[inline]
    pub(super) const fn may_have(self, length: usize) -> bool {
        self.is_escaped() || self.len() == length
    }

    fn unescaped_is(self, text: &str, other: &str) -> bool {
        if self.is_escaped() { unescape(self.of(text)) == other } else { self.of(text) == other }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start(), self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_places_keep_their_flags_apart() {
        let last = i32::MAX as usize;
        for (start, end) in [(0, 1), (1, 1), (0, last), (last - 1, last), (last, last)] {
            let plain = Span::new(start, end);
            assert!(!plain.is_escaped() && !plain.is_marked());
            for span in [plain, plain.escaped(), plain.marked(), plain.escaped().marked()] {
                assert_eq!((span.start(), span.end(), span.len()), (start, end, end - start), "{span:?}");
                let moved = span.relative_to(start);
                // An empty one at the beginning cannot be told from nothing, and is never looked for.
                if end > start {
                    assert_eq!((moved.start(), moved.end()), (0, end - start), "{span:?}");
                    assert_eq!((moved.is_escaped(), moved.is_marked()), (span.is_escaped(), span.is_marked()));
                }
            }
        }
        let quoted = Span::new(1, last - 1).escaped().quoted();
        assert_eq!((quoted.start(), quoted.end(), quoted.is_escaped()), (0, last, true));
    }

    #[test]
    fn names_are_compared_unescaped() {
        let text = r#"{"":1,"\u0061b":"\n","ab":"c"}"#;
        let (empty, escaped, plain) = (Span::new(2, 2), Span::new(7, 14).escaped(), Span::new(22, 24));
        assert!(empty.is(text, "") && escaped.is(text, "ab") && plain.is(text, "ab"));
        assert!(!empty.is(text, "a") && !escaped.is(text, r"\u0061b") && !plain.is(text, "ac"));
        assert_eq!((escaped.marked().unescaped(text).as_ref(), plain.of(text)), ("ab", "ab"));
        assert_eq!(Span::new(16, 20).escaped().string(text).as_deref(), Some("\n"));
        assert_eq!(Span::new(4, 5).string(text), None);
        assert_eq!(size_of::<Option<Span>>(), size_of::<u64>());
    }
}
