//! Tokens that nobody has signed, or not with a key and an algorithm of the issuer's.

use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use josekit::jws::{ES384, JwsSigner, PS256, RS384};
use ring::hmac;
use serde_json::{Value, json};

use crate::jose::encoding::{decode, encode};
use crate::jose::testing::{good, header, judge, key, signed, token};
use crate::jose::{Algorithm, SigningKey, TokenError};

#[test]
fn attack_057_alg_none() {
    for alg in ["none", "None", "NONE", "nOnE", "", "null"] {
        let header = json!({"alg": alg, "kid": key(Algorithm::Es256).key_id(), "typ": "at+jwt"});
        let unsigned = token(&header, good(), |_| Vec::new());
        assert_eq!(judge(&unsigned), Err(TokenError::Algorithm), "{alg}");
        assert_eq!(judge(&signed(&header, good())), Err(TokenError::Algorithm), "{alg}");
    }
    for header in
        [json!({"typ": "at+jwt"}), json!({"alg": null, "typ": "at+jwt"}), json!({"alg": ["ES256"], "typ": "at+jwt"})]
    {
        assert_eq!(judge(&signed(header, good())), Err(TokenError::Algorithm));
    }
    // A good algorithm and no signature.
    for algorithm in Algorithm::ALL {
        let empty = token(header(key(algorithm)), good(), |_| Vec::new());
        assert_eq!(judge(&empty), Err(TokenError::Signature));
        assert_eq!(judge(empty.trim_end_matches('.')), Err(TokenError::Malformed));
    }
}

#[test]
fn attack_058_hs256_with_the_public_key() {
    let rsa = key(Algorithm::Rs256);
    let modulus = decode(rsa.public_jwk()["n"].as_str().unwrap(), 256).unwrap();
    let pair = josekit::jws::RS256.key_pair_from_der(rsa.to_pkcs8()).unwrap();
    let public = josekit::jwk::KeyPair::to_pem_public_key(&pair);
    let der = josekit::jwk::KeyPair::to_der_public_key(&pair);
    let jwk = Value::Object(rsa.public_jwk()).to_string().into_bytes();
    for secret in [public, der.clone(), STANDARD.encode(&der).into_bytes(), jwk, modulus, Vec::new()] {
        let mac = |input: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input).as_ref().to_vec();
        for alg in ["HS256", "HS384", "RS256"] {
            let mut header = header(rsa);
            header["alg"] = alg.into();
            let refused = if alg == "RS256" { TokenError::Signature } else { TokenError::Algorithm };
            assert_eq!(judge(&token(header, good(), mac)), Err(refused), "{alg}");
        }
    }
}

#[test]
fn attack_059_another_algorithm_of_the_right_key() {
    let rsa = key(Algorithm::Rs256);
    let rs384 = RS384.signer_from_der(rsa.to_pkcs8()).unwrap();
    let ps256 = PS256.signer_from_der(rsa.to_pkcs8()).unwrap();
    for (alg, signer) in [("RS384", &rs384 as &dyn JwsSigner), ("PS256", &ps256)] {
        let mut header = header(rsa);
        header["alg"] = alg.into();
        let forged = token(&header, good(), |input| signer.sign(input).unwrap());
        assert_eq!(judge(&forged), Err(TokenError::Algorithm), "{alg}");
        // And under the name of the right one.
        header["alg"] = "RS256".into();
        let forged = token(&header, good(), |input| signer.sign(input).unwrap());
        assert_eq!(judge(&forged), Err(TokenError::Signature), "{alg}");
    }
    let mut header = header(key(Algorithm::Es256));
    header["alg"] = "ES384".into();
    let es384 = ES384.signer_from_der(ES384.generate_key_pair().unwrap().to_raw_private_key()).unwrap();
    assert_eq!(judge(&token(header, good(), |input| es384.sign(input).unwrap())), Err(TokenError::Algorithm));
}

#[test]
fn attack_060_keys_that_the_sender_brings() {
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    let url = "https://evil.example/jwks.json";
    let certificate = json!([STANDARD.encode([0x30; 64])]);
    for (name, value) in [
        ("jwk", Value::Object(own.public_jwk())),
        ("jku", url.into()),
        ("x5u", url.into()),
        ("x5c", certificate),
        ("x5t#S256", "AAAA".into()),
    ] {
        let mut header = header(key(Algorithm::Es256));
        header[name] = value;
        // It is passed over: a token that is good without it is good with it, and no other is.
        assert!(judge(&signed(&header, good())).is_ok(), "{name}");
        let forged = token(&header, good(), |input| own.sign(input).unwrap());
        assert_eq!(judge(&forged), Err(TokenError::Signature), "{name}");
        header["kid"] = own.key_id().into();
        let forged = token(&header, good(), |input| own.sign(input).unwrap());
        assert_eq!(judge(&forged), Err(TokenError::UnknownKey), "{name}");
        header.as_object_mut().unwrap().remove("kid");
        let forged = token(&header, good(), |input| own.sign(input).unwrap());
        assert_eq!(judge(&forged), Err(TokenError::Signature), "{name}");
    }
}

