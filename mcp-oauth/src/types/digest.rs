//! SHA-256 digests: what stands in a store where the secret itself must not.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// The SHA-256 digest of a labelled list of parts.
///
/// Each part goes in with its length before it, so that no two lists have the same digest because their texts
/// run together. Keys of stores are made of these: they have one length, whatever clients and users call
/// themselves. Written as 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `parts` under `label`, which keeps digests of different kinds apart.
    #[must_use]
    pub fn of(label: &str, parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self::finished(context)
    }

    /// The plain SHA-256 of these bytes, as protocols want it (RFC 7636 section 4.2).
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(bytes);
        Self::finished(context)
    }

    fn finished(context: Context) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// A digest from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    ///
    /// `==` is for keys, which are no secret; this is for what proves something.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// A text that is not the base64url form of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a digest has 43 base64url characters")]
#[non_exhaustive]
pub struct DigestError;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 43 {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(DigestError),
        }
    }
}

impl Digest {
    /// Gives its text away without an allocation.
    fn with_text<T>(&self, give: impl FnOnce(&str) -> T) -> T {
        let mut text = [0; 43];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).unwrap_or(0);
        let text = text.get(..written).and_then(|text| std::str::from_utf8(text).ok());
        give(text.unwrap_or_default())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Digest {
    /// Shows nothing of it: what it is the digest of may be guessable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let one = Digest::of("t", &[b"ab", b"c"]);
        for other in [
            Digest::of("t", &[b"a", b"bc"]),
            Digest::of("t", &[b"abc"]),
            Digest::of("t", &[b"ab", b"c", b""]),
            Digest::of("u", &[b"ab", b"c"]),
            Digest::of("", &[b"t", b"ab", b"c"]),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one, Digest::of("t", &[b"ab", b"c"]));
        assert!(one.matches(&Digest::of("t", &[b"ab", b"c"])) && !one.matches(&Digest::of("t", &[])));
    }

    #[test]
    fn rfc7636_appendix_b() {
        let challenge = Digest::sha256(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge.to_string(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn written_and_read_again() {
        let digest = Digest::of("t", &[b"x"]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        for text in ["", "a", &"=".repeat(43), &"+".repeat(43), &"a".repeat(44), &format!("{}B", "A".repeat(42))] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError), "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Digest::sha256(b"x")), "Digest(..)");
    }
}
