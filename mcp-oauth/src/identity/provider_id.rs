//! The name of an identity provider, and the subjects that are its own.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use mcp_transport::auth::{IdentifierError, Subject};
use thiserror::Error;

/// The name of an identity provider of this server: 1 to 32 of `a-z`, `0-9` and `-`.
///
/// It stands in cookies, in the addresses of pages and in front of every subject that the provider vouches for. It must
/// not change as long as there are grants: another name makes other people of all its users.
///
/// # Subjects
///
/// A subject is unique over all providers of a server and never given to another person (OpenID Connect Core section 2
/// says the same of `sub`). Each provider has the subjects that begin with its name and a colon
/// ([`subject`](Self::subject)), and the one that is its bare name ([`sole_subject`](Self::sole_subject)). A name has
/// no colon, so no two providers share one. That the part after the colon is never reused is the provider's duty: it is
/// the number of an account where there is one, not a name that people may change and others then take.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(Cow<'static, str>);

/// A text that is no name of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the name of an identity provider has 1 to 32 of the characters a-z, 0-9 and -")]
#[non_exhaustive]
pub struct ProviderIdError;

impl ProviderId {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or holds another character.
    pub fn parse(text: &str) -> Result<Self, ProviderIdError> {
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 32 || !text.bytes().all(named) {
            return Err(ProviderIdError);
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    /// A name that the source spells out.
    pub(super) const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The subject of an account of this provider: `NAME:ACCOUNT`.
    ///
    /// # Errors
    ///
    /// When the account is empty, too long, or holds control characters.
    pub fn subject(&self, account: &str) -> Result<Subject, IdentifierError> {
        if account.is_empty() {
            return Err(IdentifierError::Empty);
        }
        Subject::parse(&format!("{self}:{account}"))
    }

    /// The subject of a provider that knows one person only: its name.
    ///
    /// # Errors
    ///
    /// None that can happen: every name is a subject.
    pub fn sole_subject(&self) -> Result<Subject, IdentifierError> {
        Subject::parse(&self.0)
    }

    /// The account that a subject of this provider names; `None` for subjects of others, and for the sole one.
    #[must_use]
    pub fn account<'a>(&self, subject: &'a Subject) -> Option<&'a str> {
        let account = subject.as_str().strip_prefix(self.as_str())?.strip_prefix(':')?;
        (!account.is_empty()).then_some(account)
    }

    /// Whether the provider may vouch for this subject.
    #[must_use]
    pub fn owns(&self, subject: &Subject) -> bool {
        subject.as_str() == self.as_str() || self.account(subject).is_some()
    }
}

impl FromStr for ProviderId {
    type Err = ProviderIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_names() {
        for text in ["owner", "users", "a", "git-hub-2", &"a".repeat(32)] {
            assert_eq!(ProviderId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "Users", "a:b", "a b", "ä", "a_b", "a\n", &"a".repeat(33)] {
            assert_eq!(ProviderId::parse(text), Err(ProviderIdError), "{text:?}");
        }
    }

    #[test]
    fn no_two_providers_share_a_subject() {
        let (users, other) = (ProviderId::fixed("users"), ProviderId::fixed("users2"));
        for subject in [users.subject("ada").unwrap(), users.sole_subject().unwrap(), users.subject(":").unwrap()] {
            assert!(users.owns(&subject) && !other.owns(&subject), "{}", subject.as_str());
        }
        for text in ["users:", "usersada", "user", "Users:ada", "other:users:ada"] {
            assert!(!users.owns(&Subject::parse(text).unwrap()), "{text}");
        }
        assert_eq!(users.account(&users.subject("ada").unwrap()), Some("ada"));
        assert_eq!(users.account(&users.sole_subject().unwrap()), None);
        assert_eq!(users.subject(""), Err(IdentifierError::Empty));
    }
}
