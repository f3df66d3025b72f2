use serde_json::json;

use super::*;
use crate::{
    jwt::compact,
    tools::testing::{Given, NOW},
};

const PLAIN: Args = Args { include_raw: false };
const RAW_TOO: Args = Args { include_raw: true };

fn of(authorization: &str, args: &Args) -> String {
    Given::http().header("Authorization", authorization).report(|facts| report(facts, args))
}

fn token() -> String {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "k1"});
    let claims = json!({
        "iss": "https://auth.example.com", "sub": "7", "aud": ["https://a.test", "https://b.test"], "jti": "j",
        "iat": NOW - 60, "exp": NOW + 300, "nbf": NOW - 60, "scope": "mcp", "client_id": "c",
        "nested": {"api_key": "shh"},
    });
    compact(&header, &claims, "the-signature-of-the-token")
}

#[test]
fn a_token_is_taken_apart() {
    let text = of(&format!("bearer {}", token()), &PLAIN);
    for line in [
        "  Valid JWT structure",
        "  Note: decoded without verification, do not trust",
        "Header:",
        "  Algorithm: RS256",
        "  Type: JWT",
        "  Key ID: k1",
        "Payload:",
        "  Issuer: https://auth.example.com",
        "  Subject: 7",
        r#"  Audience: ["https://a.test","https://b.test"]"#,
        "  JWT ID: j",
        "  Issued At: 2027-01-15T07:59:00Z (60s ago)",
        "  Expires: 2027-01-15T08:05:00Z (in 300s)",
        "  Not Before: 2027-01-15T07:59:00Z (60s ago)",
        "Custom Claims:",
        r#"    "scope": "mcp""#,
        "Signature: Present",
    ] {
        assert!(text.lines().any(|each| each.trim_end_matches(',') == line), "{line} in:\n{text}");
    }
    assert!(!text.contains("Raw Parts"));
    assert!(!text.contains("shh"), "{text}");
}

#[test]
fn times_that_matter_are_said() {
    let with = |claims: Value| of(&format!("Bearer {}", compact(&json!({}), &claims, "")), &PLAIN);
    assert!(with(json!({"exp": NOW})).contains("EXPIRED 0s ago"));
    assert!(with(json!({"nbf": NOW + 5})).contains("in 5s, NOT YET VALID"));
    assert!(with(json!({"iat": NOW + 5})).contains("the issuer's clock is ahead"));
    assert!(with(json!({"exp": 1e300})).contains("after the year 9999"));
    assert!(with(json!({"exp": "soon"})).contains("not a date"));
    assert!(with(json!({"exp": i64::MIN})).contains("before 1970"));
    assert!(with(json!({})).contains("Signature: Missing"));
}

/// In the former server, raw parts and the messages of errors showed up to 50 characters, a whole HS256 signature.
#[test]
fn bug_bearer_decode_showed_the_token() {
    let text = of(&format!("Bearer {}", token()), &RAW_TOO);
    assert!(text.contains("Raw Parts:") && text.contains("  Signature: [redacted, 26 characters]"), "{text}");
    assert!(!text.contains("the-signature"), "{text}");
    for authorization in ["Bearer opaque-token-of-somebody", "Basic dXNlcjpwYXNz", "opaque.token.alone", "Bearer a.b.c"]
    {
        let text = of(authorization, &RAW_TOO);
        for secret in ["opaque", "dXNl", "a.b.c"] {
            assert!(!text.contains(secret), "{secret} in:\n{text}");
        }
    }
}

#[test]
fn a_raw_part_is_shown_only_if_nothing_in_it_is_hidden() {
    let with = |claims: &Value| of(&format!("Bearer {}", compact(&json!({}), claims, "c2ln")), &RAW_TOO);
    let text = with(&json!({"sub": "7"}));
    assert!(text.contains("  Payload: eyJzdWIiOiI3In0"), "{text}");
    let text = with(&json!({"password": "hunter2", "sub": "7"}));
    assert!(text.contains("  Header: e30\n  Payload: [redacted, 43 characters]"), "{text}");
}

#[test]
fn what_is_no_bearer_token_says_so() {
    assert!(Given::http().report(|facts| report(facts, &PLAIN)).contains("is not present"));
    assert!(of("Basic dXNlcjpwYXNz", &PLAIN).contains("not of the scheme Bearer but of Basic"));
    assert!(of("Bearer", &PLAIN).contains("no token after Bearer"));
    assert!(of("Bearer abc", &PLAIN).contains("has 3 parts separated by dots, this token has 1"));
    let twice = Given::http().header("Authorization", "Bearer a").header("Authorization", "Bearer b");
    assert!(twice.report(|facts| report(facts, &PLAIN)).contains("several Authorization headers"));
    assert!(Given::stdio().report(|facts| report(facts, &PLAIN)).contains("No HTTP headers"));
}

#[test]
fn claims_cannot_write_lines_of_their_own() {
    let claims = json!({"sub": "a\nIssuer: evil", "x": "\u{202e}\u{1b}[2J"});
    let text = of(&format!("Bearer {}", compact(&json!({}), &claims, "s")), &PLAIN);
    assert!(text.contains(r"  Subject: a\nIssuer: evil"), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{1b}']));
}
