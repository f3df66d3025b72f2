//! Who is asking, at the endpoints where clients authenticate (RFC 6749 section 2.3, RFC 7523 section 2.2).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use mcp_transport::auth::ClientId;
use thiserror::Error;
use zeroize::Zeroizing;

use super::audit::{Event, EventKind};
use super::client_keys::OutOfReach;
use super::engine::Engine;
use super::error::{ErrorCode, OAuthError};
use super::form::{Form, decode};
use super::limits::Limit;
use crate::jose::{AssertionPolicy, TokenError};
use crate::store::ReplayKind;
use crate::types::{Client, ClientAuthMethod, ClientSource, Digest, Secret, Timestamp, token};

/// The registered name of a client assertion that is a JWT (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a request shows of its client.
enum Shown {
    /// Nothing but a name.
    Name(ClientId),
    /// A secret, in the header or in the form.
    Secret(ClientId, Secret, ClientAuthMethod),
    /// An assertion.
    Assertion(ClientId, Zeroizing<String>),
}

impl Shown {
    const fn client(&self) -> &ClientId {
        match self {
            Self::Name(client) | Self::Secret(client, ..) | Self::Assertion(client, _) => client,
        }
    }
}

/// Whether a request counts as one of its address before it is known whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// It has been counted.
    Already,
    /// It counts unless the operator has added the client that it names.
    OfOthers,
}

