//! Introspection: an issuer that answers well, badly, slowly.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use mcp_transport::auth::{ClientId, Rejection};
use serde_json::{Value, json};

use super::played::{Played, RESOURCE, Reply, still};
use crate::jose::testing::NOW;
use crate::resource::{IntrospectionAuth, IntrospectionVerifier, Introspector, JwtVerifier};
use crate::types::Secret;

const OPAQUE: &str = "mcpo_at_5f0c2d";

fn introspector(played: &Played, auth: IntrospectionAuth) -> Introspector {
    let secret = Secret::new("hush:hush".to_owned());
    Introspector::new(&played.remote(), ClientId::parse("rs").unwrap(), secret, auth)
}

fn verifier(played: &Played) -> IntrospectionVerifier {
    let options = still().hierarchy("admin implies read".parse().unwrap());
    IntrospectionVerifier::new(introspector(played, IntrospectionAuth::Basic), options)
}

fn good() -> Value {
    json!({
        "active": true, "aud": RESOURCE, "sub": "ada", "client_id": "app", "scope": "admin", "exp": NOW + 600,
        "token_type": "Bearer", "tenant": "blue",
    })
}

fn unavailable(refused: &Rejection) -> bool {
    matches!(refused, Rejection::Unavailable { retry_after } if *retry_after > Duration::ZERO)
}

#[tokio::test]
async fn an_active_token_becomes_a_principal() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Json(good()));
    let verifier = verifier(&played);
    let principal = played.ask(&verifier, OPAQUE, 0).await.unwrap();
    assert_eq!((principal.issuer(), principal.subject().as_str()), (&played.issuer, "ada"));
    assert_eq!(principal.client_id().unwrap().as_str(), "app");
    assert_eq!(principal.scopes().to_string(), "admin read");
    assert_eq!(principal.claims().unwrap()["tenant"], "blue");
    assert_eq!(principal.expires_at(), Some(crate::jose::testing::at(NOW + 600)));

    // RFC 7662 2.1: POST, a form, the token and its kind; RFC 6749 2.3.1: both halves encoded.
    let seen = &played.seen("/introspect")[0];
    assert_eq!(seen.method, Method::POST);
    assert_eq!(seen.body, format!("token={OPAQUE}&token_type_hint=access_token"));
    assert_eq!(seen.authorization.as_deref(), Some("Basic cnM6aHVzaCUzQWh1c2g="));
    played.ask(&verifier, OPAQUE, 2).await.unwrap();
    assert_eq!(played.seen("/introspect").len(), 1, "remembered");
    assert_eq!(played.ask(&verifier, OPAQUE, 600).await.unwrap_err(), Rejection::Expired);
}

#[tokio::test]
async fn the_secret_can_go_in_the_body() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Json(good()));
    let verifier = IntrospectionVerifier::new(introspector(&played, IntrospectionAuth::Post), still());
    played.ask(&verifier, OPAQUE, 0).await.unwrap();
    let seen = &played.seen("/introspect")[0];
    assert!(seen.body.ends_with("&client_id=rs&client_secret=hush%3Ahush"), "{}", seen.body);
    assert_eq!(seen.authorization, None);
    assert!(!format!("{verifier:?}").contains("hush"));
}

#[tokio::test]
async fn attack_075_a_revocation_is_seen_within_five_seconds() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Json(good()));
    let verifier = verifier(&played);
    let stream = played.ask(&verifier, OPAQUE, 0).await.unwrap();
    played.set("/introspect", Reply::Json(json!({"active": false})));
    assert_eq!(played.ask(&verifier, OPAQUE, 5).await.unwrap_err(), Rejection::Revoked);
    assert!(stream.liveness().is_revoked());
    // It was never seen: what it was is not known.
    assert_eq!(played.ask(&verifier, "another-token", 5).await.unwrap_err(), Rejection::invalid("not active"));
}

