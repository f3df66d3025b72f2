use super::*;

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap()
}

#[test]
fn kinds() {
    for (text, kind, shown) in [
        ("https://claude.ai/api/mcp/auth_callback", RedirectKind::Https, "claude.ai"),
        ("https://app.example:8443", RedirectKind::Https, "app.example"),
        ("http://localhost:8787/callback", RedirectKind::Loopback, "localhost"),
        ("http://127.0.0.1:33418/", RedirectKind::Loopback, "127.0.0.1"),
        ("http://127.1.2.3/cb", RedirectKind::Loopback, "127.1.2.3"),
        ("http://[::1]:6276/oauth/callback?x=y", RedirectKind::Loopback, "[::1]"),
        ("cursor://anysphere.cursor-mcp/oauth/callback", RedirectKind::PrivateUse, "cursor"),
        ("com.example.app:/oauth2redirect", RedirectKind::PrivateUse, "com.example.app"),
    ] {
        let uri = uri(text);
        assert_eq!((uri.kind(), uri.shown(), uri.as_str()), (kind, shown, text));
    }
}

#[test]
fn attack_005_schemes_that_run_code_are_refused() {
    for text in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://h/x",
        "about:blank",
        "view-source:https://h",
        "urn:ietf:wg:oauth:2.0:oob",
        "ftp://h/x",
        "",
        "nothing",
        ":x",
        "1a:x",
        "https:",
    ] {
        assert_eq!(RedirectUri::parse(text), Err(RedirectUriError::Scheme), "{text}");
    }
    for text in
        [" javascript:alert(1)", "java\tscript:alert(1)", "java\nscript:x", "\u{1}javascript:x", "https://h/\\x"]
    {
        assert_eq!(RedirectUri::parse(text), Err(RedirectUriError::Character), "{text:?}");
    }
}

#[test]
fn attack_078_what_may_not_be_registered() {
    for (text, why) in [
        ("http://evil.test/cb", RedirectUriError::Insecure),
        ("http://localhost.evil.test/cb", RedirectUriError::Insecure),
        ("http://127.0.0.1.evil.test/cb", RedirectUriError::Insecure),
        ("http://LOCALHOST/cb", RedirectUriError::Insecure),
        ("https://h/cb#fragment", RedirectUriError::Fragment),
        ("cursor://x#y", RedirectUriError::Fragment),
        ("https://*.example/cb", RedirectUriError::Wildcard),
        ("https://client.example@evil.test/", RedirectUriError::UserInformation),
        ("https://user:pw@h/", RedirectUriError::UserInformation),
        ("app://good@evil/", RedirectUriError::UserInformation),
        ("https:///cb", RedirectUriError::Authority),
        ("https:cb", RedirectUriError::Authority),
        ("https://:443/cb", RedirectUriError::Authority),
        ("https://h:0/", RedirectUriError::Authority),
        ("https://h:/", RedirectUriError::Authority),
        ("https://h:99999/", RedirectUriError::Authority),
        ("https://h:0443/", RedirectUriError::Authority),
        ("http://localhost:080/", RedirectUriError::Authority),
        ("http://127.0.0.1:00080/cb", RedirectUriError::Authority),
        ("http://[::1]:+80/", RedirectUriError::Authority),
        ("https://h:44a/", RedirectUriError::Authority),
        ("https://%68/", RedirectUriError::Authority),
        ("https://[::1]x/", RedirectUriError::Authority),
        ("https://[::1/", RedirectUriError::Authority),
        ("https://[nope]/", RedirectUriError::Authority),
        ("https://.example/", RedirectUriError::Authority),
        ("https://h/%zz", RedirectUriError::Character),
        ("https://h/ä", RedirectUriError::Character),
        ("https://h/\r\nLocation: x", RedirectUriError::Character),
    ] {
        assert_eq!(RedirectUri::parse(text), Err(why), "{text}");
    }
    assert_eq!(RedirectUri::parse(&format!("https://h/{}", "a".repeat(2048))), Err(RedirectUriError::Length));
}

