//! Who is calling.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::hierarchy::ScopeHierarchy;
use super::identifier::{ClientId, Issuer, Subject};
use super::scope::ScopeSet;
use super::text::text_newtype;
use super::verify::Scheme;

/// The claims of a token, when its verifier hands them on.
pub type Claims = Map<String, Value>;

/// The party that a session belongs to: a subject within its issuer.
///
/// Two tokens of one person are one owner; the same subject of two issuers is two. Never compare
/// subjects alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// Who vouches for the subject.
    pub issuer: Issuer,
    /// Who it is, within the issuer.
    pub subject: Subject,
}

impl Owner {
    /// The owner named by both.
    #[must_use]
    pub const fn new(issuer: Issuer, subject: Subject) -> Self {
        Self { issuer, subject }
    }
}

/// Whether a token has been revoked, shared between its verifier and everyone who uses it.
///
/// The verifier keeps one clone and calls [`revoke`](Self::revoke) within five seconds of learning
/// that the token is gone; open streams see it through [`Principal::ended`].
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<AtomicBool>);

impl Liveness {
    /// A token that has not been revoked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks the token revoked, for good.
    pub fn revoke(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the token has been revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Why a principal may no longer act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// Its token's time is over.
    Expired,
    /// Its token has been revoked.
    Revoked,
}

/// A JWK SHA-256 thumbprint (RFC 7638): 43 characters of base64url without padding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JwkThumbprint(Arc<str>);

text_newtype!(JwkThumbprint, ThumbprintError, check_thumbprint);

/// A text that is not the base64url form of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a JWK thumbprint has 43 base64url characters")]
#[non_exhaustive]
pub struct ThumbprintError;

fn check_thumbprint(text: &str) -> Result<(), ThumbprintError> {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.len() == 43 && text.bytes().all(base64url) { Ok(()) } else { Err(ThumbprintError) }
}

impl fmt::Debug for JwkThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwkThumbprint(..)")
    }
}

/// What the caller proved besides holding the token (RFC 7800 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmation {
    /// Possession of the key with this thumbprint (`cnf.jkt`, RFC 9449 section 6.1).
    Dpop(JwkThumbprint),
}

/// A verified caller. Only a [`Verifier`](super::Verifier) makes one.
///
/// Shared as `Arc<Principal>`; the guard puts it into the request's extensions. `Debug` shows
/// neither the subject nor the claims.
pub struct Principal {
    owner: Owner,
    client_id: Option<ClientId>,
    scopes: ScopeSet,
    expires_at: Option<SystemTime>,
    liveness: Liveness,
    confirmation: Option<Confirmation>,
    claims: Option<Arc<Claims>>,
}

impl Principal {
    /// Starts a principal of this issuer and subject, without any scope.
    pub fn builder(issuer: Issuer, subject: Subject) -> PrincipalBuilder {
        PrincipalBuilder {
            principal: Self {
                owner: Owner::new(issuer, subject),
                client_id: None,
                scopes: ScopeSet::EMPTY,
                expires_at: None,
                liveness: Liveness::new(),
                confirmation: None,
                claims: None,
            },
            hierarchy: ScopeHierarchy::flat(),
        }
    }

    /// Who vouches for the caller.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.owner.issuer
    }

    /// Who the caller is, within the issuer.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.owner.subject
    }

    /// What sessions and stored state of this caller belong to. Costs two reference counts.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.owner.clone()
    }

    /// Whether something that belongs to `owner` belongs to this caller. Allocates nothing.
    #[must_use]
    pub fn is(&self, owner: &Owner) -> bool {
        self.owner == *owner
    }

    /// The client that the token was issued to, if the token says so.
    #[must_use]
    pub const fn client_id(&self) -> Option<&ClientId> {
        self.client_id.as_ref()
    }

    /// What the caller may do, with everything that the scope hierarchy implies.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// When the token's time is over; `None` for tokens without an end.
    #[must_use]
    pub const fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// The revocation flag that is shared with the verifier.
    #[must_use]
    pub const fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// What the caller proved besides holding the token.
    #[must_use]
    pub const fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// The token's claims, if the verifier hands them on.
    #[must_use]
    pub fn claims(&self) -> Option<&Arc<Claims>> {
        self.claims.as_ref()
    }

    /// The scheme under which this caller's token has to be presented.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self.confirmation {
            Some(Confirmation::Dpop(_)) => Scheme::Dpop,
            None => Scheme::Bearer,
        }
    }

    /// Whether, and why, the caller may no longer act at `now`.
    ///
    /// Open streams ask this once a second and close when it answers.
    #[must_use]
    pub fn ended(&self, now: SystemTime) -> Option<Ended> {
        if self.liveness.is_revoked() {
            Some(Ended::Revoked)
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Some(Ended::Expired)
        } else {
            None
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("issuer", &self.owner.issuer.as_str())
            .field("client_id", &self.client_id.as_ref().map(ClientId::as_str))
            .field("scopes", &self.scopes)
            .field("expires_at", &self.expires_at)
            .field("revoked", &self.liveness.is_revoked())
            .finish_non_exhaustive()
    }
}

