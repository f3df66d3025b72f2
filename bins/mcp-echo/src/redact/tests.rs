use super::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";

#[test]
fn names_that_tell_of_a_secret() {
    for name in [
        "Authorization",
        "x-auth-token",
        "X-Api-Key",
        "apikey",
        "DB_PASSWORD",
        "clientSecret",
        "Cookie",
        "Mcp-Session-Id",
        "JWT_PRIVATE_KEY_B64",
        "accessToken",
        "signingKey",
        "client_assertion",
        "REDIS_PASSWD",
        "Auth",
        "X-Auth",
        "proxyAuth",
        "X-Auth-Code",
        "pw",
        "x-user-pw",
        "sig",
        "PASSCODE",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "accept",
        "user-agent",
        "x-forwarded-for",
        "keyboard",
        "monkey",
        "author",
        "auth_time",
        "x-auth-request-user",
        "codec",
        "encoder",
        "MCP_ECHO_PORT",
        "host",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn values_that_look_like_tokens() {
    for value in [
        JWT,
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "sk-abcdefgh12345678",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "id=Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZg; x",
        "k3j5h2g9d8s7a6q1w4e0r2t5y8",
        "reg-9xQ2bT7cLp0Zk3Vn5Rw8Yh1Jd4Fg6Sa",
    ] {
        assert!(looks_like_token(value), "{value}");
    }
    for value in [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "application/json, text/event-stream",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "gzip, deflate, br",
        "127.0.0.1:3000",
        "2026-07-28",
        "node-fetch/3.3.2-beta.10",
    ] {
        assert!(!looks_like_token(value), "{value}");
    }
}

#[test]
fn of_a_secret_only_the_length_is_shown() {
    assert_eq!(shown("Authorization", "Bearer abcdef"), "Bearer [redacted, 6 characters]");
    assert_eq!(shown("authorization", "basic dXNlcjpwYXNz"), "basic [redacted, 12 characters]");
    assert_eq!(shown("x-auth-token", "short"), "[redacted, 5 characters]");
    assert_eq!(shown("x-anything", JWT), format!("[redacted, {} characters]", JWT.len()));
    assert_eq!(shown("accept", "*/*"), "*/*");
}

#[test]
fn a_token_without_its_scheme_is_hidden_whole() {
    assert_eq!(shown("authorization", "abc.def.ghi"), "[redacted, 11 characters]");
    assert_eq!(shown("authorization", "s3cret rest"), "[redacted, 11 characters]");
    assert_eq!(shown("authorization", "secret rest"), "[redacted, 11 characters]");
}

#[test]
fn cookies_keep_their_names() {
    assert_eq!(shown("Cookie", "a=1; sid=xyz"), "a=[redacted, 1 characters]; sid=[redacted, 3 characters]");
    assert_eq!(cookie_names("a=1; sid=xyz; =z; bare").collect::<Vec<_>>(), ["a", "sid"]);
}

#[test]
fn addresses_lose_passwords_and_tokens() {
    assert_eq!(
        address("/mcp?a=&auth=hunter2&access_token=xyz&alone#code=7"),
        "/mcp?a=&auth=[redacted, 7 characters]&access_token=[redacted, 3 characters]&[redacted, 5 characters]\
         #code=[redacted, 1 characters]"
    );
    assert_eq!(address("https://u:p@h.test/x"), "https://[redacted, 3 characters]@h.test/x");
    assert_eq!(
        address("https://h.test/reset/5f4dcc3b5aa765d61d8327deb882cf99"),
        "https://h.test/reset/[redacted, 32 characters]"
    );
    assert_eq!(address("https://claude.ai"), "https://claude.ai");
    assert_eq!(shown("referer", "https://h.test/?api_key=k"), "https://h.test/?api_key=[redacted, 1 characters]");
}

#[test]
fn numbers_of_requests_are_shown() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(shown("traceparent", parent), parent);
}

#[test]
fn json_is_searched_to_its_end() {
    let mut value = serde_json::json!({"a": {"refresh_token": "r", "n": [JWT, "plain"]}, "email_verified": true});
    json(&mut value);
    assert_eq!(value["a"]["refresh_token"], "[redacted]");
    assert!(value["a"]["n"][0].as_str().unwrap().starts_with("[redacted"));
    assert_eq!(value["a"]["n"][1], "plain");
    assert_eq!(value["email_verified"], true);
}

#[test]
fn a_token_is_hidden_wherever_it_stands() {
    for token in [JWT, "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "5f4dcc3b5aa765d61d8327deb882cf99"] {
        for place in [
            "T",
            "x T",
            "a=T; b",
            "a,T,b",
            "\"T\"",
            "https://T",
            "https://T/x",
            "T https://a.test/",
            "https://a.test/T",
            "https://a.test/x/T/y",
            "https://u:T@a.test/",
            "https://T@a.test/",
            "/x?T",
            "/x?T=1",
            "/x?a=T&b=2",
            "/x#T",
            "/x#a=T",
            "/T",
            "https://a.test/?q=1#T",
            "<https://a.test/>; T",
        ] {
            let value = place.replace('T', token);
            for name in ["x-any", "referer", "authorization", "cookie", "x-request-path"] {
                let shown = shown(name, &value);
                assert!(!shown.contains(token), "{name}: {value} -> {shown}");
            }
        }
    }
}
