//! Several keys to verify with, and which of them a token means.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::Value;

use super::compact::{Header, is_key_id};
use super::encoding::object;
use super::error::{JwkError, TokenError};
use super::jwk::PublicJwk;
use super::verifying_key::VerifyingKey;

/// The longest JWKS that is read, in bytes.
const LONGEST: usize = 256 << 10;

/// The most keys that a set may have, whether we can use them or not.
pub(crate) const MOST_KEYS: usize = 64;

/// Keys of one party, ready to verify with.
#[derive(Clone, Debug, Default)]
pub struct VerifyingKeys(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    key: VerifyingKey,
    /// From then on the key verifies nothing any more.
    until: Option<SystemTime>,
}

impl VerifyingKeys {
    /// Reads a foreign JWK Set (RFC 7517 section 5).
    ///
    /// Keys of a kind that is not spoken here, for another use, or malformed are passed over, as that section advises. Each
    /// key that is kept costs about 100 µs: a set is made once and kept.
    ///
    /// # Errors
    ///
    /// The document is malformed or has more than 64 keys; two keys have one id and algorithm; or one holds its private
    /// half, which its owner has to hear of.
    pub fn from_jwks(json: impl Into<Bytes>) -> Result<Self, JwkError> {
        let json = json.into();
        if json.len() > LONGEST {
            return Err(JwkError::Json);
        }
        let document = object(json).ok_or(JwkError::Json)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(JwkError::Member { name: "keys" })?;
        if keys.len() > MOST_KEYS {
            return Err(JwkError::TooMany);
        }
        let mut found = Vec::new();
        for members in keys {
            match PublicJwk::read(members.as_object().ok_or(JwkError::Json)?).and_then(VerifyingKey::new) {
                Ok(key) => found.push(key),
                Err(JwkError::Private) => return Err(JwkError::Private),
                Err(_) => {}
            }
        }
        Self::new(found)
    }

