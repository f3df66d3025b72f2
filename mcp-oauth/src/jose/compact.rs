//! Signed tokens in the compact form (RFC 7515 section 7.1), read strictly. There is no other form, and nothing encrypted.

use std::fmt;

use base64::write::EncoderStringWriter;
use serde::Serialize;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::encoding::{BASE64URL, decode, encode, object};
use super::error::{SignError, TokenError};
use super::jwk::LONGEST_KEY_ID;
use super::signing_key::SigningKey;
use super::verifying_key::VerifyingKey;

/// The longest signature that any key here makes: RSA with 8192 bits.
const LONGEST_SIGNATURE: usize = 1024;

/// How long a token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the whole token, as text. The default is 16 KiB, what a server takes as a header line.
    pub token: usize,
    /// Bytes of the header, decoded. The default is 4 KiB.
    pub header: usize,
    /// Bytes of the payload, decoded. The default is 12 KiB, what 16 KiB of text can hold.
    pub payload: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { token: 16 << 10, header: 4 << 10, payload: 12 << 10 }
    }
}

/// What kind of token it is, by `typ` (RFC 8725 section 3.11): one kind is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// `at+jwt` (RFC 9068 section 2.1).
    AccessToken,
    /// `client-authentication+jwt`. What came before it says `JWT`, or nothing, and RFC 7523 asks for neither: those are
    /// taken too, and any other type is not.
    ClientAssertion,
    /// `dpop+jwt` (RFC 9449 section 4.2).
    DpopProof,
    /// `oauth-id-jag+jwt` (identity assertion authorization grant).
    IdentityAssertion,
}

impl TokenType {
    /// The value that a token of this kind is written with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::ClientAssertion => "client-authentication+jwt",
            Self::DpopProof => "dpop+jwt",
            Self::IdentityAssertion => "oauth-id-jag+jwt",
        }
    }

    /// Whether a token with this `typ` is of this kind.
    #[must_use]
    pub fn accepts(self, typ: Option<&str>) -> bool {
        let Some(typ) = typ else {
            return self == Self::ClientAssertion;
        };
        // RFC 7515 4.1.9: a media type, whose names are compared without regard to case, and without `application/` in
        // front where it holds no other slash.
        let is = |name: &str| {
            let prefix = "application/".len();
            let bare = match typ.get(..prefix) {
                Some(front) if front.eq_ignore_ascii_case("application/") => typ.get(prefix..).unwrap_or_default(),
                Some(_) | None => typ,
            };
            bare.eq_ignore_ascii_case(name)
        };
        is(self.name()) || (self == Self::ClientAssertion && is("JWT"))
    }
}

/// The header of a token. Before the signature is verified it is what the sender says, and afterwards it is no more than
/// that either: nothing in it chooses a key but its `kid` and `alg`, among keys that are ours to choose from.
#[derive(Clone, PartialEq)]
pub struct Header {
    algorithm: Algorithm,
    members: Map<String, Value>,
}

impl Header {
    fn read(bytes: Vec<u8>) -> Result<Self, TokenError> {
        let members = object(bytes).ok_or(TokenError::Malformed)?;
        // RFC 7515 4.1.11: what `crit` names must be understood, and nothing is here. RFC 7797 makes no sense without it.
        // RFC 7516 9: `enc` says that it is encrypted; that and `zip` are never for us.
        if ["crit", "b64", "enc", "zip"].iter().any(|name| members.contains_key(*name)) {
            return Err(TokenError::Extension);
        }
        for name in ["typ", "kid"] {
            if members.get(name).is_some_and(|value| !value.is_string()) {
                return Err(TokenError::Malformed);
            }
        }
        let algorithm = members.get("alg").and_then(Value::as_str).and_then(Algorithm::from_name);
        Ok(Self { algorithm: algorithm.ok_or(TokenError::Algorithm)?, members })
    }

