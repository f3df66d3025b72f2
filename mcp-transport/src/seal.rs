//! Sealed state: what a server hands to a client for safekeeping and wants back unread and unchanged.
//!
//! `requestState` of an input-required result (MCP 2026-07-28, multi round-trip requests) goes through the client, so
//! it "MUST" be treated as attacker-controlled when it comes back. A [`Seal`] encrypts and authenticates it, bound to
//! whatever the caller names: a principal, a resource, a method. All processes that serve the same clients share the
//! keys; keys that were replaced still open what they sealed.

use std::fmt;

use base64::{
    Engine as _,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD},
    },
};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest, hmac,
};

use crate::Error;

/// The most bytes that [`Seal::seal`] takes: 1 MiB. What is longer does not belong into a client's hands.
pub const MOST_PLAIN: usize = 1 << 20;

/// The only layout so far: version, key id, salt, nonce, then the ciphertext with its tag.
const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 8;
const SALT_LEN: usize = 12;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + SALT_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// A secret of 32 bytes that seals state. Processes that serve the same clients share it.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// A fresh key from the system's random generator.
    ///
    /// # Errors
    /// The system has no random bytes to give ([`Error::is_io`]).
    pub fn random() -> Result<Self, Error> {
        let mut key = [0; 32];
        random(&mut key)?;
        Ok(Self(key))
    }

    /// A key that came from elsewhere. It must be 32 random bytes, not a password.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key as a configuration holds it: 32 bytes in base64, either alphabet, with or without padding.
    ///
    /// # Errors
    /// The text is something else ([`Error::is_config`]). The error does not repeat it.
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let alphabet = if text.contains(['-', '_']) { base64::alphabet::URL_SAFE } else { base64::alphabet::STANDARD };
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let bytes = GeneralPurpose::new(&alphabet, lenient).decode(text).ok();
        let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        key.map(Self).ok_or_else(|| Error::config("a sealing key is 32 random bytes in base64"))
    }

    /// The secret itself, to keep it somewhere safe. Do not show it.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Why sealed state does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is no sealed state: too short, too long, not base64url, or a layout that this version does not know.
    #[error("the text is not sealed state")]
    Malformed,
    /// None of the keys sealed it: the key was retired, or another server made it.
    #[error("the key that sealed the state is not known here")]
    UnknownKey,
    /// It was changed, or sealed for another principal or purpose.
    #[error("the state was changed or belongs to something else")]
    Forged,
}

/// Seals and opens state with ChaCha20-Poly1305.
///
/// The same plain text gives another sealed text each time. A clone has the same keys.
///
/// ```
/// use mcp_transport::seal::Seal;
///
/// let seal = Seal::random()?;
/// let state = seal.seal(b"round 2", b"alice tools/call")?;
/// assert_eq!(seal.open(&state, b"alice tools/call").unwrap(), b"round 2");
/// assert!(seal.open(&state, b"mallory tools/call").is_err());
/// # Ok::<(), mcp_transport::Error>(())
/// ```
#[derive(Clone)]
pub struct Seal {
    current: Keyed,
    old: Vec<Keyed>,
}

/// A key, ready for use.
#[derive(Clone)]
struct Keyed {
    id: [u8; KEY_ID_LEN],
    root: hmac::Key,
}

impl Seal {
    /// A seal with a fresh key that only this process has: state does not open after a restart, nor elsewhere.
    ///
    /// # Errors
    /// The system has no random bytes to give ([`Error::is_io`]).
    pub fn random() -> Result<Self, Error> {
        Ok(Self::with_keys(SealKey::random()?, []))
    }

