use super::*;

#[test]
fn every_spelling_of_an_address_is_that_address() {
    let loopback = Host::Address([127, 0, 0, 1].into());
    for text in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://①②⑦.0.0.1/",
        "https://0X7F.0x0.0X0.0x1/",
    ] {
        let target = Target::parse(text).unwrap();
        assert_eq!(target.host(), loopback, "{text}");
        assert_eq!(target.uri().host(), Some("127.0.0.1"), "{text}");
        assert_eq!(target.is_spelled_oddly(), text != "https://127.0.0.1/", "{text}");
    }
    let mapped = Target::parse("https://[::FFFF:7f00:1]:8443/x").unwrap();
    assert_eq!(mapped.host(), Host::Address("::ffff:127.0.0.1".parse().unwrap()));
    assert!(!mapped.is_spelled_oddly());
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (text, why) in [
        ("", UrlFault::Scheme),
        ("example.com", UrlFault::Scheme),
        ("//example.com/", UrlFault::Scheme),
        ("/path", UrlFault::Scheme),
        ("ftp://example.com/", UrlFault::Scheme),
        ("file:///etc/passwd", UrlFault::Host),
        ("gopher://127.0.0.1:6379/_", UrlFault::Scheme),
        ("data:text/plain,x", UrlFault::Scheme),
        ("https:example.com", UrlFault::Scheme),
        ("https:/example.com", UrlFault::Scheme),
        ("https:///example.com", UrlFault::Host),
        ("https:////example.com", UrlFault::Host),
        ("https://", UrlFault::Host),
        ("https://?x", UrlFault::Host),
        ("https://example.com:/", UrlFault::Port),
        ("https://example.com:0/", UrlFault::Port),
        ("https://example.com:65536/", UrlFault::Port),
        ("https://example.com:8o/", UrlFault::Port),
        (" https://example.com/", UrlFault::Character),
        ("https://example.com/ ", UrlFault::Character),
        ("https://exam\tple.com/", UrlFault::Character),
        ("https://example.com/\r\nX: y", UrlFault::Character),
        ("https://example.com/\0", UrlFault::Character),
        ("https://example.com\\@127.0.0.1/", UrlFault::Character),
        ("https:\\\\127.0.0.1/", UrlFault::Character),
        ("https://exa\u{3000}mple.com/", UrlFault::Character),
        ("https://user@example.com/", UrlFault::UserInformation),
        ("https://user:pw@example.com/", UrlFault::UserInformation),
        ("https://@example.com/", UrlFault::UserInformation),
        ("https://:@example.com/", UrlFault::UserInformation),
        ("https://example.com@127.0.0.1/", UrlFault::UserInformation),
        ("https://%31%32%37.0.0.1/", UrlFault::Host),
        ("https://example%2ecom/", UrlFault::Host),
        ("https://example.com%00.evil.test/", UrlFault::Host),
        ("https://[fe80::1%25eth0]/", UrlFault::Host),
        ("https://[::1/", UrlFault::Host),
        ("https://[1.2.3.4]/", UrlFault::Host),
        ("https://1.2.3.4.5/", UrlFault::Host),
        ("https://256.0.0.1/", UrlFault::Host),
        ("https://4294967296/", UrlFault::Host),
        ("https://0x100000000/", UrlFault::Host),
        ("https://1.2.3.09/", UrlFault::Host),
        ("https://a..b/", UrlFault::Host),
        ("https://.example.com/", UrlFault::Host),
        ("https://./", UrlFault::Host),
        ("https://exa<mple.com/", UrlFault::Host),
    ] {
        assert_eq!(Target::parse(text).unwrap_err(), why, "{text:?}");
    }
    let long = format!("https://example.com/{}", "a".repeat(LONGEST));
    assert_eq!(Target::parse(&long), Err(UrlFault::Length));
    assert_eq!(Target::parse(&format!("https://{}.com/", "a".repeat(64))), Err(UrlFault::Host));
    assert_eq!(Target::parse(&format!("https://{}com/", "abc.".repeat(63))), Err(UrlFault::Host));
}

