use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use super::*;

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}

fn parse(text: &str) -> Result<Vec<Challenge>, ChallengeError> {
    Challenge::parse(&header(text))
}

fn one(text: &str) -> Challenge {
    let mut challenges = parse(text).unwrap();
    assert_eq!(challenges.len(), 1, "{text}");
    challenges.remove(0)
}

#[test]
fn what_is_built_is_parsed_back() {
    let challenges = [
        Challenge::of(Scheme::Bearer),
        Challenge::of(Scheme::Bearer).resource_metadata("https://h/.well-known/x?a=b,c"),
        Challenge::of(Scheme::Dpop)
            .realm(r#"a "quoted" \ realm"#)
            .error(ErrorCode::UseDpopNonce)
            .error_description("do it again, with a nonce")
            .scope("a b".parse().unwrap())
            .resource_metadata("https://h/x")
            .algorithms("ES256 EdDSA"),
        Challenge::of(Scheme::Bearer).error(ErrorCode::Other("x_y".into())).parameter("Max_Age", "").unwrap(),
    ];
    for challenge in &challenges {
        let read = Challenge::parse(&challenge.to_header_value()).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].to_string().to_lowercase(), challenge.to_string().to_lowercase());
        assert_eq!(read[0].error, challenge.error);
        assert_eq!(read[0].realm, challenge.realm);
        assert_eq!(read[0].scope, challenge.scope);
        assert_eq!(read[0].resource_metadata, challenge.resource_metadata);
    }
    let together = challenges.each_ref().map(Challenge::to_string).join(", ");
    assert_eq!(parse(&together).unwrap().len(), challenges.len());
}

#[test]
fn no_text_breaks_out_of_the_header() {
    let challenge = Challenge::of(Scheme::Bearer)
        .realm("a\r\nSet-Cookie: x=y")
        .error_description("\", error=\"x\\ ä\0\n")
        .resource_metadata("https://h/\"\u{7f}");
    let value = challenge.to_header_value();
    assert_eq!(
        value,
        r#"Bearer realm="a??Set-Cookie: x=y", error_description="', error='x/ ???", resource_metadata="https://h/\"?""#
    );
    assert_eq!(Challenge::parse(&value).unwrap(), [challenge]);
}

#[test]
fn mcp_example_over_one_header() {
    let challenge = one(
        r#"Bearer error="insufficient_scope", scope="files:write", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource", error_description="File write permission required for this operation""#,
    );
    assert_eq!(challenge.scheme(), Some(Scheme::Bearer));
    assert_eq!(challenge.error_code(), Some(&ErrorCode::InsufficientScope));
    assert_eq!(challenge.scopes().unwrap().to_string(), "files:write");
    assert_eq!(challenge.resource_metadata_url(), Some("https://mcp.example.com/.well-known/oauth-protected-resource"));
    assert!(challenge.description().unwrap().starts_with("File write"));
}