    /// Seals with `current`; opens what `current` or any of `old` sealed. To rotate, first add the new key to `old` on
    /// all processes, then make it `current`, and drop the former key once the longest state has expired.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a seal takes its key over, so that no copy needs to stay behind"
    )]
    #[must_use]
    pub fn with_keys(current: SealKey, old: impl IntoIterator<Item = SealKey>) -> Self {
        Self { current: Keyed::new(&current), old: old.into_iter().map(|key| Keyed::new(&key)).collect() }
    }

    /// Seals `plain` for the purpose that `bound_to` names. `bound_to` is not in the sealed text: the caller that opens
    /// it must know it. A `bound_to` of several parts must keep them apart (lengths in front, or a hash of each).
    ///
    /// # Errors
    /// `plain` is longer than [`MOST_PLAIN`] ([`Error::is_too_large`]), or the system has no random bytes to give
    /// ([`Error::is_io`]).
    pub fn seal(&self, plain: &[u8], bound_to: &[u8]) -> Result<String, Error> {
        if plain.len() > MOST_PLAIN {
            return Err(Error::too_large("state to be sealed is longer than 1 MiB"));
        }
        let mut fresh = [0; SALT_LEN + NONCE_LEN];
        random(&mut fresh)?;
        let (salt, nonce) = fresh.split_first_chunk::<SALT_LEN>().ok_or_else(broken)?;
        let nonce = <[u8; NONCE_LEN]>::try_from(nonce).map_err(|_| broken())?;

        let mut out = Vec::with_capacity(HEAD_LEN + plain.len() + TAG_LEN);
        out.push(VERSION);
        out.extend_from_slice(&self.current.id);
        out.extend_from_slice(&fresh);
        let aad = authenticated(&out, bound_to);
        let mut text = plain.to_vec();
        self.current
            .message_key(salt)
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut text).ok()
            })
            .ok_or_else(broken)?;
        out.append(&mut text);
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens what [`seal`](Self::seal) made for the same `bound_to`.
    ///
    /// # Errors
    /// Why it does not open. To a client all three are the same: its state is not valid.
    pub fn open(&self, sealed: &str, bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        const LONGEST: usize = (HEAD_LEN + MOST_PLAIN + TAG_LEN).div_ceil(3) * 4;
        if sealed.len() > LONGEST {
            return Err(SealError::Malformed);
        }
        // Bits that the text could spell in two ways are refused, so that one state has one spelling.
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SealError::Malformed)?;
        let (head, body) = bytes.split_first_chunk::<HEAD_LEN>().ok_or(SealError::Malformed)?;
        let (version, rest) = head.split_first_chunk::<1>().ok_or(SealError::Malformed)?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID_LEN>().ok_or(SealError::Malformed)?;
        let (salt, nonce) = rest.split_first_chunk::<SALT_LEN>().ok_or(SealError::Malformed)?;
        let nonce = <[u8; NONCE_LEN]>::try_from(nonce).map_err(|_| SealError::Malformed)?;
        if *version != [VERSION] || body.len() < TAG_LEN {
            return Err(SealError::Malformed);
        }
        // The id is public, so finding it need not take constant time.
        let mut keys = std::iter::once(&self.current).chain(&self.old);
        let keyed = keys.find(|keyed| keyed.id == *id).ok_or(SealError::UnknownKey)?;
        let key = keyed.message_key(salt).ok_or(SealError::Forged)?;
        let aad = authenticated(head, bound_to);
        let mut text = body.to_vec();
        let length = key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut text)
            .map_err(|_| SealError::Forged)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("old", &self.old.len()).finish_non_exhaustive()
    }
}

impl Keyed {
    fn new(key: &SealKey) -> Self {
        let mut named = digest::Context::new(&digest::SHA256);
        named.update(b"mcp sealed state, key id\0");
        named.update(&key.0);
        let name = named.finish();
        let id = name.as_ref().first_chunk().copied().unwrap_or_default();
        Self { id, root: hmac::Key::new(hmac::HMAC_SHA256, &key.0) }
    }

    /// The key of one message.
    ///
    /// A random nonce of 96 bits alone is safe for about 2^32 messages under one key, and keys here are shared by many
    /// processes for a long time. So half of 192 random bits choose a key and half are the nonce: two messages clash
    /// only if all of them are equal, which leaves 2^80 messages at the same odds of one in 2^32.
    fn message_key(&self, salt: &[u8; SALT_LEN]) -> Option<LessSafeKey> {
        let mut derive = hmac::Context::with_key(&self.root);
        derive.update(b"mcp sealed state, message key\0");
        derive.update(salt);
        UnboundKey::new(&CHACHA20_POLY1305, derive.sign().as_ref()).ok().map(LessSafeKey::new)
    }
}

/// What is authenticated beside the text. The head has one length, so the two parts cannot be confused.
fn authenticated(head: &[u8], bound_to: &[u8]) -> Vec<u8> {
    [head, bound_to].concat()
}

fn random(into: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(into).map_err(|cause| std::io::Error::other(cause.to_string()).into())
}

