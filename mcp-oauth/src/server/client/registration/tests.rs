use std::sync::Arc;

use serde_json::json;

use super::super::error::{RedirectUrisFault, RegistrationErrorCode};
use super::super::policy::{Contradiction, RegisteredScope, SoftwareStatements};
use super::super::quirks::{Quirk, QuirkRule, Quirks};
use super::*;
use crate::types::{ApplicationType, ClientAuthMethod};

fn with(policy: &MetadataPolicy, body: &Value) -> Result<ClientMetadata, MetadataError> {
    register(body.to_string().as_bytes(), policy).map(|registration| registration.metadata)
}

fn registered(body: &Value) -> ClientMetadata {
    with(&MetadataPolicy::default(), body).unwrap()
}

fn refused(body: &Value) -> MetadataError {
    with(&MetadataPolicy::default(), body).unwrap_err()
}

fn uris(metadata: &ClientMetadata) -> Vec<&str> {
    metadata.redirect_uris.iter().map(crate::types::RedirectUri::as_str).collect()
}

#[test]
fn a_whole_registration() {
    let metadata = registered(&json!({
        "redirect_uris": ["https://h/cb"], "client_name": " My\u{202e} App ", "client_uri": "https://h/",
        "logo_uri": "http://h/logo.png", "tos_uri": "javascript:alert(1)", "policy_uri": "http://localhost:1/p",
        "contacts": ["ada@h", "\u{0}"], "software_id": "id", "software_version": "1.0", "application_type": "web",
        "token_endpoint_auth_method": "client_secret_post", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "client_id": "mine", "client_secret": "chosen", "x-unknown": {"a": [1]},
        "client_name#de": "Meine App", "jwks": null
    }));
    assert_eq!(metadata.client_name.as_deref(), Some("My App"));
    assert_eq!(metadata.client_uri.as_deref(), Some("https://h/"));
    assert_eq!((metadata.logo_uri.as_deref(), metadata.tos_uri.as_deref()), (None, None));
    assert_eq!(metadata.policy_uri.as_deref(), Some("http://localhost:1/p"));
    assert_eq!(metadata.contacts, ["ada@h"]);
    assert_eq!(metadata.software_id.as_deref(), Some("id"));
    assert_eq!(metadata.token_endpoint_auth_method, ClientAuthMethod::ClientSecretPost);
    assert_eq!(metadata.application_type, ApplicationType::Web);
    assert!(metadata.may_use("refresh_token"));
}

#[test]
fn rfc7591_2_defaults() {
    // RFC 7591 2: client_secret_basic, authorization_code, code.
    let metadata = registered(&json!({"redirect_uris": ["https://h/cb"]}));
    assert_eq!(metadata.token_endpoint_auth_method, ClientAuthMethod::ClientSecretBasic);
    assert_eq!(
        (&metadata.grant_types[..], &metadata.response_types[..]),
        (&["authorization_code".to_owned()][..], &["code".to_owned()][..])
    );
    let native = registered(&json!({"redirect_uris": ["http://localhost:1/cb"]}));
    assert_eq!(native.token_endpoint_auth_method, ClientAuthMethod::None);
}

#[test]
fn attack_005_a_dangerous_uri_registers_nothing() {
    let error = refused(&json!({"redirect_uris": ["https://h/cb", "javascript:alert(document.domain)"]}));
    assert_eq!(error.code(), RegistrationErrorCode::InvalidRedirectUri);
    assert_eq!(error.to_string(), "redirect_uris holds a URI that no client may register");
}

#[test]
fn attack_078_redirect_uris_that_cannot_be() {
    let many: Vec<String> = (0..500).map(|number| format!("https://h/{number}")).collect();
    for uris in [
        json!(null),
        json!([]),
        json!(["http://evil.test/cb"]),
        json!(["https://h/cb#x"]),
        json!(["https://*.h/cb"]),
        json!("https://h/cb"),
        json!([["https://h/cb"]]),
        json!(many),
    ] {
        let error = refused(&json!({ "redirect_uris": uris }));
        assert_eq!(error.code(), RegistrationErrorCode::InvalidRedirectUri, "{uris}");
        assert!(error.to_string().starts_with("redirect_uris "), "{error}");
    }
    let error = refused(&json!({"redirect_uris": ["https://h/cb"], "client_name": ["x"]}));
    assert_eq!(
        (error.code().as_str(), error.to_string().as_str()),
        ("invalid_client_metadata", "client_name has the wrong type")
    );
}