#[tokio::test]
async fn attack_075_a_jwt_is_asked_about_too() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Json(json!({"active": true})));
    let verifier =
        JwtVerifier::with_introspection(played.remote(), introspector(&played, IntrospectionAuth::Basic), still());
    let token = played.token(|_| ());
    let stream = played.ask(&verifier, &token, 0).await.unwrap();
    // What is not signed is not asked about: an attacker cannot make us ask.
    played.ask(&verifier, "a.b.c", 0).await.unwrap_err();
    played.ask(&verifier, &played.token(|claims| claims["aud"] = "https://x.example".into()), 0).await.unwrap_err();
    assert_eq!(played.seen("/introspect").len(), 1);
    played.set("/introspect", Reply::Json(json!({"active": false})));
    assert_eq!(played.ask(&verifier, &token, 5).await.unwrap_err(), Rejection::Revoked);
    assert!(stream.liveness().is_revoked());
    assert_eq!(
        played.ask(&verifier, &played.token(|claims| claims["jti"] = "2".into()), 5).await.unwrap_err(),
        Rejection::Revoked
    );
}

#[tokio::test]
async fn a_scope_that_is_taken_away_ends_the_principal() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Json(good()));
    let verifier = verifier(&played);
    let stream = played.ask(&verifier, OPAQUE, 0).await.unwrap();
    let mut less = good();
    less["scope"] = "read".into();
    played.set("/introspect", Reply::Json(less));
    let now = played.ask(&verifier, OPAQUE, 5).await.unwrap();
    assert_eq!(now.scopes().to_string(), "read");
    assert!(stream.liveness().is_revoked() && !now.liveness().is_revoked());
}

#[tokio::test]
async fn attack_063_064_answers_for_somebody_else_are_refused() {
    let played = Played::start().await;
    let verifier = verifier(&played);
    let malformed = |name| Rejection::invalid(name);
    let strangers = json!([RESOURCE, "https://x.example"]);
    let cases = [
        ("aud", Value::Null, Rejection::WrongAudience),
        ("aud", json!("https://h.example/mcp-other"), Rejection::WrongAudience),
        ("aud", json!("https://h.example/mcp/"), Rejection::WrongAudience),
        ("aud", json!("https://h.example"), Rejection::WrongAudience),
        ("aud", strangers, Rejection::WrongAudience),
        ("aud", json!([]), Rejection::WrongAudience),
        ("iss", json!("https://other.example"), malformed("another issuer")),
        ("exp", json!(NOW - 61), Rejection::Expired),
        ("exp", json!(NOW), Rejection::Expired),
        ("exp", json!("soon"), malformed("exp")),
        ("nbf", json!(NOW + 3600), malformed("not valid yet")),
        ("iat", json!(NOW + 3600), malformed("not valid yet")),
        ("sub", json!(""), malformed("sub")),
        ("sub", Value::Null, malformed("sub")),
        ("client_id", json!(7), malformed("client_id")),
        ("scope", json!(["a"]), malformed("scope")),
        ("token_type", json!("refresh_token"), malformed("of another type")),
        ("token_use", json!("refresh"), malformed("of another type")),
        ("token_type", json!("DPoP"), malformed("cnf")),
        ("cnf", json!({"x5t#S256": "AA"}), malformed("cnf")),
    ];
    for (number, (name, value, rejection)) in cases.into_iter().enumerate() {
        let mut answer = good();
        answer[name] = value.clone();
        played.set("/introspect", Reply::Json(answer));
        let refused = played.ask(&verifier, &format!("{OPAQUE}{number}"), 0).await.unwrap_err();
        assert_eq!(refused, rejection, "{name} {value}");
    }
    let mut answer = good();
    answer.as_object_mut().unwrap().remove("aud");
    played.set("/introspect", Reply::Json(answer));
    assert_eq!(played.ask(&verifier, "no-audience", 0).await.unwrap_err(), Rejection::WrongAudience);
    // One text in an array is one audience, and the right issuer may be named.
    let mut answer = good();
    answer["aud"] = json!([RESOURCE]);
    answer["iss"] = json!(played.issuer);
    played.set("/introspect", Reply::Json(answer));
    assert!(played.ask(&verifier, "in-an-array", 0).await.is_ok());
    // A verdict for one resource is none for another.
    let other = played.ask_for(&verifier, "in-an-array", "https://h.example/mcp-b", 0).await.unwrap_err();
    assert_eq!(other, Rejection::WrongAudience);
}