#[test]
fn rfc9110_11_6_1_several_challenges_in_one_header() {
    // The example of RFC 9110, and what else a list may look like.
    let challenges = parse(r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#).unwrap();
    assert_eq!(challenges.len(), 2);
    assert_eq!(challenges[0].scheme_name(), "Newauth");
    assert_eq!(challenges[0].get("TITLE"), Some("Login to \"apps\""));
    assert_eq!(challenges[0].get("type"), Some("1"));
    assert_eq!(challenges[1].realm_text(), Some("simple"));

    for (text, schemes) in [
        ("Bearer", vec!["Bearer"]),
        ("Bearer, DPoP algs=\"ES256 PS256\"", vec!["Bearer", "DPoP"]),
        ("Bearer , , DPoP", vec!["Bearer", "DPoP"]),
        (",, Bearer a=b,, ,DPoP,", vec!["Bearer", "DPoP"]),
        ("Negotiate, Basic realm=\"x\"", vec!["Negotiate", "Basic"]),
        ("Negotiate YWJj==, Bearer x=y", vec!["Negotiate", "Bearer"]),
        ("Bearer a = \"b\" , c\t=\td, Basic", vec!["Bearer", "Basic"]),
        ("", vec![]),
        (" , ", vec![]),
    ] {
        let names: Vec<_> = parse(text)
            .unwrap_or_else(|fault| panic!("{text}: {fault}"))
            .iter()
            .map(|challenge| challenge.scheme_name().to_owned())
            .collect();
        assert_eq!(names, schemes, "{text}");
    }
}

#[test]
fn token68_is_not_a_parameter() {
    for token in ["YWJj", "YWJj=", "YWJj==", "a.b-c_d~e+f/g"] {
        assert_eq!(one(&format!("Negotiate {token}")).token68(), Some(token));
        assert_eq!(one(&format!("Negotiate   {token}")).to_string(), format!("Negotiate {token}"));
    }
}

#[test]
fn several_headers_and_a_broken_one() {
    let mut headers = HeaderMap::new();
    headers.append(WWW_AUTHENTICATE, header("Basic realm=\"x\""));
    headers.append(WWW_AUTHENTICATE, header("Digest a=\"b\", Broken =\""));
    headers.append(WWW_AUTHENTICATE, header("Bearer scope=\"a b\""));
    let names: Vec<_> =
        Challenge::parse_all(&headers).iter().map(|challenge| challenge.scheme_name().to_owned()).collect();
    assert_eq!(names, ["Basic", "Bearer"]);
}

#[test]
fn challenges_before_a_fault_are_kept() {
    let mut headers = HeaderMap::new();
    headers.append(WWW_AUTHENTICATE, header("Bearer scope=\"a\", Other x y"));
    assert_eq!(Challenge::parse_all(&headers).len(), 1);
}

#[test]
fn names_are_case_insensitive_and_values_are_not() {
    let challenge = one("bEARER ERROR=\"Invalid_Token\", Scope=\"A\", Resource_Metadata=\"https://H\"");
    assert_eq!(challenge.scheme(), Some(Scheme::Bearer));
    assert_eq!(challenge.error_code(), Some(&ErrorCode::Other("Invalid_Token".into())));
    assert!(challenge.scopes().unwrap().contains("A"));
    assert_eq!(challenge.resource_metadata_url(), Some("https://H"));
}

#[test]
fn value_without_its_quotes_is_tolerated() {
    let challenge = one("Bearer resource_metadata=https://h/a?b=c, error=invalid_token");
    assert_eq!(challenge.resource_metadata_url(), Some("https://h/a?b=c"));
    assert_eq!(challenge.error_code(), Some(&ErrorCode::InvalidToken));
}

#[test]
fn sloppy_scopes_are_read_and_wrong_ones_kept_raw() {
    assert_eq!(one("Bearer scope=\" b  a \"").scopes().unwrap().to_string(), "a b");
    let challenge = one("Bearer scope=\"a\\\\b\"");
    assert_eq!(challenge.scopes(), None);
    assert_eq!(challenge.get("scope"), Some("a\\b"));
}

#[test]
fn hostile_headers_are_faults_and_never_panic() {
    for (text, fault) in [
        ("=", ChallengeError::Scheme { at: 0 }),
        ("\"Bearer\"", ChallengeError::Scheme { at: 0 }),
        ("Bearer=x", ChallengeError::Scheme { at: 0 }),
        ("Bearer \"x\"", ChallengeError::Parameter { at: 7 }),
        ("Bearer a=\"b\" c=\"d\"", ChallengeError::Parameter { at: 13 }),
        ("Bearer a=\"b", ChallengeError::Unterminated { at: 9 }),
        ("Bearer a=\"b\\", ChallengeError::Unterminated { at: 9 }),
        ("Bearer abc def", ChallengeError::Parameter { at: 7 }),
        // RFC 9110 section 11.2: "each parameter name MUST only occur once per challenge".
        ("Bearer error=\"a\", ERROR=\"b\"", ChallengeError::Repeated),
        ("Bearer scope=\"a\", scope=\"b\"", ChallengeError::Repeated),
        ("Bearer scope=\"\\\\\", scope=\"b\"", ChallengeError::Repeated),
        ("Bearer x=1, X=2", ChallengeError::Repeated),
        ("Bearer resource_metadata=\"https://a\", resource_metadata=\"https://b\"", ChallengeError::Repeated),
    ] {
        assert_eq!(parse(text), Err(fault), "{text}");
    }
    let many = vec!["Bearer"; 33].join(",");
    assert_eq!(parse(&many), Err(ChallengeError::Size));
    let wide: Vec<_> = (0..34).map(|n| format!("p{n}=1")).collect();
    assert_eq!(parse(&format!("Bearer {}", wide.join(","))), Err(ChallengeError::Size));
    assert_eq!(parse(&"a".repeat(LONG)), Err(ChallengeError::Size));
}

const LONG: usize = 16 * 1024 + 1;

#[test]
fn every_prefix_and_every_byte_is_survived() {
    let text: &[u8] = b"Bearer a=\"b\\\"c\", scope=x , Negotiate abc==,, DPoP algs = \"ES256\"";
    for end in 0..=text.len() {
        for byte in (0x20..=0xFF).chain([b'\t']).filter(|byte| *byte != 0x7F) {
            let mut hostile = text[..end].to_vec();
            hostile.push(byte);
            hostile.extend_from_slice(&text[end..]);
            let value = HeaderValue::from_bytes(&hostile).unwrap();
            for challenge in Challenge::parse(&value).unwrap_or_default() {
                // What was read can be written again, whatever was in it.
                assert!(Challenge::parse(&challenge.to_header_value()).is_ok());
            }
        }
    }
}

#[test]
fn bytes_outside_utf8_are_replaced() {
    let value = HeaderValue::from_bytes(b"Bearer error_description=\"\xff\xfe\"").unwrap();
    let challenges = Challenge::parse(&value).unwrap();
    assert_eq!(challenges[0].description(), Some("\u{fffd}\u{fffd}"));
    assert_eq!(challenges[0].to_header_value(), "Bearer error_description=\"??\"");
}

#[test]
fn parameters_have_names_of_their_own() {
    let challenge = Challenge::of(Scheme::Bearer);
    for name in ["", "a b", "a=", "ä"] {
        assert_eq!(challenge.clone().parameter(name, "x"), Err(ChallengeParameterError::Name));
    }
    for name in ["Realm", "error", "resource_metadata"] {
        assert_eq!(challenge.clone().parameter(name, "x"), Err(ChallengeParameterError::Repeated));
    }
}
