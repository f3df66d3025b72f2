//! What an endpoint answers when it says no.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use mcp_transport::auth::DpopNonce;
use thiserror::Error;

use crate::store::StoreError;
use crate::types::RandomError;

/// The error codes of the specifications that are served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// RFC 6749 section 5.2.
    InvalidRequest,
    /// RFC 6749 section 5.2: it is not known who the client is.
    InvalidClient,
    /// RFC 6749 section 5.2.
    InvalidGrant,
    /// RFC 6749 section 5.2: the client may not use this grant.
    UnauthorizedClient,
    /// RFC 6749 section 5.2.
    UnsupportedGrantType,
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 section 5.2.
    InvalidScope,
    /// RFC 8707 section 2.
    InvalidTarget,
    /// RFC 6749 section 4.1.2.1, RFC 8628 section 3.5.
    AccessDenied,
    /// RFC 6749 section 4.1.2.1.
    ServerError,
    /// RFC 6749 section 4.1.2.1.
    TemporarilyUnavailable,
    /// RFC 8628 section 3.5.
    AuthorizationPending,
    /// RFC 8628 section 3.5.
    SlowDown,
    /// RFC 8628 section 3.5.
    ExpiredToken,
    /// RFC 7591 section 3.2.2.
    InvalidRedirectUri,
    /// RFC 7591 section 3.2.2.
    InvalidClientMetadata,
    /// RFC 7591 section 3.2.2.
    InvalidSoftwareStatement,
    /// RFC 7591 section 3.2.2.
    UnapprovedSoftwareStatement,
    /// RFC 6750 section 3.1.
    InvalidToken,
    /// OpenID Connect Core section 3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core section 3.1.2.6.
    RequestUriNotSupported,
    /// RFC 9449 section 5.
    InvalidDpopProof,
    /// RFC 9449 section 8.
    UseDpopNonce,
}

impl ErrorCode {
    /// The code as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::InvalidToken => "invalid_token",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            // RFC 6749 section 5.2; RFC 6750 section 3.1.
            Self::InvalidClient | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why a request was not granted: a code and a text for whoever asked, and a cause for the log.
///
/// `Display` shows what the client is told, and nothing more. No secret is in either half.
#[derive(Debug, Error)]
#[error("{}: {description}", .code.as_str())]
pub struct OAuthError {
    code: ErrorCode,
    status: StatusCode,
    description: Cow<'static, str>,
    retry_after: Option<Duration>,
    dpop_nonce: Option<DpopNonce>,
    #[source]
    cause: Option<Cause>,
}

/// The private half.
#[derive(Debug, Error)]
enum Cause {
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Other(crate::store::BoxError),
}

/// How long clients wait before they ask a store again that cannot be reached.
const STORE_RETRY: Duration = Duration::from_secs(5);

impl OAuthError {
    /// This code, told with this text.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let (status, description) = (code.status(), description.into());
        Self { code, status, description, retry_after: None, dpop_nonce: None, cause: None }
    }

    /// The request is malformed.
    #[must_use]
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// Whoever asked has not shown who they are. One text for all causes.
    #[must_use]
    pub fn invalid_client() -> Self {
        Self::new(ErrorCode::InvalidClient, "the client is unknown, or its authentication failed")
    }

    /// The code or token that was presented is good for nothing. One text for all causes.
    #[must_use]
    pub fn invalid_grant() -> Self {
        Self::new(ErrorCode::InvalidGrant, "the grant is not valid, was used or revoked, or belongs to another client")
    }

