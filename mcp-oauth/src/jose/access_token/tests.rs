use super::*;
use crate::jose::Algorithm;
use crate::jose::testing::{NOW, at, claims, good, header, issuer, judge, key, keys, policy, resource, signed, spoilt};

/// Claims with all that there can be.
fn full() -> AccessTokenClaims {
    let mut claims = claims();
    claims.scope = "files:read files:write".parse().unwrap();
    claims.not_before = Some(NOW - 5);
    claims.grant = Some(GrantClaim::new("AAECAwQFBgcICQoLDA0ODw".to_owned(), 3));
    claims.confirmation = Some(key(Algorithm::Es256).verifying_key().thumbprint().clone());
    claims.extra.insert("groups".to_owned(), json!(["a", {"b": 1}]));
    claims
}

#[test]
fn claims_are_read_as_they_were_written() {
    for algorithm in Algorithm::ALL {
        for claims in [claims(), full()] {
            assert_eq!(judge(&claims.sign(key(algorithm)).unwrap()), Ok(claims));
        }
    }
}

#[test]
fn rfc9068_2_1_and_2_2_what_is_written() {
    let token = full().sign(key(Algorithm::Es256)).unwrap();
    let unverified = Unverified::parse(&token, &Limits::default()).unwrap();
    assert_eq!(unverified.header().typ(), Some("at+jwt"));
    let thumbprint = key(Algorithm::Es256).key_id();
    let expected = json!({
        "iss": "https://as.example", "sub": "ada", "aud": "https://h.example/mcp",
        "client_id": "https://app.example/client.json", "scope": "files:read files:write", "jti": "jti-1",
        "iat": NOW, "exp": NOW + 3600, "nbf": NOW - 5, "gid": "AAECAwQFBgcICQoLDA0ODw", "gen": 3,
        "cnf": {"jkt": thumbprint}, "groups": ["a", {"b": 1}],
    });
    assert_eq!(Value::Object(unverified.unproved_claims().unwrap()), expected);
    // Nothing is written for what is not there.
    let names: Vec<String> = good().as_object().unwrap().keys().cloned().collect();
    for name in ["scope", "nbf", "gid", "gen", "cnf"] {
        assert!(!names.iter().any(|other| other == name), "{name}");
    }
}

#[test]
fn extra_claims_replace_nothing() {
    let mut claims = claims();
    for name in NAMED {
        claims.extra.insert(name.to_owned(), "https://evil.example".into());
    }
    let read = judge(&claims.sign(key(Algorithm::Es256)).unwrap()).unwrap();
    claims.extra.clear();
    assert_eq!(read, claims);
}

#[test]
fn ids_that_no_reader_takes_are_not_written() {
    for id in [String::new(), "j".repeat(257)] {
        let mut bad = claims();
        bad.token_id.clone_from(&id);
        assert_eq!(bad.sign(key(Algorithm::Es256)), Err(SignError::Claims));
        let mut bad = claims();
        bad.grant = Some(GrantClaim::new(id, 1));
        assert_eq!(bad.sign(key(Algorithm::Es256)), Err(SignError::Claims));
    }
}

#[test]
fn half_a_grant_is_none() {
    let refused = |change: fn(&mut Value)| judge(&spoilt(change)).unwrap_err();
    assert_eq!(refused(|claims| claims["gid"] = json!("g")), TokenError::Claim { name: "gen" });
    assert_eq!(refused(|claims| claims["gen"] = json!(1)), TokenError::Claim { name: "gid" });
    for epoch in [json!(-1), json!(1.5), json!("1"), Value::Null] {
        let token = spoilt(|claims| (claims["gid"], claims["gen"]) = (json!("g"), epoch));
        assert_eq!(judge(&token), Err(TokenError::Claim { name: "gen" }));
    }
    let last = spoilt(|claims| (claims["gid"], claims["gen"]) = (json!("g"), json!(u64::MAX)));
    assert_eq!(judge(&last).unwrap().grant, Some(GrantClaim::new("g".to_owned(), u64::MAX)));
}

#[test]
fn the_issuer_reads_tokens_of_all_its_resources() {
    let policy = AccessTokenPolicy::for_issuer(issuer());
    let mut other = claims();
    other.audience = ResourceId::parse("https://other.example/mcp").unwrap();
    let token = other.sign(key(Algorithm::Es256)).unwrap();
    assert_eq!(policy.verify(&token, keys(), at(NOW)).unwrap().audience, other.audience);
    assert_eq!(judge(&token), Err(TokenError::Audience));
    // One audience, and a well-formed one, also here.
    let judge = |aud: Value| policy.verify(&spoilt(|claims| claims["aud"] = aud), keys(), at(NOW)).map(drop);
    assert_eq!(judge(json!([resource()])), Ok(()));
    assert_eq!(judge(json!([resource(), resource()])), Err(TokenError::Audience));
    assert_eq!(judge(json!("not a url")), Err(TokenError::Claim { name: "aud" }));
}

#[test]
fn times_are_judged_by_the_clock_that_is_handed_in() {
    let token = claims().sign(key(Algorithm::Es256)).unwrap();
    let judge = |now| policy().verify(&token, keys(), at(now)).map(drop);
    assert_eq!(judge(NOW - 61), Err(TokenError::NotYetValid));
    assert_eq!(judge(NOW - 60), Ok(()));
    assert_eq!(judge(NOW + 3659), Ok(()));
    assert_eq!(judge(NOW + 3660), Err(TokenError::Expired));
    // A clock before 1970 takes nothing.
    let ancient = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(policy().verify(&token, keys(), ancient).map(drop), Err(TokenError::NotYetValid));
}

#[test]
fn members_may_stand_in_any_order() {
    let reversed: Map<String, Value> = good().as_object().unwrap().clone().into_iter().rev().collect();
    let text: Vec<String> = reversed.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    let token = signed(header(key(Algorithm::Es256)), format!(" {{ {} }} ", text.join(" ,\n")));
    assert_eq!(judge(&token), Ok(claims()));
}

#[test]
fn debug_hides_who_it_is() {
    let mut claims = claims();
    claims.extra.insert("email".to_owned(), "ada@example.com".into());
    assert!(!format!("{claims:?}").contains("ada"));
}
