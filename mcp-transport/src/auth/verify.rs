//! The seam between the guard and whatever knows tokens.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::{Extensions, Method, Uri};
use thiserror::Error;

use super::principal::Principal;
use super::resource::ProtectedResource;
use super::text::text_newtype;

/// The authentication scheme of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// Whoever holds the token may use it (RFC 6750).
    Bearer,
    /// The token is bound to a key, whose possession is proved per request (RFC 9449).
    Dpop,
}

impl Scheme {
    /// The name as written in `Authorization` and `WWW-Authenticate`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// The scheme of this name, in any case (RFC 9110 section 11.1).
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Bearer, Self::Dpop].into_iter().find(|scheme| scheme.as_str().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// A token as it was presented, with everything that a verdict depends on.
///
/// `Debug` shows neither the token nor the proof.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Presented<'a> {
    /// The scheme under which the token came.
    pub scheme: Scheme,
    /// The access token: one or more characters of the `token68` grammar.
    pub token: &'a str,
    /// What the caller wants to use. The token's audience MUST be exactly this resource (MCP
    /// authorization, "Token Handling").
    pub resource: &'a ProtectedResource,
    /// The request's method (`htm` of a DPoP proof).
    pub method: &'a Method,
    /// The request's target as received. Its host is the client's claim: compare `htu` of a DPoP
    /// proof with [`ProtectedResource::id`], not with this.
    pub uri: &'a Uri,
    /// The DPoP proof, present under [`Scheme::Dpop`].
    pub dpop: Option<&'a str>,
    /// What else is known of the request, such as the certificate of its connection (RFC 8705), by whoever accepted it; `None`
    /// where nobody says. A verdict that depends on it is good for this request alone.
    pub extensions: Option<&'a Extensions>,
    /// The time to judge by.
    pub now: SystemTime,
}

impl<'a> Presented<'a> {
    /// A token presented under `scheme`, without a DPoP proof.
    #[must_use]
    pub const fn new(
        scheme: Scheme,
        token: &'a str,
        resource: &'a ProtectedResource,
        method: &'a Method,
        uri: &'a Uri,
        now: SystemTime,
    ) -> Self {
        Self { scheme, token, resource, method, uri, dpop: None, extensions: None, now }
    }

    /// Adds the DPoP proof.
    #[must_use]
    pub const fn with_dpop(mut self, proof: &'a str) -> Self {
        self.dpop = Some(proof);
        self
    }

