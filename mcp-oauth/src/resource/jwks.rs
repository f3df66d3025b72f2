//! A verifier of JWTs whose issuer is elsewhere.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use mcp_transport::auth::{Presented, Principal, Rejection, ResourceId, ScopeHierarchy, Verifier};

use super::cached::Cached;
use super::introspector::{Introspector, Told};
use super::judge::{Judge, Judged, Standing};
use super::jwt::{self, KeyUsed};
use super::options::VerifierOptions;
use super::remote_issuer::RemoteIssuer;
use crate::jose::TokenError;
use crate::types::Secret;

/// Verifies JWTs (RFC 9068) by the keys of an issuer elsewhere. A clone shares everything.
///
/// The token alone says whether it is good; that it was revoked is not seen before it expires, or its key is taken out of
/// the issuer's set. Give it an [`Introspector`], and the issuer is asked whether the token is still active, when it is first
/// seen and every few seconds while it is in use. [`Protection`](super::Protection) makes one from settings.
///
/// ```
/// use mcp_oauth::resource::{JwtVerifier, RemoteIssuer, VerifierOptions};
/// use mcp_transport::auth::Issuer;
///
/// let issuer = RemoteIssuer::discover(Issuer::parse("https://auth.example.com")?, None)?;
/// // Nothing is fetched before the first token comes.
/// let verifier = JwtVerifier::new(issuer, VerifierOptions::new());
/// assert_eq!(verifier.issuer().issuer().as_str(), "https://auth.example.com");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwtVerifier(Cached<Remote>);

#[derive(Debug)]
struct Remote {
    issuer: RemoteIssuer,
    introspector: Option<Introspector>,
    hierarchy: ScopeHierarchy,
}

/// What is kept of a token: its key; and itself, if its issuer is asked.
struct Ticket {
    key: KeyUsed,
    token: Option<Secret>,
}

impl JwtVerifier {
    /// A verifier of the tokens of `issuer`, by its keys alone.
    #[must_use]
    pub fn new(issuer: RemoteIssuer, options: VerifierOptions) -> Self {
        Self::with(issuer, None, options)
    }

    /// The same, and the issuer is asked whether tokens are still active.
    #[must_use]
    pub fn with_introspection(issuer: RemoteIssuer, introspector: Introspector, options: VerifierOptions) -> Self {
        Self::with(issuer, Some(introspector), options)
    }

    fn with(issuer: RemoteIssuer, introspector: Option<Introspector>, options: VerifierOptions) -> Self {
        let hierarchy = options.hierarchy.clone();
        Self(Cached::new(Remote { issuer, introspector, hierarchy }, options))
    }

    /// The issuer of the tokens.
    #[must_use]
    pub fn issuer(&self) -> &RemoteIssuer {
        &self.0.judge().issuer
    }
}

#[async_trait]
impl Verifier for JwtVerifier {
    /// # Cancel safety
    ///
    /// Nothing is left half done. Keys that are being fetched go on being fetched.
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        self.0.verify(presented).await
    }
}

impl Remote {
    async fn active(&self, token: &str, now: SystemTime) -> Result<(), Rejection> {
        let Some(introspector) = &self.introspector else { return Ok(()) };
        match introspector.ask(token, now).await? {
            Told::Active(_) => Ok(()),
            // It was right in itself.
            Told::Inactive => Err(Rejection::Revoked),
        }
    }
}

#[async_trait]
impl Judge for Remote {
    type Ticket = Ticket;

    async fn judge(&self, token: &str, resource: &ResourceId, now: SystemTime) -> Result<Judged<Ticket>, Rejection> {
        let issuer = self.issuer.issuer();
        let keys = self.issuer.current(now).await?;
        let judged = match jwt::verify(token, issuer, resource, &keys, now) {
            // The issuer may have a new key. RFC 7517 has no other way to learn of it.
            Err(TokenError::UnknownKey) => {
                let newer = self.issuer.other_than(&keys, now).await?;
                jwt::verify(token, issuer, resource, &newer, now)
            }
            judged => judged,
        };
        let (mut claims, key) = judged?;
        let principal = jwt::principal(&mut claims, &self.hierarchy);
        self.active(token, now).await?;
        let token = self.introspector.is_some().then(|| Secret::new(token.to_owned()));
        Ok(Judged { principal, ticket: Ticket { key, token } })
    }

    async fn again(&self, ticket: &Ticket, now: SystemTime) -> Result<Standing, Rejection> {
        let keys = self.issuer.current(now).await?;
        ticket.key.is_still_in(&keys, now)?;
        if let Some(token) = &ticket.token {
            self.active(token.expose(), now).await?;
        }
        Ok(Standing::Same)
    }
}