    /// Too much was asked in too short a time.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(retry_after),
            ..Self::new(ErrorCode::TemporarilyUnavailable, "too many requests; try again later")
        }
    }

    /// The DPoP proof has to be made again, with this nonce (RFC 9449 section 8).
    #[must_use]
    pub fn use_dpop_nonce(nonce: DpopNonce) -> Self {
        let text = "the DPoP proof needs the nonce of the DPoP-Nonce header";
        Self::new(ErrorCode::UseDpopNonce, text).with_dpop_nonce(nonce)
    }

    /// Something of ours does not work. The cause goes to the log.
    #[must_use]
    pub fn server_error(cause: impl Into<crate::store::BoxError>) -> Self {
        let mut error = Self::new(ErrorCode::ServerError, "the server cannot answer this request");
        error.cause = Some(Cause::Other(cause.into()));
        error
    }

    /// Something that we have to ask cannot be asked at the moment. Says nothing about what was asked for.
    #[must_use]
    pub fn unavailable(cause: impl Into<crate::store::BoxError>) -> Self {
        StoreError::Unavailable(cause.into()).into()
    }

    /// With this status instead of the code's.
    #[must_use]
    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With this time after which asking again makes sense.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// With a nonce for the next DPoP proof, in the header `DPoP-Nonce` (RFC 9449 section 8.2).
    #[must_use]
    pub fn with_dpop_nonce(mut self, nonce: DpopNonce) -> Self {
        self.dpop_nonce = Some(nonce);
        self
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What whoever asked is told. An answer to a client leaves out the characters that RFC 6749 section 5.2 does not
    /// allow.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The same as it may be written into an answer to a client: without what RFC 6749 section 5.2 (and 4.1.2.1) shuts
    /// out of `error_description`. A policy's or a handler's sentence may hold such characters.
    pub(crate) fn told(&self) -> Cow<'_, str> {
        // %x20-21 / %x23-5B / %x5D-7E
        let allowed = |character: char| matches!(character, ' '..='!' | '#'..='[' | ']'..='~');
        if self.description.chars().all(allowed) {
            return Cow::Borrowed(&self.description);
        }
        self.description.chars().filter(|character| allowed(*character)).collect()
    }

    /// When to ask again.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The nonce for the next DPoP proof.
    #[must_use]
    pub const fn dpop_nonce(&self) -> Option<&DpopNonce> {
        self.dpop_nonce.as_ref()
    }

    /// Whether it is our fault, and belongs into the log.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.cause.is_some()
    }
}

impl From<StoreError> for OAuthError {
    /// 503 with `Retry-After` for what passes, 500 for what does not. Never a verdict about what was asked for.
    fn from(error: StoreError) -> Self {
        let mut answer = if error.is_transient() {
            Self::new(ErrorCode::TemporarilyUnavailable, "the server cannot answer at the moment; try again")
                .with_retry_after(STORE_RETRY)
        } else {
            Self::new(ErrorCode::ServerError, "the server cannot answer this request")
        };
        answer.cause = Some(Cause::Store(error));
        answer
    }
}

impl From<RandomError> for OAuthError {
    fn from(error: RandomError) -> Self {
        Self::server_error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_transport::Chain;

    #[test]
    fn a_store_error_is_never_a_verdict() {
        for error in [StoreError::Timeout, StoreError::Full, StoreError::Unavailable("down".into())] {
            let answer = OAuthError::from(error);
            assert_eq!((answer.code(), answer.status().as_u16()), (ErrorCode::TemporarilyUnavailable, 503));
            assert!(answer.retry_after().is_some() && answer.is_ours());
        }
        let answer = OAuthError::from(StoreError::Corrupt("grant"));
        assert_eq!((answer.code(), answer.status().as_u16()), (ErrorCode::ServerError, 500));
    }

    #[test]
    fn rfc6749_5_2_the_characters_of_a_description() {
        let told = |text: &'static str| OAuthError::invalid_request(text).told().into_owned();
        assert_eq!(told("no \"quotes\", no \\, no\r\nlines, no f\u{fc}r"), "no quotes, no , nolines, no fr");
        assert_eq!(told("!#[]~ "), "!#[]~ ");
    }

    #[test]
    fn the_cause_is_for_the_log_alone() {
        let answer = OAuthError::from(StoreError::Unavailable("redis at 10.0.0.7 refused".into()));
        assert!(!answer.to_string().contains("10.0.0.7"));
        assert!(Chain(&answer).to_string().contains("10.0.0.7"));
    }
}
