//! Signed tokens: keys, their rotation, and JWTs that are read strictly. Stands on josekit, none of whose types are seen
//! outside.
//!
//! | file | what it holds |
//! |---|---|
//! | `algorithm` | [`Algorithm`]: ES256, RS256, EdDSA, and no other |
//! | `signing_key` | [`SigningKey`]: made, read from PEM or PKCS#8, signs |
//! | `verifying_key`, `jwk` | [`VerifyingKey`]: a public JWK, read strictly; its thumbprint (RFC 7638) |
//! | `verifying_keys` | [`VerifyingKeys`]: which key a token means, by `kid` and `alg` |
//! | `compact` | [`Unverified`] and [`Verified`]: the compact form (RFC 7515), and [`TokenType`] |
//! | `access_token` | [`AccessTokenClaims`] and [`AccessTokenPolicy`] (RFC 9068) |
//! | `assertion` | [`AssertionPolicy`]: client assertions (RFC 7523) |
//! | `key_set`, `rotation`, `key_document` | [`KeySet`]: next, active, retired; [`RotationPolicy`] and [`Plan`]; the document that a store keeps |
//! | `key_ring` | [`KeyRing`]: a key set ready for use, and the [`Jwks`] |
//! | `claims`, `encoding`, `der`, `pem` | the strict readers below |
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use mcp_oauth::jose::{AccessTokenClaims, AccessTokenPolicy, Algorithm, KeyRing, KeySet, RotationPolicy, SigningKey};
//! use mcp_transport::auth::{ClientId, Issuer, ResourceId, Subject};
//!
//! let now = SystemTime::now();
//! let hour = Duration::from_secs(3600);
//! let policy = RotationPolicy::new(Algorithm::Es256, hour);
//! let keys = KeySet::new().plan(now, &policy).apply(SigningKey::generate)?;
//! let ring = KeyRing::new(&keys, policy.default_algorithm())?;
//!
//! let issuer = Issuer::parse("https://as.example")?;
//! let resource = ResourceId::parse("https://mcp.example/mcp")?;
//! let token = AccessTokenClaims::new(
//!     issuer.clone(),
//!     Subject::parse("ada")?,
//!     resource.clone(),
//!     ClientId::parse("https://app.example/client.json")?,
//!     "an-id-that-was-never-used".to_owned(),
//!     now,
//!     hour,
//! )
//! .sign(ring.signer())?;
//!
//! let claims = AccessTokenPolicy::for_resource(issuer, resource).verify(&token, ring.verifiers(), now)?;
//! assert_eq!(claims.subject.as_str(), "ada");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it costs
//!
//! Everything here is a plain function that computes and waits for nothing; whoever calls decides about threads. Looking up
//! a key takes no lock. Measured once in a release build with OpenSSL 3.0 on one core: signing takes 18 µs with ES256, 25 with
//! EdDSA and 220 with RS256; verifying 47, 62 and 16 µs; all else about a token 2 to 5 µs; reading a public key 100 µs, a
//! private one 1000 to 1600. So keys are read once and kept. The test `costs` measures it again.
//!
//! # What josekit is not asked
//!
//! josekit signs, verifies, and makes and reads keys. The compact form, JSON, headers, claims, key ids and sets are our own
//! business: its validator passes tokens without the claims it is to check, its parser keeps the last of two members with
//! one name, it compares MACs byte by byte, and it inflates what is encrypted without a limit. `traps` has a test for each.

mod access_token;
mod algorithm;
mod assertion;
mod claims;
mod compact;
mod der;
mod encoding;
mod error;
mod jwk;
mod key_document;
mod key_ring;
mod key_set;
mod pem;
mod rotation;
mod signing_key;
mod verifying_key;
mod verifying_keys;

#[cfg(test)]
mod attacks;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod traps;

pub use access_token::{AccessTokenClaims, AccessTokenPolicy, GrantClaim, OtherAudiences};
pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use assertion::{AssertionPolicy, ClientAssertion};
#[cfg(feature = "resource")]
pub(crate) use claims::{LEEWAY, Reader, seconds};
pub use compact::{Header, Limits, TokenType, Unverified, Verified};
#[cfg(any(feature = "resource", feature = "server"))]
pub(crate) use encoding::object;
pub use error::{JwkError, KeyError, SignError, TokenError};
pub use key_document::DocumentError;
pub use key_ring::{Jwks, KeyRing, NoActiveKey};
pub use key_set::{KeyRecord, KeySet, KeySetError, KeyState};
pub use rotation::{Plan, RotationPolicy, Step};
pub use signing_key::SigningKey;
pub use verifying_key::VerifyingKey;
pub use verifying_keys::VerifyingKeys;