#[test]
fn names_are_compared_in_one_form() {
    for (text, name, uri) in [
        ("HTTPS://EXAMPLE.com/A", "example.com", "https://example.com/A"),
        ("https://example.com.:443/", "example.com", "https://example.com./"),
        ("https://bücher.example/ü?ü#ü", "xn--bcher-kva.example", "https://xn--bcher-kva.example/%C3%BC?%C3%BC"),
        ("https://a_b.example/%2e%2e/x", "a_b.example", "https://a_b.example/x"),
    ] {
        let target = Target::parse(text).unwrap();
        assert_eq!(target.host(), Host::Name(name));
        assert_eq!(target.as_str(), uri);
        assert_eq!(target.uri().to_string(), uri);
    }
}

#[test]
fn references_are_resolved_and_refused_alike() {
    let base = Target::parse("https://example.com/a/b?c").unwrap();
    for (reference, expected) in [
        ("d", "https://example.com/a/d"),
        ("/d", "https://example.com/d"),
        ("?d", "https://example.com/a/b?d"),
        ("//other.example/d", "https://other.example/d"),
        ("http://other.example", "http://other.example/"),
        ("/d:e@f", "https://example.com/d:e@f"),
    ] {
        assert_eq!(base.join(reference).unwrap().as_str(), expected);
    }
    for (reference, why) in [
        ("///other.example/", UrlFault::Host),
        ("/\\other.example/", UrlFault::Character),
        ("https:other.example", UrlFault::Scheme),
        ("javascript:alert(1)", UrlFault::Scheme),
        ("//user@other.example/", UrlFault::UserInformation),
        ("//%6c/", UrlFault::Host),
    ] {
        assert_eq!(base.join(reference), Err(why), "{reference}");
    }
    assert!(base.join("//0x08080808/").unwrap().is_spelled_oddly());
    assert!(base.join("//0x08080808/").unwrap().join("/x").unwrap().is_spelled_oddly());
    assert!(!base.join("//8.8.8.8/").unwrap().is_spelled_oddly());
}

#[test]
fn debug_shows_the_origin_alone() {
    let target = Target::parse("https://example.com/path?token=secret").unwrap();
    assert_eq!(format!("{target:?}"), "Target(https://example.com:443/..)");
}

/// What was judged is what hyper's client hands to the connector: reading a URL again changes nothing.
#[test]
fn reading_twice_is_reading_once() {
    const PIECES: &[&str] = &[
        "http",
        "https",
        "://",
        ":",
        "//",
        "/",
        "\\",
        "@",
        "%",
        "%2e",
        "%31",
        "#",
        "?",
        ".",
        "..",
        "-",
        "_",
        "[",
        "]",
        "::",
        "1",
        "127",
        "0x7f",
        "0177",
        "256",
        "2130706433",
        "ffff",
        "a",
        "B",
        "xn--",
        "xn--bcher-kva",
        "b\u{fc}cher",
        "example",
        "localhost",
        ":443",
        ":80",
        ":0",
        ":8443",
        ":99999",
        "\u{ff11}",
        "\u{3002}",
        "\u{ad}",
        "\u{2460}",
        "\u{df}",
        "\u{200d}",
        " ",
        "\t",
        "\0",
        "|",
        "^",
        "\"",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        // xorshift64: the same texts in every run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let base = Target::parse("https://example.com/a/b").unwrap();
    let mut accepted = 0;
    for round in 0..100_000 {
        let mut text = if round % 2 == 0 { "https://".to_owned() } else { String::new() };
        for _ in 0..next(8) {
            text.push_str(PIECES[next(PIECES.len())]);
        }
        for target in [Target::parse(&text), base.join(&text)].into_iter().flatten() {
            accepted += 1;
            let again = Target::try_from(target.uri()).unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
            assert_eq!(
                (again.host(), again.port(), again.scheme()),
                (target.host(), target.port(), target.scheme()),
                "{text:?}"
            );
            assert_eq!(again.as_str(), target.as_str(), "{text:?}");
            // The connector sees the origin alone.
            let authority = target.uri().authority().unwrap();
            let origin: Uri = format!("{}://{authority}", target.scheme().as_str()).parse().unwrap();
            assert_eq!(Target::try_from(&origin).unwrap().host(), target.host(), "{text:?}");
            // A name that reads as an address is one.
            if let Host::Name(name) = target.host() {
                assert!(name.parse::<IpAddr>().is_err() && name.is_ascii(), "{text:?}");
            }
        }
    }
    assert!(accepted > 10_000, "{accepted}");
}
