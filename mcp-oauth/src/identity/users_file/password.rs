//! One-way hashes of passwords: argon2id (RFC 9106) as PHC strings.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use super::memory::Memories;
use crate::types::{RandomError, Secret, random};

/// The longest password, in bytes.
const LONGEST: usize = 1024;
/// A password shorter than this is warned of, in characters.
const SHORT: usize = 12;
/// The most memory that a hash of the file may ask for, in KiB, and how many passes over it, by how many lanes.
const MOST: (u32, u32, u32) = (256 * 1024, 64, 16);

/// A hash of a password, as it stands in a file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash(PasswordHash);

/// Why a text is not the hash of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashFault {
    /// No PHC string.
    #[error("the password is not in the form $argon2id$v=19$m=..,t=..,p=..$SALT$HASH")]
    Form,
    /// Made with another function than argon2id, or another version of it.
    #[error("the password was not made with argon2id, version 19")]
    Algorithm,
    /// It asks for more memory or time than is given to a sign-in, or has a short salt or hash.
    #[error("the password asks for more than 256 MiB, 64 passes or 16 lanes, or has a salt or hash that is too short")]
    Parameters,
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordFault {
    /// Nothing in it.
    #[error("the password is empty")]
    Empty,
    /// More than 1024 bytes.
    #[error("the password has more than 1024 bytes")]
    Long,
    /// A line end or another control: no form sends it.
    #[error("the password holds a control character")]
    Control,
    /// It could not be hashed.
    #[error("the password cannot be hashed")]
    Hash(#[source] Error),
    /// No salt to be had.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// What OWASP's Password Storage Cheat Sheet recommends for argon2id: 19 MiB of memory, two passes, one lane.
const RECOMMENDED: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Whether anybody can have this password.
pub(super) fn is_possible(password: &Secret) -> bool {
    check(password).is_ok()
}

fn check(password: &Secret) -> Result<(), PasswordFault> {
    let text = password.expose();
    if text.is_empty() {
        Err(PasswordFault::Empty)
    } else if text.len() > LONGEST {
        Err(PasswordFault::Long)
    } else if text.chars().any(char::is_control) {
        Err(PasswordFault::Control)
    } else {
        Ok(())
    }
}

impl Hash {
    /// Hashes a password with the recommended parameters. Takes a moment, and 19 MiB.
    pub(super) fn of(password: &Secret) -> Result<Self, PasswordFault> {
        check(password)?;
        if password.expose().chars().count() < SHORT {
            tracing::warn!("the password has fewer than {SHORT} characters: a longer one is harder to guess");
        }
        let (memory, passes, lanes) = RECOMMENDED;
        let params = Params::new(memory, passes, lanes, None).map_err(|fault| PasswordFault::Hash(fault.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password_with_salt(password.expose().as_bytes(), &random::<16>()?)
            .map(Self)
            .map_err(PasswordFault::Hash)
    }

    /// Reads a hash.
    pub(super) fn parse(text: &str) -> Result<Self, HashFault> {
        let hash = PasswordHash::new(text).map_err(|_| HashFault::Form)?;
        let version = hash.version.is_some_and(|version| version == u32::from(Version::V0x13));
        if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || !version {
            return Err(HashFault::Algorithm);
        }
        let params = Params::try_from(&hash).map_err(|_| HashFault::Form)?;
        let within = params.m_cost() <= MOST.0 && params.t_cost() <= MOST.1 && params.p_cost() <= MOST.2;
        let salt = hash.salt.as_ref().ok_or(HashFault::Form)?.len() >= 8;
        let output = hash.hash.as_ref().ok_or(HashFault::Form)?.len() >= 16;
        if within && salt && output { Ok(Self(hash)) } else { Err(HashFault::Parameters) }
    }

    /// A hash that no password has, as costly to verify as this one, or as a recommended one.
    pub(super) fn of_nobody(like: Option<&Self>) -> Result<Self, RandomError> {
        let (memory, passes, lanes) = like.map_or(RECOMMENDED, Self::parameters);
        let [salt, hash] =
            [random::<16>()?.to_vec(), random::<32>()?.to_vec()].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        let text = format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}");
        Self::parse(&text).map_err(|_| RandomError)
    }

    /// Memory in KiB, passes, lanes.
    fn parameters(&self) -> (u32, u32, u32) {
        let params = Params::try_from(&self.0).unwrap_or_default();
        (params.m_cost(), params.t_cost(), params.p_cost())
    }

    /// How long it takes to verify, in a unit of its own.
    pub(super) fn cost(&self) -> u64 {
        let (memory, passes, _) = self.parameters();
        u64::from(memory) * u64::from(passes)
    }

    /// Whether it is that of the password, compared in constant time. Takes as long and as much memory as the hash
    /// says.
    pub(super) fn verify(&self, password: &Secret, memories: &Memories) -> bool {
        #[cfg(test)]
        tests::VERIFIED.with_borrow_mut(|verified| verified.push(self.parameters()));
        let (Some(salt), Some(expected)) = (&self.0.salt, &self.0.hash) else { return false };
        let Ok(params) = Params::try_from(&self.0) else { return false };
        let blocks = params.block_count();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut hashed = Zeroizing::new(vec![0; expected.len()]);
        let done = memories.lend(blocks, |memory| {
            argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, &mut hashed, memory)
        });
        matches!(done, Some(Ok(()))) && hashed.ct_eq(expected.as_bytes()).into()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;

    std::thread_local! {
        /// With which parameters this thread has verified passwords.
        pub(in super::super) static VERIFIED: RefCell<Vec<(u32, u32, u32)>> = const { RefCell::new(Vec::new()) };
    }

    /// A hash of little cost: a test is not to wait.
    pub(in super::super) fn cheap(password: &str) -> String {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        argon2.hash_password_with_salt(password.as_bytes(), &random::<16>().unwrap()).unwrap().to_string()
    }

    #[test]
    fn rfc9106_hashes_made_elsewhere_are_read() {
        // RFC 9106 section 5.3 has a vector with a secret, which PHC strings do not carry; this one is of the
        // reference implementation's own tests (argon2id, version 19, 256 KiB, two passes, one lane).
        let text = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let hash = Hash::parse(text).unwrap();
        assert!(verify(&hash, "password") && !verify(&hash, "passwore"));
        assert_eq!(hash.to_string(), text);
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn verify(hash: &Hash, text: &str) -> bool {
        hash.verify(&secret(text), &Memories::default())
    }

    #[test]
    fn a_memory_that_others_have_used_changes_nothing() {
        let memories = Memories::default();
        let (one, two) = (Hash::parse(&cheap("one")).unwrap(), Hash::of(&secret("correct horse")).unwrap());
        for _ in 0..2 {
            assert!(one.verify(&secret("one"), &memories) && !two.verify(&secret("one"), &memories));
            assert!(two.verify(&secret("correct horse"), &memories) && !one.verify(&secret("two"), &memories));
        }
        assert_eq!(memories.sizes(), [19 * 1024]);
    }

    #[test]
    fn ours_is_as_owasp_recommends() {
        let password = secret("correct horse battery staple");
        let hash = Hash::of(&password).unwrap();
        assert!(hash.to_string().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hash.verify(&password, &Memories::default()) && !verify(&hash, "correct horse battery stapl"));
        assert_eq!(Hash::parse(&hash.to_string()).unwrap(), hash);
        assert_ne!(Hash::of(&password).unwrap(), hash, "each has a salt of its own");
        assert_eq!(format!("{hash:?}"), "Hash(..)");
    }

    #[test]
    fn other_forms_are_refused() {
        let good = cheap("x");
        assert!(Hash::parse(&good).is_ok());
        for (text, fault) in [
            (String::new(), HashFault::Form),
            ("hunter2".to_owned(), HashFault::Form),
            ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(), HashFault::Form),
            (good.replace("argon2id", "argon2i"), HashFault::Algorithm),
            (good.replace("argon2id", "argon2d"), HashFault::Algorithm),
            (good.replace("v=19", "v=16"), HashFault::Algorithm),
            (good.replace("$v=19", ""), HashFault::Algorithm),
            (good.replace("m=8,", "m=262145,"), HashFault::Parameters),
            (good.replace("t=1,", "t=65,"), HashFault::Parameters),
            (good.replace("m=8,", "m=1,"), HashFault::Form),
            (good.rsplit_once('$').unwrap().0.to_owned(), HashFault::Form),
            (format!("{}$AAAAAAAAAAAAAAA", good.rsplit_once('$').unwrap().0), HashFault::Parameters),
        ] {
            assert_eq!(Hash::parse(&text), Err(fault), "{text}");
        }
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let like = Hash::parse(&cheap("x")).unwrap();
        let nobody = Hash::of_nobody(Some(&like)).unwrap();
        assert_eq!(nobody.parameters(), like.parameters());
        assert!(!verify(&nobody, "x"));
        assert_eq!(Hash::of_nobody(None).unwrap().parameters(), RECOMMENDED);
    }

    #[test]
    fn passwords_have_bounds() {
        assert!(is_possible(&secret(&"x".repeat(1024))) && is_possible(&secret(" pässword ")));
        for text in ["", "a\n", "a\0b", &"x".repeat(1025)] {
            assert!(!is_possible(&secret(text)) && Hash::of(&secret(text)).is_err(), "{text:?}");
        }
    }
}
