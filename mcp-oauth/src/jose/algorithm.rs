//! The signature algorithms that are spoken here.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// There is no symmetric one, and no `none`: neither can be named, so neither can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256. The default: it signs fast, and its signatures are short.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256. What the oldest clients and servers know; signing takes ten times as long.
    Rs256,
    /// EdDSA with Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    /// The `alg` value. Case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with this `alg` value.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names none of the algorithms that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature algorithm is none of ES256, RS256 and EdDSA")]
#[non_exhaustive]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::from_name(text).ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn rfc7515_4_1_1_names_are_case_sensitive() {
        for name in ["es256", "RS256 ", "EDDSA", "none", "HS256", "RS384", "PS256", "ES256K", ""] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
    }
}
