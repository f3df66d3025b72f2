//! How secrets are compared: check 107. A test of the sources, which is the stronger proof here.
//!
//! Everything that is compared is a digest or a MAC of 32 bytes. Where a comparison stopped at the first wrong byte, it would
//! save nanoseconds, in an answer that takes a hundred thousand of them and varies by more: a test of times passes whether
//! the comparison is right or wrong, or fails because the machine does something else. And who sends guesses does not choose
//! the bytes that are compared, since they are digested first. What can be said for certain is said: the types have no
//! equality, each comparison goes through `subtle`, and nothing in the sources compares otherwise. For passwords, whose
//! work is milliseconds, `identity/users_file` compares the parameters of the work.

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

/// The work that is done for a client that nobody knows is that for a wrong secret: one digest of what was sent, and one
/// comparison of it with a digest that is there. What tells them apart is a look-up that finds nothing.
#[test]
fn attack_042_an_unknown_client_costs_what_a_wrong_secret_costs() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/client_auth.rs")).unwrap();
    let body = |from: &str, to: &str| text.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
    let unknown = body("            None => {\n", "\n            }\n");
    let known = body("Shown::Secret(_, secret, method) => {\n", "\n            }\n");
    for work in [&unknown, &known] {
        assert_eq!(work.matches("secret.digest().matches(").count(), 1, "{work}");
        assert!(!work.contains(".await") && !work.contains("return"), "{work}");
    }
    // Neither is left out because something else is wrong already.
    let first = known.find("secret.digest()").unwrap();
    assert!(known.find("&&").is_none_or(|and| first < and), "{known}");
    // What follows is the same for both: one event, one take of the limit, one answer.
    let refused = body("_ => {\n                self.record", "\n            }");
    assert!(refused.contains("Limit::ClientSecret") && refused.contains("invalid_client()"), "{refused}");
    assert_eq!(text.matches("EventKind::ClientRefused").count(), 1);
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
        ("server/grant/refresh_token.rs", "engine.maker(token, grant)"),
        ("server/http/revoke.rs", "engine.maker(&token, grant)"),
        ("server/http/introspect.rs", "engine.maker(token, grant)"),
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
