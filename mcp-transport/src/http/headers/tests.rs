use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::*;

fn with(name: &HeaderName, values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn accepts(values: &[&str]) -> Accepts {
    Accepts::of(&with(&ACCEPT, values))
}

#[test]
fn accept_absent_or_empty_means_everything() {
    // RFC 9110 12.5.1: a request without Accept takes any type.
    assert_eq!(accepts(&[]), Accepts::Both);
    assert_eq!(accepts(&[""]), Accepts::Both);
    assert_eq!(accepts(&[" , ,"]), Accepts::Both);
}

#[test]
fn accept_lists_types_in_one_or_more_fields_in_any_case() {
    assert_eq!(accepts(&["application/json, text/event-stream"]), Accepts::Both);
    assert_eq!(accepts(&["application/json", "text/event-stream"]), Accepts::Both);
    assert_eq!(accepts(&["Application/JSON,TEXT/Event-Stream"]), Accepts::Both);
    assert_eq!(accepts(&["application/json"]), Accepts::JsonOnly);
    assert_eq!(accepts(&["text/event-stream"]), Accepts::SseOnly);
    assert_eq!(accepts(&["text/html"]), Accepts::Neither);
    assert_eq!(accepts(&["application/jsonp, text/event-streams"]), Accepts::Neither);
    assert!(Accepts::JsonOnly.json() && !Accepts::JsonOnly.sse());
    assert!(Accepts::SseOnly.sse() && !Accepts::SseOnly.json());
}

#[test]
fn accept_ranges_match() {
    assert_eq!(accepts(&["*/*"]), Accepts::Both);
    assert_eq!(accepts(&["text/*"]), Accepts::SseOnly);
    assert_eq!(accepts(&["APPLICATION/*;q=0.2"]), Accepts::JsonOnly);
    // `*/json` is not a media range (RFC 9110 12.5.1).
    assert_eq!(accepts(&["*/json"]), Accepts::Neither);
}

#[test]
fn accept_zero_weight_excludes_and_the_most_specific_range_decides() {
    assert_eq!(accepts(&["*/*, text/event-stream;q=0"]), Accepts::JsonOnly);
    assert_eq!(accepts(&["text/event-stream;q=0, */*"]), Accepts::JsonOnly);
    assert_eq!(accepts(&["application/*;q=0, application/json"]), Accepts::JsonOnly);
    assert_eq!(accepts(&["application/json;q=0.000, text/event-stream;q=0.001"]), Accepts::SseOnly);
    assert_eq!(accepts(&["*/*;q=0"]), Accepts::Neither);
    assert_eq!(accepts(&["application/json;q=0", "application/json"]), Accepts::JsonOnly);
    assert_eq!(accepts(&["application/json; charset=utf-8; q=0, application/json"]), Accepts::Neither);
}

#[test]
fn accept_parameters() {
    assert_eq!(accepts(&["application/json ; charset=\"UTF-8\" ; q=1.0"]), Accepts::JsonOnly);
    assert_eq!(accepts(&["application/json;profile=x"]), Accepts::Neither);
    // A comma and a semicolon inside a quoted string separate nothing.
    assert_eq!(accepts(&["text/x;a=\"b, application/json; q=0\", text/event-stream"]), Accepts::SseOnly);
    assert_eq!(accepts(&["text/x;a=\"\\\", application/json\""]), Accepts::Neither);
    assert_eq!(accepts(&["application/json;q=1;ext=1"]), Accepts::JsonOnly);
}

#[test]
fn accept_malformed_elements_match_nothing_and_spoil_nothing() {
    for bad in [
        "json",
        "application/",
        "/json",
        "a b/c",
        "application/json;q=2",
        "application/json;q=",
        "application/json;q=0.0000",
        "application/json;q",
        "application/json;q=-1",
        "application/json/x",
    ] {
        assert_eq!(accepts(&[bad]), Accepts::Neither, "{bad}");
        assert_eq!(accepts(&[bad, "text/event-stream"]), Accepts::SseOnly, "{bad}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_bytes(b"application/json\xff").unwrap());
    assert_eq!(Accepts::of(&headers), Accepts::Neither);
}

#[test]
fn content_type_is_json() {
    for good in [
        "application/json",
        "Application/Json",
        "application/json;charset=utf-8",
        "application/json; charset=\"UTF-8\"",
        "application/json;",
        "application/json ; v=1; charset=utf-8",
    ] {
        assert!(is_json_content_type(&with(&CONTENT_TYPE, &[good])), "{good}");
    }
}

#[test]
fn content_type_close_to_json_is_not_json() {
    for bad in [
        "",
        "application/jsonp",
        "application/json-rpc",
        "application/problem+json",
        "text/plain",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-8",
        "application/json; charset",
        "application/json x",
        "text/plain; a=application/json",
        "application/json; charset=\"utf-8",
        "application / json",
    ] {
        assert!(!is_json_content_type(&with(&CONTENT_TYPE, &[bad])), "{bad}");
    }
    assert!(!is_json_content_type(&HeaderMap::new()));
    assert!(!is_json_content_type(&with(&CONTENT_TYPE, &["application/json", "application/json"])));
}

#[test]
fn one_refuses_two_even_if_equal() {
    assert_eq!(one(&HeaderMap::new(), &MCP_METHOD), Ok(None));
    assert_eq!(one(&with(&MCP_METHOD, &["ping"]), &MCP_METHOD), Ok(Some(&HeaderValue::from_static("ping"))));
    assert_eq!(one(&with(&MCP_METHOD, &["ping", "ping"]), &MCP_METHOD), Err(DuplicateHeader));
}

fn decode(bytes: &[u8]) -> Result<String, InvalidHeader> {
    decode_mirrored(&HeaderValue::from_bytes(bytes).unwrap()).map(std::borrow::Cow::into_owned)
}

/// The table "Encoding examples" of the specification, both ways.
#[test]
fn mirrored_examples_of_the_specification() {
    for (text, header) in [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ] {
        assert_eq!(encode_mirrored(text), header, "{text}");
        assert_eq!(decode(header.as_bytes()).as_deref(), Ok(text), "{header}");
    }
}

#[test]
fn mirrored_round_trip() {
    for text in [
        "",
        "a",
        "a\tb c",
        "\t",
        "\u{7f}",
        "\0",
        "é",
        "=?base64?",
        "?=",
        "=?base64?=",
        "=?base64??=",
        "=?BASE64?YQ==?=",
        "~!\"#",
    ] {
        assert_eq!(decode(encode_mirrored(text).as_bytes()).as_deref(), Ok(text), "{text:?}");
    }
}

#[test]
fn mirrored_value_with_one_marker_or_another_case_is_literal() {
    for text in ["=?base64?YQ==", "YQ==?=", "=?BASE64?YQ==?=", "x=?base64?YQ==?=", "=?base64?YQ==?=x"] {
        assert_eq!(decode(text.as_bytes()).as_deref(), Ok(text));
    }
    assert_eq!(decode(b"  spaced out\t").as_deref(), Ok("spaced out"));
    assert_eq!(decode(b"=?base64??=").as_deref(), Ok(""));
}

/// "Servers MUST reject requests with a recognized `Mcp-Param-{Name}` header that contains invalid characters."
#[test]
fn mirrored_invalid_values_are_refused() {
    assert_eq!(decode(b"caf\xc3\xa9"), Err(InvalidHeader::Character));
    assert_eq!(decode(b"=?base64?\xff?="), Err(InvalidHeader::Character));
    for bad in [
        "=?base64?YQ?=",
        "=?base64?YQ=?=",
        "=?base64?YR==?=",
        "=?base64?Y-_=?=",
        "=?base64? YQ==?=",
        "=?base64?YQ==YQ==?=",
        "=?base64?=",
        "=?base64?YQ==\t?=",
    ] {
        assert_eq!(decode(bad.as_bytes()), Err(InvalidHeader::Base64), "{bad}");
    }
    assert_eq!(decode(b"=?base64?/w==?="), Err(InvalidHeader::Utf8));
}

#[test]
fn mirrored_strings_match_exactly_after_unescaping() {
    for (header, json) in [
        ("us-west1", r#""us-west1""#),
        ("", r#""""#),
        ("a\"b\\c/d", r#""a\"b\\c\/d""#),
        ("\u{8}\u{c}\n\r\t", r#""\b\f\n\r\t""#),
        ("é", r#""\u00e9""#),
        ("é", r#""\u00E9""#),
        ("é", r#""é""#),
        ("😀", r#""\ud83d\ude00""#),
        ("a", r#""\u0061""#),
        ("42", r#""42""#),
        ("true", r#""true""#),
    ] {
        assert!(mirrored_matches(header, json), "{header} {json}");
    }
    for (header, json) in [
        ("US-WEST1", r#""us-west1""#),
        ("a", r#""ab""#),
        ("ab", r#""a""#),
        ("ab", r#""\u0061""#),
        ("a", r#""\u0061b""#),
        ("\\n", r#""\n""#),
        ("42.0", r#""42""#),
        ("\u{fffd}", r#""\ud83d""#),
        ("\u{fffd}", r#""\ude00\ud83d""#),
        ("\u{fffd}", r#""\ud83d\u0041""#),
        ("x", r#"""#),
        ("e\u{301}", r#""é""#),
    ] {
        assert!(!mirrored_matches(header, json), "{header} {json}");
    }
}

/// "Servers SHOULD compare the header value and the body value numerically."
#[test]
fn mirrored_integers_match_as_numbers() {
    for (header, json) in [
        ("42", "42"),
        ("42", "42.0"),
        ("42.0", "42"),
        ("42.000", "4.2e1"),
        ("4200e-2", "42"),
        ("-7", "-7"),
        ("0", "-0"),
        ("-0.0", "0"),
        ("0e99999999999999999999", "0"),
        ("1E3", "1000"),
        ("1e+3", "1000"),
        ("0.001e3", "1"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740991", "-9007199254740991.0"),
        ("100000000000000000000000e-23", "1"),
        ("10e-1", "1"),
        ("0.00", "0"),
    ] {
        assert!(mirrored_matches(header, json), "{header} {json}");
    }
    for (header, json) in [
        ("42", "43"),
        ("7", "-7"),
        ("042", "42"),
        ("+42", "42"),
        (" 42", "42"),
        ("42 ", "42"),
        ("0x2a", "42"),
        ("42.", "42"),
        (".42e2", "42"),
        ("42e", "42"),
        ("", "0"),
        ("-", "0"),
        ("--1", "1"),
        ("1e1e1", "1"),
        ("4_2", "42"),
        ("٤٢", "42"),
        ("42.5", "42.5"),
        ("9007199254740992", "9007199254740992"),
        ("-9007199254740992", "-9007199254740992"),
        ("1e16", "1e16"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ("1e-99999999999999999999", "1e-99999999999999999999"),
        ("9007199254740991", "9007199254740991.1"),
        ("true", "1"),
        ("NaN", "1"),
        ("42", "\"42"),
    ] {
        assert!(!mirrored_matches(header, json), "{header} {json}");
    }
}

#[test]
fn mirrored_booleans_match_in_lower_case_and_nothing_else_can_match() {
    assert!(mirrored_matches("true", "true") && mirrored_matches("false", "false"));
    for (header, json) in [
        ("True", "true"),
        ("true", "false"),
        ("1", "true"),
        ("t", "t"),
        ("null", "null"),
        ("", "null"),
        ("[]", "[]"),
        ("{}", "{}"),
        ("", ""),
    ] {
        assert!(!mirrored_matches(header, json), "{header} {json}");
    }
}
