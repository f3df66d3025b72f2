use super::*;
use crate::jose::testing::{NOW, at};

fn make(algorithm: Algorithm) -> Result<SigningKey, KeyError> {
    SigningKey::generate(algorithm)
}

fn policy() -> RotationPolicy {
    RotationPolicy::new(Algorithm::Es256, Duration::from_secs(3600))
}

fn begun() -> KeySet {
    KeySet::new().plan(at(NOW), &policy()).apply(make).unwrap()
}

fn id(record: Option<&KeyRecord>) -> String {
    record.unwrap().key().key_id().to_owned()
}

#[test]
fn rotating_by_hand_publishes_first() {
    let set = begun();
    let first = id(set.active(Algorithm::Es256));
    let set = set.rotate_now(Algorithm::Es256, at(NOW + 10), make).unwrap();
    assert_eq!(id(set.active(Algorithm::Es256)), first);
    let second = id(set.next(Algorithm::Es256));
    assert_eq!(set.keys().last().unwrap().created_at(), NOW + 10);
    // Once more changes nothing: there is a next key already.
    let again = set.rotate_now(Algorithm::Es256, at(NOW + 20), |_| panic!("no key is needed")).unwrap();
    assert_eq!(id(again.next(Algorithm::Es256)), second);
    let set = again.plan(at(NOW + 430), &policy()).apply(make).unwrap();
    assert_eq!(id(set.active(Algorithm::Es256)), second);
    assert!(set.next(Algorithm::Es256).is_none());
}

#[test]
fn revoking_the_active_key_lets_another_sign_at_once() {
    let set = begun();
    let first = id(set.active(Algorithm::Es256));
    // With a next key, which need not have been published long.
    let waiting = set.rotate_now(Algorithm::Es256, at(NOW + 1), make).unwrap();
    let second = id(waiting.next(Algorithm::Es256));
    let revoked = waiting.revoke(&first, at(NOW + 2), |_| panic!("there is one")).unwrap();
    assert_eq!(id(revoked.active(Algorithm::Es256)), second);
    assert_eq!(revoked.active(Algorithm::Es256).unwrap().state(), KeyState::Active { since: NOW + 2 });
    assert_eq!(revoked.keys().len(), 1);
    // Without.
    let revoked = set.revoke(&first, at(NOW + 2), make).unwrap();
    assert_ne!(id(revoked.active(Algorithm::Es256)), first);
    assert_eq!(revoked.keys().len(), 1);
    // And if none can be made, the set stays as it is.
    let failed = set.revoke(&first, at(NOW), |_| Err(KeyError::Generation)).unwrap_err();
    assert_eq!(failed, KeySetError::Key(KeyError::Generation));
    assert_eq!(set.revoke("another", at(NOW), make).unwrap_err(), KeySetError::UnknownKey);
}

#[test]
fn revoking_a_key_that_does_not_sign_needs_no_other() {
    let set = begun().rotate_now(Algorithm::Es256, at(NOW), make).unwrap();
    let next = id(set.next(Algorithm::Es256));
    let revoked = set.revoke(&next, at(NOW), |_| panic!("no key is needed")).unwrap();
    assert!(revoked.next(Algorithm::Es256).is_none());
    let set = set.plan(at(NOW + 420), &policy()).apply(make).unwrap();
    let retired = id(set.keys().iter().find(|record| matches!(record.state(), KeyState::Retired { .. })));
    let revoked = set.revoke(&retired, at(NOW + 421), |_| panic!("no key is needed")).unwrap();
    assert_eq!(revoked.keys().len(), 1);
}

#[test]
fn a_key_that_is_brought_along_signs_if_none_does() {
    let key = make(Algorithm::Es256).unwrap();
    let set = KeySet::new().import(key.clone(), at(NOW)).unwrap();
    assert_eq!(id(set.active(Algorithm::Es256)), key.key_id());
    assert!(set.plan(at(NOW), &policy()).is_empty());
    assert_eq!(set.import(key, at(NOW)).unwrap_err(), KeySetError::Known);
    // Beside an active key it waits like any other.
    let waiting = set.rotate_now(Algorithm::Es256, at(NOW), make).unwrap();
    let other = make(Algorithm::Es256).unwrap();
    let set = waiting.import(other.clone(), at(NOW)).unwrap();
    assert_eq!(id(set.next(Algorithm::Es256)), other.key_id());
    assert_eq!(set.keys().len(), 2);
}

#[test]
fn a_set_is_bounded() {
    let mut set = begun();
    for _ in set.keys().len()..MOST_KEYS {
        set.add(make(Algorithm::EdDsa).unwrap(), NOW, KeyState::Retired { since: NOW, until: NOW + 9 }).unwrap();
    }
    assert_eq!(set.rotate_now(Algorithm::Es256, at(NOW), make).unwrap_err(), KeySetError::Full);
    assert_eq!(set.import(make(Algorithm::EdDsa).unwrap(), at(NOW)).unwrap_err(), KeySetError::Full);
    // What is over makes room.
    let due = NOW + 31 * 24 * 3600;
    let set = set.plan(at(due), &policy()).apply(make).unwrap();
    assert_eq!(set.keys().len(), 2);
}

#[test]
fn times_beyond_the_clock_are_no_panic() {
    assert_eq!(time(u64::MAX), SystemTime::UNIX_EPOCH);
    assert_eq!(time(5), at(5));
}
