use josekit::jws::JwsSigner;
use ring::hmac;
use serde_json::{Value, json};

use super::*;
use crate::jose::testing::{NOW, at, issuer, key, keys, token};
use crate::jose::{Algorithm, SigningKey, VerifyingKey};

const CLIENT: &str = "https://app.example/client.json";

fn client() -> ClientId {
    ClientId::parse(CLIENT).unwrap()
}

fn good() -> Value {
    json!({"iss": CLIENT, "sub": CLIENT, "aud": issuer(), "exp": NOW + 300, "iat": NOW, "jti": "once"})
}

fn signed(claims: &Value) -> String {
    key(Algorithm::Es256).sign_claims("JWT", claims).unwrap()
}

fn with(name: &str, value: Value) -> String {
    let mut claims = good();
    claims[name] = value;
    signed(&claims)
}

fn without(name: &str) -> String {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(name);
    signed(&claims)
}

fn judge(assertion: &str) -> Result<ClientAssertion, TokenError> {
    AssertionPolicy::new(issuer()).verify(assertion, &client(), keys(), at(NOW))
}

#[test]
fn a_client_proves_its_key() {
    for algorithm in Algorithm::ALL {
        for typ in ["JWT", "client-authentication+jwt", "application/client-authentication+jwt"] {
            let proved = judge(&key(algorithm).sign_claims(typ, &good()).unwrap()).unwrap();
            assert_eq!(proved.client, client());
            assert_eq!(proved.token_id, "once");
            assert_eq!((proved.expires_at, proved.remember_until), (NOW + 300, NOW + 360));
        }
    }
    // RFC 7523 asks for no type, and few clients say one.
    let header = json!({"alg": "ES256", "kid": key(Algorithm::Es256).key_id()});
    assert!(judge(&token(header, good(), |input| key(Algorithm::Es256).sign(input).unwrap())).is_ok());
    assert!(judge(&with("aud", json!([issuer()]))).is_ok());
    assert!(judge(&without("iat")).is_ok());
}

#[test]
fn the_jti_is_remembered_for_as_long_as_the_assertion_is_taken() {
    let policy = AssertionPolicy::new(issuer());
    let assertion = signed(&good());
    let at_second = |now| policy.verify(&assertion, &client(), keys(), at(now));
    let until = at_second(NOW).unwrap().remember_until;
    assert!(at_second(until - 1).is_ok());
    assert_eq!(at_second(until), Err(TokenError::Expired));
}

#[test]
fn attack_096_wrong_claims() {
    assert_eq!(judge(&without("exp")), Err(TokenError::Claim { name: "exp" }));
    assert_eq!(judge(&with("exp", json!(NOW + 661))), Err(TokenError::TooLongLived));
    assert!(judge(&with("exp", json!(NOW + 660))).is_ok());
    assert_eq!(judge(&with("exp", json!(NOW + (1 << 31)))), Err(TokenError::TooLongLived));
    assert_eq!(judge(&with("exp", json!(NOW - 60))), Err(TokenError::Expired));
    assert_eq!(judge(&with("nbf", json!(NOW + 61))), Err(TokenError::NotYetValid));
    assert_eq!(judge(&with("iat", json!(NOW + 61))), Err(TokenError::NotYetValid));
    assert_eq!(judge(&without("jti")), Err(TokenError::Claim { name: "jti" }));
    for name in ["iss", "sub"] {
        assert_eq!(judge(&without(name)), Err(TokenError::Claim { name }));
        for other in [json!("https://other.example/client.json"), json!(format!("{CLIENT}/")), json!("")] {
            assert_eq!(judge(&with(name, other)), Err(TokenError::Claim { name }));
        }
    }
}

#[test]
fn attack_096_wrong_audience() {
    let own = issuer();
    for aud in [
        json!("https://as.example/token"),
        json!("https://as.example/"),
        json!("https://other.example"),
        json!([own, "https://other.example"]),
        json!([own, own]),
        json!(["https://as.example/token"]),
    ] {
        assert_eq!(judge(&with("aud", aud.clone())), Err(TokenError::Audience), "{aud}");
    }
    for aud in [json!([]), json!([1]), Value::Null] {
        assert_eq!(judge(&with("aud", aud)), Err(TokenError::Claim { name: "aud" }));
    }
    assert_eq!(judge(&without("aud")), Err(TokenError::Claim { name: "aud" }));
}

