//! The text of a URI (RFC 3986), read and never written anew: its characters and its percent escapes.
//!
//! ```
//! use mcp_transport::uri::{Octet, is_uri_text, octets};
//!
//! assert!(is_uri_text("https://h/a%2Fb?k=v") && !is_uri_text("https://h/a b") && !is_uri_text("https://h/%2"));
//! let read: Vec<_> = octets(b"a%2F%").collect();
//! assert_eq!(read, [Octet::Plain(b'a'), Octet::Escaped(b'/'), Octet::Broken]);
//! ```

/// One byte of a text in which bytes can be escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a byte is escaped, or not, or its escape is no good")]
pub enum Octet {
    /// It stands there as it is.
    Plain(u8),
    /// A percent escape stands for it (RFC 3986 section 2.1).
    Escaped(u8),
    /// A percent sign without two hexadecimal digits behind it. What follows is read on its own.
    Broken,
}

/// Reads a text byte by byte, with its percent escapes resolved. What a broken one means, and a `+`, is the caller's to say.
pub fn octets(text: &[u8]) -> impl Iterator<Item = Octet> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (&byte, tail) = rest.split_first()?;
        rest = tail;
        if byte != b'%' {
            return Some(Octet::Plain(byte));
        }
        let escaped = match tail {
            [high, low, after @ ..] => hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let Some((byte, after)) = escaped else { return Some(Octet::Broken) };
        rest = after;
        Some(Octet::Escaped(byte))
    })
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether a text holds nothing but what a URI holds before its fragment (RFC 3986 section 2): reserved and unreserved
/// characters without `#`, and percent escapes that are none but well-formed ones.
#[must_use]
pub fn is_uri_text(text: &str) -> bool {
    octets(text.as_bytes()).all(|octet| match octet {
        Octet::Plain(byte) => byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&byte),
        Octet::Escaped(_) => true,
        Octet::Broken => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3986_2_1_escapes() {
        use Octet::{Broken, Escaped, Plain};
        for byte in 0..=u8::MAX {
            for text in [format!("%{byte:02x}"), format!("%{byte:02X}")] {
                assert_eq!(octets(text.as_bytes()).collect::<Vec<_>>(), [Escaped(byte)], "{text}");
            }
        }
        for (text, read) in [
            (&b""[..], &[][..]),
            (b"%", &[Broken]),
            (b"%4", &[Broken, Plain(b'4')]),
            (b"%%41", &[Broken, Escaped(b'A')]),
            (b"%4g", &[Broken, Plain(b'4'), Plain(b'g')]),
            (b"%+1", &[Broken, Plain(b'+'), Plain(b'1')]),
            (b"%2541", &[Escaped(b'%'), Plain(b'4'), Plain(b'1')]),
            (b"\xff+", &[Plain(0xff), Plain(b'+')]),
        ] {
            assert_eq!(octets(text).collect::<Vec<_>>(), read, "{text:?}");
        }
    }

    #[test]
    fn rfc3986_2_2_and_2_3_characters() {
        for byte in 0..0x80_u8 {
            let text = char::from(byte).to_string();
            let expected = byte.is_ascii_graphic() && !b"\"#%<>\\^`{|}".contains(&byte);
            assert_eq!(is_uri_text(&text), expected, "{text:?}");
        }
        assert!(is_uri_text("") && is_uri_text("%00") && !is_uri_text("\u{e4}") && !is_uri_text("%zz"));
    }
}
