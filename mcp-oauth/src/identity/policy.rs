//! The seam behind which it is decided who may have what.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use mcp_transport::auth::{ResourceId, ScopeSet};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::store::BoxError;
use crate::types::{ClientSnapshot, Identity, RedirectUri, Timestamp};

/// When a policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Occasion {
    /// Before the user is asked for consent to an authorization request.
    Consent,
    /// Before a refresh token is replaced: what was allowed once may not be any more.
    Refresh,
    /// Before the user is asked for consent to what a device wants (RFC 8628).
    Device,
    /// Before a grant of an embedder's own (`GrantHandler`, feature `server`) gives a client something in a user's
    /// name, without a page.
    Grant,
}

/// Who wants what.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Access<'a> {
    /// The user, as their provider knows them now.
    pub identity: &'a Identity,
    /// The client. What it calls itself is a claim, and decides nothing.
    pub client: &'a ClientSnapshot,
    /// Where the browser is sent back to; `None` where there is no browser, and at refresh.
    pub redirect: Option<&'a RedirectUri>,
    /// The resource.
    pub resource: &'a ResourceId,
    /// The scopes: those that are asked for, at refresh those that the grant has.
    pub scopes: &'a ScopeSet,
    /// When.
    pub at: Occasion,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Access<'a> {
    /// This user wants this with this client.
    #[must_use]
    pub const fn new(
        identity: &'a Identity,
        client: &'a ClientSnapshot,
        resource: &'a ResourceId,
        scopes: &'a ScopeSet,
        at: Occasion,
        now: Timestamp,
    ) -> Self {
        Self { identity, client, redirect: None, resource, scopes, at, now }
    }

    /// Where the browser is sent back to.
    #[must_use]
    pub const fn redirect(mut self, redirect: &'a RedirectUri) -> Self {
        self.redirect = Some(redirect);
        self
    }

    /// Everything that is asked for.
    #[must_use]
    pub fn allow(&self) -> Decision {
        Decision::Allow(Allowed::new(self.scopes.clone()))
    }
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Yes, to this much.
    Allow(Allowed),
    /// No. At refresh this ends the grant.
    Deny(Reason),
}

/// What is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    scopes: ScopeSet,
    claims: Map<String, Value>,
}

impl Allowed {
    /// The most claims that a policy may add.
    pub const MOST_CLAIMS: usize = 32;
    /// The most bytes that they may have together, names included, as JSON.
    pub const MOST_BYTES: usize = 4096;

    /// These scopes, and no further claims. A policy takes away; what is more than was asked for is not granted.
    #[must_use]
    pub fn new(scopes: ScopeSet) -> Self {
        Self { scopes, claims: Map::new() }
    }

    /// With one more claim in the access tokens. The one of the same name is replaced.
    ///
    /// # Errors
    ///
    /// When the name is one that the server itself gives, or when it gets too much.
    pub fn claim(mut self, name: &str, value: Value) -> Result<Self, ClaimError> {
        if name.is_empty() || RESERVED_CLAIMS.contains(&name) {
            return Err(ClaimError::Reserved);
        }
        self.claims.insert(name.to_owned(), value);
        // Display of a JSON value is its compact form.
        let bytes: usize = self.claims.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
        if self.claims.len() > Self::MOST_CLAIMS || bytes > Self::MOST_BYTES {
            return Err(ClaimError::Much);
        }
        Ok(self)
    }

    /// The scopes.
    #[must_use]
    pub const fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// Further claims of the access tokens.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// What of this was asked for: the scopes that are in both, and the claims.
    #[must_use]
    pub fn within(self, asked: &ScopeSet) -> (ScopeSet, Map<String, Value>) {
        let scopes = self.scopes.iter().filter(|scope| asked.contains(scope.as_str())).cloned().collect();
        (scopes, self.claims)
    }
}

/// Claims whose meaning is fixed, and whose value is not a policy's to say (RFC 7519 section 4.1, RFC 9068 section 2.2,
/// RFC 7800, RFC 8693 section 4; `gid` and `gen` are our own).
const RESERVED_CLAIMS: &[&str] = &[
    "act",
    "acr",
    "amr",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "cnf",
    "exp",
    "gen",
    "gid",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "nonce",
    "scope",
    "sid",
    "sub",
];

/// Why a claim cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// The server gives it.
    #[error("an access policy cannot give a claim of this name")]
    Reserved,
    /// Too many, or too long.
    #[error("an access policy gives more claims than fit into a token")]
    Much,
}

/// Why somebody has no access, as they may read it: at most 200 characters, without controls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    const LONGEST: usize = 200;

    /// A sentence that the source spells out.
    #[must_use]
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A sentence made elsewhere. What is too long is cut off, controls are left out.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|character| !character.is_control()).take(Self::LONGEST).collect())
    }

    /// The sentence.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A policy cannot tell.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// What it asks is not there. Nothing is granted, and no grant ends because of it.
    #[error("the access policy cannot tell")]
    Unavailable(#[source] BoxError),
}

/// Decides what a user may have.
///
/// It is asked after the user has signed in and before they are asked for consent, and again at each refresh:
/// [`Occasion`].
///
/// ```
/// use async_trait::async_trait;
/// use mcp_oauth::identity::{Access, AccessPolicy, Decision, PolicyError, Reason};
///
/// /// Members of the group `staff`.
/// #[derive(Debug)]
/// struct Staff;
///
/// #[async_trait]
/// impl AccessPolicy for Staff {
///     async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError> {
///         if access.identity.groups.iter().any(|group| group == "staff") {
///             Ok(access.allow())
///         } else {
///             Ok(Decision::Deny(Reason::fixed("Only staff have access here.")))
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait AccessPolicy: Send + Sync + fmt::Debug + 'static {
    /// Decides.
    ///
    /// # Errors
    ///
    /// When it cannot tell. Callers answer that it may pass, and neither grant nor end anything.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scopes(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn a_policy_takes_away_and_never_adds() {
        let allowed = Allowed::new(scopes("a b admin")).claim("team", json!("x")).unwrap();
        let (granted, claims) = allowed.within(&scopes("a b c"));
        assert_eq!(granted, scopes("a b"));
        assert_eq!(claims.get("team"), Some(&json!("x")));
    }

    #[test]
    fn a_policy_cannot_speak_for_the_server() {
        for name in RESERVED_CLAIMS.iter().chain(&[""]) {
            assert_eq!(Allowed::new(ScopeSet::EMPTY).claim(name, json!(1)), Err(ClaimError::Reserved), "{name}");
        }
    }

    #[test]
    fn claims_are_bounded() {
        let mut allowed = Allowed::new(ScopeSet::EMPTY);
        for number in 0..Allowed::MOST_CLAIMS {
            allowed = allowed.claim(&format!("c{number}"), json!(number)).unwrap();
        }
        assert!(allowed.clone().claim("c0", json!("again")).is_ok());
        assert_eq!(allowed.claim("more", json!(1)), Err(ClaimError::Much));
        let long = json!("x".repeat(Allowed::MOST_BYTES));
        assert_eq!(Allowed::new(ScopeSet::EMPTY).claim("c", long), Err(ClaimError::Much));
    }

    #[test]
    fn reasons_are_bounded() {
        assert_eq!(Reason::new("no\r\nway").as_str(), "noway");
        assert_eq!(Reason::new(&"x".repeat(10_000)).as_str().len(), 200);
    }
}
