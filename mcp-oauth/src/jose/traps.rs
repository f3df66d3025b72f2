//! Each thing in josekit that invites a mistake, with the test that shows it is not made here. Numbers are those of the
//! study that found them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::encoding::encode;
use super::testing::{NOW, at, good, header, judge, key, keys, policy, signed, spoilt};
use super::{Algorithm, KeyRing, KeySet, Limits, SigningKey, TokenError, TokenType, Unverified, VerifyingKey};

/// Its validator passes a token that lacks the claims which it was told to check.
#[test]
fn trap_j01_a_missing_claim_is_refused() {
    // RFC 9068 2.2: iss, exp, aud, sub, client_id, iat, jti are REQUIRED.
    for name in ["exp", "sub", "client_id", "iat", "jti", "iss", "aud"] {
        let token = spoilt(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
        assert_eq!(judge(&token), Err(TokenError::Claim { name }), "{name}");
        for other in [Value::Null, json!([1]), json!({"a": 1}), json!(true)] {
            let token = spoilt(|claims| claims[name] = other.clone());
            assert_eq!(judge(&token), Err(TokenError::Claim { name }), "{name} {other}");
        }
    }
    assert!(judge(&spoilt(|_| ())).is_ok());
}

/// It knows no leeway: a clock that is three seconds ahead makes tokens that are refused.
#[test]
fn trap_j02_clocks_may_differ_by_the_leeway() {
    let token = |iat| spoilt(|claims| claims["iat"] = json!(iat));
    assert!(judge(&token(NOW + 3)).is_ok());
    assert!(judge(&token(NOW + 60)).is_ok());
    assert_eq!(judge(&token(NOW + 61)), Err(TokenError::NotYetValid));
    let strict = policy().leeway(std::time::Duration::ZERO);
    assert_eq!(strict.verify(&token(NOW + 1), keys(), at(NOW)), Err(TokenError::NotYetValid));
}

/// It does not look at `typ`.
#[test]
fn trap_j03_type_is_compared() {
    let typed =
        |typ: &str| judge(&signed(json!({"alg": "ES256", "kid": key(Algorithm::Es256).key_id(), "typ": typ}), good()));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(typed(typ).is_ok(), "{typ}");
    }
    for typ in [
        "JWT",
        "",
        "at+jw",
        "at+jwtx",
        "application/",
        "text/at+jwt",
        "application/application/at+jwt",
        "dpop+jwt",
        "ät+jwt",
    ] {
        assert_eq!(typed(typ), Err(TokenError::Type), "{typ}");
    }
    let mut none = header(key(Algorithm::Es256));
    none.as_object_mut().unwrap().remove("typ");
    assert_eq!(judge(&signed(none, good())), Err(TokenError::Type));
}

/// It hands the header to a selector, or tries the first key of a set that has the id.
#[test]
fn trap_j04_keys_are_chosen_by_id_and_algorithm() {
    // The id of one key with the algorithm of another: there is no such key.
    let mut mixed = header(key(Algorithm::Es256));
    mixed["kid"] = key(Algorithm::Rs256).key_id().into();
    assert_eq!(judge(&signed(mixed, good())), Err(TokenError::UnknownKey));
    // And whoever hands the wrong key to a token is not obeyed.
    let token = signed(header(key(Algorithm::Es256)), good());
    let unverified = Unverified::parse(&token, &Limits::default()).unwrap();
    let wrong = key(Algorithm::Rs256).verifying_key();
    assert_eq!(unverified.verify(wrong, TokenType::AccessToken).unwrap_err(), TokenError::Algorithm);
}

/// A key that was removed from its set is still found by its id.
#[test]
fn trap_j05_a_revoked_key_is_gone() {
    let set = KeySet::new().import(key(Algorithm::Es256).clone(), at(NOW)).unwrap();
    let token = spoilt(|_| ());
    let verify =
        |set: &KeySet| policy().verify(&token, KeyRing::new(set, Algorithm::Es256).unwrap().verifiers(), at(NOW));
    assert!(verify(&set).is_ok());
    let revoked = key(Algorithm::Es256).key_id();
    let set = set.revoke(revoked, at(NOW), SigningKey::generate).unwrap();
    assert_eq!(verify(&set), Err(TokenError::UnknownKey));
    let ring = KeyRing::new(&set, Algorithm::Es256).unwrap();
    assert!(!String::from_utf8_lossy(ring.jwks().body()).contains(revoked));
}

