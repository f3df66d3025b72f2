//! What becomes of tokens while their keys change.

use std::time::Duration;

use super::super::testing::{NOW, at, claims, policy};
use super::super::{Algorithm, KeyRing, KeySet, RotationPolicy, SigningKey, Step, TokenError, VerifyingKeys};

#[test]
fn attack_105_rotation_refuses_no_good_token() {
    const LIFE: u64 = 3600;
    const STEP: u64 = 60;
    let rotation = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(LIFE))
        .also(Algorithm::EdDsa)
        .rotate_after(Some(Duration::from_secs(4 * LIFE)));
    let mut set = KeySet::new();
    let mut ring: Option<KeyRing> = None;
    // What verifiers hold who fetched the JWKS at some time and keep it for its max-age.
    let mut cached: Vec<(u64, VerifyingKeys)> = Vec::new();
    let mut tokens: Vec<(u64, String)> = Vec::new();
    let (mut promotions, mut both) = (0, 0);
    for now in (NOW..NOW + 24 * LIFE).step_by(usize::try_from(STEP).unwrap()) {
        let plan = set.plan(at(now), &rotation);
        promotions += plan.steps().iter().filter(|step| matches!(step, Step::Promote { .. })).count();
        if !plan.is_empty() {
            set = plan.apply(SigningKey::generate).unwrap();
            ring = Some(KeyRing::new(&set, Algorithm::Es256).unwrap());
        }
        let ring = ring.as_ref().unwrap();
        let jwks = VerifyingKeys::from_jwks(ring.jwks().body().clone()).unwrap();
        both += usize::from(jwks.iter().filter(|key| key.algorithm() == Algorithm::Es256).count() >= 2);
        cached.push((now, jwks));
        cached.retain(|(fetched, _)| now - fetched <= 300);

        let mut fresh = claims();
        (fresh.issued_at, fresh.expires_at) = (now, now + LIFE);
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            tokens.push((now, fresh.sign(ring.signer_for(algorithm).unwrap()).unwrap()));
        }
        tokens.retain(|(issued, _)| now < issued + LIFE);
        // A token that was just made is good for everybody, whatever they have cached; older ones for us.
        for (issued, token) in tokens.iter().filter(|(issued, _)| *issued == now || (now - issued) % 900 == 0) {
            assert!(policy().verify(token, ring.verifiers(), at(now)).is_ok(), "issued {issued}, now {now}");
        }
        let newest = tokens.iter().filter(|(issued, _)| *issued == now);
        for (_, token) in newest {
            for (fetched, keys) in &cached {
                assert!(policy().verify(token, keys, at(now)).is_ok(), "fetched {fetched}, now {now}");
            }
        }
    }
    assert!(promotions >= 8, "{promotions}");
    assert!(both > 100, "{both}");
}

#[test]
fn attack_105_retired_keys_end() {
    let rotation = RotationPolicy::new(Algorithm::Es256, Duration::from_secs(3600));
    let set = KeySet::new().plan(at(NOW), &rotation).apply(SigningKey::generate).unwrap();
    let stolen = set.active(Algorithm::Es256).unwrap().key().clone();
    let set = set.rotate_now(Algorithm::Es256, at(NOW), SigningKey::generate).unwrap();
    let promoted = NOW + 420;
    let set = set.plan(at(promoted), &rotation).apply(SigningKey::generate).unwrap();
    let ring = KeyRing::new(&set, Algorithm::Es256).unwrap();
    assert_ne!(ring.signer().key_id(), stolen.key_id());
    assert!(String::from_utf8_lossy(ring.jwks().body()).contains(stolen.key_id()));

    // Whoever has the retired key mints tokens that never end. They end with the key, also where no plan is applied.
    let mut forever = claims();
    forever.expires_at = NOW + (1 << 30);
    let token = forever.sign(&stolen).unwrap();
    let end = promoted + 3600 + 120;
    assert!(policy().verify(&token, ring.verifiers(), at(end - 1)).is_ok());
    assert_eq!(policy().verify(&token, ring.verifiers(), at(end)), Err(TokenError::UnknownKey));
    let set = set.plan(at(end), &rotation).apply(SigningKey::generate).unwrap();
    let ring = KeyRing::new(&set, Algorithm::Es256).unwrap();
    assert!(!String::from_utf8_lossy(ring.jwks().body()).contains(stolen.key_id()));
    assert_eq!(set.keys().len(), 1);
}