#[test]
fn attack_078_bodies_that_are_no_object() {
    for body in
        [&b""[..], b"[]", b"null", b"redirect_uris=x", b"\xef\xbb\xbf{}", br#"{"redirect_uris":[],"redirect_uris":[]}"#]
    {
        assert_eq!(register(body, &MetadataPolicy::default()), Err(MetadataError::Json));
    }
    assert_eq!(MetadataError::Json.code(), RegistrationErrorCode::InvalidClientMetadata);
}

#[test]
fn attack_079_web_with_native_uris_is_coerced_or_refused() {
    let strict = MetadataPolicy { contradiction: Contradiction::Refuse, ..MetadataPolicy::default() };
    for uri in ["http://127.0.0.1/cb", "com.example.app:/cb"] {
        let body = json!({"application_type": "web", "redirect_uris": [uri, "https://h/cb"]});
        let metadata = registered(&body);
        assert_eq!((metadata.application_type, uris(&metadata)), (ApplicationType::Native, vec![uri, "https://h/cb"]));
        assert_eq!(metadata.token_endpoint_auth_method, ClientAuthMethod::None);
        assert_eq!(with(&strict, &body), Err(MetadataError::RedirectUris(RedirectUrisFault::Web)));
        // Only what says so of itself contradicts itself.
        assert!(with(&strict, &json!({"redirect_uris": [uri]})).is_ok());
    }
    // The quirk holds where the policy does not.
    let cursor = json!({"application_type": "web", "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback"]});
    assert_eq!(with(&strict, &cursor).unwrap().application_type, ApplicationType::Native);
    let strict = MetadataPolicy { quirks: Quirks::NONE, ..strict };
    assert!(with(&strict, &cursor).is_err());
}

#[test]
fn attack_079_private_use_uris_match_exactly() {
    let metadata = registered(&json!({"application_type": "native", "redirect_uris": ["cursor://host/path"]}));
    assert!(metadata.admits(&"cursor://host/path".parse().unwrap()));
    for other in ["cursor://host/path/", "cursor://host:1/path", "cursor://host/path?x", "Cursor://host/path"] {
        assert!(!metadata.admits(&other.parse().unwrap()), "{other}");
    }
    // RFC 8252 7.2: a native application may have https redirects that it has claimed.
    let claimed = registered(&json!({"application_type": "native", "redirect_uris": ["https://h/cb"]}));
    assert_eq!(claimed.application_type, ApplicationType::Native);
    assert_eq!(
        registered(&json!({"application_type": "spa", "redirect_uris": ["https://h/cb"]})).application_type,
        ApplicationType::Web
    );
}

#[test]
fn attack_080_contradictions_are_invalid_client_metadata() {
    for body in [
        json!({"grant_types": ["client_credentials"], "response_types": ["code"]}),
        json!({"response_types": ["token"]}),
        json!({"grant_types": ["password"]}),
        json!({"token_endpoint_auth_method": "client_secret_jwt"}),
        json!({"token_endpoint_auth_method": "private_key_jwt"}),
        json!({"jwks_uri": "https://h/j", "jwks": {"keys": [{"kty": "EC"}]}}),
        json!({"jwks": {"keys": [{"kty": "EC", "d": "x"}]}}),
        json!({"scope": "a\"b"}),
        json!({"scope": ["a"]}),
        json!({"software_id": "x".repeat(257)}),
        json!({"contacts": vec!["x"; 9]}),
    ] {
        let mut whole = body.clone();
        whole["redirect_uris"] = json!(["https://h/cb"]);
        assert_eq!(refused(&whole).code(), RegistrationErrorCode::InvalidClientMetadata, "{body}");
    }
}

#[test]
fn a_machine_needs_no_redirect() {
    let policy = MetadataPolicy { grant_types: vec!["client_credentials".to_owned()], ..MetadataPolicy::default() };
    let metadata = with(&policy, &json!({"grant_types": ["client_credentials"]})).unwrap();
    assert_eq!(metadata.token_endpoint_auth_method, ClientAuthMethod::ClientSecretBasic);
    assert!(metadata.response_types.is_empty() && metadata.redirect_uris.is_empty());
    let public = json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"});
    assert_eq!(with(&policy, &public), Err(MetadataError::member("grant_types", MemberFault::Unsupported)));
}

struct Trusting;

impl SoftwareStatements for Trusting {
    fn judge(&self, statement: &str) -> Result<Map<String, Value>, StatementError> {
        match statement {
            "a.b.stranger" => Err(StatementError::Unapproved),
            "a.b.forged" => Err(StatementError::Invalid),
            _ => Ok(json!({"client_name": "Vouched", "iss": "https://h"}).as_object().unwrap().clone()),
        }
    }
}

