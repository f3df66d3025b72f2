//! Values that mirror a part of the body: `Mcp-Name` and `Mcp-Param-*` (2026-07-28, transports, "Value Encoding").

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;

use super::syntax::trim_ows;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// A mirrored header value that no conforming client sends; the server answers `HeaderMismatch` (-32020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// A byte other than visible ASCII, space and tab (RFC 9110 section 5.5).
    #[error("the value holds a byte that is not visible ASCII, space or tab")]
    Character,
    /// What stands between `=?base64?` and `?=` is not Base64 with its padding, or the two markers overlap.
    #[error("the value is marked as Base64 and is not")]
    Base64,
    /// The decoded bytes are not UTF-8.
    #[error("the decoded value is not UTF-8")]
    Utf8,
}

/// The text of a mirrored value that is never encoded: `MCP-Protocol-Version` and `Mcp-Method`.
///
/// # Errors
///
/// [`InvalidHeader::Character`].
pub(in crate::http) fn plain(value: &HeaderValue) -> Result<&str, InvalidHeader> {
    let bytes = trim_ows(value.as_bytes());
    if !bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return Err(InvalidHeader::Character);
    }
    std::str::from_utf8(bytes).map_err(|_| InvalidHeader::Character)
}

/// What a mirrored value stands for: the text itself, or the text inside `=?base64?..?=`.
///
/// Nothing is copied unless the value is encoded. The markers are case-sensitive, and a value with only one of
/// them is plain text. The decoding is strict (standard alphabet, full padding, no stray bits), so that
/// everyone who reads the header reads the same.
///
/// # Errors
///
/// [`InvalidHeader`] says which rule the value breaks.
pub fn decode_mirrored(value: &HeaderValue) -> Result<Cow<'_, str>, InvalidHeader> {
    let text = plain(value)?;
    if !looks_encoded(text) {
        return Ok(Cow::Borrowed(text));
    }
    // `=?base64?=` has both markers and nothing between them; readers would differ about it.
    let inner = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)).ok_or(InvalidHeader::Base64)?;
    let decoded = STANDARD.decode(inner).map_err(|_| InvalidHeader::Base64)?;
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| InvalidHeader::Utf8)
}

/// The header value for a text, as a client sends it: plain where that is safe, else in Base64.
///
/// Encoded are texts with anything but visible ASCII, space and tab, texts with white space at either end, and
/// texts that look encoded already.
#[must_use]
pub fn encode_mirrored(text: &str) -> HeaderValue {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
        && trim_ows(text.as_bytes()).len() == text.len()
        && !looks_encoded(text);
    if plain && let Ok(value) = HeaderValue::from_str(text) {
        return value;
    }
    let mut encoded = String::with_capacity(PREFIX.len() + SUFFIX.len() + text.len().div_ceil(3) * 4);
    encoded.push_str(PREFIX);
    STANDARD.encode_string(text, &mut encoded);
    encoded.push_str(SUFFIX);
    HeaderValue::try_from(encoded).expect("the markers and the Base64 alphabet are visible ASCII")
}

fn looks_encoded(text: &str) -> bool {
    text.starts_with(PREFIX) && text.ends_with(SUFFIX)
}

/// Whether a decoded `Mcp-Param-*` value says the same as the parameter in the body.
///
/// `raw_json` is the parameter's JSON text, one well-formed value without white space around it; its first
/// byte tells its kind. Strings are compared exactly, after unescaping. Integers are compared as numbers, as
/// the specification advises (`42.0` equals `42`), and only within JavaScript's safe range, to which the
/// specification confines them. Booleans are `true` or `false`. Nothing else may be mirrored, so `null`,
/// a fraction, an array or an object never matches. Nothing is allocated.
#[must_use]
pub fn mirrored_matches(header: &str, raw_json: &str) -> bool {
    match raw_json.as_bytes() {
        [b'"', .., b'"'] => raw_json
            .get(1..raw_json.len() - 1)
            .is_some_and(|inner| if inner.contains('\\') { unescaped_eq(inner, header) } else { inner == header }),
        [b't' | b'f', ..] => matches!(raw_json, "true" | "false") && header == raw_json,
        [b'-' | b'0'..=b'9', ..] => safe_integer(raw_json).is_some_and(|body| safe_integer(header) == Some(body)),
        _ => false,
    }
}

/// Compares the inside of a JSON string with a text, unescaping on the way (RFC 8259 section 7).
fn unescaped_eq(inner: &str, text: &str) -> bool {
    let (mut inner, mut text) = (inner.chars(), text.chars());
    loop {
        let expected = match inner.next() {
            None => return text.next().is_none(),
            Some('\\') => match unescape(&mut inner) {
                Some(character) => character,
                None => return false,
            },
            Some(character) => character,
        };
        if text.next() != Some(expected) {
            return false;
        }
    }
}

/// The character of an escape whose backslash has been read; nothing for half a surrogate pair.
fn unescape(rest: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        plain @ ('"' | '\\' | '/') => plain,
        'u' => {
            let first = hex4(rest)?;
            if !(0xD800..0xE000).contains(&first) {
                return char::from_u32(first);
            }
            if rest.next()? != '\\' || rest.next()? != 'u' {
                return None;
            }
            let second = hex4(rest)?;
            char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?.ok()?
        }
        _ => return None,
    })
}

fn hex4(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value * 16 + rest.next()?.to_digit(16)?))
}

/// 2^53 - 1: beyond it JavaScript cannot tell neighbours apart.
const MAX_SAFE: i64 = (1 << 53) - 1;

/// The whole number that a JSON number stands for, exactly, whatever its spelling; nothing if it is not a
/// JSON number (RFC 8259 section 6), not whole, or out of the safe range.
fn safe_integer(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) || !digits().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    // The value is all digits in a row, times ten to the power of `scale`, less the noughts at their end.
    let zeros = digits().rev().take_while(|digit| *digit == b'0').count();
    let significant = whole.len() + fraction.len() - zeros;
    let scale = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(i64::try_from(zeros).ok()?)?;
    let mut value = 0_i64;
    for digit in digits().take(significant) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
    }
    if value == 0 {
        return Some(0);
    }
    if scale < 0 {
        return None;
    }
    let value = value.checked_mul(10_i64.checked_pow(u32::try_from(scale).ok()?)?)?;
    (value <= MAX_SAFE).then_some(if negative { -value } else { value })
}

/// The exponent as a number. One too long for its type is cut to a size that no digits can make up for.
fn exponent_of(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0_i64, |size, digit| (size * 10 + i64::from(digit - b'0')).min(1 << 40));
    Some(if negative { -size } else { size })
}
