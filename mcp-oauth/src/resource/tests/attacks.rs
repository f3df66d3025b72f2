//! What is sent to a guarded endpoint by those who have no token, or one for something else: the answers, and that nobody is
//! asked who should not be.

use std::sync::Arc;

use josekit::jws::{JwsSigner as _, PS256, RS384};
use ring::hmac;
use serde_json::{Value, json};

use super::played::{Played, RESOURCE, still};
use super::served::Guarded;
use crate::jose::testing::{NOW, header, key, token};
use crate::jose::{Algorithm, SigningKey};
use crate::resource::JwtVerifier;

/// A guarded endpoint whose issuer is elsewhere.
async fn set_up() -> (Played, Guarded) {
    let played = Played::start().await;
    let verifier = JwtVerifier::new(played.remote(), still());
    let guarded = Guarded::by(&played, RESOURCE, Arc::new(verifier)).await;
    let answer = guarded.with_token(&played.token(|_| ())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(played.all_seen().len(), 2);
    (played, guarded)
}

/// RFC 6750 3.1, and the one text for all that are not simply old.
async fn refused(guarded: &Guarded, token: &str, what: &str) {
    let answer = guarded.with_token(token).await;
    assert_eq!(answer.status, 401, "{what} {answer:?}");
    let challenge = answer.head.lines().find(|line| line.starts_with("www-authenticate: bearer ")).unwrap();
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains("resource_metadata="), "{challenge}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["error"], "invalid_token", "{what}");
    let said = body["error_description"].as_str().unwrap();
    let expected =
        if what == "expired" { "the access token has expired" } else { "the access token is not valid here" };
    assert_eq!(said, expected, "{what}");
}

fn es256() -> &'static SigningKey {
    key(Algorithm::Es256)
}

fn sign(header: impl ToString, payload: impl ToString) -> String {
    token(header, payload, |input| es256().sign(input).unwrap())
}

#[tokio::test]
async fn attack_057_unsigned_tokens() {
    let (played, guarded) = set_up().await;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = header(es256());
        header["alg"] = alg.into();
        let unsigned = token(&header, played.claims(|_| ()), |_| Vec::new());
        refused(&guarded, &unsigned, alg).await;
        refused(&guarded, &sign(&header, played.claims(|_| ())), alg).await;
    }
    let empty = token(header(es256()), played.claims(|_| ()), |_| Vec::new());
    refused(&guarded, &empty, "no signature").await;
}

#[tokio::test]
async fn attack_058_the_public_key_as_a_secret() {
    let (played, guarded) = set_up().await;
    let rsa = key(Algorithm::Rs256);
    let jwk = Value::Object(rsa.public_jwk()).to_string().into_bytes();
    let pair = josekit::jws::RS256.key_pair_from_der(rsa.to_pkcs8()).unwrap();
    for secret in
        [jwk, josekit::jwk::KeyPair::to_pem_public_key(&pair), josekit::jwk::KeyPair::to_der_public_key(&pair)]
    {
        let mac = |input: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input).as_ref().to_vec();
        for alg in ["HS256", "RS256"] {
            let mut header = header(rsa);
            header["alg"] = alg.into();
            refused(&guarded, &token(header, played.claims(|_| ()), mac), alg).await;
        }
    }
}

#[tokio::test]
async fn attack_059_another_algorithm_of_the_key() {
    let (played, guarded) = set_up().await;
    let rsa = key(Algorithm::Rs256);
    let (rs384, ps256) =
        (RS384.signer_from_der(rsa.to_pkcs8()).unwrap(), PS256.signer_from_der(rsa.to_pkcs8()).unwrap());
    let mut header = header(rsa);
    header["alg"] = "RS384".into();
    refused(&guarded, &token(&header, played.claims(|_| ()), |input| rs384.sign(input).unwrap()), "RS384").await;
    header["alg"] = "PS256".into();
    refused(&guarded, &token(&header, played.claims(|_| ()), |input| ps256.sign(input).unwrap()), "PS256").await;
    header["alg"] = "RS256".into();
    refused(&guarded, &token(&header, played.claims(|_| ()), |input| ps256.sign(input).unwrap()), "PS256 in disguise")
        .await;
}

