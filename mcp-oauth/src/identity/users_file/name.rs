//! The names of users.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The name of a user: 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, of which the first is a letter or digit.
///
/// ASCII alone, so that two names that look alike are alike, and no normalisation is needed. No `@`, so that no name
/// is taken for an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// A text that is no name of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a user name has 1 to 64 of the characters a-z, 0-9, '.', '_' and '-', and begins with a letter or digit")]
#[non_exhaustive]
pub struct UserNameError;

impl UserName {
    const LONGEST: usize = 64;

    /// Parses a name.
    ///
    /// # Errors
    ///
    /// When it breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, UserNameError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let named = |byte: u8| plain(byte) || matches!(byte, b'.' | b'_' | b'-');
        let begins = text.bytes().next().is_some_and(plain);
        if !begins || text.len() > Self::LONGEST || !text.bytes().all(named) {
            return Err(UserNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name that somebody typed: telephones begin it with a capital, and put a space after it.
    pub(super) fn from_typed(text: &str) -> Option<Self> {
        let text = text.trim();
        (text.len() <= Self::LONGEST).then(|| text.to_ascii_lowercase()).and_then(|text| Self::parse(&text).ok())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_names() {
        for text in ["ada", "a", "7", "ada.l_1-x", &"a".repeat(64)] {
            assert_eq!(UserName::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "Ada", " ada", "-a", ".a", "a:b", "a@b", "a b", "ä", "a\n", "a\0", "#a", "а", &"a".repeat(65)]
        {
            assert_eq!(UserName::parse(text), Err(UserNameError), "{text:?}");
        }
    }

    #[test]
    fn what_was_typed() {
        assert_eq!(UserName::from_typed(" Ada \t").unwrap().as_str(), "ada");
        // The Kelvin sign is not a k.
        assert_eq!(UserName::from_typed("\u{212a}im"), None);
        assert_eq!(UserName::from_typed(&"a".repeat(100_000)), None);
    }
}
