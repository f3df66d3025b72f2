//! Policies that look at who somebody is, and at nothing else.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;

use super::policy::{Access, AccessPolicy, Decision, PolicyError, Reason};
use super::provider_id::ProviderId;
use crate::types::Identity;

/// Allows everybody who can sign in everything that they ask for.
///
/// For providers that know only people who may come in, such as [`Owner`](super::Owner) and a file of users.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no state")]
pub struct AllowAll;

#[async_trait]
impl AccessPolicy for AllowAll {
    async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError> {
        Ok(access.allow())
    }
}

const NO_ACCESS: Reason = Reason::fixed("This account has no access to this server.");

/// Allows those on a list everything that they ask for, and others nothing.
///
/// The list has entries between commas, spaces or line ends. Each is one of:
///
/// | entry | admits | case |
/// |---|---|---|
/// | `*` | everybody who can sign in; the log says so | |
/// | with a colon: `github:583231` | the account with this subject | matters |
/// | with an at sign: `ada@example.com` | whoever has this address, verified by their provider | does not matter in ASCII |
/// | any other: `ada` | whoever has this user name, or is the one person of the provider of this name | does not matter in ASCII |
///
/// An empty list admits nobody; the log says that too. Letters beyond ASCII are compared as they are.
///
/// User names belong to a provider: `ada` here and `ada` there may be two people. With more than one provider, say
/// [whose names](Self::names_of) are meant, or write subjects.
///
/// ```
/// use mcp_oauth::identity::AllowUsers;
///
/// let list = AllowUsers::parse("ada, bob@example.com github:583231");
/// assert_eq!(list.len(), 3);
/// assert!(AllowUsers::parse("").is_empty());
/// ```
#[derive(Clone)]
pub struct AllowUsers {
    everybody: bool,
    subjects: BTreeSet<String>,
    /// In lower case.
    addresses: BTreeSet<String>,
    /// In lower case.
    names: BTreeSet<String>,
    names_of: Option<ProviderId>,
}

impl AllowUsers {
    /// Reads a list.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::new(text.split([',', ' ', '\t', '\r', '\n']))
    }

    /// A list of these entries, each trimmed. Empty ones count for nothing.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut list = Self {
            everybody: false,
            subjects: BTreeSet::new(),
            addresses: BTreeSet::new(),
            names: BTreeSet::new(),
            names_of: None,
        };
        for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                list.everybody = true;
            } else if entry.contains(':') {
                list.subjects.insert(entry.to_owned());
            } else if entry.contains('@') {
                list.addresses.insert(entry.to_ascii_lowercase());
            } else {
                list.names.insert(entry.to_ascii_lowercase());
            }
        }
        if list.everybody {
            tracing::warn!("the list of allowed users holds *: everybody who can sign in has access");
        } else if list.is_empty() {
            tracing::warn!("the list of allowed users is empty: nobody has access");
        }
        list
    }

    /// User names on the list are those of this provider only.
    #[must_use]
    pub fn names_of(mut self, provider: ProviderId) -> Self {
        self.names_of = Some(provider);
        self
    }

    /// How many entries there are, `*` included.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.everybody) + self.subjects.len() + self.addresses.len() + self.names.len()
    }

    /// Whether it admits nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it admits this user.
    #[must_use]
    pub fn admits(&self, identity: &Identity) -> bool {
        let on = |set: &BTreeSet<String>, text: &Option<String>| {
            text.as_ref().is_some_and(|text| set.contains(&text.to_ascii_lowercase()))
        };
        let named = self.names_of.as_ref().is_none_or(|provider| provider.as_str() == identity.provider);
        self.everybody
            || self.subjects.contains(identity.subject.as_str())
            // Without a colon it is the sole subject of a provider, such as `owner`: nobody can choose it.
            || self.names.contains(identity.subject.as_str())
            || on(&self.addresses, &identity.email)
            || (named && on(&self.names, &identity.username))
    }
}

impl fmt::Debug for AllowUsers {
    /// Shows how many there are: the rest is about people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllowUsers")
            .field("everybody", &self.everybody)
            .field("entries", &self.len())
            .field("names_of", &self.names_of)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl AccessPolicy for AllowUsers {
    async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError> {
        Ok(if self.admits(access.identity) { access.allow() } else { Decision::Deny(NO_ACCESS) })
    }
}

#[cfg(test)]
mod tests {
    use mcp_transport::auth::{ClientId, ResourceId, Subject};

