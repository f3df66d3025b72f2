//! A verifier of tokens that only their issuer can read (RFC 7662).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use mcp_transport::auth::{
    ClientId, Confirmation, Issuer, JwkThumbprint, Presented, Principal, Rejection, ResourceId, ScopeHierarchy,
    ScopeSet, Subject, Verifier,
};
use serde_json::{Map, Value};

use super::cached::Cached;
use super::introspector::{Introspector, Told};
use super::judge::{Judge, Judged, Standing};
use super::jwt::time;
use super::options::VerifierOptions;
use crate::jose::{LEEWAY, Reader, TokenError, seconds};
use crate::types::Secret;

/// How long a principal lives whose token has no end that the issuer tells. Then it is judged anew.
const WITHOUT_END: Duration = Duration::from_secs(300);

/// Verifies tokens by asking their issuer (RFC 7662), when they are first seen and every few seconds while they are in use.
/// A clone shares everything.
///
/// An answer has to say for whom the token is: its `aud` must be exactly the resource. `sub` is required, and `iss`, if it is
/// there, must be the issuer that was asked.
#[derive(Clone, Debug)]
pub struct IntrospectionVerifier(Cached<Asked>);

#[derive(Debug)]
struct Asked {
    introspector: Introspector,
    hierarchy: ScopeHierarchy,
}

/// What is kept of a token, to ask again and to compare the answers.
struct Ticket {
    token: Secret,
    resource: ResourceId,
    said: Said,
}

/// What an answer says that a principal is made of.
#[derive(PartialEq)]
struct Said {
    subject: Subject,
    client: Option<ClientId>,
    scopes: ScopeSet,
    /// Seconds since 1970, if the answer tells.
    expires_at: Option<u64>,
    confirmation: Option<JwkThumbprint>,
}

impl IntrospectionVerifier {
    /// A verifier that asks through `introspector`.
    #[must_use]
    pub fn new(introspector: Introspector, options: VerifierOptions) -> Self {
        let hierarchy = options.hierarchy.clone();
        Self(Cached::new(Asked { introspector, hierarchy }, options))
    }
}

#[async_trait]
impl Verifier for IntrospectionVerifier {
    /// # Cancel safety
    ///
    /// Nothing is left half done.
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        self.0.verify(presented).await
    }
}

impl Asked {
    async fn ask(&self, token: &str, resource: &ResourceId, now: SystemTime) -> Result<(Said, Reader), Rejection> {
        match self.introspector.ask(token, now).await? {
            Told::Active(members) => Ok(Said::read(members, self.introspector.issuer(), resource, now)?),
            // RFC 7662 2.2: it does not say why, and revoked is what a token is that was active before.
            Told::Inactive => Err(Rejection::invalid("not active")),
        }
    }
}

impl Said {
    fn read(
        mut members: Map<String, Value>,
        issuer: &Issuer,
        resource: &ResourceId,
        now: SystemTime,
    ) -> Result<(Self, Reader), TokenError> {
        let endless = !members.contains_key("exp");
        if endless {
            members.insert("exp".to_owned(), (seconds(now) + WITHOUT_END.as_secs()).into());
        }
        let mut claims = Reader::new(members);
        if claims.optional_text("iss")?.is_some_and(|named| named != issuer.as_str()) {
            return Err(TokenError::Issuer);
        }
        // A token that says for nobody whom it is for is for nobody.
        let audience = claims.audience().map_err(|_| TokenError::Audience)?;
        if audience.len() != 1 || audience.first().is_none_or(|named| named != resource.as_str()) {
            return Err(TokenError::Audience);
        }
        // RFC 7662 2.2: the type "as defined in Section 5.1 of OAuth 2.0". A refresh token has none, and some servers say
        // what it is.
        let kind = claims.optional_text("token_type")?.unwrap_or_else(|| "Bearer".to_owned());
        let usage = claims.optional_text("token_use")?;
        if !["Bearer", "DPoP"].iter().any(|known| kind.eq_ignore_ascii_case(known))
            || usage.is_some_and(|usage| !matches!(usage.as_str(), "access" | "access_token"))
        {
            return Err(TokenError::Type);
        }
        let times = claims.times()?;
        times.judge(seconds(now), LEEWAY.as_secs())?;
        let client = claims.optional_text("client_id")?;
        let client = client.map(|text| ClientId::parse(&text)).transpose();
        let scope = claims.optional_text("scope")?.unwrap_or_default();
        let said = Self {
            subject: claims.parsed("sub", Subject::parse)?,
            client: client.map_err(|_| TokenError::Claim { name: "client_id" })?,
            scopes: ScopeSet::parse(&scope).map_err(|_| TokenError::Claim { name: "scope" })?,
            expires_at: (!endless).then_some(times.expires_at),
            confirmation: confirmation(&mut claims)?,
        };
        if said.confirmation.is_none() && kind.eq_ignore_ascii_case("DPoP") {
            return Err(TokenError::Claim { name: "cnf" });
        }
        Ok((said, claims))
    }

    fn principal(
        &self,
        issuer: Issuer,
        extra: Map<String, Value>,
        hierarchy: &ScopeHierarchy,
        now: SystemTime,
    ) -> Principal {
        let mut builder = Principal::builder(issuer, self.subject.clone())
            .hierarchy(hierarchy.clone())
            .scopes(self.scopes.clone())
            .expires_at(self.expires_at.map_or(now + WITHOUT_END, time));
        if let Some(client) = &self.client {
            builder = builder.client_id(client.clone());
        }
        if let Some(thumbprint) = &self.confirmation {
            builder = builder.confirmation(Confirmation::Dpop(thumbprint.clone()));
        }
        if !extra.is_empty() {
            builder = builder.claims(Arc::new(extra));
        }
        builder.build()
    }
}

/// RFC 9449 6.2. A confirmation that cannot be checked here must not be dropped: the token would be a bearer token.
fn confirmation(claims: &mut Reader) -> Result<Option<JwkThumbprint>, TokenError> {
    let malformed = TokenError::Claim { name: "cnf" };
    let Some(value) = claims.take("cnf") else { return Ok(None) };
    let members = value.as_object().filter(|members| members.len() == 1).ok_or(malformed)?;
    let text = members.get("jkt").and_then(Value::as_str).ok_or(malformed)?;
    JwkThumbprint::parse(text).map(Some).map_err(|_| malformed)
}

#[async_trait]
impl Judge for Asked {
    type Ticket = Ticket;

    async fn judge(&self, token: &str, resource: &ResourceId, now: SystemTime) -> Result<Judged<Ticket>, Rejection> {
        let (said, rest) = self.ask(token, resource, now).await?;
        let mut extra = rest.rest();
        extra.remove("active");
        let issuer = self.introspector.issuer().clone();
        let principal = Arc::new(said.principal(issuer, extra, &self.hierarchy, now));
        let ticket = Ticket { token: Secret::new(token.to_owned()), resource: resource.clone(), said };
        Ok(Judged { principal, ticket })
    }

    async fn again(&self, ticket: &Ticket, now: SystemTime) -> Result<Standing, Rejection> {
        let (said, _) =
            self.ask(ticket.token.expose(), &ticket.resource, now).await.map_err(|rejection| match rejection {
                Rejection::Invalid { .. } => Rejection::Revoked,
                other => other,
            })?;
        // Somebody may have taken a scope away.
        Ok(if said == ticket.said { Standing::Same } else { Standing::Changed })
    }
}
