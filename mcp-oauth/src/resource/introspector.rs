//! The client of an introspection endpoint (RFC 7662).

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use mcp_transport::auth::{ClientId, Issuer, Rejection};
use mcp_transport::net::{Client, Target};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use super::discovery::Discovery;
use super::judge::UNAVAILABLE;
use super::outbound::{EndpointError, ask, endpoint};
use super::remote_issuer::RemoteIssuer;
use crate::jose::object;
use crate::types::Secret;
use mcp_transport::Chain;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 16 << 10;

/// How many questions are out at a time. Who would be one more is told to come back.
const AT_ONCE: usize = 128;

/// How a resource server says who it is (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntrospectionAuth {
    /// In the `Authorization` header (`client_secret_basic`).
    #[default]
    Basic,
    /// In the body (`client_secret_post`).
    Post,
}

/// Asks an issuer about tokens. A clone shares everything. `Debug` shows no secret.
#[derive(Clone)]
pub struct Introspector(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    client: Client,
    /// As configured; else the metadata says it.
    place: Option<Target>,
    discovery: Discovery,
    id: ClientId,
    secret: Secret,
    auth: IntrospectionAuth,
    questions: Semaphore,
}

/// What an issuer says of a token.
pub(super) enum Told {
    /// "the token is currently active" (RFC 7662 section 2.2), and all else that was said.
    Active(Map<String, Value>),
    Inactive,
}

impl Introspector {
    /// Asks `issuer` as the client `id`; its metadata says where.
    #[must_use]
    pub fn new(issuer: &RemoteIssuer, id: ClientId, secret: Secret, auth: IntrospectionAuth) -> Self {
        Self::with(issuer, id, secret, auth, None)
    }

    /// The same, at `place`.
    ///
    /// # Errors
    ///
    /// `place` is no URL, or plain http that leaves this machine.
    pub fn at(
        issuer: &RemoteIssuer,
        place: &str,
        id: ClientId,
        secret: Secret,
        auth: IntrospectionAuth,
    ) -> Result<Self, EndpointError> {
        let place = endpoint(issuer.issuer(), place)?;
        Ok(Self::with(issuer, id, secret, auth, Some(place)))
    }

    fn with(
        issuer: &RemoteIssuer,
        id: ClientId,
        secret: Secret,
        auth: IntrospectionAuth,
        place: Option<Target>,
    ) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.issuer().clone(),
            client: issuer.client().clone(),
            place,
            discovery: issuer.discovery().clone(),
            id,
            secret,
            auth,
            questions: Semaphore::new(AT_ONCE),
        }))
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// Asks about a token. Whatever goes wrong is [`Rejection::Unavailable`]: it says nothing about the token.
    pub(super) async fn ask(&self, token: &str, now: SystemTime) -> Result<Told, Rejection> {
        let Ok(_permit) = self.0.questions.try_acquire() else { return Err(UNAVAILABLE) };
        let place = match &self.0.place {
            Some(place) => place.clone(),
            None => {
                let found = self.0.discovery.get(now).await.and_then(|found| found.introspection.clone());
                found.ok_or_else(|| self.unavailable(&"there is no metadata that names the endpoint"))?
            }
        };
        let answer = ask(&self.0.client, self.question(&place, token), LONGEST).await;
        let answer = answer.map_err(|error| self.unavailable(&Chain(&error)))?;
        let said = object(answer.into_body()).ok_or_else(|| self.unavailable(&"the answer is malformed"))?;
        match said.get("active") {
            Some(Value::Bool(true)) => Ok(Told::Active(said)),
            Some(Value::Bool(false)) => Ok(Told::Inactive),
            // RFC 7662 2.2: "REQUIRED. Boolean indicator".
            _ => Err(self.unavailable(&"the answer does not say whether the token is active")),
        }
    }

    fn question(&self, place: &Target, token: &str) -> http::Request<Bytes> {
        let inner = &self.0;
        let mut form = Serializer::new(String::with_capacity(token.len() + 128));
        // RFC 7662 2.1.
        form.append_pair("token", token).append_pair("token_type_hint", "access_token");
        if inner.auth == IntrospectionAuth::Post {
            form.append_pair("client_id", inner.id.as_str()).append_pair("client_secret", inner.secret.expose());
        }
        let mut request = place.request(Method::POST, form.finish().into());
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if inner.auth == IntrospectionAuth::Basic {
            headers.insert(header::AUTHORIZATION, basic(&inner.id, &inner.secret));
        }
        request
    }

    fn unavailable(&self, why: &dyn fmt::Display) -> Rejection {
        tracing::warn!(issuer = %self.0.issuer, "the issuer cannot be asked about a token: {why}");
        UNAVAILABLE
    }
}

/// RFC 6749 2.3.1: both are form-encoded before they are joined, for either may hold a colon.
fn basic(id: &ClientId, secret: &Secret) -> HeaderValue {
    let mut pair = Zeroizing::new(String::new());
    pair.extend(byte_serialize(id.as_str().as_bytes()));
    pair.push(':');
    pair.extend(byte_serialize(secret.expose().as_bytes()));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    // Base64 is always a header value.
    let mut value = HeaderValue::try_from(text.as_str()).unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

impl fmt::Debug for Introspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspector")
            .field("issuer", &self.0.issuer.as_str())
            .field("client_id", &self.0.id.as_str())
            .field("auth", &self.0.auth)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_2_3_1_both_halves_are_encoded() {
        // A colon in the id would otherwise end it, and a percent sign would be read as an escape.
        let value = basic(&ClientId::parse("https://rs.example/a b").unwrap(), &Secret::new("p%:/+ä".to_owned()));
        let text = STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "https%3A%2F%2Frs.example%2Fa+b:p%25%3A%2F%2B%C3%A4");
        assert!(value.is_sensitive());
    }
}