impl Engine {
    /// The client of a request, authenticated by the one method that it is registered for. A public client has only to name
    /// itself.
    ///
    /// # Errors
    ///
    /// `invalid_request` for more than one method at a time, `invalid_client` with one text for everything else; 429 for
    /// whatever secret or assertion of a client comes from an address that has sent too many wrong ones of it;
    /// `temporarily_unavailable` where it cannot be told who the client is.
    ///
    /// # Cancel safety
    ///
    /// An assertion may have been used up.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        form: &Form,
        address: Option<IpAddr>,
    ) -> Result<Client, OAuthError> {
        self.authenticate_counted(headers, form, address, Counted::Already).await
    }

    /// The same where requests are not counted yet: those that name a client of the operator's are not, but for wrong secrets
    /// and assertions; all others are counted before anything is judged or kept.
    ///
    /// # Errors
    ///
    /// As [`authenticate`](Self::authenticate), and 429 for too many requests.
    ///
    /// # Cancel safety
    ///
    /// As [`authenticate`](Self::authenticate).
    pub(crate) async fn authenticate_and_count(
        &self,
        headers: &HeaderMap,
        form: &Form,
        address: Option<IpAddr>,
    ) -> Result<Client, OAuthError> {
        self.authenticate_counted(headers, form, address, Counted::OfOthers).await
    }

    async fn authenticate_counted(
        &self,
        headers: &HeaderMap,
        form: &Form,
        address: Option<IpAddr>,
        counted: Counted,
    ) -> Result<Client, OAuthError> {
        let shown = self.shown(headers, form)?;
        let now = self.now();
        if let Shown::Secret(client, ..) | Shown::Assertion(client, _) = &shown {
            // Looked at first: an answer that only wrong secrets get would say which is right, and to judge a signature is
            // work.
            self.may_guess(client.as_str().as_bytes(), address).await?;
        }
        let client = self.resolve_or_remember(shown.client(), form, address, now).await?;
        let of_operator = client.as_ref().is_some_and(|client| client.source == ClientSource::Preregistered);
        if counted == Counted::OfOthers && !of_operator {
            // Whoever registers may bring a key that costs much, and ids of assertions to keep.
            self.limit(Limit::Request, address).await?;
        }
        let proved = match &client {
            Some(client) => self.proved(client, &shown, address, now).await?,
            None => {
                // As much work as for a known one.
                if let Shown::Secret(_, secret, _) = &shown {
                    let _ = secret.digest().matches(&Digest::sha256(b"nobody"));
                }
                false
            }
        };
        match client {
            Some(client) if proved => Ok(client),
            _ => {
                self.record(Event::new(EventKind::ClientRefused, now).from(address).client(shown.client()));
                match &shown {
                    Shown::Secret(client, ..) | Shown::Assertion(client, _) => {
                        self.guessed(client.as_str().as_bytes(), address).await?;
                    }
                    Shown::Name(_) => self.limit(Limit::ClientSecret, address).await?,
                }
                Err(OAuthError::invalid_client())
            }
        }
    }

    /// 503, and no error of ours: it is the client's host that does not answer.
    fn out_of_reach(&self, out: OutOfReach, address: Option<IpAddr>) -> OAuthError {
        let wait = match out {
            OutOfReach::Host(wait) => wait,
            OutOfReach::Busy(wait) => {
                self.refused(Limit::Document, address);
                wait
            }
        };
        let text = "the client's keys cannot be read at the moment; try again";
        OAuthError::new(ErrorCode::TemporarilyUnavailable, text).with_retry_after(wait)
    }

    fn shown(&self, headers: &HeaderMap, form: &Form) -> Result<Shown, OAuthError> {
        let basic = basic(headers)?;
        let named = form.get("client_id");
        let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
        // RFC 6749 section 2.3: "The client MUST NOT use more than one authentication method in each request."
        let methods = [basic.is_some(), secret.is_some(), assertion.is_some()].into_iter().filter(|used| *used).count();
        if methods > 1 {
            return Err(OAuthError::invalid_request("use one method of client authentication at a time"));
        }
        if let Some((id, secret)) = basic {
            if named.is_some_and(|named| named != id) {
                return Err(OAuthError::invalid_request("client_id is not the client of the Authorization header"));
            }
            return Ok(Shown::Secret(client_id(&id)?, secret, ClientAuthMethod::ClientSecretBasic));
        }
        if let Some(assertion) = assertion {
            if form.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(OAuthError::invalid_request("client_assertion_type is missing or not supported"));
            }
            let claimed = AssertionPolicy::new(self.config.issuer.clone()).claimed_client(assertion);
            let claimed = claimed.map_err(|why| {
                tracing::debug!(%why, "a client assertion is refused");
                OAuthError::invalid_client()
            })?;
            // RFC 7521 section 4.2: "The client_id [..] MUST identify the same client".
            if named.is_some_and(|named| named != claimed.as_str()) {
                refused(&claimed, &Unproved::OtherClient);
                return Err(OAuthError::invalid_client());
            }
            return Ok(Shown::Assertion(claimed, Zeroizing::new(assertion.to_owned())));
        }
        let named = named.ok_or_else(OAuthError::invalid_client)?;
        let client = client_id(named)?;
        Ok(match secret {
            Some(secret) => Shown::Secret(client, Secret::new(secret.to_owned()), ClientAuthMethod::ClientSecretPost),
            None => Shown::Name(client),
        })
    }

    async fn proved(
        &self,
        client: &Client,
        shown: &Shown,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<bool, OAuthError> {
        let registered = client.metadata.token_endpoint_auth_method;
        // What the server does not offer (any more) is good for nobody, whoever was once registered with it.
        let offered = self.config.auth_methods.contains(&registered);
        Ok(match shown {
            Shown::Name(_) => offered && registered == ClientAuthMethod::None,
            Shown::Secret(_, secret, method) => {
                // The digest is computed and compared whatever else is wrong, so that time tells nothing.
                let kept = client.secret.unwrap_or_else(|| Digest::sha256(b"nothing"));
                let right = secret.digest().matches(&kept);
                right && client.secret.is_some() && offered && registered == *method
            }
            Shown::Assertion(id, _) if !offered || registered != ClientAuthMethod::PrivateKeyJwt => {
                refused(id, &Unproved::Method);
                false
            }
            Shown::Assertion(id, assertion) => match self.asserted(client, assertion, address, now).await? {
                Ok(()) => true,
                Err(why) => {
                    refused(id, &why);
                    false
                }
            },
        })
    }

    /// Whether an assertion is one of the client, for the first time.
    async fn asserted(
        &self,
        client: &Client,
        assertion: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Result<(), Unproved>, OAuthError> {
        let of = &self.parts.client_keys;
        let keys = of.of(client, address, now).await.map_err(|out| self.out_of_reach(out, address))?;
        let Some(keys) = keys else { return Ok(Err(Unproved::NoKeys)) };
        let policy = AssertionPolicy::new(self.config.issuer.clone());
        let mut verified = policy.verify(assertion, &client.id, &keys, now.into());
        if verified == Err(TokenError::UnknownKey) {
            let keys = of.renewed(client, address, now).await.map_err(|out| self.out_of_reach(out, address))?;
            if let Some(keys) = keys {
                verified = policy.verify(assertion, &client.id, &keys, now.into());
            }
        }
        let verified = match verified {
            Ok(verified) => verified,
            Err(why) => return Ok(Err(why.into())),
        };
        let used = Digest::of("client assertion", &[client.id.as_str().as_bytes(), verified.token_id.as_bytes()]);
        let until = Timestamp::from_secs(verified.remember_until);
        // RFC 7523 section 3, item 7. A store that cannot tell is an error: nothing is accepted then.
        let is_first = self.stores.replays.first_use(ReplayKind::ClientAssertion, &used, until, now).await?;
        Ok(if is_first { Ok(()) } else { Err(Unproved::Used) })
    }
}

/// Why an assertion proves nothing. Whoever sent it is told one text for all causes; whoever runs the server finds out here.
#[derive(Debug, Error)]
enum Unproved {
    #[error("the client is registered for another method than private_key_jwt, or that is not offered")]
    Method,
    #[error("the client has no keys that can be read")]
    NoKeys,
    #[error("client_id names another client")]
    OtherClient,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("it has been used before")]
    Used,
}