#[test]
fn attack_061_strange_key_ids() {
    let long = "k".repeat(10_000);
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    for kid in ["../../x", "/dev/null", "' OR 1=1 --", "\0", "", "k\r\nX: y", other.key_id(), &"k".repeat(257)] {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"});
        assert_eq!(judge(&signed(header, good())), Err(TokenError::UnknownKey), "{kid:?}");
    }
    let header = json!({"alg": "ES256", "kid": long, "typ": "at+jwt"});
    assert_eq!(judge(&signed(header, good())), Err(TokenError::TooLarge));
    for kid in [json!(1), json!(null), json!(["a"]), json!({"a": 1})] {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"});
        assert_eq!(judge(&signed(header, good())), Err(TokenError::Malformed), "{kid}");
    }
}

#[test]
fn attack_066_psychic_and_other_signatures() {
    let input = |algorithm| header(key(algorithm)).to_string();
    let forged = |algorithm, signature: Vec<u8>| judge(&token(input(algorithm), good(), |_| signature));
    // CVE-2022-21449: r = 0 and s = 0 satisfy the equation of a verifier that forgets to look.
    let order = decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE", 32).unwrap();
    let one = || iter::repeat_n(0, 31).chain([1]).collect::<Vec<u8>>();
    for (r, s) in [
        (vec![0; 32], vec![0; 32]),
        (one(), vec![0; 32]),
        (vec![0; 32], one()),
        (order.clone(), order),
        (vec![255; 32], vec![255; 32]),
    ] {
        assert_eq!(forged(Algorithm::Es256, [r, s].concat()), Err(TokenError::Signature));
    }
    for algorithm in Algorithm::ALL {
        let good = |input: &[u8]| key(algorithm).sign(input).unwrap();
        let bent = |bend: fn(&mut Vec<u8>)| {
            judge(&token(input(algorithm), self::good(), |input| {
                let mut signature = good(input);
                bend(&mut signature);
                signature
            }))
        };
        assert!(bent(|_| ()).is_ok());
        assert_eq!(bent(|signature| signature.truncate(signature.len() - 1)), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.push(0)), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.insert(0, 0)), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.clear()), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.fill(0)), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.reverse()), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.resize(1024, 0)), Err(TokenError::Signature));
        assert_eq!(bent(|signature| signature.resize(1026, 0)), Err(TokenError::Malformed));
    }
    // The form that TLS and X.509 use.
    let der = token(input(Algorithm::Es256), good(), |input| {
        let raw = key(Algorithm::Es256).sign(input).unwrap();
        let integer = |bytes: &[u8]| [&[2, 33, 0], bytes].concat();
        let body = [integer(&raw[..32]), integer(&raw[32..])].concat();
        [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
    });
    assert_eq!(judge(&der), Err(TokenError::Signature));
    // S + L: the same signature in another way (RFC 8032 5.1.7).
    let malleable = token(input(Algorithm::EdDsa), good(), |input| {
        let mut signature = key(Algorithm::EdDsa).sign(input).unwrap();
        let l = [
            0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0;
        for (byte, more) in signature[32..].iter_mut().zip(l) {
            let sum = u16::from(*byte) + more + carry;
            *byte = (sum & 0xFF) as u8;
            carry = sum >> 8;
        }
        signature
    });
    assert_eq!(judge(&malleable), Err(TokenError::Signature));
}

#[test]
fn attack_067_encrypted_bombs() {
    // RFC 7516 3.1: five parts. Nothing of them is decoded but the count of the dots.
    let zip = encode(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#);
    let pbes2 = encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483648,"p2s":"AAAA"}"#);
    for header in [zip, pbes2] {
        let bomb = format!("{header}.AAAA.AAAA.{}.AAAA", "A".repeat(8000));
        assert_eq!(judge(&bomb), Err(TokenError::Malformed));
        // The same dressed up as a signed one.
        let three = format!("{header}.AAAA.AAAA");
        assert!(matches!(judge(&three), Err(TokenError::Extension | TokenError::Algorithm)));
    }
}
