use std::time::Duration;

use super::*;
use crate::jose::testing::{NOW, at, claims, key, policy};
use crate::jose::{RotationPolicy, VerifyingKeys};

fn set() -> KeySet {
    let rotation = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(3600)).also(Algorithm::EdDsa);
    KeySet::new().plan(at(NOW), &rotation).apply(SigningKey::generate).unwrap()
}

#[test]
fn the_default_algorithm_signs_where_none_is_asked_for() {
    let set = set();
    for default in [Algorithm::Es256, Algorithm::EdDsa] {
        assert_eq!(KeyRing::new(&set, default).unwrap().signer().algorithm(), default);
    }
    let ring = KeyRing::new(&set, Algorithm::Rs256).unwrap();
    assert_eq!(ring.signer().algorithm(), Algorithm::Es256);
    assert_eq!(ring.signer_for(Algorithm::EdDsa).unwrap().algorithm(), Algorithm::EdDsa);
    assert!(ring.signer_for(Algorithm::Rs256).is_none());
    assert_eq!(KeyRing::new(&KeySet::new(), Algorithm::Es256).unwrap_err(), NoActiveKey);
}

#[test]
fn next_active_and_retired_keys_are_published() {
    let rotation = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(3600));
    let set = KeySet::new().plan(at(NOW), &rotation).apply(SigningKey::generate).unwrap();
    let set = set.rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    let set = set.plan(at(NOW + 420), &rotation).apply(SigningKey::generate).unwrap();
    let set = set.rotate_now(Algorithm::Es256, at(NOW + 420), SigningKey::generate).unwrap();
    let ring = KeyRing::new(&set, Algorithm::Es256).unwrap();
    let document: Value = serde_json::from_slice(ring.jwks().body()).unwrap();
    let published: Vec<&str> =
        document["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    let ids: Vec<&str> = set.keys().iter().map(|record| record.key().key_id()).collect();
    assert_eq!(published, ids);
    assert_eq!(ids.len(), 3);
    // RFC 7517 9.2 and 4: nothing private, and each key with its kid, alg and use.
    for key in document["keys"].as_array().unwrap() {
        let mut names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }
    // Whoever reads it knows all that we know.
    let read = VerifyingKeys::from_jwks(ring.jwks().body().clone()).unwrap();
    assert_eq!(read.len(), 3);
    let token = claims().sign(ring.signer()).unwrap();
    assert!(policy().verify(&token, &read, at(NOW)).is_ok());
    assert!(policy().verify(&token, ring.verifiers(), at(NOW)).is_ok());
}

#[test]
fn the_entity_tag_is_that_of_the_document() {
    let set = set();
    let jwks = KeyRing::new(&set, Algorithm::Es256).unwrap().jwks().clone();
    // RFC 9110 8.8.3: strong, in quotes.
    assert!(jwks.etag().starts_with('"') && jwks.etag().ends_with('"') && jwks.etag().len() == 45, "{}", jwks.etag());
    // Another node, which read the set from the store, says the same.
    let other = KeySet::from_document(&set.to_document()).unwrap();
    assert_eq!(*KeyRing::new(&other, Algorithm::EdDsa).unwrap().jwks(), jwks);
    let changed = set.rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    assert_ne!(KeyRing::new(&changed, Algorithm::Es256).unwrap().jwks().etag(), jwks.etag());
}

#[test]
fn a_ring_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let set = KeySet::new().import(key(Algorithm::Es256).clone(), at(NOW)).unwrap();
    let ring = KeyRing::new(&set, Algorithm::Es256).unwrap();
    shared(&ring);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let token = claims().sign(ring.signer()).unwrap();
                    assert!(policy().verify(&token, ring.verifiers(), at(NOW)).is_ok());
                }
            });
        }
    });
}

#[test]
fn debug_shows_nothing_secret() {
    let shown = format!("{:?}", KeyRing::new(&set(), Algorithm::Es256).unwrap());
    assert!(shown.starts_with("KeyRing"), "{shown}");
    assert!(!shown.contains("pkcs8"), "{shown}");
}
