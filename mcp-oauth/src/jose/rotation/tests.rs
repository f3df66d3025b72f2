use super::*;
use crate::jose::testing::{NOW, at};

const DAY: u64 = 24 * 3600;
/// Five minutes of `max-age` and two of skew.
const PUBLISHED: u64 = 420;
/// An hour of access tokens and two minutes of skew.
const KEPT: u64 = 3720;

fn policy() -> RotationPolicy {
    RotationPolicy::new(Algorithm::Es256, Duration::from_secs(3600))
}

fn apply(set: &KeySet, now: u64, policy: &RotationPolicy) -> KeySet {
    set.plan(at(now), policy).apply(SigningKey::generate).unwrap()
}

fn steps(set: &KeySet, now: u64) -> Vec<Step> {
    set.plan(at(now), &policy()).steps().to_vec()
}

#[test]
fn the_first_key_signs_at_once() {
    assert_eq!(steps(&KeySet::new(), NOW), [Step::Begin { algorithm: Algorithm::Es256 }]);
    let both = policy().also(Algorithm::Rs256).also(Algorithm::Es256);
    assert_eq!(
        KeySet::new().plan(at(NOW), &both).steps(),
        [Step::Begin { algorithm: Algorithm::Es256 }, Step::Begin { algorithm: Algorithm::Rs256 }]
    );
    let set = apply(&KeySet::new(), NOW, &policy());
    assert!(steps(&set, NOW).is_empty());
}

#[test]
fn a_key_lives_next_active_retired_and_is_gone() {
    let set = apply(&KeySet::new(), NOW, &policy());
    let first = set.keys()[0].key().key_id().to_owned();

    // Published for as long as a JWKS is kept, before the old key's time is over.
    let due = NOW + 30 * DAY - PUBLISHED;
    assert!(steps(&set, due - 1).is_empty());
    assert_eq!(steps(&set, due), [Step::Generate { algorithm: Algorithm::Es256 }]);
    let set = apply(&set, due, &policy());
    let second = set.next(Algorithm::Es256).unwrap().key().key_id().to_owned();
    assert_eq!(set.active(Algorithm::Es256).unwrap().key().key_id(), first);

    assert!(steps(&set, NOW + 30 * DAY - 1).is_empty());
    assert_eq!(steps(&set, NOW + 30 * DAY), [Step::Promote { key_id: second.clone() }]);
    let set = apply(&set, NOW + 30 * DAY, &policy());
    assert_eq!(set.active(Algorithm::Es256).unwrap().key().key_id(), second);
    let since = NOW + 30 * DAY;
    assert_eq!(set.keys()[0].state(), KeyState::Retired { since, until: since + KEPT });

    assert!(steps(&set, since + KEPT - 1).is_empty());
    assert_eq!(steps(&set, since + KEPT), [Step::Drop { key_id: first }]);
    let set = apply(&set, since + KEPT, &policy());
    assert_eq!(set.keys().len(), 1);
    assert_eq!(set.keys()[0].key().key_id(), second);
}

#[test]
fn a_late_plan_does_not_skip_publication() {
    // Nobody asked for a year. The next key is published all the same before it signs.
    let set = apply(&KeySet::new(), NOW, &policy());
    let late = NOW + 365 * DAY;
    assert_eq!(steps(&set, late), [Step::Generate { algorithm: Algorithm::Es256 }]);
    let set = apply(&set, late, &policy());
    assert!(steps(&set, late + PUBLISHED - 1).is_empty());
    assert!(matches!(steps(&set, late + PUBLISHED)[..], [Step::Promote { .. }]));
}

#[test]
fn without_an_age_nothing_changes_by_itself() {
    let by_hand = policy().rotate_after(None);
    let set = apply(&KeySet::new(), NOW, &by_hand);
    assert!(set.plan(at(NOW + 3650 * DAY), &by_hand).is_empty());
    let set = set.rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    assert!(matches!(set.plan(at(NOW + PUBLISHED), &by_hand).steps(), [Step::Promote { .. }]));
}

