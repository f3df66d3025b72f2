use josekit::jwk::Jwk;
use josekit::jws::{EdDSA, JwsVerifier};
use serde_json::json;

use super::*;
use crate::jose::testing::key;
use crate::jose::verifying_key::VerifyingKey;

#[expect(clippy::needless_pass_by_value, reason = "a test writes its JSON where it hands it over")]
fn read(json: Value) -> Result<PublicJwk, JwkError> {
    PublicJwk::read(json.as_object().unwrap())
}

fn jwk(algorithm: Algorithm) -> Value {
    Value::Object(key(algorithm).public_jwk())
}

#[test]
fn rfc7638_3_1_thumbprint_of_an_rsa_key() {
    let jwk = json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj\
              hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q\
              MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awa\
              pJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    });
    assert_eq!(read(jwk).unwrap().thumbprint().unwrap().as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn rfc8037_a_3_thumbprint_of_an_ed25519_key() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(read(jwk).unwrap().thumbprint().unwrap().as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc7638_3_2_other_members_do_not_change_the_thumbprint() {
    for algorithm in Algorithm::ALL {
        let mut other = jwk(algorithm);
        let thumbprint = read(other.clone()).unwrap().thumbprint();
        other["kid"] = "another".into();
        other["x5t"] = "AAAA".into();
        other["use"] = "sig".into();
        other.as_object_mut().unwrap().remove("alg");
        assert_eq!(read(other).unwrap().thumbprint(), thumbprint);
    }
}

#[test]
fn private_members_are_refused() {
    for algorithm in Algorithm::ALL {
        for name in PRIVATE {
            let mut leaked = jwk(algorithm);
            leaked[name] = "AAAA".into();
            assert_eq!(read(leaked), Err(JwkError::Private), "{name}");
        }
    }
}

#[test]
fn rfc8725_3_1_an_algorithm_fits_its_kind() {
    for algorithm in Algorithm::ALL {
        for other in ["ES256", "RS256", "EdDSA", "RS384", "PS256", "ES384", "HS256", "none", "RSA-OAEP", ""] {
            let mut mixed = jwk(algorithm);
            mixed["alg"] = other.into();
            let expected = if other == algorithm.name() { Ok(algorithm) } else { Err(JwkError::Algorithm) };
            assert_eq!(read(mixed).map(|key| key.algorithm), expected, "{algorithm} {other}");
        }
        let mut without = jwk(algorithm);
        without.as_object_mut().unwrap().remove("alg");
        assert_eq!(read(without).unwrap().algorithm, algorithm);
    }
    for kind in [
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "ec"}),
        json!({"kty": "EC", "crv": "P-384"}),
        json!({"kty": "EC", "crv": "secp256k1"}),
        json!({"kty": "OKP", "crv": "Ed448"}),
        json!({"kty": "OKP", "crv": "X25519"}),
    ] {
        assert_eq!(read(kind.clone()), Err(JwkError::Kind), "{kind}");
    }
}

#[test]
fn rfc7517_4_2_and_4_3_a_key_is_for_verifying() {
    let with = |name: &str, value: Value| {
        let mut marked = jwk(Algorithm::Es256);
        marked.as_object_mut().unwrap().remove("use");
        marked[name] = value;
        read(marked).map(drop)
    };
    assert_eq!(with("use", "sig".into()), Ok(()));
    assert_eq!(with("key_ops", json!(["sign", "verify"])), Ok(()));
    for value in [json!("enc"), json!("SIG"), json!("")] {
        assert_eq!(with("use", value), Err(JwkError::Use));
    }
    for value in [json!([]), json!(["sign"]), json!(["encrypt", "Verify"])] {
        assert_eq!(with("key_ops", value), Err(JwkError::Use));
    }
    for value in [json!("verify"), json!(["verify", "verify"]), json!([1]), json!(vec!["x"; 17]), Value::Null] {
        assert_eq!(with("key_ops", value), Err(JwkError::Member { name: "key_ops" }));
    }
    for (name, value) in [("use", json!(1)), ("kid", json!(1)), ("kid", json!("")), ("kid", json!("k".repeat(257)))] {
        assert!(matches!(with(name, value), Err(JwkError::Member { .. })), "{name}");
    }
}

#[test]
fn members_are_of_the_right_length_and_canonical() {
    let bad = |algorithm, name: &'static str, text: String| {
        let mut spoilt = jwk(algorithm);
        spoilt[name] = text.into();
        read(spoilt)
    };
    for (algorithm, name) in [(Algorithm::Es256, "x"), (Algorithm::Es256, "y"), (Algorithm::EdDsa, "x")] {
        let good = jwk(algorithm)[name].as_str().unwrap().to_owned();
        for text in [
            String::new(),
            "!".to_owned(),
            format!("{good}="),
            good[..42].to_owned(),
            format!("AAAA{good}"),
            encode([1; 31]),
            encode([1; 33]),
        ] {
            assert_eq!(bad(algorithm, name, text.clone()), Err(JwkError::Member { name }), "{text}");
        }
    }
    // RFC 7518 6.2.1.2: 31 bytes of x and 33 of y are 64 bytes too.
    let mut shifted = jwk(Algorithm::Es256);
    shifted["x"] = encode([1; 31]).into();
    shifted["y"] = encode([1; 33]).into();
    assert_eq!(read(shifted), Err(JwkError::Member { name: "x" }));
    for name in ["kty", "crv", "x", "y"] {
        let mut without = jwk(Algorithm::Es256);
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(read(without), Err(JwkError::Member { name }));
    }
}

