//! Keys and metadata of an issuer elsewhere.

use futures_util::future::join_all;
use http::StatusCode;
use mcp_transport::auth::Rejection;
use mcp_transport::net::Tls;
use serde_json::{Value, json};

use super::played::{Played, Reply, still};
use crate::jose::testing::{header, key, token};
use crate::jose::{Algorithm, SigningKey};
use crate::resource::{JwtVerifier, RemoteIssuer};

const HOUR: u64 = 3600;

#[tokio::test]
async fn keys_are_found_by_the_metadata_and_kept() {
    let played = Played::start().await;
    let verifier = JwtVerifier::new(played.remote(), still().hierarchy("admin implies read".parse().unwrap()));
    assert!(played.all_seen().is_empty(), "nothing is fetched before it is needed");
    for number in 0..20 {
        let token = played.token(|claims| {
            claims["jti"] = number.to_string().into();
            claims["scope"] = "admin".into();
            claims["tenant"] = "blue".into();
        });
        let principal = played.ask(&verifier, &token, number).await.unwrap();
        assert_eq!((principal.issuer(), principal.subject().as_str()), (&played.issuer, "ada"));
        assert_eq!(principal.scopes().to_string(), "admin read");
        assert_eq!(principal.claims().unwrap()["tenant"], "blue");
    }
    assert_eq!(played.all_seen().len(), 2, "one document, one set of keys");
}

#[tokio::test]
async fn attack_073_metadata_is_found_in_each_place_and_belongs_to_the_issuer() {
    for place in [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ] {
        let played = Played::silent("/tenant").await;
        played.publish(&[key(Algorithm::Es256)]);
        played.set(place, Reply::Json(played.metadata()));
        let verifier = JwtVerifier::new(played.remote(), still());
        assert!(played.ask(&verifier, &played.token(|_| ()), 0).await.is_ok(), "{place}");
    }
    // RFC 8414 3.3: a document with another issuer "MUST NOT be used"; byte for byte.
    for issuer in ["", "/", "/tenant/", "/Tenant", "/tenant?x"] {
        let played = Played::silent("/tenant").await;
        played.publish(&[key(Algorithm::Es256)]);
        let mut metadata = played.metadata();
        metadata["issuer"] = played.url(issuer).into();
        played.set("/.well-known/oauth-authorization-server/tenant", Reply::Json(metadata));
        let verifier = JwtVerifier::new(played.remote(), still());
        let refused = played.ask(&verifier, &played.token(|_| ()), 0).await.unwrap_err();
        assert!(matches!(refused, Rejection::Unavailable { .. }), "{issuer} {refused:?}");
        assert!(played.seen("/jwks").is_empty(), "{issuer}");
    }
}

#[tokio::test]
async fn metadata_that_leads_elsewhere_in_plain_is_refused() {
    for jwks in [json!("http://keys.example/jwks"), json!("file:///etc/passwd"), json!(7), json!(null)] {
        let played = Played::start().await;
        let mut metadata = played.metadata();
        metadata["jwks_uri"] = jwks.clone();
        played.set("/.well-known/oauth-authorization-server", Reply::Json(metadata));
        let verifier = JwtVerifier::new(played.remote(), still());
        let refused = played.ask(&verifier, &played.token(|_| ()), 0).await.unwrap_err();
        assert!(matches!(refused, Rejection::Unavailable { .. }), "{jwks}");
    }
}

#[tokio::test]
async fn keys_at_a_configured_place_need_no_metadata() {
    let played = Played::silent("").await;
    played.publish(&[key(Algorithm::Es256)]);
    let remote = RemoteIssuer::with_jwks(played.issuer.clone(), &played.url("/jwks"), None).unwrap();
    assert!(remote.prepare(super::played::now()).await);
    let verifier = JwtVerifier::new(remote, still());
    assert!(played.ask(&verifier, &played.token(|_| ()), 0).await.is_ok());
    assert_eq!(played.all_seen().len(), 1);
    assert!(RemoteIssuer::with_jwks(played.issuer.clone(), "http://192.0.2.1/jwks", None).is_err());
}

