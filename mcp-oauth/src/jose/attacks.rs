//! What is sent to a resource server by those who have no token, or one for something else. Numbers are those of the list of
//! security checks.

mod rotation;
mod signatures;

use mcp_transport::auth::ResourceId;
use serde_json::{Value, json};

use super::encoding::encode;
use super::testing::{NOW, at, claims, good, header, issuer, judge, key, keys, policy, resource, signed, spoilt};
use super::{AccessTokenPolicy, Algorithm, OtherAudiences, TokenError};

#[test]
fn attack_062_tokens_of_other_types() {
    // Each signed by our own key, with all the claims of an access token: only the type says what it is for.
    let key = key(Algorithm::Es256);
    for typ in [
        "JWT",
        "jwt",
        "client-authentication+jwt",
        "dpop+jwt",
        "oauth-id-jag+jwt",
        "logout+jwt",
        "secevent+jwt",
        "at",
        "id+jwt",
    ] {
        let token = key.sign_claims(typ, &good()).unwrap();
        assert_eq!(judge(&token), Err(TokenError::Type), "{typ}");
    }
    assert!(judge(&key.sign_claims("at+jwt", &good()).unwrap()).is_ok());
    for typ in [json!(1), json!(null), json!(["at+jwt"])] {
        let mut header = header(key);
        header["typ"] = typ;
        assert_eq!(judge(&signed(header, good())), Err(TokenError::Malformed));
    }
}

#[test]
fn attack_063_wrong_claims() {
    let with = |name: &str, value: Value| judge(&spoilt(|claims| claims[name] = value));
    for iss in ["https://as.example/", "https://AS.example", "https://as.example.evil.test", "", "as.example"] {
        assert_eq!(with("iss", iss.into()), Err(TokenError::Issuer), "{iss}");
    }
    for aud in [json!("https://other.example/mcp"), json!(["https://other.example/mcp"]), json!(""), json!(issuer())] {
        assert_eq!(with("aud", aud.clone()), Err(TokenError::Audience), "{aud}");
    }
    assert_eq!(with("aud", json!([])), Err(TokenError::Claim { name: "aud" }));
    // An array of us and a stranger, by policy.
    let both = json!([resource(), "https://other.example/mcp"]);
    assert_eq!(with("aud", both.clone()), Err(TokenError::Audience));
    let token = spoilt(|claims| claims["aud"] = both);
    let lenient = policy().other_audiences(OtherAudiences::Allow);
    assert_eq!(lenient.verify(&token, keys(), at(NOW)).unwrap().audience, resource());
    let stranger = spoilt(|claims| claims["aud"] = json!(["https://other.example/mcp", "https://third.example"]));
    assert_eq!(lenient.verify(&stranger, keys(), at(NOW)), Err(TokenError::Audience));
    assert!(with("aud", json!([resource()])).is_ok());

    assert_eq!(with("exp", json!(NOW - 60)), Err(TokenError::Expired));
    assert_eq!(with("exp", json!(0)), Err(TokenError::Expired));
    assert_eq!(with("nbf", json!(NOW + 61)), Err(TokenError::NotYetValid));
    assert_eq!(with("iat", json!(NOW + 86400)), Err(TokenError::NotYetValid));
    for name in ["exp", "nbf", "iat"] {
        for date in [json!("1900000000"), json!(-1), json!(1e300), json!(u64::MAX), json!(true)] {
            assert_eq!(with(name, date.clone()), Err(TokenError::Claim { name }), "{name} {date}");
        }
    }
    for (name, value) in [
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("client_id", json!("")),
        ("jti", json!("")),
        ("jti", json!("j".repeat(257))),
        ("scope", json!("a  b")),
        ("scope", json!(["a"])),
        ("gid", json!("g")),
        ("gen", json!(1)),
        ("cnf", json!({})),
        ("cnf", json!({"jkt": "short"})),
        ("cnf", json!({"jkt": key(Algorithm::Es256).key_id(), "x5t#S256": "AAAA"})),
        ("cnf", json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
        ("cnf", Value::Null),
    ] {
        let refused = with(name, value.clone());
        assert!(matches!(refused, Err(TokenError::Claim { .. })), "{name} {value} {refused:?}");
    }
}

#[test]
fn attack_064_a_token_for_another_resource() {
    // One issuer, one set of keys; the resources differ by a path, a prefix, a slash, the case.
    let names = [
        "https://h.example/mcp",
        "https://h.example/mcp-other",
        "https://h.example/mcp/",
        "https://h.example/MCP",
        "https://h.example",
        "https://h.example:443/mcp",
        "https://H.example/mcp",
    ];
    for minted in names {
        let mut claims = claims();
        claims.audience = ResourceId::parse(minted).unwrap();
        let token = claims.sign(key(Algorithm::Es256)).unwrap();
        for asked in names {
            let policy = AccessTokenPolicy::for_resource(issuer(), ResourceId::parse(asked).unwrap());
            let verdict = policy.verify(&token, keys(), at(NOW)).map(drop);
            let expected = if minted == asked { Ok(()) } else { Err(TokenError::Audience) };
            assert_eq!(verdict, expected, "{minted} at {asked}");
        }
    }
}

#[test]
fn attack_065_json_that_two_readers_read_differently() {
    let es256 = key(Algorithm::Es256);
    let payload = good().to_string();
    let twice = payload.replacen('{', r#"{"aud":"https://x.example","#, 1);
    assert_eq!(judge(&signed(header(es256), twice)), Err(TokenError::Malformed));
    let inner = payload.replacen('{', r#"{"act":{"sub":"a","sub":"b"},"#, 1);
    assert_eq!(judge(&signed(header(es256), inner)), Err(TokenError::Malformed));

    let deep =
        |levels: usize| payload.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(levels), "]".repeat(levels)), 1);
    assert!(judge(&signed(header(es256), deep(15))).is_ok());
    assert_eq!(judge(&signed(header(es256), deep(16))), Err(TokenError::Malformed));
    assert_eq!(judge(&signed(header(es256), deep(5000))), Err(TokenError::Malformed));

    let mut large = header(es256);
    large["x"] = "x".repeat(1 << 20).into();
    assert_eq!(judge(&signed(large, good())), Err(TokenError::TooLarge));
    let mut large = header(es256);
    large["x"] = "x".repeat(5000).into();
    assert_eq!(judge(&signed(large, good())), Err(TokenError::TooLarge));
    assert_eq!(judge(&"a".repeat(16 * 1024 + 1)), Err(TokenError::TooLarge));

    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header = header(es256);
        header[name] = value;
        assert_eq!(judge(&signed(header, good())), Err(TokenError::Extension), "{name}");
    }
    for payload in ["", "null", "[]", "\"x\"", "{", "{}x", "{\"a\":01}", "\u{feff}{}"] {
        assert_eq!(judge(&signed(header(es256), payload)), Err(TokenError::Malformed), "{payload}");
    }
    // Not UTF-8.
    let bytes = encode(b"{\"iss\":\"\xff\"}");
    let front = format!("{}.{bytes}", encode(header(es256).to_string()));
    let signature = encode(es256.sign(front.as_bytes()).unwrap());
    assert_eq!(judge(&format!("{front}.{signature}")), Err(TokenError::Malformed));
}