fn refused(client: &ClientId, why: &Unproved) {
    tracing::debug!(%client, %why, "a client assertion is refused");
}

/// The id that a client names itself by; `None` for what cannot be one. People exchange the id and the secret, and programs
/// send tokens in the wrong field: what looks like a secret of ours is no client, and comes neither into the log nor to a store.
pub(crate) fn named_client(text: &str) -> Option<ClientId> {
    ClientId::parse(text).ok().filter(|id| !token::is_secret(id.as_str()))
}

fn client_id(text: &str) -> Result<ClientId, OAuthError> {
    named_client(text).ok_or_else(OAuthError::invalid_client)
}

/// What HTTP Basic says (RFC 6749 section 2.3.1: both halves are form-encoded before they are joined).
fn basic(headers: &HeaderMap) -> Result<Option<(String, Secret)>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "there is more than one Authorization header"));
    }
    let parts = || {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        // RFC 9110 section 11.1: schemes are case-insensitive.
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let pair = Zeroizing::new(STANDARD.decode(token.trim_matches(' ')).ok()?);
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let (id, secret) = pair.split_at_checked(colon)?;
        Some((decode(id).ok()?, Secret::new(decode(secret.get(1..)?).ok()?)))
    };
    parts().map(Some).ok_or_else(OAuthError::invalid_client)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Result<Option<(String, Secret)>, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        basic(&headers)
    }

    #[test]
    fn attack_041_basic_is_decoded_or_refused() {
        let encoded = |pair: &str| STANDARD.encode(pair);
        for scheme in ["Basic", "basic", "BASIC"] {
            // RFC 6749 section 2.3.1.
            let (id, secret) = read(&format!("{scheme} {}", encoded("a%3Ab%20c:d%25+e:f"))).unwrap().unwrap();
            assert_eq!((id.as_str(), secret.expose()), ("a:b c", "d% e:f"));
        }
        for value in [
            "Basic".to_owned(),
            "Basic !!".to_owned(),
            format!("Basic {}", encoded("no colon")),
            format!("Basic {}", encoded("a:%zz")),
            format!("Basic {}", encoded("%:a")),
            format!("Basic {}", STANDARD.encode(b"\xff:a")),
            format!("Bearer {}", encoded("a:b")),
        ] {
            assert_eq!(read(&value).unwrap_err().code(), ErrorCode::InvalidClient, "{value}");
        }
        assert!(basic(&HeaderMap::new()).unwrap().is_none());
        let mut two = HeaderMap::new();
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        assert_eq!(basic(&two).unwrap_err().code(), ErrorCode::InvalidRequest);
    }
}