#[tokio::test]
async fn attack_061_a_flood_of_unknown_keys_is_one_refresh() {
    let played = Played::start().await;
    let verifier = JwtVerifier::new(played.remote(), still());
    played.ask(&verifier, &played.token(|_| ()), 0).await.unwrap();
    assert_eq!(played.seen("/jwks").len(), 1);
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let forged = |number: usize| {
        let mut header = header(&stranger);
        header["kid"] = format!("../../{number}").into();
        token(header, played.claims(|_| ()), |input| stranger.sign(input).unwrap())
    };
    for second in [1, 29] {
        let tokens: Vec<String> = (0..50).map(forged).collect();
        let refused = join_all(tokens.iter().map(|token| played.ask(&verifier, token, second))).await;
        assert!(refused.iter().all(|refused| *refused.as_ref().unwrap_err() == Rejection::invalid("unknown key")));
    }
    assert_eq!(played.seen("/jwks").len(), 1, "not within 30 seconds");
    let tokens: Vec<String> = (0..200).map(forged).collect();
    join_all(tokens.iter().map(|token| played.ask(&verifier, token, 30))).await;
    for (number, token) in tokens.iter().enumerate() {
        assert!(played.ask(&verifier, token, 31 + number as u64 % 29).await.is_err());
    }
    assert_eq!(played.seen("/jwks").len(), 2, "then once, however many come");
}

#[tokio::test]
async fn attack_105_a_new_key_of_the_issuer_is_learned_and_an_old_one_forgotten() {
    let played = Played::start().await;
    let verifier = JwtVerifier::new(played.remote(), still());
    let old = played.token(|_| ());
    let stream = played.ask(&verifier, &old, 0).await.unwrap();
    let new_key = SigningKey::generate(Algorithm::Es256).unwrap();
    let new = played.signed_by(&new_key, |_| ());
    played.publish(&[key(Algorithm::Es256), &new_key]);
    assert!(played.ask(&verifier, &new, 30).await.is_ok());
    assert!(played.ask(&verifier, &old, 30).await.is_ok());
    // The old key is taken out in an emergency: with the next refresh its tokens are over, streams included.
    played.publish(&[&new_key]);
    assert!(played.ask(&verifier, &old, 360).await.is_ok(), "its time is over, and it is being fetched");
    while played.seen("/jwks").len() < 3 {
        tokio::task::yield_now().await;
    }
    // The answer may be on its way still.
    let mut second = 364;
    while played.ask(&verifier, &old, second).await.is_ok() {
        tokio::task::yield_now().await;
        second += 4;
        assert!(second < 400);
    }
    assert!(stream.liveness().is_revoked());
    assert!(played.ask(&verifier, &new, second).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_down_is_bridged_but_not_for_ever() {
    let played = Played::start().await;
    let verifier = JwtVerifier::new(played.remote(), still());
    let long = |claims: &mut Value| claims["exp"] = json!(crate::jose::testing::NOW + 72 * HOUR);
    let token = played.token(long);
    played.ask(&verifier, &token, 0).await.unwrap();
    for path in ["/jwks", "/.well-known/oauth-authorization-server"] {
        played.set(path, Reply::Raw(StatusCode::BAD_GATEWAY, "down".into()));
    }
    for hour in 1..24 {
        assert!(played.ask(&verifier, &token, hour * HOUR).await.is_ok(), "{hour}");
        // A token that was never seen is verified as well.
        let other = played.token(|claims| {
            long(claims);
            claims["jti"] = hour.to_string().into();
        });
        assert!(played.ask(&verifier, &other, hour * HOUR).await.is_ok(), "{hour}");
    }
    let refused = played.ask(&verifier, &token, 24 * HOUR + 31).await.unwrap_err();
    assert!(matches!(refused, Rejection::Unavailable { .. }));
    played.set("/.well-known/oauth-authorization-server", Reply::Json(played.metadata()));
    played.publish(&[key(Algorithm::Es256)]);
    // An attempt that began while it was down may still be under way.
    let mut second = 24 * HOUR + 62;
    while played.ask(&verifier, &token, second).await.is_err() {
        second += 31;
        assert!(second < 25 * HOUR, "it is back, and nobody has noticed");
    }
}

#[tokio::test]
async fn an_issuer_that_was_never_there_is_no_verdict() {
    let played = Played::silent("").await;
    let verifier = JwtVerifier::new(played.remote(), still());
    let token = played.token(|_| ());
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/jwks"] {
        played.set(path, Reply::Raw(StatusCode::OK, "<html>a page for everything</html>".into()));
    }
    for _ in 0..20 {
        assert!(matches!(played.ask(&verifier, &token, 0).await.unwrap_err(), Rejection::Unavailable { .. }));
    }
    // Not each of them asks.
    assert_eq!(played.all_seen().len(), 2);
    played.set("/.well-known/oauth-authorization-server", Reply::Json(played.metadata()));
    played.publish(&[key(Algorithm::Es256)]);
    assert!(played.ask(&verifier, &token, 2).await.is_ok());
}

#[tokio::test]
async fn a_set_of_keys_that_cannot_be_read_changes_nothing() {
    let played = Played::start().await;
    let verifier = JwtVerifier::new(played.remote(), still());
    let token = played.token(|_| ());
    played.ask(&verifier, &token, 0).await.unwrap();
    let mut private = Value::Object(key(Algorithm::Es256).public_jwk());
    private["d"] = "AA".into();
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(300 << 10));
    let bad = [json!({}).to_string(), "[]".to_owned(), json!({"keys": [private]}).to_string(), large];
    for (number, body) in (1..).zip(bad) {
        played.set("/jwks", Reply::Raw(StatusCode::OK, body.into()));
        assert!(played.ask(&verifier, &token, number * 400).await.is_ok(), "{number}");
    }
}

