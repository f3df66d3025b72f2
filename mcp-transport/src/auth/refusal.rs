//! Every way of saying no: status, challenge, body.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use thiserror::Error;

use super::challenge::ErrorCode;
use super::principal::Principal;
use super::resource::ProtectedResource;
use super::scope::ScopeSet;
use super::verify::{Rejection, Scheme};

const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Why a request does not get through, and what its client is told.
///
/// `Display` is for the log; the client gets fixed texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No credentials, or only such as this resource does not take. 401 without an error (RFC 6750
    /// section 3.1).
    #[error("the request brought no usable credentials")]
    MissingCredentials,
    /// Credentials presented wrongly. 400.
    #[error("invalid request: {reason}")]
    InvalidRequest {
        /// What is wrong; the client reads it too.
        reason: &'static str,
    },
    /// The verifier's verdict. 401, or 503 when it has none.
    #[error("{rejection}")]
    Rejected {
        /// The scheme under which the token came.
        scheme: Scheme,
        /// The verdict.
        rejection: Rejection,
    },
    /// A good token that may not do this. 403.
    #[error("the operation needs more scopes: {needed}")]
    InsufficientScope {
        /// The scheme under which the token came.
        scheme: Scheme,
        /// Every scope that the operation needs, held or not.
        needed: ScopeSet,
    },
}

impl Refusal {
    /// The refusal of an operation that needs these scopes.
    ///
    /// Name all scopes of the operation, not only the missing ones, and none of another operation
    /// (MCP, "Runtime Insufficient Scope Errors"). Without a principal the answer is 401: whoever
    /// has not said who they are is asked that first.
    #[must_use]
    pub fn insufficient_scope(principal: Option<&Principal>, needed: ScopeSet) -> Self {
        principal.map_or(Self::MissingCredentials, |principal| Self::InsufficientScope {
            scheme: principal.scheme(),
            needed,
        })
    }

    pub(super) const fn invalid_request(reason: &'static str) -> Self {
        Self::InvalidRequest { reason }
    }

    pub(super) const fn rejected(scheme: Scheme, rejection: Rejection) -> Self {
        Self::Rejected { scheme, rejection }
    }

    /// The status code (RFC 6750 section 3.1; MCP authorization, "Error Handling").
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest { .. } => StatusCode::BAD_REQUEST,
            Self::Rejected { rejection: Rejection::Unavailable { .. }, .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::MissingCredentials | Self::Rejected { .. } => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// Adds the headers that belong to this refusal: challenges, nonce, time to retry.
    pub fn write_headers(&self, resource: &ProtectedResource, headers: &mut HeaderMap) {
        let (scheme, scope) = match self {
            Self::MissingCredentials => {
                for challenge in resource.first_challenges() {
                    headers.append(WWW_AUTHENTICATE, challenge.clone());
                }
                return;
            }
            Self::Rejected { rejection: Rejection::Unavailable { retry_after }, .. } => {
                headers.insert(RETRY_AFTER, whole_seconds(*retry_after).into());
                return;
            }
            Self::InvalidRequest { .. } if resource.accepts(Scheme::Bearer) => (Scheme::Bearer, ScopeSet::EMPTY),
            Self::InvalidRequest { .. } => (Scheme::Dpop, ScopeSet::EMPTY),
            Self::Rejected { scheme, rejection } => {
                if let Rejection::UseDpopNonce(nonce) = rejection {
                    // The nonce's grammar is a subset of a header value's.
                    if let Ok(nonce) = HeaderValue::from_str(nonce.as_str()) {
                        headers.insert(DPOP_NONCE, nonce);
                    }
                }
                (*scheme, resource.required_scopes().clone())
            }
            Self::InsufficientScope { scheme, needed } => (*scheme, needed.clone()),
        };
        let told = self.told();
        let challenge = resource
            .challenge(scheme)
            .error(ErrorCode::from(told.code))
            .error_description(told.description)
            .scope(scope);
        headers.append(WWW_AUTHENTICATE, challenge.to_header_value());
    }

    /// The body: `{"error": .., "error_description": ..}`.
    #[must_use]
    pub fn body(&self) -> Bytes {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
            error_description: &'static str,
        }
        let told = self.told();
        // Two texts always serialise.
        serde_json::to_vec(&Body { error: told.code, error_description: told.description }).unwrap_or_default().into()
    }

    /// The whole answer, which no cache may keep.
    #[must_use]
    pub fn response(&self, resource: &ProtectedResource) -> Response<Bytes> {
        let mut response = Response::new(self.body());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.write_headers(resource, headers);
        response
    }

    const fn told(&self) -> Told {
        let (code, description) = match self {
            Self::MissingCredentials => ("unauthorized", "this resource needs an access token"),
            Self::InvalidRequest { reason } => ("invalid_request", *reason),
            Self::InsufficientScope { .. } => {
                ("insufficient_scope", "the access token lacks a scope that this operation needs")
            }
            Self::Rejected { rejection, .. } => match rejection {
                Rejection::Expired => ("invalid_token", "the access token has expired"),
                // The client's next step is the same for each, and a forger learns nothing.
                Rejection::Invalid { .. } | Rejection::WrongAudience | Rejection::Revoked => {
                    ("invalid_token", "the access token is not valid here")
                }
                Rejection::InvalidDpopProof { .. } => ("invalid_dpop_proof", "the DPoP proof is missing or not valid"),
                Rejection::UseDpopNonce(_) => {
                    ("use_dpop_nonce", "the DPoP proof needs the nonce of the DPoP-Nonce header")
                }
                Rejection::Unavailable { .. } => {
                    ("temporarily_unavailable", "access tokens cannot be verified at the moment")
                }
            },
        };
        Told { code, description }
    }
}

/// What the client reads.
struct Told {
    code: &'static str,
    description: &'static str,
}

/// `Retry-After` knows whole seconds only (RFC 9110 section 10.2.3), and "at once" helps nobody.
fn whole_seconds(duration: Duration) -> u64 {
    let up = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(up).max(1)
}

#[cfg(test)]
mod tests;