    /// Adds what else is known of the request.
    #[must_use]
    pub const fn with_extensions(mut self, extensions: &'a Extensions) -> Self {
        self.extensions = Some(extensions);
        self
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("scheme", &self.scheme)
            .field("resource", &self.resource.id().as_str())
            .field("method", self.method)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Turns a presented token into a principal, or says why not.
///
/// Implementations check everything that OAuth 2.1 section 5.2 and MCP ask of a resource server:
/// authenticity, issuer, audience (exactly [`Presented::resource`]), expiry, revocation, and under
/// [`Scheme::Dpop`] the proof and its binding to the token. They expand scopes by the hierarchy.
/// Required scopes are not their business: the guard compares them afterwards, so that an expired
/// and under-scoped token is a 401.
///
/// A verdict may be cached, as long as a revoked token is refused, and the [`Liveness`] of its
/// principals flipped, within five seconds of the revocation.
///
/// ```
/// use std::sync::Arc;
///
/// use mcp_transport::async_trait;
/// use mcp_transport::auth::{Issuer, Presented, Principal, Rejection, ResourceId, Subject, Verifier};
///
/// /// Takes one token, of one user, for one resource.
/// struct OneToken {
///     issuer: Issuer,
///     subject: Subject,
///     resource: ResourceId,
/// }
///
/// #[async_trait]
/// impl Verifier for OneToken {
///     async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
///         if *presented.resource.id() != self.resource {
///             return Err(Rejection::WrongAudience);
///         }
///         // A token of one's own making is random, and compared by its digest: `StaticTokens` does that.
///         if presented.token != "correct-horse" {
///             return Err(Rejection::invalid("unknown"));
///         }
///         Ok(Arc::new(Principal::builder(self.issuer.clone(), self.subject.clone()).build()))
///     }
/// }
/// ```
///
/// [`Liveness`]: super::Liveness
#[async_trait]
pub trait Verifier: Send + Sync + 'static {
    /// Judges one presented token.
    ///
    /// # Errors
    ///
    /// A [`Rejection`]. A store or key server that cannot be reached is
    /// [`Rejection::Unavailable`], never a verdict about the token.
    ///
    /// # Cancel safety
    ///
    /// The guard drops the future when the client goes away. Nothing may be left half done: a DPoP
    /// proof's first use, for one, is a single store call.
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection>;
}

/// A nonce that the next DPoP proof has to carry (RFC 9449 section 8.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DpopNonce(Arc<str>);

text_newtype!(DpopNonce, DpopNonceError, check_nonce);

/// A text outside the grammar of RFC 9449 section 8.1, or longer than 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a DPoP nonce has 1 to 512 visible characters other than quote and backslash")]
#[non_exhaustive]
pub struct DpopNonceError;

fn check_nonce(text: &str) -> Result<(), DpopNonceError> {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    if (1..=512).contains(&text.len()) && text.bytes().all(allowed) { Ok(()) } else { Err(DpopNonceError) }
}

/// Why a token was not accepted.
///
/// `Display` is for the log. The client gets a fixed text per variant, and several causes share
/// one, so that an answer says nothing about how a forged token failed. Reasons are static texts:
/// nothing of a token can get into them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Not a token of ours: malformed, unknown, forged, of another issuer.
    #[error("token is invalid: {reason}")]
    Invalid {
        /// The cause, for the log.
        reason: &'static str,
    },
    /// Its time is over.
    #[error("token has expired")]
    Expired,
    /// Issued for another resource.
    #[error("token was issued for another resource")]
    WrongAudience,
    /// Revoked.
    #[error("token has been revoked")]
    Revoked,
    /// The DPoP proof is missing, malformed, replayed or of another key.
    #[error("DPoP proof is invalid: {reason}")]
    InvalidDpopProof {
        /// The cause, for the log.
        reason: &'static str,
    },
    /// The DPoP proof has to be made again with this nonce.
    #[error("DPoP proof needs a nonce")]
    UseDpopNonce(DpopNonce),
    /// The verifier could not find out. Says nothing about the token; the client gets 503.
    #[error("tokens cannot be verified at the moment")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

impl Rejection {
    /// A token that is none of ours, for this reason.
    #[must_use]
    pub const fn invalid(reason: &'static str) -> Self {
        Self::Invalid { reason }
    }

    /// A DPoP proof that does not hold, for this reason.
    #[must_use]
    pub const fn invalid_dpop_proof(reason: &'static str) -> Self {
        Self::InvalidDpopProof { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Issuer, ResourceId};

    #[test]
    fn scheme_names_are_case_insensitive() {
        for name in ["bearer", "BEARER", "Bearer", "bEaReR"] {
            assert_eq!(Scheme::from_name(name.as_bytes()), Some(Scheme::Bearer));
        }
        assert_eq!(Scheme::from_name(b"dpop"), Some(Scheme::Dpop));
        for name in ["Basic", "", "Bearer ", "Bear"] {
            assert_eq!(Scheme::from_name(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let resource = ProtectedResource::builder(ResourceId::parse("https://h.example/mcp").unwrap())
            .authorization_server(Issuer::parse("https://as.example").unwrap())
            .build()
            .unwrap();
        let uri = Uri::from_static("/mcp?key=querysecret");
        let presented =
            Presented::new(Scheme::Dpop, "tokensecret", &resource, &Method::POST, &uri, SystemTime::UNIX_EPOCH)
                .with_dpop("proofsecret");
        let text = format!("{presented:?}");
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("https://h.example/mcp"), "{text}");
    }

    #[test]
    fn nonce_cannot_break_out_of_a_header() {
        for text in ["", "a b", "a\r\nX: y", "a\"", "a\\", "ä", &"a".repeat(513)] {
            assert!(DpopNonce::parse(text).is_err(), "{text:?}");
        }
        assert!(DpopNonce::parse("eyJ7S_zG.eyJH0-Z.HX4w-7v").is_ok());
    }
}