#[test]
fn attack_081_software_statements() {
    let body = |statement: &str| json!({"redirect_uris": ["https://h/cb"], "client_name": "Own", "software_statement": statement});
    let trusting = MetadataPolicy { statements: Some(Arc::new(Trusting)), ..MetadataPolicy::default() };
    // Not signed, or not even a JWT: whoever judges is not asked.
    for statement in ["", "x", "a.b", "a.b.", ".b.c", "a.b.c.d", "a.b.ä", "a.b.c=", &"a.".repeat(9000)] {
        for policy in [&MetadataPolicy::default(), &trusting] {
            let error = with(policy, &body(statement)).unwrap_err();
            assert_eq!(error.code().as_str(), "invalid_software_statement", "{statement}");
        }
    }
    assert_eq!(refused(&body("a.b.c")).code().as_str(), "unapproved_software_statement");
    assert_eq!(with(&trusting, &body("a.b.stranger")), Err(MetadataError::UnapprovedStatement));
    assert_eq!(with(&trusting, &body("a.b.forged")), Err(MetadataError::InvalidStatement));
    // RFC 7591 2.3: the claims of the statement take precedence; 3.2.1: it is told back unmodified.
    let registration = register(body("a.b.c").to_string().as_bytes(), &trusting).unwrap();
    assert_eq!(registration.metadata.client_name.as_deref(), Some("Vouched"));
    assert_eq!(registration.software_statement.as_deref(), Some("a.b.c"));
    assert!(refused(&json!({"redirect_uris": ["https://h/cb"], "software_statement": 1})).to_string().contains("type"));
}

#[test]
fn scope_is_a_wish_or_a_ceiling() {
    let body = |scope: &str| json!({"redirect_uris": ["https://h/cb"], "scope": scope});
    assert_eq!(registered(&body("a b")).scope, None);
    let ceiling = MetadataPolicy {
        scopes: Some("a b".parse().unwrap()),
        registered_scope: RegisteredScope::Ceiling,
        ..MetadataPolicy::default()
    };
    assert_eq!(with(&ceiling, &body("openid  a")).unwrap().scope, Some("a".parse().unwrap()));
    assert_eq!(with(&ceiling, &body("")).unwrap().scope, None);
    assert_eq!(with(&ceiling, &body("openid")), Err(MetadataError::member("scope", MemberFault::Unsupported)));
}

#[test]
fn quirks_change_the_method() {
    let perplexity = json!({"redirect_uris": ["https://www.perplexity.ai/rest/connections/oauth_callback"],
        "token_endpoint_auth_method": "none"});
    assert_eq!(registered(&perplexity).token_endpoint_auth_method, ClientAuthMethod::ClientSecretPost);
    let public_only = MetadataPolicy { auth_methods: vec![ClientAuthMethod::None], ..MetadataPolicy::default() };
    assert_eq!(with(&public_only, &perplexity).unwrap().token_endpoint_auth_method, ClientAuthMethod::None);
    let mut rule = QuirkRule::new("public", vec![Quirk::Public], "");
    rule.client_names.push("X".to_owned());
    let policy = MetadataPolicy { quirks: Quirks::with([rule]), ..MetadataPolicy::default() };
    let body = json!({"redirect_uris": ["https://h/cb"], "client_name": "X"});
    assert_eq!(with(&policy, &body).unwrap().token_endpoint_auth_method, ClientAuthMethod::None);
}

#[test]
fn nothing_of_the_request_is_repeated_in_an_error() {
    for body in [
        json!({"redirect_uris": ["http://SECRET.test/"]}),
        json!({"redirect_uris": ["SECRET://SECRET@SECRET/"]}),
        json!({"redirect_uris": ["https://h/"], "token_endpoint_auth_method": "SECRET"}),
        json!({"redirect_uris": ["https://h/"], "jwks_uri": "http://SECRET/"}),
        json!({"redirect_uris": ["https://h/"], "grant_types": ["SECRET"]}),
    ] {
        let error = refused(&body);
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
    }
}

#[test]
fn no_body_makes_it_panic() {
    let body = json!({
        "redirect_uris": ["https://h/cb", "cursor://a.b/c?d", "http://[::1]:1/x"], "client_name": "a\u{202e}b",
        "grant_types": ["authorization_code"], "jwks": {"keys": [{"kty": "EC", "x": "y"}]}, "scope": "a b",
        "software_statement": "a.b.c", "token_endpoint_auth_method": "private_key_jwt"
    })
    .to_string()
    .into_bytes();
    let trusting = MetadataPolicy { statements: Some(Arc::new(Trusting)), ..MetadataPolicy::default() };
    let mut accepted = 0;
    for at in 0..body.len() {
        let _ = register(&body[..at], &trusting);
        for byte in [0, b'"', b':', b'%', b'/', b'[', b'@', b'\\', 0x80, 0xff] {
            let mut other = body.clone();
            other[at] = byte;
            accepted += usize::from(register(&other, &trusting).is_ok());
        }
    }
    assert!(register(&body, &trusting).is_ok() && accepted > 0);
}
