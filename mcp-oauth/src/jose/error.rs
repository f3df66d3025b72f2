//! What can be wrong with keys and tokens. Nothing of a key or a claim gets into these texts.

use mcp_transport::auth::Rejection;
use thiserror::Error;

/// Why a private key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither PEM nor DER, or more than one private key.
    #[error("the text is not one private key in PEM or DER")]
    Encoding,
    /// It is protected by a password.
    #[error("the private key is encrypted: decrypt it first")]
    Encrypted,
    /// A key of a kind, curve or version that is not signed with here.
    #[error("the private key is neither RSA, nor EC on P-256, nor Ed25519")]
    Unsupported,
    /// An RSA key below 2048 bits or above 8192, or a text that is too long for any key.
    #[error("the private key must have 2048 to 8192 bits")]
    Size,
    /// The cryptographic library does not take it, or its public half does not fit.
    #[error("the private key is not consistent")]
    Inconsistent,
    /// No new key could be made.
    #[error("a private key could not be generated")]
    Generation,
}

/// Why a public key was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwkError {
    /// Not one JSON object, too deep, too large, or with a member that is named twice.
    #[error("the key is not a JSON object that can be read")]
    Json,
    /// A `kty` or `crv` that is not verified with here.
    #[error("the key is neither RSA, nor EC on P-256, nor OKP on Ed25519")]
    Kind,
    /// An `alg` that is not verified with here, or that does not fit the `kty`.
    #[error("the algorithm of the key is not accepted")]
    Algorithm,
    /// `use` or `key_ops` say that it is not for verifying.
    #[error("the key is not for verifying signatures")]
    Use,
    /// It holds its private half, so that it is nobody's secret any more.
    #[error("the key holds private members")]
    Private,
    /// A member is missing, of another type, of the wrong length or not canonical base64url.
    #[error("the member {name} of the key is malformed")]
    Member {
        /// Which.
        name: &'static str,
    },
    /// RSA below 2048 bits or above 8192.
    #[error("an RSA key must have 2048 to 8192 bits")]
    Size,
    /// Not on its curve, of small order, or an exponent that proves nothing.
    #[error("the key is weak or not valid on its curve")]
    Weak,
    /// More keys than a set may have.
    #[error("the key set holds too many keys")]
    TooMany,
    /// Two keys that a token could not tell apart.
    #[error("two keys of the set have the same id and algorithm")]
    Ambiguous,
}

/// The signing library failed. It has no cause that a caller could mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The library refused to sign.
    #[error("the key could not sign")]
    Signature,
    /// The claims could not be written as JSON.
    #[error("the claims could not be written")]
    Claims,
}

/// Why a signed token was refused.
///
/// For the log, and to tell the expired from the forged. What a client is told is the same for most of them; the
/// conversion into [`Rejection`] sees to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than any token of ours: see [`Limits`](super::Limits).
    #[error("the token is too large")]
    TooLarge,
    /// Not three parts of canonical base64url, or a header or payload that is not a JSON object with distinct members.
    #[error("the token is malformed")]
    Malformed,
    /// A header parameter that changes how the token is to be read: `crit`, `b64`, `enc`, `zip`.
    #[error("the token needs an extension that is not supported")]
    Extension,
    /// `alg` is missing, unknown, or another than the key's.
    #[error("the algorithm of the token is not accepted")]
    Algorithm,
    /// No key has this id and algorithm, or its time is over.
    #[error("the key of the token is not known")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the signature of the token does not match")]
    Signature,
    /// `typ` says that it is a token of another kind, or says nothing.
    #[error("the token is of another type")]
    Type,
    /// A claim is missing, of another type, or not what it must be.
    #[error("the claim {name} of the token is missing or not acceptable")]
    Claim {
        /// Which.
        name: &'static str,
    },
    /// Issued by somebody else.
    #[error("the token has another issuer")]
    Issuer,
    /// Issued for somebody else.
    #[error("the token has another audience")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come: `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It lives longer than it may.
    #[error("the token expires too late")]
    TooLongLived,
}

impl From<TokenError> for Rejection {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Expired => Self::Expired,
            TokenError::Audience => Self::WrongAudience,
            TokenError::TooLarge => Self::invalid("too large"),
            TokenError::Malformed => Self::invalid("malformed"),
            TokenError::Extension => Self::invalid("needs an extension"),
            TokenError::Algorithm => Self::invalid("algorithm not accepted"),
            TokenError::UnknownKey => Self::invalid("unknown key"),
            TokenError::Signature => Self::invalid("signature does not match"),
            TokenError::Type => Self::invalid("of another type"),
            TokenError::Claim { name } => Self::invalid(name),
            TokenError::Issuer => Self::invalid("another issuer"),
            TokenError::NotYetValid => Self::invalid("not valid yet"),
            TokenError::TooLongLived => Self::invalid("expires too late"),
        }
    }
}
