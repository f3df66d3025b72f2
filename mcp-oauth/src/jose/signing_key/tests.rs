use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::ES384;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};

use super::*;
use crate::jose::encoding::decode;
use crate::jose::testing::key;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn another_implementation_verifies_what_is_signed() {
    let member = |key: &SigningKey, name: &str| decode(key.public_jwk()[name].as_str().unwrap(), 1024).unwrap();
    let es256 = key(Algorithm::Es256);
    let point = [vec![4], member(es256, "x"), member(es256, "y")].concat();
    let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    // RFC 7518 3.4: always 64 bytes. Of 600 signatures about five have an r or s that begins with a zero.
    for number in 0..600_u16 {
        let signature = es256.sign(&number.to_be_bytes()).unwrap();
        assert_eq!(signature.len(), 64);
        verifier.verify(&number.to_be_bytes(), &signature).unwrap();
    }
    let eddsa = key(Algorithm::EdDsa);
    let signature = eddsa.sign(b"input").unwrap();
    UnparsedPublicKey::new(&ED25519, member(eddsa, "x")).verify(b"input", &signature).unwrap();

    let rs256 = key(Algorithm::Rs256);
    let signature = rs256.sign(b"input").unwrap();
    let public = ring::signature::RsaPublicKeyComponents { n: member(rs256, "n"), e: member(rs256, "e") };
    public.verify(&RSA_PKCS1_2048_8192_SHA256, b"input", &signature).unwrap();
}

#[test]
fn rfc8037_a_4_signature_of_a_known_key() {
    let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", 32).unwrap();
    // RFC 8410 section 7.
    let front = [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let key = SigningKey::from_pkcs8(&[&front[..], &seed].concat()).unwrap();
    assert_eq!(key.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(key.public_jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let signature = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc").unwrap();
    let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(crate::jose::encoding::encode(signature), expected);
}

#[test]
fn keys_are_kept_and_read_back() {
    for algorithm in Algorithm::ALL {
        let read = SigningKey::from_pkcs8(key(algorithm).to_pkcs8()).unwrap();
        assert_eq!(read.key_id(), key(algorithm).key_id());
        assert_eq!(read.to_pkcs8(), key(algorithm).to_pkcs8());
        let signature = read.sign(b"input").unwrap();
        assert_eq!(key(algorithm).verifying_key().verify(b"input", &signature), Ok(()));
        assert_ne!(SigningKey::generate(Algorithm::EdDsa).unwrap().key_id(), read.key_id());
    }
}

#[test]
fn rsa_keys_of_either_pem_form_are_brought_along() {
    let pair = RsaKeyPair::generate(2048).unwrap();
    let forms = [text(pair.to_pem_private_key()), text(pair.to_traditional_pem_private_key())];
    assert!(forms[0].starts_with("-----BEGIN PRIVATE KEY") && forms[1].starts_with("-----BEGIN RSA PRIVATE KEY"));
    for pem in forms {
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Rs256);
        assert_eq!(key.public_jwk()["n"], *pair.to_jwk_public_key().parameter("n").unwrap());
        // As `openssl genrsa | base64` leaves it in an environment variable: in lines, or in one.
        let packed = STANDARD.encode(&pem);
        let lines =
            packed.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n");
        for base64 in [packed.clone(), format!("{lines}\n")] {
            assert_eq!(SigningKey::from_base64_pem(&base64).unwrap().key_id(), key.key_id());
        }
        assert_eq!(SigningKey::from_pem(&pem.replace('\n', "\r\n")).unwrap().key_id(), key.key_id());
        assert_eq!(SigningKey::from_base64_pem(&pem).unwrap_err(), KeyError::Encoding);
        assert_eq!(SigningKey::from_pem(&packed).unwrap_err(), KeyError::Encoding);
    }
}

#[test]
fn ec_and_ed25519_keys_of_other_tools_are_taken() {
    let pair = EcKeyPair::generate(EcCurve::P256).unwrap();
    let sec1 = text(pair.to_traditional_pem_private_key());
    assert!(sec1.starts_with("-----BEGIN EC PRIVATE KEY"));
    // `openssl ecparam -genkey` writes the curve in front.
    let with_parameters =
        format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{sec1}");
    for pem in [text(pair.to_pem_private_key()), sec1, with_parameters] {
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Es256);
        assert_eq!(key.public_jwk()["x"], *pair.to_jwk_public_key().parameter("x").unwrap());
    }
    // Version 1, with the public key in it (RFC 5958).
    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    assert_eq!(SigningKey::from_pkcs8(document.as_ref()).unwrap().algorithm(), Algorithm::EdDsa);
    let document = EcdsaKeyPair::generate_pkcs8(&ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    assert_eq!(SigningKey::from_pkcs8(document.as_ref()).unwrap().algorithm(), Algorithm::Es256);
}

#[test]
fn rfc7518_3_3_small_rsa_keys_are_refused() {
    // The library counts bytes: 2041 bits look like 2048 to it.
    for bits in [1024, 2041] {
        let pem = text(RsaKeyPair::generate(bits).unwrap().to_pem_private_key());
        assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::Size, "{bits}");
    }
}

#[test]
fn other_keys_are_refused_by_name() {
    let p384 = ES384.generate_key_pair().unwrap();
    for pem in [text(p384.to_pem_private_key()), text(p384.to_traditional_pem_private_key())] {
        assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::Unsupported);
    }
    let good = text(RsaKeyPair::generate(2048).unwrap().to_pem_private_key());
    let encrypted = good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for pem in [encrypted.as_str(), traditional] {
        assert_eq!(SigningKey::from_pem(pem).unwrap_err(), KeyError::Encrypted);
    }
    let public = text(p384.to_pem_public_key());
    for pem in [
        "",
        "secret",
        &public,
        &good.repeat(2),
        &good.replacen("BEGIN PRIVATE", "BEGIN RSA PRIVATE", 1),
        &good.replace('M', "*"),
        good.trim_end().trim_end_matches('-'),
        &good[..200],
    ] {
        assert_eq!(SigningKey::from_pem(pem).unwrap_err(), KeyError::Encoding, "{pem}");
    }
    assert_eq!(SigningKey::from_pem(&"-".repeat(20_000)).unwrap_err(), KeyError::Size);
    assert_eq!(SigningKey::from_base64_pem(&"A".repeat(40_000)).unwrap_err(), KeyError::Size);
    // The right label on the wrong key.
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let pem = good.replace("PRIVATE KEY", label);
        assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::Unsupported, "{label}");
    }
}

