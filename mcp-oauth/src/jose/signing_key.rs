//! Keys to sign with.

use std::fmt;
use std::sync::Arc;

use josekit::jwk::alg::ed::EdCurve;
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jwk::{Jwk, KeyPair};
use josekit::jws::{ES256, EdDSA, JwsSigner, RS256};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::error::{JwkError, KeyError, SignError};
use super::jwk::PublicJwk;
use super::verifying_key::VerifyingKey;
use super::{compact, der, pem};

/// The size of the RSA keys that are made here, in bits. Larger ones can be brought along.
const RSA_BITS: u32 = 2048;

/// A private key that is ready to sign with one algorithm. A clone counts a reference.
///
/// The private bytes are kept beside the library's key and wiped when the last clone goes. What the library and the
/// allocator hold in passing while a key is read or made is not ours to wipe.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    pkcs8: Zeroizing<Vec<u8>>,
    signer: Box<dyn JwsSigner>,
    verifying: VerifyingKey,
    /// The first part of an access token: it is the same for each.
    access_token_header: String,
}

impl SigningKey {
    /// Makes a new key from the system's random generator.
    ///
    /// Costs about a millisecond for ES256 and EdDSA. An RSA key takes some 200 ms, sometimes a second: not for an
    /// executor thread.
    ///
    /// # Errors
    ///
    /// [`KeyError::Generation`] when the library has no key to give.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let (_, pkcs8) = match algorithm {
            Algorithm::Es256 => {
                ES256.generate_key_pair().ok().and_then(|pair| der::sec1(&Zeroizing::new(pair.to_raw_private_key())))
            }
            Algorithm::Rs256 => RS256
                .generate_key_pair(RSA_BITS)
                .ok()
                .and_then(|pair| der::pkcs1(&Zeroizing::new(pair.to_raw_private_key()))),
            Algorithm::EdDsa => EdDSA
                .generate_key_pair(EdCurve::Ed25519)
                .ok()
                .and_then(|pair| der::pkcs8(&Zeroizing::new(pair.to_der_private_key()))),
        }
        .ok_or(KeyError::Generation)?;
        Self::new(algorithm, pkcs8)
    }

    /// Reads the one private key of a PEM text: PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC 1
    /// (`EC PRIVATE KEY`). The algorithm follows from the kind of key: RS256, ES256 on P-256, EdDSA with Ed25519.
    ///
    /// Costs 1 to 2 ms, because the key signs and verifies once to prove that its halves fit.
    ///
    /// # Errors
    ///
    /// The text is something else, encrypted, of a kind that is not signed with here, too small, or its halves do not fit.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (algorithm, pkcs8) = pem::private_key(text)?;
        Self::new(algorithm, pkcs8)
    }

    /// Reads the text of a PEM file that is in base64 once more, as the environment variable `JWT_PRIVATE_KEY_B64` has it.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_base64_pem(text: &str) -> Result<Self, KeyError> {
        let (algorithm, pkcs8) = pem::base64_private_key(text)?;
        Self::new(algorithm, pkcs8)
    }

    /// Reads a PKCS#8 PrivateKeyInfo in DER, as [`to_pkcs8`](Self::to_pkcs8) gives it.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, pkcs8) = der::pkcs8(der).ok_or(KeyError::Unsupported)?;
        Self::new(algorithm, pkcs8)
    }

    /// `pkcs8` was written by `der`.
    fn new(algorithm: Algorithm, pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        let broken = KeyError::Inconsistent;
        let (signer, jwk): (Box<dyn JwsSigner>, _) = match algorithm {
            Algorithm::Es256 => {
                let pair = ES256.key_pair_from_der(&*pkcs8).map_err(|_| broken)?;
                (Box::new(ES256.signer_from_der(&*pkcs8).map_err(|_| broken)?), pair.to_jwk_public_key())
            }
            Algorithm::Rs256 => {
                // Its sizes are judged below, with those of foreign keys.
                let pair = RsaKeyPair::from_der(&*pkcs8).map_err(|_| broken)?;
                let jwk = pair.to_jwk_public_key();
                public(&jwk)?;
                (Box::new(RS256.signer_from_der(&*pkcs8).map_err(|_| broken)?), jwk)
            }
            Algorithm::EdDsa => {
                let pair = EdDSA.key_pair_from_der(&*pkcs8).map_err(|_| broken)?;
                (Box::new(EdDSA.signer_from_der(&*pkcs8).map_err(|_| broken)?), pair.to_jwk_public_key())
            }
        };
        let mut public = public(&jwk)?;
        public.key_id = public.thumbprint().map(|thumbprint| thumbprint.as_str().to_owned());
        let verifying = VerifyingKey::new(public).map_err(|_| broken)?;
        let access_token_header =
            compact::header(algorithm, verifying.thumbprint().as_str(), compact::TokenType::AccessToken.name());
        let key = Self(Arc::new(Inner { algorithm, pkcs8, signer, verifying, access_token_header }));
        key.sign(b"consistency")
            .ok()
            .and_then(|signature| key.0.verifying.verify(b"consistency", &signature).ok())
            .ok_or(broken)?;
        Ok(key)
    }

    /// The algorithm that this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The `kid`: the key's thumbprint (RFC 7638), so that it cannot name another key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.0.verifying.thumbprint().as_str()
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0.verifying
    }

    /// The public half as a JWKS publishes it, with `kid`, `alg` and `use`.
    #[must_use]
    pub fn public_jwk(&self) -> Map<String, Value> {
        self.0.verifying.public_jwk()
    }

    /// The private half as a PKCS#8 PrivateKeyInfo in DER, to be sealed. Do not show it, and wipe what is copied.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.0.pkcs8
    }

    /// Signs `input`. Costs about 20 µs with ES256, 25 with EdDSA, 220 with RS256 at 2048 bits and far more above that: whoever signs
    /// much with RSA does it off the executor's threads.
    ///
    /// # Errors
    ///
    /// [`SignError::Signature`] when the library fails.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        self.0.signer.sign(input).map_err(|_| SignError::Signature)
    }

    /// Writes `claims` as a token of the type `typ`, with this key's `alg` and `kid` in its header (RFC 7515 section 7.1).
    /// Costs what [`sign`](Self::sign) does.
    ///
    /// # Errors
    ///
    /// The claims cannot be written as JSON, or the library fails.
    pub fn sign_claims<T: Serialize + ?Sized>(&self, typ: &str, claims: &T) -> Result<String, SignError> {
        compact::write(self, compact::header(self.algorithm(), self.key_id(), typ), claims)
    }

    pub(crate) fn sign_access_token<T: Serialize + ?Sized>(&self, claims: &T) -> Result<String, SignError> {
        compact::write(self, self.0.access_token_header.clone(), claims)
    }
}

/// What the library says of the public half, without what is for us to say, judged as if it were foreign.
fn public(jwk: &Jwk) -> Result<PublicJwk, KeyError> {
    let mut members = jwk.as_ref().clone();
    members.retain(|name, _| matches!(name.as_str(), "kty" | "crv" | "x" | "y" | "n" | "e"));
    PublicJwk::read(&members).map_err(|error| match error {
        JwkError::Size | JwkError::Member { name: "n" } => KeyError::Size,
        _ => KeyError::Inconsistent,
    })
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm(), self.key_id())
    }
}

#[cfg(test)]
mod tests;
