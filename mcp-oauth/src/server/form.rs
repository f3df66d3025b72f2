//! Parameters of a request: a query or a form body, read strictly (RFC 6749 sections 3.1 and 3.2).

use mcp_transport::uri::{Octet, octets};
use thiserror::Error;
use zeroize::Zeroizing;

/// How many parameters a request may have.
const MOST: usize = 64;

/// The only parameter that may be repeated (RFC 8707 section 2).
const REPEATABLE: &str = "resource";

/// The parameters of a request.
///
/// A parameter without a value counts as absent, an unknown one is ignored, and one that is there twice is an error
/// (RFC 6749 section 3.1), except `resource`. Values are cleared from memory when the form goes away, because some are
/// secrets.
pub struct Form(Vec<(String, Zeroizing<String>)>);

/// Why parameters cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormError {
    /// More than anybody needs.
    #[error("the request has too many parameters")]
    TooMany,
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("a parameter is not well-formed")]
    Encoding,
    /// A parameter is there twice.
    #[error("a parameter is there more than once")]
    Repeated(Repeated),
}

/// Which parameter is there twice, as far as it matters where the error may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeated {
    /// `client_id` or `redirect_uri`: nobody can be redirected.
    Target,
    /// Another one.
    Other,
}

impl Form {
    /// Reads `name=value` pairs in the form of `application/x-www-form-urlencoded`.
    ///
    /// Repetition is reported by [`check`](Self::check), because an authorization request may still be answered by a
    /// redirect then.
    ///
    /// # Errors
    ///
    /// When there are too many parameters, or one is not well-formed.
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        let mut parameters = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == MOST {
                return Err(FormError::TooMany);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = Zeroizing::new(decode(halves.next().unwrap_or_default())?);
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// Whether no parameter is there twice.
    ///
    /// # Errors
    ///
    /// Tells whether it is one of those that say where errors go.
    pub fn check(&self) -> Result<(), FormError> {
        let mut found = None;
        for (index, (name, _)) in self.0.iter().enumerate() {
            let repeated = self.0.iter().skip(index + 1).any(|(other, _)| other == name);
            if repeated && name != REPEATABLE {
                if matches!(name.as_str(), "client_id" | "redirect_uri") {
                    return Err(FormError::Repeated(Repeated::Target));
                }
                found = Some(FormError::Repeated(Repeated::Other));
            }
        }
        found.map_or(Ok(()), Err)
    }

    /// The value of a parameter; `None` where it is absent or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Form {
    /// Shows names only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Undoes the encoding of one name or value. Strict where libraries guess: a broken escape is an error.
pub(crate) fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for octet in octets(text) {
        bytes.push(match octet {
            Octet::Plain(b'+') => b' ',
            Octet::Plain(byte) | Octet::Escaped(byte) => byte,
            Octet::Broken => return Err(FormError::Encoding),
        });
    }
    // Moved and not copied, so that there is one text to be cleared and not two.
    String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        FormError::Encoding
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn decodes_as_browsers_encode() {
        let form = form("a=b+c%20d%2B&&%6e=%C3%A4&empty=&flag&x=1=2");
        assert_eq!(form.get("a"), Some("b c d+"));
        assert_eq!(form.get("n"), Some("ä"));
        assert_eq!(form.get("x"), Some("1=2"));
        // RFC 6749 section 3.1: "Parameters sent without a value MUST be treated as if they were omitted".
        assert_eq!((form.get("empty"), form.get("flag"), form.get("other")), (None, None, None));
    }

    #[test]
    fn attack_007_a_parameter_twice() {
        assert_eq!(form("state=a&state=b").check(), Err(FormError::Repeated(Repeated::Other)));
        assert_eq!(form("state=a&state=").check(), Err(FormError::Repeated(Repeated::Other)));
        assert_eq!(form("x=1&x=1&client_id=a&client_id=a").check(), Err(FormError::Repeated(Repeated::Target)));
        assert_eq!(form("redirect_uri=a&redirect%5Furi=b").check(), Err(FormError::Repeated(Repeated::Target)));
        let several = form("resource=a&resource=b&state=x");
        assert_eq!(several.check(), Ok(()));
        assert_eq!(several.all("resource").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn broken_encoding_is_refused() {
        for text in ["a=%", "a=%2", "a=%zz", "%=b", "a=%ff", "a=%c3"] {
            assert_eq!(Form::parse(text.as_bytes()).unwrap_err(), FormError::Encoding, "{text}");
        }
        assert_eq!(Form::parse(b"a=\xff").unwrap_err(), FormError::Encoding);
        assert_eq!(Form::parse(&b"a=b&".repeat(65)).unwrap_err(), FormError::TooMany);
    }

    #[test]
    fn debug_shows_names_only() {
        assert_eq!(format!("{:?}", form("client_secret=hunter2")), r#"["client_secret"]"#);
    }
}