#[test]
fn attack_096_wrong_key() {
    // Another client's, under the id of this one's and under its own.
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(judge(&other.sign_claims("JWT", &good()).unwrap()), Err(TokenError::UnknownKey));
    let header = json!({"alg": "ES256", "kid": key(Algorithm::Es256).key_id()});
    let forged = token(header, good(), |input| other.sign(input).unwrap());
    assert_eq!(judge(&forged), Err(TokenError::Signature));
    // The key of another client, which is good for that one only.
    let others = VerifyingKeys::new([other.verifying_key().clone()]).unwrap();
    let policy = AssertionPolicy::new(issuer());
    let mine = other.sign_claims("JWT", &good()).unwrap();
    let stranger = ClientId::parse("https://other.example/client.json").unwrap();
    assert_eq!(policy.verify(&mine, &stranger, &others, at(NOW)), Err(TokenError::Claim { name: "iss" }));
    assert_eq!(policy.verify(&mine, &client(), &VerifyingKeys::default(), at(NOW)), Err(TokenError::UnknownKey));
}

#[test]
fn attack_096_wrong_algorithm() {
    for (alg, secret) in [("HS256", &b"client secret"[..]), ("HS512", b"client secret"), ("none", b"")] {
        let mac = |input: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input).as_ref().to_vec();
        assert_eq!(judge(&token(json!({"alg": alg}), good(), mac)), Err(TokenError::Algorithm));
    }
    let rsa = key(Algorithm::Rs256);
    let signer = josekit::jws::RS512.signer_from_der(rsa.to_pkcs8()).unwrap();
    let header = json!({"alg": "RS512", "kid": rsa.key_id()});
    assert_eq!(judge(&token(header, good(), |input| signer.sign(input).unwrap())), Err(TokenError::Algorithm));
}

#[test]
fn attack_096_tokens_of_other_types() {
    for typ in ["at+jwt", "dpop+jwt", "oauth-id-jag+jwt", "logout+jwt", ""] {
        let token = key(Algorithm::Es256).sign_claims(typ, &good()).unwrap();
        assert_eq!(judge(&token), Err(TokenError::Type), "{typ}");
    }
}

#[test]
fn a_claimed_client_is_read_and_proves_nothing() {
    let policy = AssertionPolicy::new(issuer());
    let forged = token(json!({"alg": "ES256"}), good(), |_| vec![0; 64]);
    assert_eq!(policy.claimed_client(&forged), Ok(client()));
    assert_eq!(policy.claimed_client(&with("iss", json!("x"))), Err(TokenError::Claim { name: "iss" }));
    assert_eq!(policy.claimed_client(&without("sub")), Err(TokenError::Claim { name: "sub" }));
    assert_eq!(policy.claimed_client(&with("sub", json!("a\nb"))), Err(TokenError::Claim { name: "sub" }));
    assert_eq!(policy.claimed_client("x"), Err(TokenError::Malformed));
    assert_eq!(policy.claimed_client(&"x".repeat(20_000)), Err(TokenError::TooLarge));
}

#[test]
fn a_client_with_one_key_need_not_name_it() {
    let mut nameless = key(Algorithm::Es256).public_jwk();
    nameless.remove("kid");
    let keys = VerifyingKeys::new([VerifyingKey::from_members(&nameless).unwrap()]).unwrap();
    let policy = AssertionPolicy::new(issuer());
    for header in [json!({"alg": "ES256"}), json!({"alg": "ES256", "kid": "mine"})] {
        let assertion = token(header, good(), |input| key(Algorithm::Es256).sign(input).unwrap());
        assert!(policy.verify(&assertion, &client(), &keys, at(NOW)).is_ok());
    }
}
