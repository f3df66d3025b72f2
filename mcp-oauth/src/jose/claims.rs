//! Claims, read strictly (RFC 7519 section 4.1).

use std::time::{Duration, SystemTime};

use serde_json::{Map, Number, Value};

use super::error::TokenError;

/// The last second of the year 9999. What is later is no date that anybody meant.
const LATEST: u64 = 253_402_300_799;

/// The longest `jti` that is taken, in bytes.
const LONGEST_TOKEN_ID: usize = 256;

/// Whole seconds since 1970. A clock that stands before that reads as 0, and then tokens are from the future.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How far the clocks of others may be off, for `exp`, `nbf` and `iat` alike. One minute by default.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// A claims set that claims are taken out of. What is left at the end are the claims that nobody asked for.
#[derive(Debug)]
pub(crate) struct Reader(Map<String, Value>);

impl Reader {
    pub(crate) const fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }

    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.0.remove(name)
    }

    /// A claim that is text, if it is there. `null` is not text.
    pub(crate) fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, TokenError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Claim { name }),
        }
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, TokenError> {
        self.optional_text(name)?.ok_or(TokenError::Claim { name })
    }

    /// A claim that is text, as an identifier of its own type.
    pub(crate) fn parsed<T, E>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, TokenError> {
        parse(&self.text(name)?).map_err(|_| TokenError::Claim { name })
    }

    /// `jti`: 1 to 256 bytes.
    pub(crate) fn token_id(&mut self) -> Result<String, TokenError> {
        let id = self.text("jti")?;
        if is_token_id(&id) { Ok(id) } else { Err(TokenError::Claim { name: "jti" }) }
    }

    /// `aud`: one text, or an array of 1 to 16 texts (RFC 7519 section 4.1.3).
    pub(crate) fn audience(&mut self) -> Result<Vec<String>, TokenError> {
        let malformed = TokenError::Claim { name: "aud" };
        let values = match self.take("aud") {
            Some(Value::String(one)) => return Ok(vec![one]),
            Some(Value::Array(values)) if (1..=16).contains(&values.len()) => values,
            _ => return Err(malformed),
        };
        let text = |value| if let Value::String(text) = value { Some(text) } else { None };
        values.into_iter().map(text).collect::<Option<_>>().ok_or(malformed)
    }

    fn date(&mut self, name: &'static str, rounding: fn(f64) -> f64) -> Result<Option<u64>, TokenError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Number(number)) => whole(&number, rounding).map(Some).ok_or(TokenError::Claim { name }),
            Some(_) => Err(TokenError::Claim { name }),
        }
    }

    /// `exp`, `nbf` and `iat`. A fraction of a second is rounded to the side that shortens the token's life.
    pub(crate) fn times(&mut self) -> Result<Times, TokenError> {
        Ok(Times {
            expires_at: self.date("exp", f64::floor)?.ok_or(TokenError::Claim { name: "exp" })?,
            not_before: self.date("nbf", f64::ceil)?,
            issued_at: self.date("iat", f64::ceil)?,
        })
    }
}

/// Whether a text can be a `jti`.
pub(crate) fn is_token_id(text: &str) -> bool {
    (1..=LONGEST_TOKEN_ID).contains(&text.len())
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, an integer or not, from now until the year 9999.
fn whole(number: &Number, rounding: fn(f64) -> f64) -> Option<u64> {
    let whole = match number.as_u64() {
        Some(whole) => whole,
        None => {
            let rounded = rounding(number.as_f64()?);
            // Seconds up to the year 9999 are exact in an f64. Neither a negative number nor one too large is in here.
            if !(0.0..=LATEST as f64).contains(&rounded) || number.as_f64()? < 0.0 {
                return None;
            }
            rounded as u64
        }
    };
    (whole <= LATEST).then_some(whole)
}

/// The claims that say when a token is valid. `exp` is required, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) expires_at: u64,
    pub(crate) not_before: Option<u64>,
    pub(crate) issued_at: Option<u64>,
}

impl Times {
    /// Judges the times, with `leeway` seconds for clocks that differ.
    pub(crate) fn judge(&self, now: u64, leeway: u64) -> Result<(), TokenError> {
        // RFC 7519 4.1.4: "on or after which the JWT MUST NOT be accepted".
        if now >= self.expires_at.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        let latest = now.saturating_add(leeway);
        // RFC 7519 4.1.5: "before which the JWT MUST NOT be accepted". A token from the future is forged or from a clock
        // that cannot be trusted with `exp` either.
        if self.not_before.is_some_and(|at| at > latest) || self.issued_at.is_some_and(|at| at > latest) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(json: &str) -> Result<Times, TokenError> {
        Reader::new(serde_json::from_str(json).unwrap()).times()
    }

    #[test]
    fn rfc7519_2_dates_are_integers_or_not() {
        let read = times(r#"{"exp":1.9,"nbf":1.1,"iat":1e3}"#).unwrap();
        assert_eq!(read, Times { expires_at: 1, not_before: Some(2), issued_at: Some(1000) });
        assert_eq!(times(r#"{"exp":253402300799}"#).unwrap().expires_at, LATEST);
        for date in [
            "-1",
            "-0.5",
            "-1e-9",
            "253402300800",
            "1e300",
            "18446744073709551615",
            "18446744073709551616",
            "\"1\"",
            "null",
        ] {
            for name in ["exp", "nbf", "iat"] {
                let json = format!(r#"{{"exp":1,"{name}":{date}}}"#);
                assert_eq!(times(&json), Err(TokenError::Claim { name }), "{json}");
            }
        }
        assert_eq!(times("{}"), Err(TokenError::Claim { name: "exp" }));
    }

    #[test]
    fn rfc7519_4_1_4_expiry_is_the_first_moment_that_is_refused() {
        let times = Times { expires_at: 100, not_before: None, issued_at: None };
        assert_eq!(times.judge(99, 0), Ok(()));
        assert_eq!(times.judge(100, 0), Err(TokenError::Expired));
        assert_eq!(times.judge(159, 60), Ok(()));
        assert_eq!(times.judge(160, 60), Err(TokenError::Expired));
    }

    #[test]
    fn rfc7519_4_1_5_nothing_is_from_the_future() {
        for name in [0, 1] {
            let at = |is: i32| (is == name).then_some(200);
            let times = Times { expires_at: 900, not_before: at(0), issued_at: at(1) };
            assert_eq!(times.judge(200, 0), Ok(()));
            assert_eq!(times.judge(199, 0), Err(TokenError::NotYetValid));
            assert_eq!(times.judge(140, 60), Ok(()));
            assert_eq!(times.judge(139, 60), Err(TokenError::NotYetValid));
        }
        let last = Times { expires_at: LATEST, not_before: None, issued_at: None };
        assert_eq!(last.judge(u64::MAX, u64::MAX), Err(TokenError::Expired));
    }

    #[test]
    fn rfc7519_4_1_3_audience_is_text_or_texts() {
        let audience = |json: &str| Reader::new(serde_json::from_str(json).unwrap()).audience();
        assert_eq!(audience(r#"{"aud":"a"}"#).unwrap(), ["a"]);
        assert_eq!(audience(r#"{"aud":["a","b"]}"#).unwrap(), ["a", "b"]);
        for json in
            ["{}", r#"{"aud":null}"#, r#"{"aud":[]}"#, r#"{"aud":["a",1]}"#, r#"{"aud":{"a":1}}"#, r#"{"aud":1}"#]
        {
            assert_eq!(audience(json), Err(TokenError::Claim { name: "aud" }), "{json}");
        }
    }
}
