//! Secrets, and the random bytes that they are made of.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;
use zeroize::Zeroizing;

use super::Digest;

/// A text that nobody else may see: a code, a token, a client secret.
///
/// `Debug` shows nothing, there is no `Display`, and the memory is cleared when it goes away.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text that came from outside.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A new secret of 256 random bits: `prefix` and 43 characters of base64url.
    ///
    /// The prefix lets scanners of leaked secrets recognise it.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn random(prefix: &str) -> Result<Self, RandomError> {
        Ok(Self::of(prefix, &Zeroizing::new(random::<32>()?)))
    }

    /// The same of random bytes that are at hand.
    pub(crate) fn of(prefix: &str, bytes: &[u8; 32]) -> Self {
        let mut text = String::with_capacity(prefix.len() + 43);
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Self::new(text)
    }

    /// The text. What it is given to must not keep it, nor log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a store keeps of it. A plain digest is enough for secrets with 256 random bits.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of("secret", &[self.0.as_bytes()])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system gives no random bytes")]
#[non_exhaustive]
pub struct RandomError;

/// `N` random bytes from the system.
///
/// # Errors
///
/// When the system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn attack_044_secrets_have_256_bits_and_share_no_prefix() {
        let secrets: Vec<Secret> = (0..10_000).map(|_| Secret::random("x_").unwrap()).collect();
        assert!(secrets.iter().all(|secret| secret.expose().len() == 45));
        let beginnings: HashSet<&str> = secrets.iter().map(|secret| &secret.expose()[2..18]).collect();
        assert_eq!(beginnings.len(), secrets.len());
        // Each of the 64 characters is about as frequent as any other: 430,000 characters, 6,719 each on average.
        let mut counts = [0_u32; 128];
        for byte in secrets.iter().flat_map(|secret| secret.expose()[2..44].bytes()) {
            counts[usize::from(byte)] += 1;
        }
        let used: Vec<u32> = counts.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(used.len(), 64);
        assert!(used.iter().all(|count| (5_900..7_300).contains(count)), "{used:?}");
    }
}