/// Puts a [`Principal`] together.
#[derive(Debug)]
#[must_use = "there is no principal before `build`"]
pub struct PrincipalBuilder {
    principal: Principal,
    hierarchy: ScopeHierarchy,
}

impl PrincipalBuilder {
    /// The client that the token was issued to.
    pub fn client_id(mut self, client_id: ClientId) -> Self {
        self.principal.client_id = Some(client_id);
        self
    }

    /// The scopes that the token grants, as it names them.
    pub fn scopes(mut self, scopes: ScopeSet) -> Self {
        self.principal.scopes = scopes;
        self
    }

    /// What the granted scopes imply. [`build`](Self::build) adds it to them.
    pub fn hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// When the token's time is over: at this instant it no longer serves (RFC 7519 section 4.1.4).
    pub const fn expires_at(mut self, end: SystemTime) -> Self {
        self.principal.expires_at = Some(end);
        self
    }

    /// The flag by which the verifier will revoke this principal.
    pub fn liveness(mut self, liveness: Liveness) -> Self {
        self.principal.liveness = liveness;
        self
    }

    /// What the caller proved besides holding the token.
    pub fn confirmation(mut self, confirmation: Confirmation) -> Self {
        self.principal.confirmation = Some(confirmation);
        self
    }

    /// The token's claims.
    pub fn claims(mut self, claims: Arc<Claims>) -> Self {
        self.principal.claims = Some(claims);
        self
    }

    /// The principal, its scopes expanded by the hierarchy.
    #[must_use]
    pub fn build(mut self) -> Principal {
        self.principal.scopes = self.hierarchy.expand(&self.principal.scopes);
        self.principal
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn builder() -> PrincipalBuilder {
        Principal::builder(Issuer::parse("https://as.example").unwrap(), Subject::parse("ada@example.com").unwrap())
    }

    #[test]
    fn scopes_are_expanded_when_the_principal_is_made() {
        let principal =
            builder().hierarchy("admin implies read".parse().unwrap()).scopes("admin".parse().unwrap()).build();
        assert_eq!(principal.scopes().to_string(), "admin read");
    }

    #[test]
    fn ends_at_its_expiry() {
        // RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let principal = builder().expires_at(end).build();
        assert_eq!(principal.ended(end - Duration::from_nanos(1)), None);
        assert_eq!(principal.ended(end), Some(Ended::Expired));
        assert_eq!(builder().build().ended(end), None);
    }

    #[test]
    fn revocation_reaches_every_holder() {
        let liveness = Liveness::new();
        let held = Arc::new(builder().liveness(liveness.clone()).build());
        let elsewhere = Arc::clone(&held);
        assert_eq!(held.ended(SystemTime::UNIX_EPOCH), None);
        liveness.revoke();
        assert_eq!(elsewhere.ended(SystemTime::UNIX_EPOCH), Some(Ended::Revoked));
    }

    #[test]
    fn attack_077_owner_is_issuer_and_subject_together() {
        let ada = builder().build();
        let same = builder().client_id(ClientId::parse("other").unwrap()).build();
        assert_eq!(ada.owner(), same.owner());
        assert!(ada.is(&same.owner()));
        let elsewhere =
            Principal::builder(Issuer::parse("https://other.example").unwrap(), ada.subject().clone()).build();
        assert_ne!(ada.owner(), elsewhere.owner());
        let bob = Principal::builder(ada.issuer().clone(), Subject::parse("bob").unwrap()).build();
        assert!(!bob.is(&ada.owner()));
    }

    #[test]
    fn owner_survives_a_store() {
        let owner = builder().build().owner();
        let json = serde_json::to_string(&owner).unwrap();
        assert_eq!(serde_json::from_str::<Owner>(&json).unwrap(), owner);
    }

    #[test]
    fn debug_shows_neither_subject_nor_claims() {
        let mut claims = Claims::new();
        claims.insert("email".to_owned(), "ada@example.com".into());
        let principal = builder()
            .claims(Arc::new(claims))
            .confirmation(Confirmation::Dpop(JwkThumbprint::parse(&"k".repeat(43)).unwrap()))
            .build();
        let text = format!("{principal:?} {:?} {:?}", principal.owner(), principal.confirmation());
        assert!(!text.contains("ada"), "{text}");
        assert!(!text.contains("kkk"), "{text}");
    }

    #[test]
    fn thumbprints_are_43_characters() {
        assert!(JwkThumbprint::parse(&"a".repeat(42)).is_err());
        assert!(JwkThumbprint::parse(&"=".repeat(43)).is_err());
    }
}