#[tokio::test]
async fn attack_060_keys_that_the_sender_brings_are_not_fetched() {
    let (played, guarded) = set_up().await;
    let own = SigningKey::generate(Algorithm::Es256).unwrap();
    let evil = Played::silent("").await;
    evil.publish(&[&own]);
    for (name, value) in
        [("jwk", Value::Object(own.public_jwk())), ("jku", evil.url("/jwks").into()), ("x5u", evil.url("/jwks").into())]
    {
        for kid in [es256().key_id(), own.key_id()] {
            let mut header = header(&own);
            header["kid"] = kid.into();
            header[name] = value.clone();
            refused(&guarded, &token(header, played.claims(|_| ()), |input| own.sign(input).unwrap()), name).await;
        }
    }
    assert!(evil.all_seen().is_empty(), "nobody is asked because a token says so");
    assert_eq!(played.seen("/jwks").len(), 1);
}

#[tokio::test]
async fn attack_061_strange_key_ids() {
    let (played, guarded) = set_up().await;
    let long = "k".repeat(2_000);
    for kid in ["../../x", "' OR 1=1 --", "", "k\r\nX: y", &long] {
        let mut header = header(es256());
        header["kid"] = kid.into();
        refused(&guarded, &sign(header, played.claims(|_| ())), kid).await;
    }
    assert_eq!(played.seen("/jwks").len(), 1);
}

#[tokio::test]
async fn attack_062_tokens_of_other_kinds() {
    let (played, guarded) = set_up().await;
    for typ in ["JWT", "client-authentication+jwt", "dpop+jwt", "oauth-id-jag+jwt", "logout+jwt"] {
        let mut header = header(es256());
        header["typ"] = typ.into();
        refused(&guarded, &sign(header, played.claims(|_| ())), typ).await;
    }
    let mut header = header(es256());
    header.as_object_mut().unwrap().remove("typ");
    refused(&guarded, &sign(header, played.claims(|_| ())), "no type").await;
}

#[tokio::test]
async fn attack_063_wrong_claims() {
    let (played, guarded) = set_up().await;
    let issuer = played.issuer.as_str().to_owned();
    let wrong = [
        ("iss", json!(format!("{issuer}/"))),
        ("iss", json!("https://as.example")),
        ("aud", json!("https://h.example")),
        ("aud", json!([RESOURCE, "https://stranger.example"])),
        ("aud", json!([])),
        ("nbf", json!(NOW + 3600)),
        ("iat", json!(NOW + 86_400)),
        ("exp", json!("never")),
    ];
    for (name, value) in wrong {
        refused(&guarded, &played.token(|claims| claims[name] = value.clone()), name).await;
    }
    for name in ["iss", "aud", "exp", "sub", "client_id", "jti", "iat"] {
        let without = played.token(|claims| {
            claims.as_object_mut().unwrap().remove(name);
        });
        refused(&guarded, &without, name).await;
    }
    // To the second: no leeway for what has ended.
    for exp in [0, NOW - 3600, NOW] {
        refused(&guarded, &played.token(|claims| claims["exp"] = exp.into()), "expired").await;
    }
}

#[tokio::test]
async fn attack_064_a_token_for_another_resource_of_the_same_issuer() {
    let played = Played::start().await;
    // One verifier for all, as where one process serves several resources.
    let verifier = Arc::new(JwtVerifier::new(played.remote(), still()));
    let names = ["https://h.example/mcp", "https://h.example/mcp-other", "https://h.example/mcp/", "https://h.example"];
    for served in names {
        let guarded = Guarded::by(&played, served, Arc::clone(&verifier) as _).await;
        for minted in names {
            let token = played.token(|claims| {
                claims["aud"] = minted.into();
                claims["jti"] = minted.into();
            });
            // Twice: from memory it is no other.
            for _ in 0..2 {
                if minted == served {
                    assert_eq!(guarded.with_token(&token).await.status, 200, "{served}");
                } else {
                    refused(&guarded, &token, minted).await;
                }
            }
        }
    }
}
