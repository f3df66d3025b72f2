//! Client assertions: how a client proves who it is with a key of its own (RFC 7523 section 3, `private_key_jwt`).

use std::time::{Duration, SystemTime};

use mcp_transport::auth::{ClientId, Issuer};

use super::claims::{LEEWAY, Reader, seconds};
use super::compact::{Limits, TokenType, Unverified};
use super::error::TokenError;
use super::verifying_keys::VerifyingKeys;

/// How far ahead `exp` may be, at most.
const LONGEST_LIFE: Duration = Duration::from_secs(600);

/// A client that proved to hold its key. Whether it did so before with the same assertion is for a replay cache to say:
/// until [`remember_until`](Self::remember_until) the pair of `client` and `token_id` is taken once.
///
/// Not `Clone`: one assertion authenticates one request.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientAssertion {
    /// Who it is.
    pub client: ClientId,
    /// `jti`, 1 to 256 bytes. Unique within the client, no further.
    pub token_id: String,
    /// `exp`, in seconds since 1970.
    pub expires_at: u64,
    /// From this second on the assertion is refused by its time alone, and its `jti` may be forgotten.
    pub remember_until: u64,
}

/// What a client assertion must be.
#[derive(Clone, Debug)]
pub struct AssertionPolicy {
    issuer: Issuer,
    leeway: Duration,
    limits: Limits,
}

impl AssertionPolicy {
    /// Assertions for the authorization server `issuer`. Nothing else is taken as their audience: not the URL of an
    /// endpoint, which another server could give out as its own.
    #[must_use]
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, leeway: LEEWAY, limits: Limits::default() }
    }

    /// How far the clocks of clients may be off; whole seconds. One minute by default.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Whom an assertion claims to speak for, where the request does not say it (RFC 7521 section 4.2). It proves nothing:
    /// use it to look up whose keys to [`verify`](Self::verify) with.
    ///
    /// # Errors
    ///
    /// It has not the form of an assertion, or `iss` and `sub` are not the same client.
    pub fn claimed_client(&self, assertion: &str) -> Result<ClientId, TokenError> {
        let unverified = Unverified::parse(assertion, &self.limits)?;
        let mut claims = Reader::new(unverified.unproved_claims()?);
        let client = claims.parsed("sub", ClientId::parse)?;
        if claims.text("iss")? == client.as_str() { Ok(client) } else { Err(TokenError::Claim { name: "iss" }) }
    }

    /// Judges an assertion of `client`, whose keys are `keys`. Costs one verification.
    ///
    /// # Errors
    ///
    /// The first rule of RFC 7523 section 3 that is broken.
    pub fn verify(
        &self,
        assertion: &str,
        client: &ClientId,
        keys: &VerifyingKeys,
        now: SystemTime,
    ) -> Result<ClientAssertion, TokenError> {
        let unverified = Unverified::parse(assertion, &self.limits)?;
        let key = keys.select(unverified.header(), now)?;
        let verified = unverified.verify(key, TokenType::ClientAssertion)?;
        let mut claims = Reader::new(verified.into_claims());
        // RFC 7523 3, items 1 and 2B: issuer and subject are the client.
        for name in ["iss", "sub"] {
            if claims.text(name)? != client.as_str() {
                return Err(TokenError::Claim { name });
            }
        }
        // Item 3: the audience is us, and nobody else could present it elsewhere.
        if claims.audience()? != [self.issuer.as_str()] {
            return Err(TokenError::Audience);
        }
        // Items 4 to 6.
        let (now, leeway) = (seconds(now), self.leeway.as_secs());
        let times = claims.times()?;
        times.judge(now, leeway)?;
        let latest = now.saturating_add(leeway).saturating_add(LONGEST_LIFE.as_secs());
        if times.expires_at > latest {
            return Err(TokenError::TooLongLived);
        }
        // Item 7 makes it optional; without it nothing stops a replay.
        let token_id = claims.token_id()?;
        let expires_at = times.expires_at;
        let remember_until = expires_at.saturating_add(leeway);
        Ok(ClientAssertion { client: client.clone(), token_id, expires_at, remember_until })
    }
}

#[cfg(test)]
mod tests;
