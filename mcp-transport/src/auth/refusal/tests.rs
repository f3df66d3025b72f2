use super::*;
use crate::auth::{Challenge, Confirmation, DpopNonce, DpopPolicy, Issuer, JwkThumbprint, ResourceId, Subject};

fn resource(dpop: DpopPolicy) -> ProtectedResource {
    ProtectedResource::builder(ResourceId::parse("https://h.example/mcp").unwrap())
        .authorization_server(Issuer::parse("https://as.example").unwrap())
        .scopes_supported("mcp files:read".parse().unwrap())
        .required_scopes("mcp".parse().unwrap())
        .dpop(dpop, ["ES256"])
        .build()
        .unwrap()
}

fn bearer(rejection: Rejection) -> Refusal {
    Refusal::rejected(Scheme::Bearer, rejection)
}

fn only_challenge(response: &Response<Bytes>) -> Challenge {
    let mut challenges = Challenge::parse_all(response.headers());
    assert_eq!(challenges.len(), 1);
    challenges.remove(0)
}

fn principal() -> crate::auth::PrincipalBuilder {
    Principal::builder(Issuer::parse("https://as.example").unwrap(), Subject::parse("ada").unwrap())
}

const URL: &str = "https://h.example/.well-known/oauth-protected-resource/mcp";

#[test]
fn attack_069_no_credentials_carries_no_error() {
    let response = Refusal::MissingCredentials.response(&resource(DpopPolicy::Off));
    assert_eq!(response.status(), 401);
    let challenge = only_challenge(&response);
    assert_eq!(challenge.scheme(), Some(Scheme::Bearer));
    assert_eq!(challenge.error_code(), None);
    assert_eq!(challenge.description(), None);
    assert_eq!(challenge.resource_metadata_url(), Some(URL));
    assert_eq!(challenge.scopes().unwrap().to_string(), "mcp");
}

#[test]
fn attack_071_insufficient_scope_names_exactly_the_operations_scopes() {
    let needed: ScopeSet = "files:write mcp".parse().unwrap();
    let principal = principal().scopes("mcp other".parse().unwrap()).build();
    let refusal = Refusal::insufficient_scope(Some(&principal), needed.clone());
    let response = refusal.response(&resource(DpopPolicy::Off));
    assert_eq!(response.status(), 403);
    let challenge = only_challenge(&response);
    assert_eq!(challenge.error_code(), Some(&ErrorCode::InsufficientScope));
    assert_eq!(challenge.scopes(), Some(&needed));
    assert_eq!(challenge.resource_metadata_url(), Some(URL));
}

#[test]
fn insufficient_scope_of_nobody_is_401() {
    let refusal = Refusal::insufficient_scope(None, "a".parse().unwrap());
    assert_eq!(refusal, Refusal::MissingCredentials);
}

#[test]
fn insufficient_scope_of_a_bound_token_is_a_dpop_challenge() {
    let principal =
        principal().confirmation(Confirmation::Dpop(JwkThumbprint::parse(&"a".repeat(43)).unwrap())).build();
    let refusal = Refusal::insufficient_scope(Some(&principal), "a".parse().unwrap());
    let challenge = only_challenge(&refusal.response(&resource(DpopPolicy::Accepted)));
    assert_eq!(challenge.scheme(), Some(Scheme::Dpop));
    assert_eq!(challenge.get("algs"), Some("ES256"));
}

#[test]
fn rfc6750_3_1_bad_tokens_are_401_invalid_token() {
    for rejection in [Rejection::invalid("signature"), Rejection::Expired, Rejection::WrongAudience, Rejection::Revoked]
    {
        let response = bearer(rejection.clone()).response(&resource(DpopPolicy::Off));
        assert_eq!(response.status(), 401, "{rejection}");
        let challenge = only_challenge(&response);
        assert_eq!(challenge.error_code(), Some(&ErrorCode::InvalidToken));
        assert_eq!(challenge.resource_metadata_url(), Some(URL));
    }
}

#[test]
fn forged_foreign_and_revoked_tokens_look_alike() {
    let answer = |rejection| {
        let response = bearer(rejection).response(&resource(DpopPolicy::Off));
        format!("{response:?}")
    };
    let invalid = answer(Rejection::invalid("the internal reason"));
    assert!(!invalid.contains("internal"));
    assert_eq!(invalid, answer(Rejection::WrongAudience));
    assert_eq!(invalid, answer(Rejection::Revoked));
}

#[test]
fn an_unavailable_verifier_is_503_and_no_challenge() {
    for (retry_after, seconds) in [
        (Duration::ZERO, "1"),
        (Duration::from_millis(1500), "2"),
        (Duration::from_secs(30), "30"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        let response = bearer(Rejection::Unavailable { retry_after }).response(&resource(DpopPolicy::Off));
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[RETRY_AFTER], seconds);
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    }
}

#[test]
fn rfc9449_9_nonce_travels_in_its_header() {
    let nonce = DpopNonce::parse("abc-123").unwrap();
    let refusal = Refusal::rejected(Scheme::Dpop, Rejection::UseDpopNonce(nonce));
    let response = refusal.response(&resource(DpopPolicy::Required));
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["dpop-nonce"], "abc-123");
    let challenge = only_challenge(&response);
    assert_eq!(challenge.scheme(), Some(Scheme::Dpop));
    assert_eq!(challenge.error_code(), Some(&ErrorCode::UseDpopNonce));
}

#[test]
fn invalid_request_is_400_with_the_scheme_that_is_taken() {
    let refusal = Refusal::invalid_request("why");
    for (policy, scheme) in [
        (DpopPolicy::Off, Scheme::Bearer),
        (DpopPolicy::Accepted, Scheme::Bearer),
        (DpopPolicy::Required, Scheme::Dpop),
    ] {
        let response = refusal.response(&resource(policy));
        assert_eq!(response.status(), 400);
        let challenge = only_challenge(&response);
        assert_eq!(challenge.scheme(), Some(scheme));
        assert_eq!(challenge.error_code(), Some(&ErrorCode::InvalidRequest));
        assert_eq!(challenge.description(), Some("why"));
    }
}

#[test]
fn body_is_small_json_that_no_cache_keeps() {
    let response = bearer(Rejection::Expired).response(&resource(DpopPolicy::Off));
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.body(), r#"{"error":"invalid_token","error_description":"the access token has expired"}"#);
}
