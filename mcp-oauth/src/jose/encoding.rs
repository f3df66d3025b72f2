//! Base64url and JSON, read strictly.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use mcp_transport::jsonrpc::{Limits, Raw};
use serde_json::{Map, Value};

/// Base64url without padding (RFC 7515 section 2). Its decoder refuses padding, white space, and bits at the end that no
/// byte uses (RFC 4648 section 3.5), so that bytes have one text.
pub(crate) const BASE64URL: GeneralPurpose = URL_SAFE_NO_PAD;

/// How deep the JSON of a header, a claims set or a key may be nested. RFC 7517 and RFC 9068 need three levels.
const DEPTH: u16 = 16;

/// The bytes behind base64url text, if they are no more than `limit`.
pub(crate) fn decode(text: &str, limit: usize) -> Option<Vec<u8>> {
    // Four characters hold three bytes. Too long a text is not decoded only to be thrown away.
    if text.len() > limit.saturating_mul(4).div_ceil(3) {
        return None;
    }
    BASE64URL.decode(text).ok()
}

/// Base64url text of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL.encode(bytes)
}

/// Exactly one JSON object: UTF-8, well-formed, not too deep, and without a member that is named twice at any level
/// (RFC 7515 section 4, RFC 7519 section 4: "the Header Parameter names .. MUST be unique").
pub(crate) fn object(bytes: impl Into<Bytes>) -> Option<Map<String, Value>> {
    let bytes = bytes.into();
    let mut limits = Limits::default();
    limits.bytes = bytes.len();
    limits.depth = DEPTH;
    let raw = Raw::parse_within(bytes, &limits).ok()?;
    serde_json::from_str(raw.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7515_2_base64url_is_canonical() {
        assert_eq!(decode("AQ", 8), Some(vec![1]));
        // RFC 4648 3.5: the same byte, with bits set that no byte uses.
        for text in ["AR", "AQ==", "AQ=", "A Q", "AQ\n", "+/", "A", "AQE="] {
            assert_eq!(decode(text, 8), None, "{text:?}");
        }
        assert_eq!(decode("AQEBAQ", 3), None);
        assert_eq!(decode("AQEB", 3), Some(vec![1, 1, 1]));
    }

    #[test]
    fn objects_name_each_member_once() {
        assert!(object(r#" {"a":{"b":[1]}} "#).is_some());
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1,"b":1}]}"#,
            "[]",
            "\"a\"",
            "{}{}",
            "{}x",
            "null",
            "<html>",
            "\u{feff}{}",
            "",
            r#"{"a":1e999}"#,
            r#"{"a":NaN}"#,
            r#"{"a":"\ud800"}"#,
        ] {
            assert!(object(text).is_none(), "{text}");
        }
        assert!(object(b"{\"a\":\"\xff\"}".to_vec()).is_none());
        assert!(object(b"\xff\xfe{\0}\0".to_vec()).is_none());
    }

    #[test]
    fn objects_are_not_deep() {
        let nested = |levels| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(object(nested(15)).is_some());
        assert!(object(nested(16)).is_none());
        assert!(object(nested(100_000)).is_none());
    }
}
