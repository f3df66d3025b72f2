//! Access tokens as JWTs (RFC 9068): written, and judged.

use std::fmt;
use std::time::{Duration, SystemTime};

use mcp_transport::auth::{ClientId, Issuer, JwkThumbprint, ResourceId, ScopeSet, Subject};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::claims::{LEEWAY, Reader, Times, is_token_id, seconds};
use super::compact::{Limits, TokenType, Unverified};
use super::error::{SignError, TokenError};
use super::signing_key::SigningKey;
use super::verifying_keys::VerifyingKeys;

/// The claims that have a field of their own.
const NAMED: [&str; 12] = ["iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp", "nbf", "gid", "gen", "cnf"];

/// The longest `gid` that is taken, in bytes.
const LONGEST_GRANT_ID: usize = 256;

/// The grant that a token hangs under: whether it has ended decides whether the token is still good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantClaim {
    /// The grant's id, as text (`gid`).
    pub id: String,
    /// Which generation of the grant the token was issued in (`gen`): for whoever looks into a log, and no more.
    pub epoch: u64,
}

impl GrantClaim {
    /// A grant with this id, in this generation.
    #[must_use]
    pub const fn new(id: String, epoch: u64) -> Self {
        Self { id, epoch }
    }
}

/// The claims of an access token (RFC 9068 section 2.2). Times are seconds since 1970.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct AccessTokenClaims {
    /// `iss`: who issued it.
    pub issuer: Issuer,
    /// `sub`: whom it speaks for. The client itself, when no person is behind it (RFC 9068 section 2.2).
    pub subject: Subject,
    /// `aud`: the one resource that it is for.
    pub audience: ResourceId,
    /// `client_id`: who asked for it.
    pub client: ClientId,
    /// `scope`: what it allows. Left out where it allows nothing.
    pub scope: ScopeSet,
    /// `jti`: its own id, 1 to 256 bytes.
    pub token_id: String,
    /// `iat`.
    pub issued_at: u64,
    /// `exp`.
    pub expires_at: u64,
    /// `nbf`.
    pub not_before: Option<u64>,
    /// `gid` and `gen`, in tokens that we issue.
    pub grant: Option<GrantClaim>,
    /// `cnf.jkt`: the key that the caller has to prove (RFC 9449 section 6.1).
    pub confirmation: Option<JwkThumbprint>,
    /// All other claims. What has a field above is not written from here.
    pub extra: Map<String, Value>,
}

impl AccessTokenClaims {
    /// Claims with what RFC 9068 section 2.2 requires, and nothing else.
    #[must_use]
    pub fn new(
        issuer: Issuer,
        subject: Subject,
        audience: ResourceId,
        client: ClientId,
        token_id: String,
        issued_at: SystemTime,
        lifetime: Duration,
    ) -> Self {
        let issued_at = seconds(issued_at);
        Self {
            issuer,
            subject,
            audience,
            client,
            scope: ScopeSet::EMPTY,
            token_id,
            issued_at,
            expires_at: issued_at.saturating_add(lifetime.as_secs()),
            not_before: None,
            grant: None,
            confirmation: None,
            extra: Map::new(),
        }
    }

    /// Writes the token and signs it. Costs what [`SigningKey::sign`] does.
    ///
    /// # Errors
    ///
    /// The id of the token or of the grant is empty or longer than 256 bytes, so that no reader would take it; or the
    /// library fails.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SignError> {
        let grant = self.grant.as_ref().is_none_or(|grant| is_grant_id(&grant.id));
        if !grant || !is_token_id(&self.token_id) {
            return Err(SignError::Claims);
        }
        key.sign_access_token(self)
    }
}

fn is_grant_id(text: &str) -> bool {
    (1..=LONGEST_GRANT_ID).contains(&text.len())
}

impl fmt::Debug for AccessTokenClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of the subject and of other claims, which are often a person's, only that they are there.
        f.debug_struct("AccessTokenClaims")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("client", &self.client)
            .field("scope", &self.scope)
            .field("token_id", &self.token_id)
            .field("expires_at", &self.expires_at)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl Serialize for AccessTokenClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        map.serialize_entry("sub", &self.subject)?;
        map.serialize_entry("aud", &self.audience)?;
        map.serialize_entry("client_id", &self.client)?;
        if !self.scope.is_empty() {
            map.serialize_entry("scope", &self.scope)?;
        }
        map.serialize_entry("jti", &self.token_id)?;
        map.serialize_entry("iat", &self.issued_at)?;
        map.serialize_entry("exp", &self.expires_at)?;
        if let Some(not_before) = self.not_before {
            map.serialize_entry("nbf", &not_before)?;
        }
        if let Some(grant) = &self.grant {
            map.serialize_entry("gid", &grant.id)?;
            map.serialize_entry("gen", &grant.epoch)?;
        }
        if let Some(thumbprint) = &self.confirmation {
            map.serialize_entry("cnf", &json!({ "jkt": thumbprint }))?;
        }
        for (name, value) in &self.extra {
            // No member is written twice, whatever an extension puts in here.
            if !NAMED.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// What to do with a token whose audience names others besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtherAudiences {
    /// It is refused: each of them could use it here in the caller's name.
    #[default]
    Refuse,
    /// It is taken, because the issuer is known to write such tokens and the others are trusted.
    Allow,
}