/// The cipher refused what has the lengths that it asks for. It does not happen.
fn broken() -> Error {
    std::io::Error::other("the cipher refused its own lengths").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SealKey {
        SealKey::from_bytes([byte; 32])
    }

    #[test]
    fn what_was_sealed_opens_and_looks_different_each_time() {
        let seal = Seal::random().unwrap();
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let one = seal.seal(plain, b"alice").unwrap();
            let two = seal.seal(plain, b"alice").unwrap();
            assert_ne!(one, two);
            assert_eq!(seal.open(&one, b"alice").unwrap(), plain);
            assert_eq!(seal.open(&two, b"alice").unwrap(), plain);
            assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        }
    }

    // MCP 2026-07-28, multi round-trip requests: servers "MUST" reject state that fails its integrity check.
    #[test]
    fn a_change_of_any_bit_is_noticed() {
        let seal = Seal::random().unwrap();
        let sealed = URL_SAFE_NO_PAD.decode(seal.seal(b"state", b"alice").unwrap()).unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                let error = seal.open(&URL_SAFE_NO_PAD.encode(changed), b"alice").unwrap_err();
                let expected = match at {
                    0 => SealError::Malformed,
                    1..=8 => SealError::UnknownKey,
                    _ => SealError::Forged,
                };
                assert_eq!(error, expected, "byte {at}");
            }
        }
    }

    #[test]
    fn each_state_has_one_spelling() {
        let seal = Seal::random().unwrap();
        let sealed = seal.seal(b"state!", b"").unwrap();
        for at in 0..sealed.len() {
            for other in ["A", "B", "_", "=", "+", " ", "\n", "é"] {
                if sealed[at..=at] != *other {
                    let mut changed = sealed.clone();
                    changed.replace_range(at..=at, other);
                    assert!(seal.open(&changed, b"").is_err(), "{at} {other:?}");
                }
            }
        }
        assert_eq!(seal.open(&format!("{sealed}="), b"").unwrap_err(), SealError::Malformed);
    }

    #[test]
    fn state_opens_only_for_what_it_was_bound_to() {
        let seal = Seal::random().unwrap();
        let sealed = seal.seal(b"state", b"alice").unwrap();
        for other in [&b""[..], b"Alice", b"alice ", b"mallory"] {
            assert_eq!(seal.open(&sealed, other).unwrap_err(), SealError::Forged);
        }
    }

    #[test]
    fn replaced_keys_still_open_and_retired_ones_do_not() {
        let sealed = Seal::with_keys(key(1), []).seal(b"state", b"").unwrap();
        let rotated = Seal::with_keys(key(2), [key(3), key(1)]);
        assert_eq!(rotated.open(&sealed, b"").unwrap(), b"state");
        let fresh = rotated.seal(b"new", b"").unwrap();
        assert_eq!(Seal::with_keys(key(1), []).open(&fresh, b"").unwrap_err(), SealError::UnknownKey);
        assert_eq!(Seal::with_keys(key(1), [key(2)]).open(&fresh, b"").unwrap(), b"new");
    }

    #[test]
    fn no_text_makes_it_panic() {
        let seal = Seal::random().unwrap();
        let sealed = seal.seal(b"state", b"").unwrap();
        for end in 0..sealed.len() {
            assert!(seal.open(&sealed[..end], b"").is_err(), "the first {end} characters");
            assert!(seal.open(&sealed[end + 1..], b"").is_err());
        }
        for garbage in ["é", "====", "\0", "AQ"] {
            assert_eq!(seal.open(garbage, b"").unwrap_err(), SealError::Malformed);
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let seal = Seal::random().unwrap();
        let most = seal.seal(&vec![1; MOST_PLAIN], b"").unwrap();
        assert_eq!(seal.open(&most, b"").unwrap().len(), MOST_PLAIN);
        assert!(seal.seal(&vec![1; MOST_PLAIN + 1], b"").unwrap_err().is_too_large());
        assert_eq!(seal.open(&"A".repeat(most.len() + 4), b"").unwrap_err(), SealError::Malformed);
    }

    #[test]
    fn a_key_is_read_in_every_base64_and_never_shown() {
        let bytes = [0xFB; 32];
        let shown = [
            base64::engine::general_purpose::STANDARD.encode(bytes),
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes),
            base64::engine::general_purpose::URL_SAFE.encode(bytes),
            format!(" {}\n", URL_SAFE_NO_PAD.encode(bytes)),
        ];
        for text in shown {
            assert_eq!(SealKey::from_base64(&text).unwrap().expose(), &bytes);
        }
        for bad in ["", "AAAA", "not base64!", &URL_SAFE_NO_PAD.encode([1; 33])] {
            assert!(SealKey::from_base64(bad).unwrap_err().is_config(), "{bad}");
        }
        assert_eq!(format!("{:?}", key(1)), "SealKey(..)");
        assert!(!format!("{:?}", Seal::with_keys(key(1), [])).contains('1'));
    }
}