    /// `alg`.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.text("kid")
    }

    /// `typ`.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.text("typ")
    }

    /// Any other parameter, for those whose protocol gives it a meaning: a DPoP proof brings its key in `jwk`. Everywhere
    /// else `jwk`, `jku`, `x5u` and `x5c` are the sender's wishes (RFC 8725 section 3.10), and nothing here reads them.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({})", self.algorithm)
    }
}

/// A token that has the form of one. Its signature has not been looked at, and its claims have not been read.
#[derive(Clone)]
pub struct Unverified<'a> {
    header: Header,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    ///
    /// It is too large, not three parts of canonical base64url, its header is not a JSON object with distinct members, it
    /// needs an extension, or its algorithm is not spoken.
    pub fn parse(token: &'a str, limits: &Limits) -> Result<Self, TokenError> {
        if token.len() > limits.token {
            return Err(TokenError::TooLarge);
        }
        // Exactly three parts (RFC 7519 7.2). Five would be an encrypted token, whose content might be compressed.
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        if header.len() / 4 * 3 > limits.header || payload.len() / 4 * 3 > limits.payload {
            return Err(TokenError::TooLarge);
        }
        let header = decode(header, limits.header).ok_or(TokenError::Malformed)?;
        let header = Header::read(header)?;
        let signature = decode(signature, LONGEST_SIGNATURE).ok_or(TokenError::Malformed)?;
        Ok(Self { header, signed, payload, signature })
    }

    /// The header, to choose a key by.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The claims as the sender wrote them, before anything is proved: only to look up whose keys to verify with.
    pub(crate) fn unproved_claims(&self) -> Result<Map<String, Value>, TokenError> {
        claims(self.payload)
    }

    /// Verifies the signature with `key`, and only then reads the claims.
    ///
    /// # Errors
    ///
    /// The algorithm is not that of the key, `typ` is not that of `kind`, the signature does not match, or the
    /// payload is not a JSON object with distinct members.
    pub fn verify(self, key: &VerifyingKey, kind: TokenType) -> Result<Verified, TokenError> {
        if self.header.algorithm != key.algorithm() {
            return Err(TokenError::Algorithm);
        }
        if !kind.accepts(self.header.typ()) {
            return Err(TokenError::Type);
        }
        key.verify(self.signed.as_bytes(), &self.signature)?;
        Ok(Verified { claims: claims(self.payload)?, header: self.header })
    }
}

fn claims(payload: &str) -> Result<Map<String, Value>, TokenError> {
    decode(payload, payload.len()).and_then(object).ok_or(TokenError::Malformed)
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({})", self.header.algorithm)
    }
}

/// A token whose signature was verified. Only [`Unverified::verify`] makes one. What its claims mean is still to be judged.
pub struct Verified {
    header: Header,
    claims: Map<String, Value>,
}

impl Verified {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub(crate) fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} claims)", self.claims.len())
    }
}

/// The first part of a token.
pub(crate) fn header(algorithm: Algorithm, key_id: &str, typ: &str) -> String {
    let mut members = Map::new();
    for (name, value) in [("alg", algorithm.name()), ("kid", key_id), ("typ", typ)] {
        members.insert(name.to_owned(), Value::from(value));
    }
    encode(Value::Object(members).to_string())
}

/// Writes a token into one buffer, which begins with its first part: the JSON of the claims goes straight into base64url.
pub(crate) fn write<T: Serialize + ?Sized>(key: &SigningKey, header: String, claims: &T) -> Result<String, SignError> {
    let mut token = header;
    token.reserve(1024);
    token.push('.');
    let mut writer = EncoderStringWriter::from_consumer(token, &BASE64URL);
    serde_json::to_writer(&mut writer, claims).map_err(|_| SignError::Claims)?;
    let mut token = writer.into_inner();
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    base64::Engine::encode_string(&BASE64URL, signature, &mut token);
    Ok(token)
}

/// Whether a `kid` can be that of any key.
pub(crate) fn is_key_id(text: &str) -> bool {
    (1..=LONGEST_KEY_ID).contains(&text.len())
}

#[cfg(test)]
mod tests;