// WHATWG URL, "IPv4 parser": what each of these is to a browser is not what it looks like.
#[test]
fn attack_078_an_address_is_written_as_it_is() {
    for scheme in ["https", "http"] {
        for host in [
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f.1",
            "0X7F.0.0.1",
            "0x7f000001",
            "0x",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.1.",
            "127.0.0.0x1",
            "1.2.3.4.5",
            "256.256.256.256",
            "4294967296",
            "app.example.1",
            "app.0xa",
            "0",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:0:0:1]",
            "[::0001]",
            "[2001:DB8::1]",
        ] {
            for rest in ["/cb", ":8080/cb", "", "?x=y"] {
                let text = format!("{scheme}://{host}{rest}");
                assert_eq!(RedirectUri::parse(&text), Err(RedirectUriError::Address), "{text}");
            }
        }
    }
    for (text, kind) in [
        ("https://127.0.0.1/cb", RedirectKind::Https),
        ("https://192.0.2.1/cb", RedirectKind::Https),
        ("https://[2001:db8::1]/cb", RedirectKind::Https),
        ("https://127.0.0.1.example/cb", RedirectKind::Https),
        ("https://1.example/cb", RedirectKind::Https),
        ("https://0x7f.example/cb", RedirectKind::Https),
        ("https://app.x1/cb", RedirectKind::Https),
        ("https://app.0xg/cb", RedirectKind::Https),
        ("http://127.0.0.1:8080/cb", RedirectKind::Loopback),
        ("http://127.255.0.1/cb", RedirectKind::Loopback),
        ("http://[::1]/cb", RedirectKind::Loopback),
    ] {
        assert_eq!(uri(text).kind(), kind, "{text}");
    }
}

#[test]
fn attack_002_only_the_registered_text_is_admitted() {
    let registered = uri("https://client.example/cb");
    assert!(registered.admits(&registered));
    for other in [
        "https://client.example/cb/x",
        "https://client.example/cb?a=b",
        "https://client.example/CB",
        "https://client.example/%63b",
        "https://client.example/x/%2e%2e/cb",
        "https://client.example//cb",
        "https://client.example/cb/",
        "https://client.example:443/cb",
        "https://client.example:8443/cb",
        "https://CLIENT.example/cb",
        "HTTPS://client.example/cb",
        "https://client.example.evil.test/cb",
        "http://localhost/cb",
    ] {
        assert!(!registered.admits(&uri(other)), "{other}");
    }
    let app = uri("cursor://anysphere.cursor-mcp/oauth/callback");
    assert!(!app.admits(&uri("cursor://anysphere.cursor-mcp:1/oauth/callback")));
}

#[test]
fn attack_004_the_port_floats_on_loopback_and_nothing_else_does() {
    for (registered, requested) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:51234/"),
        ("http://localhost/callback", "http://localhost:8080/callback"),
        ("http://[::1]/cb", "http://[::1]:51234/cb"),
        ("http://localhost:1/cb?x=y", "http://localhost/cb?x=y"),
    ] {
        assert!(uri(registered).admits(&uri(requested)), "{registered} {requested}");
    }
    for (registered, requested) in [
        ("http://127.0.0.1/cb", "http://localhost:51234/cb"),
        ("http://localhost/cb", "http://127.0.0.1/cb"),
        ("http://[::1]/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.2/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/other"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb?x=y"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
        ("https://localhost/cb", "https://localhost:1/cb"),
    ] {
        assert!(!uri(registered).admits(&uri(requested)), "{registered} {requested}");
    }
}

#[test]
fn attack_013_parameters_cannot_split_the_location() {
    let answer = [("code", "a+b/c="), ("state", "x&code=evil#y\r\nX: z ä"), ("iss", "https://as.example")];
    assert_eq!(
        uri("https://h/cb?keep=1").with_query(answer),
        "https://h/cb?keep=1&code=a%2Bb%2Fc%3D&state=x%26code%3Devil%23y%0D%0AX%3A+z+%C3%A4&iss=https%3A%2F%2Fas.example"
    );
    assert_eq!(uri("https://h").with_query([("a", "b")]), "https://h?a=b");
    assert_eq!(uri("https://h/?").with_query([("a", "b")]), "https://h/?a=b");
    assert_eq!(uri("app:/cb").with_query([("a", "b"), ("c", "d")]), "app:/cb?a=b&c=d");
}

#[test]
fn attack_012_no_redirect_uri_brings_an_answer_along() {
    for query in ["iss=https://evil.test", "a=b&code=stolen", "c%6fde=stolen", "state", "error=", "a=b&&error_uri=x"] {
        for uri in ["https://h/cb", "http://localhost/cb", "app:/cb"] {
            assert_eq!(RedirectUri::parse(&format!("{uri}?{query}")), Err(RedirectUriError::Answer), "{uri} {query}");
        }
    }
    for query in ["", "a=code", "codec=1", "Code=1", "errors=1", "x=https://h/?code=1"] {
        assert!(RedirectUri::parse(&format!("https://h/cb?{query}")).is_ok(), "{query}");
    }
}

#[test]
fn survives_a_store_and_is_judged_again() {
    let json = serde_json::to_string(&uri("http://localhost/cb")).unwrap();
    assert_eq!(serde_json::from_str::<RedirectUri>(&json).unwrap(), uri("http://localhost/cb"));
    assert!(serde_json::from_str::<RedirectUri>("\"javascript:x\"").is_err());
}
