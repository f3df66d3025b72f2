//! JSON Web Tokens, taken apart and not verified: whoever wrote the token may have written anything into it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// What every report that shows a claim says of it.
pub(crate) const UNVERIFIED: &str = "decoded without verification, do not trust";

/// A token in the compact form (RFC 7515 section 7.1), decoded.
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    /// The protected header.
    pub(crate) header: Map<String, Value>,
    /// The claims (RFC 7519 section 4).
    pub(crate) claims: Map<String, Value>,
    /// The first part as it was sent.
    pub(crate) raw_header: &'a str,
    /// The second part as it was sent.
    pub(crate) raw_claims: &'a str,
    /// The third part as it was sent; empty for a token without a signature.
    pub(crate) signature: &'a str,
}

/// Why a token could not be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJwt {
    /// It has not three parts.
    #[error("a JWT has 3 parts separated by dots, this token has {0}")]
    Parts(usize),
    /// A part is not base64url without padding.
    #[error("the {0} is not base64url")]
    Base64(&'static str),
    /// A part is not a JSON object.
    #[error("the {0} is not a JSON object")]
    Json(&'static str),
}

impl<'a> Jwt<'a> {
    /// Takes a token apart. Its signature is not looked at.
    pub(crate) fn decode(token: &'a str) -> Result<Self, NotJwt> {
        let mut parts = token.split('.');
        let (Some(raw_header), Some(raw_claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotJwt::Parts(token.split('.').count()));
        };
        Ok(Self {
            header: object(raw_header, "header")?,
            claims: object(raw_claims, "payload")?,
            raw_header,
            raw_claims,
            signature,
        })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

/// The text of a part; nothing where it is not the base64url of one.
pub(crate) fn json(part: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn object(part: &str, which: &'static str) -> Result<Map<String, Value>, NotJwt> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| NotJwt::Base64(which))?;
    serde_json::from_slice(&bytes).map_err(|_| NotJwt::Json(which))
}

/// A claim that is a date (RFC 7519 section 2, NumericDate), in whole seconds. A number that no clock reaches is as
/// far away as can be.
pub(crate) fn numeric_date(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        // A cast from a float stops at the ends of the range, and makes nought of what is not a number.
        value.as_f64().map(|seconds| seconds as i64)
    })
}

/// A token in the compact form with these parts, for tests.
#[cfg(test)]
pub(crate) fn compact(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_taken_apart() {
        let token = compact(&json!({"alg": "RS256"}), &json!({"sub": "7"}), "c2ln");
        let jwt = Jwt::decode(&token).unwrap();
        assert_eq!(jwt.header["alg"], "RS256");
        assert_eq!(jwt.text("sub"), Some("7"));
        assert_eq!(jwt.signature, "c2ln");
    }

    #[test]
    fn what_is_no_token_says_why() {
        let base64 = |text: &str| URL_SAFE_NO_PAD.encode(text);
        assert_eq!(Jwt::decode("abc").unwrap_err(), NotJwt::Parts(1));
        assert_eq!(Jwt::decode("a.b.c.d.e").unwrap_err(), NotJwt::Parts(5));
        assert_eq!(Jwt::decode("é.b.c").unwrap_err(), NotJwt::Base64("header"));
        assert_eq!(Jwt::decode(&format!("{}.b.c", base64("[]"))).unwrap_err(), NotJwt::Json("header"));
        assert_eq!(Jwt::decode(&format!("{}.{}.c", base64("{}"), base64("7"))).unwrap_err(), NotJwt::Json("payload"));
        let deep = format!("{}{}", r#"{"a":"#.repeat(5_000), "1");
        assert_eq!(Jwt::decode(&format!("{}.{}.c", base64("{}"), base64(&deep))).unwrap_err(), NotJwt::Json("payload"));
    }

    #[test]
    fn dates_of_any_size_are_read() {
        assert_eq!(numeric_date(&json!(17)), Some(17));
        assert_eq!(numeric_date(&json!(17.9)), Some(17));
        assert_eq!(numeric_date(&json!(1e300)), Some(i64::MAX));
        assert_eq!(numeric_date(&json!(u64::MAX)), Some(i64::MAX));
        assert_eq!(numeric_date(&json!("17")), None);
    }
}