    /// A set of these keys.
    ///
    /// # Errors
    ///
    /// There are more than 64, or two have one id and algorithm.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Result<Self, JwkError> {
        Self::until(keys.into_iter().map(|key| (key, None)))
    }

    pub(crate) fn until(keys: impl IntoIterator<Item = (VerifyingKey, Option<SystemTime>)>) -> Result<Self, JwkError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (key, until) in keys {
            let same = |other: &Entry| {
                (other.key.key_id(), other.key.algorithm()) == (key.key_id(), key.algorithm()) && key.key_id().is_some()
            };
            if entries.iter().any(same) {
                return Err(JwkError::Ambiguous);
            }
            if entries.len() == MOST_KEYS {
                return Err(JwkError::TooMany);
            }
            entries.push(Entry { key, until });
        }
        Ok(Self(entries))
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.0.iter().map(|entry| &entry.key)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a token with this header means: the one with its `kid` and `alg`. One key is tried and no more.
    ///
    /// Where either side has no `kid`, the algorithm has to leave no choice: there must be exactly one key of it (for a
    /// token with a `kid`: exactly one that has none).
    ///
    /// # Errors
    ///
    /// [`TokenError::UnknownKey`].
    pub fn select(&self, header: &Header, now: SystemTime) -> Result<&VerifyingKey, TokenError> {
        let usable =
            |entry: &&Entry| entry.key.algorithm() == header.algorithm() && entry.until.is_none_or(|until| now < until);
        let key_id = header.key_id();
        if key_id.is_some_and(|id| !is_key_id(id)) {
            return Err(TokenError::UnknownKey);
        }
        let usable = || self.0.iter().filter(usable).map(|entry| &entry.key);
        if let Some(key) = usable().find(|key| key_id.is_some() && key.key_id() == key_id) {
            return Ok(key);
        }
        let mut nameless = usable().filter(|key| key_id.is_none() || key.key_id().is_none());
        match (nameless.next(), nameless.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(TokenError::UnknownKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::jose::testing::header_of;
    use crate::jose::{Algorithm, SigningKey};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn key(algorithm: Algorithm, id: Option<&str>) -> VerifyingKey {
        let mut members = SigningKey::generate(algorithm).unwrap().public_jwk();
        members.remove("kid");
        if let Some(id) = id {
            members.insert("kid".to_owned(), id.into());
        }
        VerifyingKey::from_members(&members).unwrap()
    }

    fn select<'a>(keys: &'a VerifyingKeys, header: &str) -> Result<&'a VerifyingKey, TokenError> {
        keys.select(&header_of(header), NOW)
    }

    #[test]
    fn id_and_algorithm_choose_together() {
        // RFC 7517 4.5: different keys may have one id, if their kinds differ.
        let keys = VerifyingKeys::new([key(Algorithm::Es256, Some("a")), key(Algorithm::EdDsa, Some("a"))]).unwrap();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let header = format!(r#"{{"alg":"{algorithm}","kid":"a"}}"#);
            assert_eq!(select(&keys, &header).unwrap().algorithm(), algorithm);
        }
        assert_eq!(select(&keys, r#"{"alg":"RS256","kid":"a"}"#).unwrap_err(), TokenError::UnknownKey);
        assert_eq!(select(&keys, r#"{"alg":"ES256","kid":"A"}"#).unwrap_err(), TokenError::UnknownKey);
        let twice = [key(Algorithm::Es256, Some("a")), key(Algorithm::Es256, Some("a"))];
        assert_eq!(VerifyingKeys::new(twice).unwrap_err(), JwkError::Ambiguous);
    }

    #[test]
    fn without_an_id_there_must_be_no_choice() {
        let one = VerifyingKeys::new([key(Algorithm::Es256, Some("a")), key(Algorithm::EdDsa, None)]).unwrap();
        assert!(select(&one, r#"{"alg":"ES256"}"#).is_ok());
        assert!(select(&one, r#"{"alg":"EdDSA","kid":"x"}"#).is_ok());
        // A key with another id is not meant.
        assert!(select(&one, r#"{"alg":"ES256","kid":"x"}"#).is_err());
        let two = VerifyingKeys::new([key(Algorithm::Es256, Some("a")), key(Algorithm::Es256, None)]).unwrap();
        assert!(select(&two, r#"{"alg":"ES256"}"#).is_err());
    }

    #[test]
    fn a_key_verifies_until_its_time_is_over() {
        let at = |seconds| NOW + Duration::from_secs(seconds);
        let keys = VerifyingKeys::until([(key(Algorithm::Es256, Some("a")), Some(at(10)))]).unwrap();
        let header = header_of(r#"{"alg":"ES256","kid":"a"}"#);
        assert!(keys.select(&header, at(9)).is_ok());
        assert!(keys.select(&header, at(10)).is_err());
    }

    #[test]
    fn rfc7517_5_other_keys_of_a_set_are_passed_over() {
        let good = Value::Object(key(Algorithm::Es256, Some("a")).public_jwk());
        let mut encrypting = good.clone();
        encrypting["use"] = "enc".into();
        let set = |keys: &[&Value]| serde_json::json!({"keys": keys, "more": 1}).to_string();
        let other = serde_json::json!({"kty": "oct", "k": "AA"});
        let keys = VerifyingKeys::from_jwks(set(&[&other, &encrypting, &good])).unwrap();
        assert_eq!(keys.len(), 1);
        let mut private = good.clone();
        private["d"] = "AA".into();
        assert_eq!(VerifyingKeys::from_jwks(set(&[&good, &private])).unwrap_err(), JwkError::Private);
        assert_eq!(VerifyingKeys::from_jwks(set(&[&other; 65])).unwrap_err(), JwkError::TooMany);
        for text in ["{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[1]}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(VerifyingKeys::from_jwks(text).is_err(), "{text}");
        }
    }
}