/// What an access token must be. Every rule is on from the start.
#[derive(Clone, Debug)]
pub struct AccessTokenPolicy {
    issuer: Issuer,
    resource: Option<ResourceId>,
    others: OtherAudiences,
    leeway: Duration,
    limits: Limits,
}

impl AccessTokenPolicy {
    /// For the resource itself: tokens of `issuer` for `resource`, both compared byte for byte.
    #[must_use]
    pub fn for_resource(issuer: Issuer, resource: ResourceId) -> Self {
        let others = OtherAudiences::default();
        Self { issuer, resource: Some(resource), others, leeway: LEEWAY, limits: Limits::default() }
    }

    /// For the issuer itself, where it is asked about tokens of all its resources (introspection, revocation): the audience
    /// must be exactly one, and the caller decides what it means. Never for a resource server.
    #[must_use]
    pub fn for_issuer(issuer: Issuer) -> Self {
        let others = OtherAudiences::default();
        Self { issuer, resource: None, others, leeway: LEEWAY, limits: Limits::default() }
    }

    /// What to do with audiences besides ours. They are refused unless it says otherwise.
    #[must_use]
    pub const fn other_audiences(mut self, others: OtherAudiences) -> Self {
        self.others = others;
        self
    }

    /// How far the clocks of others may be off; whole seconds. One minute by default.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How long tokens may be.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Judges a token: its form, its type, its signature by the one key that it names, and each of its claims
    /// (RFC 9068 section 4). Costs one verification.
    ///
    /// # Errors
    ///
    /// The first rule that is broken. Whether the token was revoked is not known here.
    pub fn verify(&self, token: &str, keys: &VerifyingKeys, now: SystemTime) -> Result<AccessTokenClaims, TokenError> {
        let unverified = Unverified::parse(token, &self.limits)?;
        let key = keys.select(unverified.header(), now)?;
        let verified = unverified.verify(key, TokenType::AccessToken)?;
        self.judge(Reader::new(verified.into_claims()), now)
    }

    fn judge(&self, mut claims: Reader, now: SystemTime) -> Result<AccessTokenClaims, TokenError> {
        // RFC 9068 4: "The issuer identifier .. MUST exactly match the value of the iss claim".
        if claims.text("iss")? != self.issuer.as_str() {
            return Err(TokenError::Issuer);
        }
        let audience = self.audience(&claims.audience()?)?;
        let times = claims.times()?;
        times.judge(seconds(now), self.leeway.as_secs())?;
        let Times { expires_at, not_before, issued_at } = times;
        Ok(AccessTokenClaims {
            issuer: self.issuer.clone(),
            subject: claims.parsed("sub", Subject::parse)?,
            audience,
            client: claims.parsed("client_id", ClientId::parse)?,
            scope: scope(&mut claims)?,
            token_id: claims.token_id()?,
            // RFC 9068 2.2 requires it.
            issued_at: issued_at.ok_or(TokenError::Claim { name: "iat" })?,
            expires_at,
            not_before,
            grant: grant(&mut claims)?,
            confirmation: confirmation(&mut claims)?,
            extra: claims.rest(),
        })
    }

    fn audience(&self, names: &[String]) -> Result<ResourceId, TokenError> {
        let several = names.len() > 1;
        match &self.resource {
            Some(resource) => {
                let ours = names.iter().any(|name| name == resource.as_str());
                if !ours || (several && self.others == OtherAudiences::Refuse) {
                    return Err(TokenError::Audience);
                }
                Ok(resource.clone())
            }
            None if several => Err(TokenError::Audience),
            None => {
                let parsed = names.first().and_then(|name| ResourceId::parse(name).ok());
                parsed.ok_or(TokenError::Claim { name: "aud" })
            }
        }
    }
}

fn scope(claims: &mut Reader) -> Result<ScopeSet, TokenError> {
    let text = claims.optional_text("scope")?.unwrap_or_default();
    ScopeSet::parse(&text).map_err(|_| TokenError::Claim { name: "scope" })
}

/// Both or neither: half of it could not be revoked.
fn grant(claims: &mut Reader) -> Result<Option<GrantClaim>, TokenError> {
    let id = claims.optional_text("gid")?;
    let epoch = claims.take("gen");
    match (id, epoch) {
        (None, None) => Ok(None),
        (Some(id), Some(epoch)) if is_grant_id(&id) => {
            let epoch = epoch.as_u64().ok_or(TokenError::Claim { name: "gen" })?;
            Ok(Some(GrantClaim { id, epoch }))
        }
        (Some(_), None) => Err(TokenError::Claim { name: "gen" }),
        (None | Some(_), Some(_)) => Err(TokenError::Claim { name: "gid" }),
    }
}

/// A confirmation that cannot be checked here must not be dropped: the token would be a bearer token (RFC 7800 section 3.1).
fn confirmation(claims: &mut Reader) -> Result<Option<JwkThumbprint>, TokenError> {
    let malformed = TokenError::Claim { name: "cnf" };
    let Some(value) = claims.take("cnf") else {
        return Ok(None);
    };
    let members = value.as_object().filter(|members| members.len() == 1).ok_or(malformed)?;
    let text = members.get("jkt").and_then(Value::as_str).ok_or(malformed)?;
    JwkThumbprint::parse(text).map(Some).map_err(|_| malformed)
}

#[cfg(test)]
mod tests;
