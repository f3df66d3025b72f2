//! A key set as one document, for a store to seal and to keep.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::error::KeyError;
use super::key_set::{KeySet, KeySetError, KeyState};
use super::signing_key::SigningKey;

/// The only layout so far.
const VERSION: u32 = 1;

/// Why a document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not the JSON of a key set.
    #[error("the document is not a key set")]
    Malformed,
    /// A later program wrote it.
    #[error("the key set has a version that is not known here")]
    Version,
    /// What it says of its keys cannot be true together: two active keys of one algorithm, an id that is not the key's.
    #[error("the key set contradicts itself")]
    Inconsistent,
    /// A key in it cannot be read.
    #[error("a key of the set cannot be read")]
    Key(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    keys: Vec<Entry>,
}

/// As much as tells whether the rest can be understood.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kid: String,
    alg: String,
    created_at: u64,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    pkcs8: Secret,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Next,
    Active,
    Retired,
}

/// Base64 text that is wiped when it goes.
struct Secret(Zeroizing<String>);

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl KeySet {
    /// The set as a document, private keys included, for a store to seal. It is wiped when it is dropped.
    #[must_use]
    pub fn to_document(&self) -> Zeroizing<Vec<u8>> {
        let keys = self.keys().iter().map(|record| {
            let (state, since, until) = match record.state() {
                KeyState::Next => (State::Next, None, None),
                KeyState::Active { since } => (State::Active, Some(since), None),
                KeyState::Retired { since, until } => (State::Retired, Some(since), Some(until)),
            };
            let mut secret = Zeroizing::new(String::with_capacity(record.key().to_pkcs8().len() * 4 / 3 + 4));
            STANDARD.encode_string(record.key().to_pkcs8(), &mut secret);
            Entry {
                kid: record.key().key_id().to_owned(),
                alg: record.key().algorithm().name().to_owned(),
                created_at: record.created_at(),
                state,
                since,
                until,
                pkcs8: Secret(secret),
            }
        });
        let document = Document { version: VERSION, keys: keys.collect() };
        // Sized beforehand, so that no growth leaves a copy behind: names, times and ids take less than this per key.
        let secrets: usize = document.keys.iter().map(|entry| entry.pkcs8.0.len() + 512).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(secrets + 64));
        // Writing strings and numbers into memory does not fail.
        let written = serde_json::to_writer(&mut *out, &document);
        debug_assert!(written.is_ok(), "a key set is always JSON");
        out
    }

    /// Reads a document that [`to_document`](Self::to_document) wrote. Costs 1 to 2 ms per key, because each signs and
    /// verifies once.
    ///
    /// # Errors
    ///
    /// It is not a key set of a version that is known here, or it contradicts itself.
    pub fn from_document(bytes: &[u8]) -> Result<Self, DocumentError> {
        let Version { version } = serde_json::from_slice(bytes).map_err(|_| DocumentError::Malformed)?;
        if version != VERSION {
            return Err(DocumentError::Version);
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|_| DocumentError::Malformed)?;
        let mut set = Self::new();
        for entry in document.keys {
            let state = match (entry.state, entry.since, entry.until) {
                (State::Next, None, None) => KeyState::Next,
                (State::Active, Some(since), None) => KeyState::Active { since },
                (State::Retired, Some(since), Some(until)) => KeyState::Retired { since, until },
                _ => return Err(DocumentError::Inconsistent),
            };
            let text = entry.pkcs8.0.as_bytes();
            let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
            let length = STANDARD.decode_slice(text, &mut der).map_err(|_| DocumentError::Malformed)?;
            der.truncate(length);
            let key = SigningKey::from_pkcs8(&der)?;
            let taken = match state {
                KeyState::Next => set.next(key.algorithm()).is_some(),
                KeyState::Active { .. } => set.active(key.algorithm()).is_some(),
                KeyState::Retired { .. } => false,
            };
            if taken || key.key_id() != entry.kid || key.algorithm().name() != entry.alg {
                return Err(DocumentError::Inconsistent);
            }
            set.add(key, entry.created_at, state).map_err(|error| match error {
                KeySetError::Key(error) => DocumentError::Key(error),
                _ => DocumentError::Inconsistent,
            })?;
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Algorithm, JwkError, VerifyingKey};

    /// One key in each state, and two algorithms.
    fn set() -> KeySet {
        let mut set = KeySet::new();
        let key = |algorithm| SigningKey::generate(algorithm).unwrap();
        set.add(key(Algorithm::EdDsa), 1, KeyState::Retired { since: 5, until: 9 }).unwrap();
        set.add(key(Algorithm::Es256), 2, KeyState::Active { since: 3 }).unwrap();
        set.add(key(Algorithm::EdDsa), 4, KeyState::Active { since: 5 }).unwrap();
        set.add(key(Algorithm::Es256), 6, KeyState::Next).unwrap();
        set
    }

    fn text(set: &KeySet) -> String {
        String::from_utf8(set.to_document().to_vec()).unwrap()
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let set = set();
        let read = KeySet::from_document(&set.to_document()).unwrap();
        assert_eq!(text(&read), text(&set));
        for (old, new) in set.keys().iter().zip(read.keys()) {
            assert_eq!((old.state(), old.created_at()), (new.state(), new.created_at()));
            let signature = new.key().sign(b"input").unwrap();
            assert_eq!(old.key().verifying_key().verify(b"input", &signature), Ok(()));
        }
        assert!(KeySet::from_document(&KeySet::new().to_document()).unwrap().keys().is_empty());
    }

    #[test]
    fn the_document_never_grows_while_it_is_written() {
        // A vector that grows leaves what it held in memory that is given back without being wiped.
        let set = set();
        let reserved: usize = set.keys().iter().map(|record| record.key().to_pkcs8().len()).sum();
        let out = set.to_document();
        assert!(out.capacity() <= reserved * 2 + set.keys().len() * 600 + 64, "it has grown");
        assert!(out.len() <= out.capacity());
    }

    #[test]
    fn a_later_version_is_told_from_nonsense() {
        let later = br#"{"version":2,"keys":"otherwise"}"#;
        assert_eq!(KeySet::from_document(later).unwrap_err(), DocumentError::Version);
        for text in
            ["", "{}", "[]", r#"{"version":1}"#, r#"{"version":1,"keys":[],"more":1}"#, r#"{"version":1,"keys":[{}]}"#]
        {
            assert_eq!(KeySet::from_document(text.as_bytes()).unwrap_err(), DocumentError::Malformed, "{text}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let good = text(&set());
        let ids: Vec<String> = set().keys().iter().map(|record| record.key().key_id().to_owned()).collect();
        let own = KeySet::from_document(good.as_bytes()).unwrap();
        let first = own.keys()[0].key().key_id().to_owned();
        for bad in [
            good.replace(&first, &ids[0]),                                  // the id of another key
            good.replacen("\"alg\":\"EdDSA\"", "\"alg\":\"ES256\"", 1),     // the algorithm of another
            good.replacen("\"state\":\"next\"", "\"state\":\"active\"", 1), // active, but since when
            good.replacen("\"state\":\"next\"", "\"state\":\"active\",\"since\":7", 1), // two active keys
            good.replacen("\"state\":\"retired\"", "\"state\":\"next\"", 1), // next, but since then
        ] {
            assert_ne!(bad, good);
            assert_eq!(KeySet::from_document(bad.as_bytes()).unwrap_err(), DocumentError::Inconsistent, "{bad}");
        }
        let twice = good.replacen(
            "\"keys\":[",
            &format!("\"keys\":[{},", &good[good.find("{\"kid").unwrap()..good.find("},").unwrap() + 1]),
            1,
        );
        assert_eq!(KeySet::from_document(twice.as_bytes()).unwrap_err(), DocumentError::Inconsistent);
    }

    #[test]
    fn debug_shows_nothing_secret() {
        let set = set();
        let shown = format!("{set:?}");
        let document: serde_json::Value = serde_json::from_str(&text(&set)).unwrap();
        for entry in document["keys"].as_array().unwrap() {
            let secret = entry["pkcs8"].as_str().unwrap();
            assert!(!shown.contains(&secret[20..40]), "{shown}");
        }
        let der = format!("{:?}", set.keys()[0].key().to_pkcs8());
        assert!(!shown.contains(&der[40..80]), "{shown}");
        // And a JWK of ours is never taken back with its private half.
        assert_eq!(VerifyingKey::from_jwk(r#"{"kty":"oct","k":"AA"}"#).unwrap_err(), JwkError::Kind);
    }
}