#[test]
fn attack_065_texts_that_are_no_tokens() {
    let good = signed(header(key(Algorithm::Es256)), good());
    assert!(judge(&good).is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}=.{payload}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        good.replace('.', ". "),
        format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+")) + "+",
        "ä.ö.ü".to_owned(),
    ] {
        let refused = judge(&text);
        assert_eq!(refused, Err(TokenError::Malformed), "{text}");
    }
    // Each cut and each changed character of a good token, and none of them is taken.
    for end in 0..good.len() {
        assert!(judge(&good[..end]).is_err(), "cut at {end}");
    }
    for (at, old) in good.char_indices() {
        let other = if old == 'A' { 'B' } else { 'A' };
        let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        assert!(judge(&changed).is_err(), "changed at {at}");
    }
}

#[test]
fn attack_106_random_texts() {
    // A small generator of its own, so that each run sends the same.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let alphabet: Vec<char> = "eyJhbGciOiJFUzI1NiJ9ABCz019-_...=+/ {}\":,\u{0}\u{e4}".chars().collect();
    let good = signed(header(key(Algorithm::Es256)), good());
    for _ in 0..20_000 {
        let length = random(60);
        let noise: String = (0..length).map(|_| alphabet[random(alphabet.len() as u64) as usize]).collect();
        assert!(judge(&noise).is_err());
        // A piece of noise somewhere in a good token.
        let at = random(good.len() as u64) as usize;
        let end = at + random((good.len() - at) as u64) as usize;
        let mixed = format!("{}{noise}{}", &good[..at], &good[end..]);
        assert!(mixed == good || judge(&mixed).is_err(), "{mixed}");
    }
}