#[tokio::test]
async fn a_bound_token_is_no_bearer_token() {
    let played = Played::start().await;
    let mut answer = good();
    answer["token_type"] = "DPoP".into();
    answer["cnf"] = json!({"jkt": "a".repeat(43)});
    played.set("/introspect", Reply::Json(answer));
    let refused = played.ask(&verifier(&played), OPAQUE, 0).await.unwrap_err();
    assert!(matches!(refused, Rejection::Invalid { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_token_without_an_end_gets_one() {
    let played = Played::start().await;
    let mut answer = good();
    answer.as_object_mut().unwrap().remove("exp");
    played.set("/introspect", Reply::Json(answer));
    let principal = played.ask(&verifier(&played), OPAQUE, 0).await.unwrap();
    assert_eq!(principal.expires_at(), Some(crate::jose::testing::at(NOW + 300)));
}

#[tokio::test]
async fn an_issuer_that_answers_badly_says_nothing_about_the_token() {
    let played = Played::start().await;
    let verifier = verifier(&played);
    played.set("/introspect", Reply::Json(good()));
    let stream = played.ask(&verifier, OPAQUE, 0).await.unwrap();
    let large = format!(r#"{{"active":false,"x":"{}"}}"#, "x".repeat(20 << 10));
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, "{}"),
        (StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#),
        (StatusCode::NO_CONTENT, ""),
        (StatusCode::FOUND, r#"{"active":false}"#),
        (StatusCode::OK, ""),
        (StatusCode::OK, "no"),
        (StatusCode::OK, "{}"),
        (StatusCode::OK, r#"{"active":"false"}"#),
        (StatusCode::OK, r#"{"active":1}"#),
        (StatusCode::OK, r#"{"active":null}"#),
        // Two readers would read it differently.
        (StatusCode::OK, r#"{"active":false,"active":true}"#),
        (StatusCode::OK, &large),
    ] {
        played.set("/introspect", Reply::Raw(status, body.to_owned().into()));
        // One that was good, and one that was never seen.
        for token in [OPAQUE, "another-token"] {
            let refused = played.ask(&verifier, token, 3).await.unwrap_err();
            assert!(unavailable(&refused), "{status} {body} {refused:?}");
        }
        assert!(!stream.liveness().is_revoked(), "{status} {body}");
    }
    played.set("/introspect", Reply::Json(good()));
    assert!(played.ask(&verifier, OPAQUE, 3).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_slow_is_not_waited_for() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Silence);
    let verifier = verifier(&played);
    let began = Instant::now();
    let refused = played.ask(&verifier, OPAQUE, 0).await.unwrap_err();
    assert!(unavailable(&refused));
    let took = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(20)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn requests_with_one_token_are_one_question() {
    let played = Played::start().await;
    played.set("/introspect", Reply::Json(good()));
    let verifier = verifier(&played);
    let all = futures_util::future::join_all((0..50).map(|_| played.ask(&verifier, OPAQUE, 0))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(played.seen("/introspect").len(), 1);
    // A flood of one bad token too.
    played.set("/introspect", Reply::Json(json!({"active": false})));
    let all = futures_util::future::join_all((0..50).map(|_| played.ask(&verifier, "bad-token", 1))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(played.seen("/introspect").len(), 2);
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_has_no_endpoint() {
    let played = Played::start().await;
    let mut metadata = played.metadata();
    metadata.as_object_mut().unwrap().remove("introspection_endpoint");
    played.set("/.well-known/oauth-authorization-server", Reply::Json(metadata));
    assert!(unavailable(&played.ask(&verifier(&played), OPAQUE, 0).await.unwrap_err()));
    // It can be configured.
    played.set("/elsewhere", Reply::Json(good()));
    let (id, secret) = (ClientId::parse("rs").unwrap(), Secret::new("s".to_owned()));
    let place = played.url("/elsewhere");
    let introspector = Introspector::at(&played.remote(), &place, id, secret, IntrospectionAuth::Basic).unwrap();
    assert!(played.ask(&IntrospectionVerifier::new(introspector, still()), OPAQUE, 0).await.is_ok());
}
