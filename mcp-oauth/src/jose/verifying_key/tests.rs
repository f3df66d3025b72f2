use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::*;
use crate::jose::encoding::encode;
use crate::jose::testing::key;

#[test]
fn another_implementation_signs_and_this_one_verifies() {
    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key())});
    let verifying = VerifyingKey::from_jwk(jwk.to_string()).unwrap();
    assert_eq!(verifying.verify(b"input", pair.sign(b"input").as_ref()), Ok(()));
    assert_eq!(verifying.verify(b"inpuT", pair.sign(b"input").as_ref()), Err(TokenError::Signature));

    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])});
    let verifying = VerifyingKey::from_jwk(jwk.to_string()).unwrap();
    // Enough that r or s begins with a zero now and then.
    for number in 0..300_u16 {
        let input = number.to_be_bytes();
        assert_eq!(verifying.verify(&input, pair.sign(&random, &input).unwrap().as_ref()), Ok(()));
    }
}

#[test]
fn keys_do_not_verify_for_one_another() {
    for algorithm in Algorithm::ALL {
        let signature = key(algorithm).sign(b"input").unwrap();
        for other in Algorithm::ALL {
            let verdict = key(other).verifying_key().verify(b"input", &signature);
            assert_eq!(verdict.is_ok(), algorithm == other, "{algorithm} {other}");
        }
    }
}

#[test]
fn a_published_key_is_read_back() {
    for algorithm in Algorithm::ALL {
        let own = key(algorithm).verifying_key();
        let read = VerifyingKey::from_jwk(Value::Object(own.public_jwk()).to_string()).unwrap();
        assert_eq!(read.thumbprint(), own.thumbprint());
        assert_eq!(read.public_jwk(), own.public_jwk());
        assert_eq!(read.algorithm(), algorithm);
    }
    // A foreign key without an id is published under its thumbprint.
    let mut nameless = key(Algorithm::EdDsa).public_jwk();
    nameless.remove("kid");
    let read = VerifyingKey::from_members(&nameless).unwrap();
    assert_eq!(read.key_id(), None);
    assert_eq!(read.public_jwk()["kid"], read.thumbprint().as_str());
}

#[test]
fn texts_that_are_no_keys() {
    let long = format!("{{\"kty\":\"EC\",\"x\":\"{}\"}}", "A".repeat(LONGEST));
    for text in ["", "null", "[]", "{", r#"{"kty":"EC","kty":"EC"}"#, &long] {
        assert_eq!(VerifyingKey::from_jwk(text.to_owned()).unwrap_err(), JwkError::Json);
    }
    assert_eq!(VerifyingKey::from_jwk("{}").unwrap_err(), JwkError::Member { name: "kty" });
}