/// A public key that is made from a private one has lost its id and algorithm.
#[test]
fn trap_j06_published_keys_are_marked() {
    for algorithm in Algorithm::ALL {
        let jwk = key(algorithm).public_jwk();
        assert_eq!(jwk["kid"], key(algorithm).key_id());
        assert_eq!(jwk["alg"], algorithm.name());
        assert_eq!(jwk["use"], "sig");
        // And there is nothing else in it but the public half.
        let allowed = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"];
        assert!(jwk.keys().all(|name| allowed.contains(&name.as_str())), "{jwk:?}");
        let read = VerifyingKey::from_members(&jwk).unwrap();
        assert_eq!(read.key_id(), Some(key(algorithm).key_id()));
    }
}

/// It compares MACs byte by byte, so that their comparison tells how far they agree. And it can be told to verify nothing.
#[test]
fn trap_j07_no_mac_of_josekit() {
    // Split, so that they are not found here.
    nowhere(&[concat!("Hmac", "Jws"), concat!("HS", "256.signer"), concat!("jws::", "HS"), concat!("hmac", "::Hmac")]);
    assert_eq!(Algorithm::from_name("HS256"), None);
}

/// In the JSON serialisation it looks for `critical` where `crit` is meant.
#[test]
fn trap_j08_compact_form_only() {
    let token = signed(header(key(Algorithm::Es256)), good());
    let [protected, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let flat = json!({"protected": protected, "payload": payload, "signature": signature});
    let general = json!({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]});
    for json in [flat, general] {
        assert_eq!(judge(&json.to_string()), Err(TokenError::Malformed));
    }
    nowhere(&[concat!("deserialize_", "json"), concat!("deserialize_", "compact"), concat!("josekit::", "jwt")]);
}

/// It inflates what is in an encrypted token without a limit.
#[test]
fn trap_j09_nothing_is_decrypted() {
    nowhere(&[concat!("josekit::", "jwe"), concat!("Jwe", "Context")]);
    let header = encode(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#);
    assert_eq!(judge(&format!("{header}..AAAA.AAAA.AAAA")), Err(TokenError::Malformed));
}

/// Of two members with one name it keeps the last.
#[test]
fn trap_j10_members_are_named_once() {
    let key = key(Algorithm::Es256);
    let twice = |json: &Value, member: &str| json.to_string().replacen('{', &format!("{{{member},"), 1);
    assert_eq!(judge(&signed(twice(&header(key), r#""alg":"none""#), good())), Err(TokenError::Malformed));
    assert_eq!(
        judge(&signed(header(key), twice(&good(), r#""aud":"https://evil.example""#))),
        Err(TokenError::Malformed)
    );
    assert_eq!(judge(&signed(header(key), twice(&good(), r#""\u0061ud":"x""#))), Err(TokenError::Malformed));
    let jwk = twice(&Value::Object(key.public_jwk()), r#""kty":"oct""#);
    assert!(VerifyingKey::from_jwk(jwk).is_err());
}

/// To compare two of its boxed algorithms never ends.
#[test]
fn trap_j11_algorithms_are_compared_by_value() {
    nowhere(&[concat!("Box<dyn ", "JwsAlgorithm>"), concat!(".box_", "clone()")]);
    assert_eq!(key(Algorithm::EdDsa).algorithm(), Algorithm::EdDsa);
}

/// It has a verifier that verifies nothing.
#[test]
fn trap_j12_no_unsecured_tokens() {
    nowhere(&[
        concat!("decode_", "unsecured"),
        concat!("jwt::", "None"),
        concat!("Unsecured", "Jws"),
        concat!("alg::", "unsecured"),
    ]);
    assert_eq!(Algorithm::from_name("none"), None);
}

/// Its errors repeat claims.
#[test]
fn trap_j13_errors_tell_nothing_of_the_token() {
    let secret = "SECRET-VALUE";
    let mut tokens = vec![secret.to_owned(), signed(json!({"alg": secret}), good()), signed(secret, secret)];
    for name in ["iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp", "nbf", "gid", "gen", "cnf"] {
        tokens.push(spoilt(|claims| claims[name] = json!([secret, {"a": secret}])));
    }
    for token in tokens {
        let error = judge(&token).unwrap_err();
        let shown = format!("{error} {error:?} {}", mcp_transport::auth::Rejection::from(error));
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(std::error::Error::source(&error).is_none());
    }
    let key_error = SigningKey::from_pem(secret).unwrap_err();
    assert!(!format!("{key_error} {key_error:?}").contains("SECRET"));
    let jwk_error = VerifyingKey::from_jwk(json!({"kty": secret}).to_string()).unwrap_err();
    assert!(!format!("{jwk_error} {jwk_error:?}").contains("SECRET"));
}

/// None of these texts is in a source file of this crate.
fn nowhere(texts: &[&str]) {
    fn read(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, visit);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                visit(&path, &fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut files = 0;
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |path, source| {
        files += 1;
        for text in texts {
            assert!(!source.contains(text), "{} speaks of {text}", path.display());
        }
    });
    assert!(files > 20, "the sources were not found");
}
