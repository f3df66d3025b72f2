//! A grant: what one user allowed one client to do with one resource.

use mcp_transport::auth::{JwkThumbprint, ResourceId, ScopeSet, Subject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::ClientSnapshot;
use super::{Digest, GrantId, RedirectUri, Timestamp};

/// Who the user is, as an identity provider says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// The id of the provider that vouches.
    pub provider: String,
    /// Who it is. Unique over all providers of this server, and never given to another person.
    pub subject: Subject,
    /// What the person calls themselves there: the name of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The person's address, verified by the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Groups, organisations and teams, as the provider names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What the person signs in with now, as a digest that tells it from what they had before: when a provider gives another
    /// one, sessions that began with the old one are over. `None` where there is no such thing. It is kept nowhere else.
    #[serde(skip)]
    pub credential: Option<Digest>,
}

impl Identity {
    /// A person of whom only the subject is known.
    #[must_use]
    pub fn new(provider: &str, subject: Subject) -> Self {
        Self {
            provider: provider.to_owned(),
            subject,
            username: None,
            name: None,
            email: None,
            groups: Vec::new(),
            credential: None,
        }
    }

    /// What pages call the person.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.username.as_deref().or(self.name.as_deref()).unwrap_or_else(|| self.subject.as_str())
    }
}

impl std::fmt::Debug for Identity {
    /// Shows the provider alone: the rest is about a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// What a grant is, from its birth at the user's consent to its end. Nothing in it changes.
///
/// Its salt is worth nothing without the [`RefreshKey`](super::token::RefreshKey) that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Grant {
    /// Its name.
    pub id: GrantId,
    /// The client, as the user saw it.
    pub client: ClientSnapshot,
    /// The user.
    pub identity: Identity,
    /// The one resource that its tokens are for (RFC 8707).
    pub resource: ResourceId,
    /// What the user allowed.
    pub scopes: ScopeSet,
    /// Further claims of its access tokens, from the access policy.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// Whether it has refresh tokens.
    pub refreshable: bool,
    /// What its refresh tokens are made of.
    pub salt: Digest,
    /// The id of the key that they are made with.
    pub refresh_key: String,
    /// When the user signed in (`auth_time`, RFC 9068 section 2.2.1).
    pub authenticated_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, whatever is done with it.
    pub expires_at: Timestamp,
}

/// The authorization code of a new grant, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CodeRecord {
    /// The digest of the code.
    pub digest: Digest,
    /// When it is over (RFC 6749 section 4.1.2: ten minutes at most; ours live 60 seconds).
    pub expires_at: Timestamp,
    /// Where it was sent.
    pub redirect_uri: RedirectUri,
    /// Whether the authorization request left that out, so that the token request need not name it either (RFC 6749
    /// section 4.1.3).
    #[serde(default)]
    pub redirect_implied: bool,
    /// The S256 challenge (RFC 7636 section 4.2).
    pub challenge: Digest,
    /// The key that the authorization request has named (`dpop_jkt`, RFC 9449 section 10): who redeems the code has to prove
    /// it, where proofs are judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<JwkThumbprint>,
}

impl CodeRecord {
    /// A code that has not been used.
    #[must_use]
    pub const fn new(digest: Digest, expires_at: Timestamp, redirect_uri: RedirectUri, challenge: Digest) -> Self {
        Self { digest, expires_at, redirect_uri, redirect_implied: false, challenge, dpop_jkt: None }
    }

    /// The same for an authorization request that named no redirect URI.
    #[must_use]
    pub const fn implied(mut self) -> Self {
        self.redirect_implied = true;
        self
    }

    /// The same for an authorization request that named a key, if this one did.
    #[must_use]
    pub fn bound_to(mut self, key: Option<JwkThumbprint>) -> Self {
        self.dpop_jkt = key;
        self
    }
}

/// Why a grant has ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// Its code was used twice (RFC 6749 section 4.1.2).
    CodeReplayed,
    /// A refresh token was used again after its time (RFC 9700 section 4.14.2).
    RefreshReused,
    /// The client revoked a token of it (RFC 7009).
    Revoked,
    /// The client is gone (RFC 7592 section 2.3).
    ClientDeleted,
    /// The user, or an administrator, took it back.
    Withdrawn,
    /// The access policy no longer allows it.
    Denied,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::CodeReplayed, Self::RefreshReused, Self::Revoked, Self::ClientDeleted, Self::Withdrawn, Self::Denied];

    /// Its name, as it is kept and in the labels of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodeReplayed => "code_replayed",
            Self::RefreshReused => "refresh_reused",
            Self::Revoked => "revoked",
            Self::ClientDeleted => "client_deleted",
            Self::Withdrawn => "withdrawn",
            Self::Denied => "denied",
        }
    }
}

/// A grant and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantView {
    /// What it is.
    pub grant: Grant,
    /// Its code, as long as it is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeRecord>,
    /// Whether the code has been redeemed.
    #[serde(default)]
    pub redeemed: bool,
    /// Why it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndReason>,
    /// The generation of its refresh token. The first is 1; 0 before its code is redeemed.
    pub generation: u32,
    /// When that generation was made.
    pub rotated_at: Timestamp,
    /// How often that generation was handed out again to whoever had the one before.
    pub replays: u32,
    /// When it is over if nobody refreshes before; at most [`Grant::expires_at`]. While its code waits to be redeemed, it is
    /// over with that: [`over_at`](Self::over_at).
    pub idle_until: Timestamp,
}

impl GrantView {
    /// When it is over, and may be forgotten, if nothing is done with it. One whose code nobody has redeemed is nothing yet:
    /// it is over with its code.
    #[must_use]
    pub const fn over_at(&self) -> Timestamp {
        match &self.code {
            Some(code) if !self.redeemed && code.expires_at.is_over(self.idle_until) => code.expires_at,
            _ => self.idle_until,
        }
    }

    /// Whether its tokens are good at `now`, or its code.
    #[must_use]
    pub const fn is_live(&self, now: Timestamp) -> bool {
        self.is_open(now) && !self.over_at().is_over(now)
    }

    /// Whether there is something to end at `now`. A code that is over here may not be for a node whose clock is behind.
    pub(crate) const fn is_open(&self, now: Timestamp) -> bool {
        self.ended.is_none() && !self.idle_until.is_over(now) && !self.grant.expires_at.is_over(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_the_name_that_it_is_kept_under() {
        for reason in EndReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