    use super::*;
    use crate::identity::Occasion;
    use crate::identity::log::logged;
    use crate::types::{Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, Timestamp};

    fn ada() -> Identity {
        let mut ada = Identity::new("github", Subject::parse("github:583231").unwrap());
        ada.username = Some("Ada".to_owned());
        ada.email = Some("Ada@Example.com".to_owned());
        ada
    }

    #[test]
    fn entries_are_trimmed_and_case_is_as_documented() {
        for text in ["ada", " ADA ", "bob,ada", "bob\n\tada\r\n", "ada@example.COM", "github:583231", "*", "bob *"] {
            assert!(AllowUsers::parse(text).admits(&ada()), "{text:?}");
        }
        for text in
            ["", " , ", "ad", "ada1", "a*", "GitHub:583231", "github:58323", "example.com", "@example.com", "**"]
        {
            assert!(!AllowUsers::parse(text).admits(&ada()), "{text:?}");
        }
    }

    #[test]
    fn an_empty_list_admits_nobody() {
        let nobody = Identity::new("users", Subject::parse("users:x").unwrap());
        for list in [AllowUsers::parse(""), AllowUsers::new([]), AllowUsers::new(["", " "])] {
            assert!(list.is_empty() && !list.admits(&ada()) && !list.admits(&nobody));
        }
    }

    #[test]
    fn the_log_says_who_has_access_when_it_is_everybody_or_nobody() {
        assert!(logged(|| drop(AllowUsers::parse("ada *"))).contains("everybody who can sign in has access"));
        assert!(logged(|| drop(AllowUsers::parse(""))).contains("nobody has access"));
        assert_eq!(logged(|| drop(AllowUsers::parse("ada"))), "");
    }

    #[test]
    fn a_user_name_is_not_a_subject_or_an_address() {
        // Whoever may choose their own name must not get in by calling themselves like somebody else's subject.
        let mut mallory = Identity::new("github", Subject::parse("github:1").unwrap());
        mallory.username = Some("users:ada".to_owned());
        assert!(!AllowUsers::parse("users:ada").admits(&mallory));
        mallory.username = Some("ada@example.com".to_owned());
        assert!(!AllowUsers::parse("ada@example.com").admits(&mallory));
        mallory.username = Some("*".to_owned());
        assert!(!AllowUsers::parse("ada").admits(&mallory));
    }

    #[test]
    fn names_may_be_those_of_one_provider() {
        let list = AllowUsers::parse("ada").names_of(ProviderId::parse("users").unwrap());
        assert!(!list.admits(&ada()));
        let owner = Identity::new("owner", Subject::parse("owner").unwrap());
        assert!(AllowUsers::parse("Owner").names_of(ProviderId::parse("users").unwrap()).admits(&owner));
        assert!(!list.admits(&owner));
        let mut local = Identity::new("users", Subject::parse("users:ada").unwrap());
        local.username = Some("ada".to_owned());
        assert!(list.admits(&local));
    }

    #[tokio::test]
    async fn attack_053_asked_at_every_occasion() {
        let metadata = ClientMetadata::new(ClientAuthMethod::None, Vec::new());
        let now = Timestamp::from_secs(1);
        let client = Client::new(ClientId::parse("c").unwrap(), ClientSource::Registered, metadata, now);
        let client = ClientSnapshot::of(&client);
        let (resource, scopes) = (ResourceId::parse("https://h.example/mcp").unwrap(), "a b".parse().unwrap());
        let ada = ada();
        for at in [Occasion::Consent, Occasion::Refresh, Occasion::Device, Occasion::Grant] {
            let access = Access::new(&ada, &client, &resource, &scopes, at, now);
            let denied = AllowUsers::parse("bob").decide(&access).await.unwrap();
            assert_eq!(denied, Decision::Deny(NO_ACCESS));
            for policy in [&AllowAll as &dyn AccessPolicy, &AllowUsers::parse("ada")] {
                let Decision::Allow(allowed) = policy.decide(&access).await.unwrap() else { panic!("{policy:?}") };
                assert_eq!(allowed.within(&scopes).0, scopes);
            }
        }
    }

    #[test]
    fn debug_names_nobody() {
        assert!(!format!("{:?}", AllowUsers::parse("ada")).contains("ada"));
    }
}