#[test]
fn halves_that_do_not_fit_are_refused() {
    let (one, other) = (key(Algorithm::Es256).to_pkcs8(), SigningKey::generate(Algorithm::Es256).unwrap());
    // The public point stands last.
    let mixed = [&one[..one.len() - 64], &other.to_pkcs8()[one.len() - 64..]].concat();
    assert_eq!(SigningKey::from_pkcs8(&mixed).unwrap_err(), KeyError::Inconsistent);
}

#[test]
fn der_that_is_cut_or_bent_is_no_key_and_no_panic() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let good = key(algorithm).to_pkcs8();
        for end in (0..good.len()).step_by(7) {
            assert!(SigningKey::from_pkcs8(&good[..end]).is_err());
        }
        assert!(SigningKey::from_pkcs8(&[good, &[0]].concat()).is_err());
        // Lengths above all: each byte of the envelope once at its largest.
        for at in (0..40).filter(|at| good[*at] != 0xFF) {
            let mut bent = good.to_vec();
            bent[at] = 0xFF;
            if let Ok(other) = SigningKey::from_pkcs8(&bent) {
                assert_ne!(other.key_id(), key(algorithm).key_id());
            }
        }
    }
}

#[test]
fn debug_shows_nothing_secret() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        assert_eq!(format!("{key:?}"), format!("SigningKey({algorithm} {})", key.key_id()));
    }
}

/// What the documentation says of costs: run by hand with `--release -- --ignored --nocapture costs`.
#[test]
#[ignore = "measures, and judges nothing"]
fn costs() {
    fn time(name: &str, count: u32, mut work: impl FnMut()) {
        let start = std::time::Instant::now();
        (0..count).for_each(|_| work());
        println!("{name:<40} {:>9.1} us", start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
    }
    use crate::jose::testing::{NOW, at, claims, keys, policy};
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let signature = key.sign(b"input").unwrap();
        let jwk = Value::Object(key.public_jwk()).to_string();
        let token = claims().sign(key).unwrap();
        let count = 2000;
        time(&format!("{algorithm} sign"), count, || drop(key.sign(b"input").unwrap()));
        time(&format!("{algorithm} verify"), count, || key.verifying_key().verify(b"input", &signature).unwrap());
        time(&format!("{algorithm} write an access token"), count, || drop(claims().sign(key).unwrap()));
        time(&format!("{algorithm} judge an access token"), count, || {
            drop(policy().verify(&token, keys(), at(NOW)).unwrap());
        });
        time(&format!("{algorithm} read a public JWK"), count, || drop(VerifyingKey::from_jwk(jwk.clone()).unwrap()));
        time(&format!("{algorithm} read a private key"), 200, || drop(SigningKey::from_pkcs8(key.to_pkcs8()).unwrap()));
        time(&format!("{algorithm} generate"), 10, || drop(SigningKey::generate(algorithm).unwrap()));
    }
    let key = key(Algorithm::Es256);
    let forged = format!("{}A", claims().sign(key).unwrap());
    time("refuse a token of the wrong form", 20_000, || assert!(policy().verify(&forged, keys(), at(NOW)).is_err()));
}
