use super::*;

fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, Error> {
    Proxies::from_variables(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn chosen(proxies: &Proxies, url: &str) -> Option<String> {
    proxies.of(&Target::parse(url).unwrap()).map(|proxy| proxy.target().as_str().to_owned())
}

#[test]
fn variables_choose_by_scheme() {
    let found = proxies(&[("http_proxy", "a:1"), ("HTTP_PROXY", "b:1"), ("HTTPS_PROXY", "https://c:2/")]).unwrap();
    assert_eq!(chosen(&found, "http://example.com/").as_deref(), Some("http://a:1/"));
    assert_eq!(chosen(&found, "https://example.com/").as_deref(), Some("https://c:2/"));
    let all = proxies(&[("ALL_PROXY", "http://d:3"), ("https_proxy", " ")]).unwrap();
    assert_eq!(chosen(&all, "http://example.com/").as_deref(), Some("http://d:3/"));
    assert_eq!(chosen(&all, "https://example.com/").as_deref(), Some("http://d:3/"));
    assert_eq!(chosen(&Proxies::none(), "https://example.com/"), None);
}

#[test]
fn cgi_programs_do_not_take_the_proxy_of_a_header() {
    let found = proxies(&[("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")]).unwrap();
    assert_eq!(chosen(&found, "http://example.com/"), None);
}

#[test]
fn loopback_is_always_direct() {
    let found = proxies(&[("ALL_PROXY", "p:1")]).unwrap();
    for url in
        ["http://localhost/", "https://x.localhost/", "http://127.3/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"]
    {
        assert_eq!(chosen(&found, url), None, "{url}");
    }
}

#[test]
fn no_proxy_is_read_as_others_read_it() {
    let list = "corp.example, .dotted.example,*.star.example 10.0.0.0/8,[fd00::1],fd01::/16,192.168.1.1:81,only.example:8443,?:x";
    let found = proxies(&[("ALL_PROXY", "p:1"), ("NO_PROXY", list)]).unwrap();
    for (url, direct) in [
        ("http://corp.example/", true),
        ("http://CORP.example.:99/", true),
        ("http://a.corp.example/", true),
        ("http://notcorp.example/", false),
        ("http://a.dotted.example/", true),
        ("http://dotted.example/", true),
        ("http://a.star.example/", true),
        ("http://10.200.0.1/", true),
        ("http://11.0.0.1/", false),
        ("http://[fd00::1]/", true),
        ("http://[fd00::2]/", false),
        ("http://[fd01:9::2]/", true),
        ("http://192.168.1.1:81/", true),
        ("http://192.168.1.1/", false),
        ("http://only.example:8443/", true),
        ("http://only.example/", false),
        ("http://example.com/", false),
    ] {
        assert_eq!(chosen(&found, url).is_none(), direct, "{url}");
    }
    let everything = proxies(&[("ALL_PROXY", "p:1"), ("no_proxy", "*")]).unwrap();
    assert_eq!(chosen(&everything, "http://example.com/"), None);
}

#[test]
fn credentials_go_into_the_header_and_nowhere_else() {
    let found = proxies(&[("ALL_PROXY", "http://us%3Aer:p%40ss@proxy.example:3128")]).unwrap();
    let proxy = found.of(&Target::parse("http://example.com/").unwrap()).unwrap();
    assert_eq!(proxy.target().as_str(), "http://proxy.example:3128/");
    assert_eq!(proxy.authorization().unwrap(), &format!("Basic {}", STANDARD.encode("us:er:p@ss")));
    assert!(!format!("{found:?} {:?}", proxy.authorization()).contains("ss"));
}

#[test]
fn what_is_no_proxy_is_an_error_without_its_text() {
    for text in ["socks5://u:secret@h:1", "http://u:secret@", "http://u:secret@h:99999"] {
        let error = proxies(&[("ALL_PROXY", text)]).unwrap_err();
        let shown = format!("{error:?}");
        assert!(error.is_config() && shown.contains("ALL_PROXY") && !shown.contains("secret"), "{shown}");
    }
}