fn rsa(n: &[u8], e: &[u8]) -> Result<PublicJwk, JwkError> {
    read(json!({"kty": "RSA", "n": encode(n), "e": encode(e)}))
}

#[test]
fn rfc7518_3_3_rsa_keys_have_2048_bits() {
    let number = |bits: usize| {
        let mut bytes = vec![0xFF; bits.div_ceil(8)];
        bytes[0] = 0xFF >> (bytes.len() * 8 - bits);
        bytes
    };
    let e = [1, 0, 1];
    assert!(rsa(&number(2048), &e).is_ok());
    assert!(rsa(&number(8192), &e).is_ok());
    // josekit counts bytes, and would take 2041 bits for 2048.
    for bits in [8, 512, 1024, 2040, 2041, 2047] {
        assert_eq!(rsa(&number(bits), &e), Err(JwkError::Size), "{bits}");
    }
    assert_eq!(rsa(&number(8193), &e), Err(JwkError::Member { name: "n" }));
    // RFC 7518 2: no zero in front.
    assert_eq!(rsa(&[&[0][..], &number(2048)].concat(), &e), Err(JwkError::Member { name: "n" }));
    assert_eq!(rsa(&number(2048), &[0, 1, 0, 1]), Err(JwkError::Member { name: "e" }));
}

#[test]
fn exponents_that_prove_nothing_or_cost_much_are_refused() {
    let n = [0xFF; 256];
    assert!(rsa(&n, &[3]).is_ok());
    assert_eq!(rsa(&n, &[1]), Err(JwkError::Weak));
    assert_eq!(rsa(&n, &[2]), Err(JwkError::Weak));
    assert_eq!(rsa(&n, &[1, 0, 0]), Err(JwkError::Weak));
    for e in [&[][..], &[1, 0, 0, 0, 1], &[0xFF; 256]] {
        assert_eq!(rsa(&n, e), Err(JwkError::Member { name: "e" }));
    }
    let mut even = n;
    even[255] = 0xFE;
    assert_eq!(rsa(&even, &[1, 0, 1]), Err(JwkError::Weak));
}

/// All encodings of the eight points of small order, canonical or not, little endian.
fn small_order() -> Vec<[u8; 32]> {
    let low = |first: u8| {
        let mut point = [0; 32];
        point[0] = first;
        point
    };
    let high = |first: u8| {
        let mut point = PRIME;
        point[0] = first;
        point
    };
    let mut points = vec![low(0), low(1), high(0xEC), high(0xED), high(0xEE), ORDER_8[0], ORDER_8[1]];
    for at in 0..points.len() {
        let mut negative = points[at];
        negative[31] |= 0x80;
        points.push(negative);
    }
    points
}

#[test]
fn attack_066_small_order_ed25519_keys() {
    for point in small_order() {
        assert_eq!(
            read(json!({"kty": "OKP", "crv": "Ed25519", "x": encode(point)})),
            Err(JwkError::Weak),
            "{point:x?}"
        );
    }
    // RFC 8032 5.1.3: y at the prime or above is no encoding.
    for first in 0xED..=0xFF {
        let mut point = PRIME;
        point[0] = first;
        assert_eq!(read(json!({"kty": "OKP", "crv": "Ed25519", "x": encode(point)})), Err(JwkError::Weak));
    }
    let mut neighbour = ORDER_8[0];
    neighbour[0] += 1;
    assert!(read(json!({"kty": "OKP", "crv": "Ed25519", "x": encode(neighbour)})).is_ok());
}

/// Why that has to be looked at: OpenSSL takes such keys, and a signature that anybody can make is good under them.
#[test]
fn attack_066_openssl_takes_small_order_keys() {
    // R is the neutral element and S is 0: good whenever the hash is a multiple of the order of the key.
    let mut signature = [0; 64];
    signature[0] = 1;
    let mut taken = 0;
    for point in small_order() {
        let mut bare = Jwk::new("OKP");
        bare.set_parameter("crv", Some("Ed25519".into())).unwrap();
        bare.set_parameter("x", Some(encode(point).into())).unwrap();
        let verifier = EdDSA.verifier_from_jwk(&bare).unwrap();
        taken += usize::from((0..200_u8).any(|message| verifier.verify(&[message], &signature).is_ok()));
    }
    // The eight canonical ones at the least; how it reads the others is its own affair.
    assert!(taken >= 8, "{taken}");
}

#[test]
fn points_beside_the_curve_are_refused() {
    let mut off = jwk(Algorithm::Es256);
    off["y"] = off["x"].clone();
    assert_eq!(VerifyingKey::from_members(off.as_object().unwrap()).unwrap_err(), JwkError::Weak);
    for coordinate in [[0; 32], [0xFF; 32]] {
        let mut off = jwk(Algorithm::Es256);
        off["x"] = encode(coordinate).into();
        off["y"] = encode(coordinate).into();
        assert_eq!(VerifyingKey::from_members(off.as_object().unwrap()).unwrap_err(), JwkError::Weak);
    }
}