#[test]
fn another_algorithm_is_published_before_it_signs() {
    let set = apply(&KeySet::new(), NOW, &policy());
    let both = policy().also(Algorithm::EdDsa);
    assert_eq!(set.plan(at(NOW), &both).steps(), [Step::Generate { algorithm: Algorithm::EdDsa }]);
    let set = apply(&set, NOW, &both);
    assert!(set.active(Algorithm::EdDsa).is_none());
    let set = apply(&set, NOW + PUBLISHED, &both);
    assert!(set.active(Algorithm::EdDsa).is_some() && set.active(Algorithm::Es256).is_some());
}

#[test]
fn an_algorithm_that_is_not_wanted_signs_until_another_does() {
    let set = apply(&KeySet::new(), NOW, &policy());
    let changed = RotationPolicy::new(Algorithm::EdDsa, Duration::from_secs(3600));
    assert_eq!(set.plan(at(NOW), &changed).steps(), [Step::Generate { algorithm: Algorithm::EdDsa }]);
    let set = apply(&set, NOW, &changed);
    assert!(set.active(Algorithm::Es256).is_some());
    let plan = set.plan(at(NOW + PUBLISHED), &changed);
    assert!(matches!(plan.steps(), [Step::Promote { .. }, Step::Retire { .. }]), "{plan:?}");
    let set = plan.apply(SigningKey::generate).unwrap();
    assert!(set.active(Algorithm::Es256).is_none() && set.active(Algorithm::EdDsa).is_some());
    assert_eq!(apply(&set, NOW + PUBLISHED + KEPT, &changed).keys().len(), 1);
    // And a next key of it is not wanted either.
    let set =
        apply(&KeySet::new(), NOW, &policy()).rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    let next = set.next(Algorithm::Es256).unwrap().key().key_id().to_owned();
    assert!(set.plan(at(NOW), &changed).steps().contains(&Step::Drop { key_id: next }));
}

#[test]
fn where_nothing_signs_a_next_key_does_not_wait() {
    let mut set = KeySet::new();
    set.add(SigningKey::generate(Algorithm::Es256).unwrap(), NOW, KeyState::Next).unwrap();
    assert!(matches!(steps(&set, NOW)[..], [Step::Promote { .. }]));
    assert!(apply(&set, NOW, &policy()).active(Algorithm::Es256).is_some());
}

#[test]
fn a_clock_that_goes_back_does_nothing() {
    let set = apply(&KeySet::new(), NOW, &policy());
    let set = set.rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    let set = apply(&set, NOW + PUBLISHED, &policy());
    assert!(steps(&set, NOW - DAY).is_empty());
    assert!(steps(&set, 0).is_empty());
}

#[test]
fn a_key_that_cannot_be_made_leaves_the_set_as_it_was() {
    let set = KeySet::new();
    let failed = set.plan(at(NOW), &policy()).apply(|_| Err(KeyError::Generation)).unwrap_err();
    assert_eq!(failed, KeySetError::Key(KeyError::Generation));
    assert!(set.keys().is_empty());
}

#[test]
fn two_nodes_make_one_of_two_plans() {
    // Both load revision 1 and plan; the store takes one of them, and the other node loads again and finds nothing to do.
    let mut store = (1, apply(&KeySet::new(), NOW, &policy()).to_document());
    let due = NOW + 30 * DAY;
    let load = |store: &(u32, zeroize::Zeroizing<Vec<u8>>)| (store.0, KeySet::from_document(&store.1).unwrap());
    let (one, two) = (load(&store), load(&store));
    for (revision, set) in [one, two] {
        let changed = apply(&set, due, &policy());
        if store.0 == revision {
            store = (revision + 1, changed.to_document());
        }
    }
    let (revision, set) = load(&store);
    assert_eq!((revision, set.keys().len()), (2, 2));
    assert!(steps(&set, due).is_empty());
}

#[test]
fn long_times_do_not_overflow() {
    let endless = policy().jwks_max_age(Duration::MAX).skew(Duration::MAX).rotate_after(Some(Duration::MAX));
    let set = apply(&KeySet::new(), NOW, &endless);
    assert_eq!(set.plan(at(NOW), &endless).steps(), [Step::Generate { algorithm: Algorithm::Es256 }]);
    let set = set.rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    assert!(set.plan(at(NOW + 3650 * DAY), &endless).is_empty());
}