#[tokio::test]
async fn how_long_keys_are_kept_is_said_by_the_issuer_within_bounds() {
    for (says, kept) in [("max-age=600", 600), ("no-store", 60), ("max-age=x", 60), ("max-age=999999", 3600)] {
        let played = Played::start().await;
        let keys = json!({"keys": [key(Algorithm::Es256).public_jwk()]});
        played.set("/jwks", Reply::Kept(keys, says));
        let verifier = JwtVerifier::new(played.remote(), still());
        let token = played.token(|claims| claims["exp"] = json!(crate::jose::testing::NOW + 3 * HOUR));
        for second in [0, kept - 1] {
            played.ask(&verifier, &token, second).await.unwrap();
        }
        assert_eq!(played.seen("/jwks").len(), 1, "{says}");
        // Far beyond it, callers wait for the new ones.
        played.ask(&verifier, &token, kept + 60).await.unwrap();
        assert_eq!(played.seen("/jwks").len(), 2, "{says}");
    }
}

#[tokio::test]
async fn an_issuer_over_tls_needs_a_certificate_that_is_trusted() {
    let (played, certificate) = Played::over_tls().await;
    played.set("/.well-known/oauth-authorization-server", Reply::Json(played.metadata()));
    played.publish(&[key(Algorithm::Es256)]);
    let token = played.token(|_| ());
    let tls = Tls::with_ca_pem(certificate.as_bytes()).unwrap();
    let verifier = JwtVerifier::new(RemoteIssuer::discover(played.issuer.clone(), Some(tls)).unwrap(), still());
    assert!(played.ask(&verifier, &token, 0).await.is_ok());
    let stranger = JwtVerifier::new(played.remote(), still());
    assert!(matches!(played.ask(&stranger, &token, 0).await.unwrap_err(), Rejection::Unavailable { .. }));
}
