//! What can be wrong with what a client says of itself.

use thiserror::Error;

use crate::types::RedirectUriError;

/// The `error` member of a refused registration (RFC 7591 section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistrationErrorCode {
    /// `invalid_redirect_uri`.
    InvalidRedirectUri,
    /// `invalid_client_metadata`.
    InvalidClientMetadata,
    /// `invalid_software_statement`.
    InvalidSoftwareStatement,
    /// `unapproved_software_statement`.
    UnapprovedSoftwareStatement,
}

impl RegistrationErrorCode {
    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
        }
    }
}

/// Why what a client says of itself is refused.
///
/// `Display` is meant for the client, as `error_description`: it names the member, in fixed words, and repeats nothing of
/// what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The body is no JSON object, or one that can be read in two ways.
    #[error("the body is not a JSON object in UTF-8 that names each member once")]
    Json,
    /// A member other than `redirect_uris`.
    #[error("{member} {fault}")]
    Member {
        /// Its name.
        member: &'static str,
        /// What is wrong with it.
        fault: MemberFault,
    },
    /// The redirect URIs.
    #[error("redirect_uris {0}")]
    RedirectUris(RedirectUrisFault),
    /// The software statement is no signed JWT, or its signature or claims are no good.
    #[error("software_statement is not a signed statement that can be verified")]
    InvalidStatement,
    /// Nobody here trusts whoever signed the software statement.
    #[error("software_statement is not from anybody who is trusted here")]
    UnapprovedStatement,
}

impl MetadataError {
    /// The `error` member of the answer.
    #[must_use]
    pub const fn code(&self) -> RegistrationErrorCode {
        match self {
            Self::Json | Self::Member { .. } => RegistrationErrorCode::InvalidClientMetadata,
            Self::RedirectUris(_) => RegistrationErrorCode::InvalidRedirectUri,
            Self::InvalidStatement => RegistrationErrorCode::InvalidSoftwareStatement,
            Self::UnapprovedStatement => RegistrationErrorCode::UnapprovedSoftwareStatement,
        }
    }

    pub(super) const fn member(member: &'static str, fault: MemberFault) -> Self {
        Self::Member { member, fault }
    }
}

/// What is wrong with a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MemberFault {
    /// It is of another JSON type.
    #[error("has the wrong type")]
    Type,
    /// It is longer than is kept.
    #[error("is too long")]
    Length,
    /// It has more entries than are kept.
    #[error("has too many entries")]
    Count,
    /// None of what it names is offered here.
    #[error("names nothing that is supported here")]
    Unsupported,
    /// `grant_types` and `response_types` contradict each other (RFC 7591 section 2.1).
    #[error("does not fit the other of grant_types and response_types")]
    Inconsistent,
    /// A scope that breaks the grammar of RFC 6749 section 3.3.
    #[error("is malformed")]
    Malformed,
    /// Not an `https` URL.
    #[error("is not an https URL")]
    Url,
    /// Both `jwks` and `jwks_uri` (RFC 7591 section 2: they "MUST NOT both be present").
    #[error("may not stand beside jwks_uri")]
    BesideJwksUri,
    /// A key set without a usable key, or with a key that is malformed.
    #[error("is not a set of public keys")]
    NotKeys,
    /// A private or symmetric key.
    #[error("holds a key that is not public")]
    PrivateKey,
    /// A method that needs keys, and none.
    #[error("needs jwks or jwks_uri")]
    NeedsKeys,
    /// The member may not be sent here (RFC 7592 section 2.2).
    #[error("may not be sent here")]
    NotAllowed,
    /// The member must be sent, and must be what was issued (RFC 7592 section 2.2).
    #[error("is not the one that was issued")]
    Mismatch,
}

/// What is wrong with the redirect URIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RedirectUrisFault {
    /// There is none, though the client has a grant that needs one.
    #[error("is missing or empty")]
    Missing,
    /// Not an array of strings.
    #[error("is not an array of strings")]
    Type,
    /// More than the policy allows.
    #[error("has too many entries")]
    Count,
    /// One of them could run code, or hides where it leads. None is registered then.
    #[error("holds a URI that no client may register")]
    Dangerous,
    /// The host of one of them is an address that is not written as it usually is. None is registered then.
    #[error("holds an address that is not written as it is: four decimal numbers, or IPv6 in its shortest form")]
    Address,
    /// None of them can be used here; this is what is wrong with the first.
    #[error("holds no URI that can be used here: {0}")]
    Unusable(RedirectUriError),
    /// A client that calls itself a web application has a redirect URI of a native one, and the policy insists.
    #[error("holds a loopback or private-use URI, which a client of application_type web does not have")]
    Web,
}
