//! How secrets are compared: check 107. A test of the sources: times are not measured, because a busy machine tells nothing.

use std::fs;
use std::path::{Path, PathBuf};

use mcp_oauth::jose::SigningKey;
use mcp_oauth::types::token::{AuthorizationCode, RefreshKey, RefreshToken};
use mcp_oauth::types::{Digest, Secret};

/// Fails to compile where a type can be compared with `==`: which of the two is meant would not be clear then.
macro_rules! assert_not_comparable {
    ($($type:ty),+) => {
        $({
            trait Ambiguous<Which> {
                fn item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + PartialEq> Ambiguous<u8> for T {}
            <$type as Ambiguous<_>>::item();
        })+
    };
}

#[test]
fn attack_107_secrets_have_no_equality() {
    // RFC 9700 section 4.8 and RFC 6749 section 10.10 leave it to us: what is compared byte by byte tells how far it was right.
    assert_not_comparable!(Secret, AuthorizationCode, RefreshToken, RefreshKey, SigningKey);
    let (one, other) = (Digest::sha256(b"one"), Digest::sha256(b"other"));
    assert!(one.matches(&one) && !one.matches(&other));
}

#[test]
fn attack_107_what_proves_something_is_compared_in_constant_time() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 100, "{}", sources.len());
    // The two comparisons that there are, and the crate that makes them.
    let file = |name: &str| &sources.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
    assert!(file("types/digest.rs").contains("self.0.ct_eq(&other.0).into()"));
    assert!(file("types/token.rs").contains("mac.as_ref().ct_eq(&token.mac).into()"));
    // Every place where something presented meets something kept uses one of them.
    for (name, comparison) in [
        ("server/grant/authorization_code.rs", "record.digest.matches(&code.digest())"),
        ("server/grant/authorization_code.rs", ".matches(&record.challenge)"),
        ("server/engine.rs", "key.made(token, grant.salt.as_bytes())"),
        ("server/grant/refresh_token.rs", "engine.maker(token, grant, cx.now())"),
        ("server/http/revoke.rs", "engine.maker(&token, grant, now)"),
        ("server/http/introspect.rs", "engine.maker(token, grant, now)"),
        ("server/client_auth.rs", "secret.digest().matches(&kept)"),
        // For a client that nobody knows, so that it takes as long.
        ("server/client_auth.rs", "secret.digest().matches(&Digest::sha256(b\"nobody\"))"),
        ("server/client/management.rs", "digest.matches(&token)"),
        ("server/authorize/flow.rs", "browser.binding().matches(&form.browser)"),
        ("server/authorize/flow.rs", "session.binding().matches(&form.session)"),
        ("server/http/authorize.rs", ".matches(&sent.shown)"),
        ("server/http/device.rs", ".matches(&sent.shown)"),
        ("store/grant.rs", "record.digest.matches(code)"),
    ] {
        assert!(file(name).contains(comparison), "{name}: {comparison}");
    }
    // And nowhere in what is not a test is one of them compared otherwise.
    for (path, text) in &sources {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (index, operator) in line.match_indices(" == ").chain(line.match_indices(" != ")) {
                let left = line[..index].rsplit([' ', '(', '!', '&', '|']).next().unwrap();
                let right = line[index + operator.len()..].split([' ', ')', ',', ';']).next().unwrap();
                for side in [left, right] {
                    let secret =
                        [".expose()", ".digest()", ".binding()", "mac", ".secret", ".salt", "verifier", "challenge"];
                    assert!(
                        !secret.iter().any(|name| side.ends_with(name)),
                        "{}:{}: {line}",
                        path.display(),
                        number + 1
                    );
                }
            }
            // josekit compares MACs byte by byte, so none is made with it.
            assert!(
                !line.contains("josekit::jws::alg::hmac") && !line.contains("HS256."),
                "{}: {line}",
                path.display()
            );
        }
    }
}

/// The sources below a directory, without what is compiled for tests alone.
fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let tests = ["tests.rs", "testing.rs", "traps.rs", "attacks.rs", "real_clients.rs"];
        if tests.contains(&name.as_str())
            || path
                .components()
                .any(|part| ["tests", "attacks", "contract"].contains(&part.as_os_str().to_str().unwrap()))
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned();
        found.push((path, text));
    }
    found
}
