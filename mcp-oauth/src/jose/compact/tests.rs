use serde_json::json;

use super::*;
use crate::jose::testing::{header as good_header, key, signed, token};

fn parse(token: &str) -> Result<Unverified<'_>, TokenError> {
    Unverified::parse(token, &Limits::default())
}

/// RFC 7515 appendix A.3.
const RFC7515_A_3: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS\
                           9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJq\
                           PP3-Kg6NU1Q";

#[test]
fn rfc7515_a_3_a_token_of_the_specification() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                  "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let key = VerifyingKey::from_jwk(jwk).unwrap();
    let unverified = parse(RFC7515_A_3).unwrap();
    assert_eq!(unverified.header().algorithm(), Algorithm::Es256);
    assert_eq!((unverified.header().key_id(), unverified.header().typ()), (None, None));
    let verified = unverified.clone().verify(&key, TokenType::ClientAssertion).unwrap();
    assert_eq!(
        *verified.claims(),
        *json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true}).as_object().unwrap()
    );
    assert_eq!(unverified.verify(&key, TokenType::AccessToken).unwrap_err(), TokenError::Type);
}

#[test]
fn rfc7515_a_5_an_unsecured_token_is_none() {
    let unsecured = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(parse(unsecured).unwrap_err(), TokenError::Algorithm);
}

#[test]
fn types_are_told_apart() {
    let kinds =
        [TokenType::AccessToken, TokenType::ClientAssertion, TokenType::DpopProof, TokenType::IdentityAssertion];
    for kind in kinds {
        for other in kinds {
            assert_eq!(kind.accepts(Some(other.name())), kind == other);
            assert_eq!(kind.accepts(Some(&format!("application/{}", other.name()))), kind == other);
        }
        // RFC 8725 3.11: what says nothing of its kind is only taken where no kind was ever asked for.
        assert_eq!(kind.accepts(None), kind == TokenType::ClientAssertion);
        assert_eq!(kind.accepts(Some("JWT")), kind == TokenType::ClientAssertion);
        assert!(!kind.accepts(Some("")));
    }
}

#[test]
fn claims_are_not_read_before_the_signature_is_verified() {
    let key = key(Algorithm::EdDsa);
    // Not JSON, and forged: what is said of it is that it is forged.
    let token = token(good_header(key), "not json", |_| vec![0; 64]);
    let unverified = parse(&token).unwrap();
    assert_eq!(unverified.verify(key.verifying_key(), TokenType::AccessToken).unwrap_err(), TokenError::Signature);
}

#[test]
fn limits_can_be_set() {
    let token = signed(good_header(key(Algorithm::Es256)), json!({"a": "b".repeat(100)}));
    let mut limits = Limits { token: token.len(), ..Limits::default() };
    assert!(Unverified::parse(&token, &limits).is_ok());
    limits.token -= 1;
    assert_eq!(Unverified::parse(&token, &limits).unwrap_err(), TokenError::TooLarge);
    for limits in [Limits { header: 20, ..Limits::default() }, Limits { payload: 100, ..Limits::default() }] {
        assert_eq!(Unverified::parse(&token, &limits).unwrap_err(), TokenError::TooLarge);
    }
}

#[test]
fn a_token_is_written_as_it_is_read() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let claims = json!({"text": "\u{e4}\"\\\u{1F600}", "number": 1.5, "deep": {"a": [1, null]}});
        let token = key.sign_claims("x+jwt; \"q\"", &claims).unwrap();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
        let unverified = parse(&token).unwrap();
        assert_eq!(unverified.header().typ(), Some("x+jwt; \"q\""));
        assert_eq!(unverified.header().key_id(), Some(key.key_id()));
        assert_eq!(unverified.header().algorithm(), algorithm);
        assert_eq!(unverified.unproved_claims().unwrap(), *claims.as_object().unwrap());
        key.verifying_key().verify(unverified.signed.as_bytes(), &unverified.signature).unwrap();
    }
}

#[test]
fn other_parameters_can_be_asked_for() {
    let token = signed(json!({"alg": "ES256", "jwk": {"kty": "EC"}}), "{}");
    let header = parse(&token).unwrap().header().clone();
    assert_eq!(header.member("jwk"), Some(&json!({"kty": "EC"})));
    assert_eq!(header.member("jku"), None);
}

#[test]
fn debug_shows_nothing_of_the_token() {
    let token = signed(json!({"alg": "ES256", "typ": "at+jwt", "kid": "SECRET"}), r#"{"sub":"SECRET"}"#);
    let unverified = parse(&token).unwrap();
    let shown = format!("{unverified:?} {:?}", unverified.header());
    let verified = unverified.verify(key(Algorithm::Es256).verifying_key(), TokenType::AccessToken).unwrap();
    let shown = format!("{shown} {verified:?}");
    assert!(!shown.contains("SECRET") && !shown.contains("U0VDUkVU"), "{shown}");
}
