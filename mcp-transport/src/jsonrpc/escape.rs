//! The escapes of JSON strings (RFC 8259 section 7).

use std::borrow::Cow;

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
pub(super) fn chars(inside: &str) -> impl Iterator<Item = char> {
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
