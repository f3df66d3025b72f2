//! Tokens that are bound to a key (RFC 9449), and those that are not.

use super::*;
use crate::auth::Scheme;

#[test]
fn rfc9449_7_2_bound_tokens_are_not_bearer_tokens() {
    let response = setup_with(DpopPolicy::Accepted, Access::Required).refusal(with_token("bound"));
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response).error_code(), Some(&ErrorCode::InvalidToken));
}

#[test]
fn rfc9449_7_1_proof_needs_a_bound_token() {
    let headers: &[(&'static str, &[u8])] = &[("authorization", b"DPoP good"), ("dpop", b"x.y.z")];
    let response = setup_with(DpopPolicy::Accepted, Access::Required).refusal(request(headers));
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response).scheme(), Some(Scheme::Dpop));
}

#[test]
fn rfc9449_4_3_exactly_one_proof() {
    let token = ("authorization", &b"DPoP bound"[..]);
    let proof = ("dpop", &b"x.y.z"[..]);
    let mut setup = setup_with(DpopPolicy::Accepted, Access::Required);
    setup.passed(request(&[token, proof]));
    for headers in [&[token][..], &[token, proof, proof], &[token, ("dpop", b"\xff")]] {
        let response = setup.refusal(request(headers));
        assert_eq!(response.status(), 401);
        let challenge = challenge(&response);
        assert_eq!(challenge.error_code(), Some(&ErrorCode::InvalidDpopProof));
        assert_eq!(challenge.get("algs"), Some("ES256"));
    }
}

#[test]
fn a_scheme_that_is_not_taken_is_no_credentials() {
    let dpop: &[(&'static str, &[u8])] = &[("authorization", b"DPoP bound"), ("dpop", b"x.y.z")];
    let response = setup().refusal(request(dpop));
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response).error_code(), None);
    assert_eq!(challenge(&response).scheme(), Some(Scheme::Bearer));

    let mut bound_only = setup_with(DpopPolicy::Required, Access::Required);
    let response = bound_only.refusal(with_token("good"));
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response).error_code(), None);
    assert_eq!(challenge(&response).scheme(), Some(Scheme::Dpop));
    bound_only.passed(request(dpop));
}
