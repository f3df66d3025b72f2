use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use http::{Method, Uri};

use super::*;
use crate::auth::{DpopPolicy, ProtectedResource};

const TOKEN: &str = "q7Jx0nVd3mT4sKzR";

fn issuer() -> Issuer {
    Issuer::parse("https://as.example").unwrap()
}

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn table(text: &str) -> Result<StaticTokens, StaticTokenError> {
    StaticTokens::parse(issuer(), id("https://h/mcp"), text)
}

fn verify_at(
    tokens: &StaticTokens,
    token: &str,
    resource: &str,
    scheme: Scheme,
    now: SystemTime,
) -> Result<Arc<Principal>, Rejection> {
    let resource = ProtectedResource::builder(id(resource))
        .authorization_server(issuer())
        .dpop(DpopPolicy::Accepted, ["ES256"])
        .build()
        .unwrap();
    let uri = Uri::from_static("/mcp");
    let presented = Presented::new(scheme, token, &resource, &Method::POST, &uri, now);
    let verdict = pin!(tokens.verify(presented));
    match verdict.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdict) => verdict,
        Poll::Pending => panic!("a table never waits"),
    }
}

fn verify(tokens: &StaticTokens, token: &str) -> Result<Arc<Principal>, Rejection> {
    verify_at(tokens, token, "https://h/mcp", Scheme::Bearer, SystemTime::UNIX_EPOCH)
}

#[test]
fn a_table_gives_principals() {
    let tokens =
        table(&format!("# comment\n\n  {TOKEN}  ada files:read\tfiles:write  \r\nAAAAAAAAAAAAAAAA bob\n")).unwrap();
    let ada = verify(&tokens, TOKEN).unwrap();
    assert_eq!(ada.subject().as_str(), "ada");
    assert_eq!(ada.issuer(), &issuer());
    assert_eq!(ada.scopes().to_string(), "files:read files:write");
    assert!(verify(&tokens, "AAAAAAAAAAAAAAAA").unwrap().scopes().is_empty());
}

#[test]
fn hierarchy_is_honoured() {
    let mut tokens = StaticTokens::new(issuer(), id("https://h/mcp")).hierarchy("admin implies read".parse().unwrap());
    tokens.extend_from_text(&format!("{TOKEN} ada admin")).unwrap();
    assert!(verify(&tokens, TOKEN).unwrap().scopes().contains("read"));
}

#[test]
fn other_tokens_are_invalid() {
    let tokens = table(&format!("{TOKEN} ada")).unwrap();
    for token in ["", "q7Jx0nVd3mT4sKz", "q7Jx0nVd3mT4sKzRR", "Q7Jx0nVd3mT4sKzR", "q7Jx0nVd3mT4sKzr"] {
        assert!(matches!(verify(&tokens, token), Err(Rejection::Invalid { .. })), "{token}");
    }
}

#[test]
fn mcp_must_reject_another_resources_token() {
    // Check 64 for static tables: neither a prefix nor a longer path is the resource.
    let tokens = table(&format!("{TOKEN} ada")).unwrap();
    for resource in ["https://h/mcp-other", "https://h/mc", "https://h/mcp/", "https://h", "https://H/mcp"] {
        let verdict = verify_at(&tokens, TOKEN, resource, Scheme::Bearer, SystemTime::UNIX_EPOCH);
        assert_eq!(verdict.unwrap_err(), Rejection::WrongAudience, "{resource}");
    }
}

#[test]
fn bound_presentation_is_refused() {
    let tokens = table(&format!("{TOKEN} ada")).unwrap();
    let verdict = verify_at(&tokens, TOKEN, "https://h/mcp", Scheme::Dpop, SystemTime::UNIX_EPOCH);
    assert!(matches!(verdict, Err(Rejection::Invalid { .. })));
}

#[test]
fn attack_075_revocation_is_immediate_for_both_new_requests_and_open_streams() {
    let tokens = table(&format!("{TOKEN} ada\nAAAAAAAAAAAAAAAA ada\nBBBBBBBBBBBBBBBB bob")).unwrap();
    let held = verify(&tokens, TOKEN).unwrap();
    assert!(tokens.revoke("unknown-unknown-unknown").is_none());
    assert!(tokens.revoke(TOKEN).is_some());
    assert_eq!(held.ended(SystemTime::UNIX_EPOCH), Some(Ended::Revoked));
    assert_eq!(verify(&tokens, TOKEN).unwrap_err(), Rejection::Revoked);
    assert!(verify(&tokens, "AAAAAAAAAAAAAAAA").is_ok());

    assert_eq!(tokens.revoke_subject(held.subject()), 2);
    assert_eq!(verify(&tokens, "AAAAAAAAAAAAAAAA").unwrap_err(), Rejection::Revoked);
    assert!(verify(&tokens, "BBBBBBBBBBBBBBBB").is_ok());
}

#[test]
fn an_entry_may_expire() {
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
    let mut tokens = StaticTokens::new(issuer(), id("https://h/mcp"));
    let principal = Principal::builder(issuer(), Subject::parse("ada").unwrap()).expires_at(end).build();
    tokens.insert(TOKEN, principal).unwrap();
    assert!(verify(&tokens, TOKEN).is_ok());
    let verdict = verify_at(&tokens, TOKEN, "https://h/mcp", Scheme::Bearer, end);
    assert_eq!(verdict.unwrap_err(), Rejection::Expired);
}

#[test]
fn faults_name_the_line_and_never_the_token() {
    let long = format!("{TOKEN} ada\n");
    for (text, at, wanted) in [
        ("short ada".to_owned(), 1, "fewer than 16"),
        (format!("{long}# x\nsecret!secret!secret ada"), 3, "letters"),
        (format!("{long}{TOKEN} bob"), 2, "twice"),
        (format!("\n{TOKEN}"), 2, "subject"),
        (format!("{TOKEN} ada sco\\pe"), 1, "scope"),
    ] {
        let error = table(&text).unwrap_err();
        let StaticTokenError::Line { line, fault } = &error else {
            panic!("{error}");
        };
        assert_eq!(*line, at, "{text}");
        assert!(fault.to_string().contains(wanted), "{fault}");
        let all = format!("{error} {fault} {error:?}");
        assert!(!all.contains(TOKEN) && !all.contains("secret"), "{all}");
    }
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let error = StaticTokens::from_file(issuer(), id("https://h/mcp"), Path::new("/no/such/file"));
    assert!(matches!(error, Err(StaticTokenError::Read(_))));
}

#[test]
fn debug_shows_no_token() {
    let tokens = table(&format!("{TOKEN} ada")).unwrap();
    let text = format!("{tokens:?}");
    assert!(!text.contains(TOKEN) && !text.contains("ada"), "{text}");
}
