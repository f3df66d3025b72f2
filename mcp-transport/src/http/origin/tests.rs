use super::*;

mod cors;

fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn check(policy: &AccessPolicy, pairs: &[(&'static str, &str)]) -> Result<Option<String>, Refused> {
    let admitted = policy.check(&Uri::from_static("/mcp"), &fields(pairs))?;
    Ok(admitted.origin.map(|origin| origin.to_str().unwrap().to_owned()))
}

/// The status of a request as a raw HTTP/1.1 server sees it under the default policy; 0 if it is served.
fn status(pairs: &[(&'static str, &str)]) -> u16 {
    check(&AccessPolicy::default(), pairs).map_or_else(|refused| refused.status().as_u16(), |_| 0)
}

fn listed() -> AccessPolicy {
    AccessPolicy::new(
        HostPolicy::loopback()
            .allow("MCP.example.com")
            .unwrap()
            .allow("[2001:DB8::1]:8443")
            .unwrap()
            .allow("gw.example.com:443")
            .unwrap(),
        OriginPolicy::loopback().allow("https://app.example.com").unwrap().allow("chrome-extension://abcdef").unwrap(),
    )
}

#[test]
fn attack_076_foreign_and_null_origins_are_forbidden() {
    for origin in [
        "https://evil.test",
        "http://evil.test:3000",
        "null",
        "",
        "NULL",
        "file://",
        "https://localhost.evil.test",
        "https://evil-localhost",
        "http://127.0.0.1.evil.test",
        "http://localhost@evil.test",
        "http://localhost:1@evil.test",
        "http://evil.test#localhost",
        "http://localhost/",
        "http://localhost/x",
        "http://localhost:80:80",
        "localhost",
        "http:localhost",
        "http:///localhost",
        "//localhost",
        "http://",
        "://localhost",
        "http://localhost evil.test",
        "http://localhost, http://evil.test",
        "http://localhost.",
        "http://[::1",
        "http://::1",
        "http://[::ffff:127.0.0.1]",
        "http://0.0.0.0",
        "http://127.1",
        "http://2130706433",
        "http://0177.0.0.1",
        "http://localhost:",
        "http://localhost:65536",
        "http://localhost:+80",
        "chrome-extension://localhost",
        "javascript://localhost",
        "1http://localhost",
        "http://.localhost",
        "http://a..localhost",
    ] {
        assert_eq!(status(&[("host", "127.0.0.1:3000"), ("origin", origin)]), 403, "{origin}");
    }
    // Two origins: which one counts depends on the reader.
    assert_eq!(status(&[("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")]), 403);
    let mut headers = fields(&[("host", "localhost")]);
    headers.insert(ORIGIN, HeaderValue::from_bytes(b"http://localhost\xff").unwrap());
    assert_eq!(AccessPolicy::default().check(&Uri::from_static("/"), &headers).unwrap_err(), Refused::Origin);
}

#[test]
fn attack_076_rebound_hosts_are_forbidden() {
    for host in [
        "evil.test",
        "evil.test:3000",
        "localhost.evil.test",
        "evil-localhost",
        "127.0.0.1.evil.test",
        "LOCALHOST.EVIL.TEST:80",
        "localhost.",
        "localhost.:3000",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.1",
        "0.0.0.0",
        "0.0.0.0:3000",
        "128.0.0.1",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::2]:80",
        "[fe80::1]",
        ".localhost",
        "..localhost",
        "a..localhost",
        "localhost.localdomain",
        "localhost_",
    ] {
        assert_eq!(status(&[("host", host)]), 403, "{host}");
    }
}

#[test]
fn attack_076_malformed_hosts_are_bad_requests() {
    for host in [
        "",
        " ",
        "user@localhost",
        "localhost@evil.test",
        "user:pass@localhost:80",
        "localhost:",
        "localhost:x",
        "localhost:80x",
        "localhost:+80",
        "localhost:-1",
        "localhost:65536",
        "localhost:80:80",
        "localhost:80/",
        "localhost/",
        "localhost/evil.test",
        "localhost?x",
        "localhost#x",
        "localhost\\x",
        "localhost evil.test",
        "localhost,evil.test",
        "http://localhost",
        "%6cocalhost",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[::1]x",
        "[::1]80",
        "[::1%lo]",
        "[::1%25lo]",
        "[v1.x]",
        "[localhost]",
        "[127.0.0.1]",
        ":80",
        "[::1]:",
        "x[::1]",
    ] {
        assert_eq!(status(&[("host", host)]), 400, "{host}");
    }
    // RFC 9112 3.2: "A server MUST respond with a 400 status code to any HTTP/1.1 request message that lacks
    // a Host header field and to any request message that contains more than one Host header field line".
    assert_eq!(status(&[]), 400);
    assert_eq!(status(&[("host", "localhost"), ("host", "localhost")]), 400);
    assert_eq!(check(&AccessPolicy::default(), &[]), Err(Refused::HostMissing));
}

#[test]
fn attack_076_loosened_policies_still_refuse_a_missing_or_malformed_host() {
    let open = AccessPolicy::new(danger::any_host(), danger::any_origin());
    assert_eq!(check(&open, &[]), Err(Refused::HostMissing));
    assert_eq!(check(&open, &[("host", "a"), ("host", "b")]), Err(Refused::HostMalformed));
    assert_eq!(check(&open, &[("host", "user@evil.test")]), Err(Refused::HostMalformed));
    assert_eq!(check(&open, &[("host", "evil.test"), ("origin", "null")]), Ok(Some("null".to_owned())));
    assert_eq!(open.openings().count(), 2);
    assert_eq!(AccessPolicy::default().openings().count(), 0);
}

#[test]
fn loopback_hosts_are_served_by_default() {
    for host in [
        "localhost",
        "LocalHost:3000",
        "127.0.0.1",
        "127.0.0.1:65535",
        "127.255.255.254",
        "[::1]",
        "[::1]:3000",
        "[0:0:0:0:0:0:0:1]",
        "app.localhost",
        "a.b.LOCALHOST:1",
    ] {
        assert_eq!(status(&[("host", host)]), 0, "{host}");
    }
}

#[test]
fn loopback_origins_are_served_only_while_the_host_is_loopback() {
    for origin in [
        "http://localhost",
        "https://localhost:5173",
        "http://127.0.0.1:6274",
        "http://[::1]:1",
        "HTTP://app.LOCALHOST",
    ] {
        assert_eq!(status(&[("host", "localhost:3000"), ("origin", origin)]), 0, "{origin}");
        assert_eq!(
            check(&listed(), &[("host", "mcp.example.com"), ("origin", origin)]),
            Err(Refused::Origin),
            "{origin}"
        );
    }
    let strict = AccessPolicy::new(HostPolicy::loopback(), OriginPolicy::listed_only());
    assert_eq!(check(&strict, &[("host", "localhost"), ("origin", "http://localhost")]), Err(Refused::Origin));
}

#[test]
fn listed_hosts_are_served_at_their_ports() {
    for host in [
        "mcp.example.com",
        "mcp.EXAMPLE.com:9",
        "gw.example.com",
        "gw.example.com:443",
        "[2001:db8::1]:8443",
        "[2001:db8:0::1]:8443",
    ] {
        assert!(check(&listed(), &[("host", host)]).is_ok(), "{host}");
    }
    for host in [
        "mcp.example.com.",
        "xmcp.example.com",
        "example.com",
        "gw.example.com:80",
        "gw.example.com:8443",
        "[2001:db8::1]",
        "[2001:db8::2]:8443",
    ] {
        assert_eq!(check(&listed(), &[("host", host)]), Err(Refused::Host), "{host}");
    }
}

#[test]
fn listed_origins_are_served_at_every_served_host() {
    for host in ["localhost", "mcp.example.com"] {
        for origin in [
            "https://app.example.com",
            "https://app.example.com:443",
            "HTTPS://APP.example.com",
            "chrome-extension://abcdef",
        ] {
            assert_eq!(check(&listed(), &[("host", host), ("origin", origin)]), Ok(Some(origin.to_owned())));
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://sub.app.example.com",
            "chrome-extension://abcde",
            "https://mcp.example.com",
        ] {
            assert_eq!(check(&listed(), &[("host", host), ("origin", origin)]), Err(Refused::Origin), "{origin}");
        }
    }
    assert_eq!(check(&listed(), &[("host", "evil.test"), ("origin", "https://app.example.com")]), Err(Refused::Host));
    let with_null = AccessPolicy::new(HostPolicy::loopback(), OriginPolicy::listed_only().allow("null").unwrap());
    assert_eq!(check(&with_null, &[("host", "localhost"), ("origin", "null")]), Ok(Some("null".to_owned())));
    assert_eq!(with_null.openings().count(), 1);
}

#[test]
fn http2_authority_is_judged_like_host_and_both_must_be_served() {
    let judge = |target: &'static str, pairs: &[(&'static str, &str)]| {
        AccessPolicy::default().check(&Uri::from_static(target), &fields(pairs)).map(|_| ())
    };
    assert_eq!(judge("http://localhost:3000/mcp", &[]), Ok(()));
    assert_eq!(judge("http://evil.test/mcp", &[]), Err(Refused::Host));
    assert_eq!(judge("http://user@localhost/mcp", &[]), Err(Refused::HostMalformed));
    assert_eq!(judge("http://localhost/mcp", &[("host", "evil.test")]), Err(Refused::Host));
    assert_eq!(judge("http://evil.test/mcp", &[("host", "localhost")]), Err(Refused::Host));
    assert_eq!(judge("http://localhost/mcp", &[("host", "127.0.0.1")]), Ok(()));
    // A listed host beside a loopback one is not "the host is loopback".
    let mixed = listed().check(
        &Uri::from_static("http://mcp.example.com/"),
        &fields(&[("host", "localhost"), ("origin", "http://localhost")]),
    );
    assert_eq!(mixed.unwrap_err(), Refused::Origin);
}

#[test]
fn list_entries_are_parsed_at_start() {
    for host in [
        "",
        "*",
        "*.example.com",
        "https://example.com",
        "example.com/",
        "a b",
        "user@example.com",
        "example.com:http",
        "2001:db8::1",
    ] {
        assert!(matches!(HostPolicy::loopback().allow(host), Err(InvalidEntry::Host(_))), "{host}");
    }
    for origin in [
        "",
        "*",
        "example.com",
        "https://example.com/",
        "https://*.example.com",
        "https://example.com/path",
        "https://",
        "NULL",
    ] {
        assert!(matches!(OriginPolicy::listed_only().allow(origin), Err(InvalidEntry::Origin(_))), "{origin}");
    }
}
