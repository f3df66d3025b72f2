//! What is a secret, and what is shown of it: its length, and never a character.
//!
//! Names are judged first, then values: a token in a header of any name is not shown. Both rules would rather hide too
//! much. No argument and no setting turns them off.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::Value;

/// Parts of a name that mean a secret wherever they stand.
const TELLING: [&str; 13] = [
    "secret",
    "token",
    "passw",
    "passphrase",
    "passcode",
    "credential",
    "cookie",
    "authorization",
    "apikey",
    "assertion",
    "signature",
    "session",
    "privatekey",
];
/// Words of a name that mean a secret when they stand alone.
const WORDS: [&str; 16] = [
    "key", "pass", "pwd", "pw", "psk", "creds", "jwt", "sid", "dpop", "pin", "otp", "totp", "csrf", "xsrf", "bearer",
    "verifier",
];
/// Words that mean a secret at the end of a name: `x-auth` holds one, `auth_time` and `x-auth-request-user` do not.
const LAST_WORDS: [&str; 3] = ["auth", "code", "sig"];
/// Names under which requests are numbered: what they hold looks like a token and is none.
const REQUEST_IDS: [&str; 6] =
    ["traceparent", "tracestate", "x-request-id", "x-correlation-id", "x-amzn-trace-id", "x-b3-traceid"];
/// How the tokens of well-known issuers begin.
const PREFIXES: [&str; 16] = [
    "eyJ",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "ya29",
    "npm_",
];

/// The schemes of HTTP authentication that are registered with IANA, and common ones that are not.
const SCHEMES: [&str; 18] = [
    "Basic",
    "Bearer",
    "Concealed",
    "Digest",
    "DPoP",
    "GNAP",
    "HOBA",
    "Mutual",
    "Negotiate",
    "OAuth",
    "PrivateToken",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "vapid",
    "ApiKey",
    "AWS4-HMAC-SHA256",
    "NTLM",
    "Token",
];

/// Whether what stands under this name is a secret by its name.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let joined: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    TELLING.iter().any(|part| joined.contains(part))
        || words(name).any(|word| WORDS.contains(&word.as_str()))
        || words(name).last().is_some_and(|word| LAST_WORDS.contains(&word.as_str()))
}

/// The words of `snake_case`, `kebab-case`, `dotted.case` and `camelCase` names, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut out = vec![String::new()];
    let mut lower = false;
    for char in name.chars() {
        if !char.is_alphanumeric() || (lower && char.is_uppercase()) {
            out.push(String::new());
        }
        if let (true, Some(word)) = (char.is_alphanumeric(), out.last_mut()) {
            word.extend(char.to_lowercase());
        }
        lower = char.is_lowercase();
    }
    out.into_iter()
}

/// Whether a value looks like a token, whatever its name: the beginning of a known kind, or a run of characters that is
/// too long and too mixed for a word.
pub(crate) fn looks_like_token(value: &str) -> bool {
    value.split(|char: char| !(char.is_ascii_alphanumeric() || "_-+".contains(char))).any(|run| {
        let known = PREFIXES.iter().any(|prefix| run.len() >= prefix.len() + 8 && run.starts_with(prefix));
        known || is_random(run)
    })
}

fn is_random(run: &str) -> bool {
    let has = |test: fn(&u8) -> bool| run.bytes().any(|byte| test(&byte));
    let hex = run.len() >= 32 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A name of many parts is mixed too, but its kinds of characters stand together.
    let changes = run.bytes().zip(run.bytes().skip(1)).filter(|(a, b)| kind(*a) != kind(*b)).count();
    let cases = run.len() >= 20 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let unbroken = run.len() >= 24 && run.bytes().all(|byte| byte.is_ascii_alphanumeric());
    hex || (changes >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && (cases || unbroken))
}

const fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    }
}

/// What is shown in the place of a secret.
pub(crate) fn hidden(secret: &str) -> String {
    format!("[redacted, {} characters]", secret.chars().count())
}

/// What is shown of a value under a name.
pub(crate) fn shown<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "authorization" | "proxy-authorization" => Cow::Owned(credentials(value)),
        "cookie" | "set-cookie" => Cow::Owned(cookies(value)),
        _ if is_secret_name(name) => Cow::Owned(if value.is_empty() { "(empty)".to_owned() } else { hidden(value) }),
        _ if REQUEST_IDS.contains(&lower.as_str()) => Cow::Borrowed(value),
        _ if value.contains("://") || value.starts_with('/') => address(value),
        _ if looks_like_token(value) => Cow::Owned(hidden(value)),
        _ => Cow::Borrowed(value),
    }
}

/// The scheme of an `Authorization` header stays; what follows it does not (RFC 9110 section 11.4).
fn credentials(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, rest)) if is_scheme(scheme) => format!("{scheme} {}", hidden(rest.trim_start())),
        _ if value.is_empty() => "(empty)".to_owned(),
        _ => hidden(value),
    }
}

/// Whether this is the name of a scheme. Any other word may be a password that was sent without one.
pub(crate) fn is_scheme(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.eq_ignore_ascii_case(scheme))
}

/// The names of cookies stay, their values do not.
fn cookies(value: &str) -> String {
    let each = value.split(';').map(|pair| match pair.trim().split_once('=') {
        Some((name, value)) => format!("{}={}", label(name), hidden(value)),
        None => hidden(pair.trim()),
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The names of the cookies in a `Cookie` header, as they may be shown.
pub(crate) fn cookie_names(value: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let names = value.split(';').filter_map(|pair| pair.trim().split_once('=').map(|(name, _)| name));
    names.filter(|name| !name.is_empty()).map(label)
}

/// What is shown of a name that the client chose: of a header field, a cookie, a member of a query or of a claim.
pub(crate) fn label(name: &str) -> Cow<'_, str> {
    if looks_like_token(name) { Cow::Owned(hidden(name)) } else { Cow::Borrowed(name) }
}

/// A URL or a path without what is secret in it: a password before the host, tokens in the path, and every value in the
/// query and in the fragment. Their names stay: what a value means to whoever sent it, nobody can tell from here.
pub(crate) fn address(value: &str) -> Cow<'_, str> {
    let (rest, fragment) = split(value, '#');
    let (before, query) = split(rest, '?');
    let mut out = String::with_capacity(value.len());
    let path = match before.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            // Then it is no URL, or one that nobody needs to see.
            if looks_like_token(scheme) || looks_like_token(authority) {
                return Cow::Owned(hidden(value));
            }
            let _ = write!(out, "{scheme}://");
            match authority.rsplit_once('@') {
                Some((user, host)) => {
                    let _ = write!(out, "{}@{host}", hidden(user));
                }
                None => out.push_str(authority),
            }
            path
        }
        None => before,
    };
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            out.push('/');
        }
        out.push_str(&label(segment));
    }
    for (mark, pairs) in [('?', query), ('#', fragment)] {
        let Some(pairs) = pairs else { continue };
        out.push(mark);
        for (at, pair) in pairs.split('&').enumerate() {
            if at > 0 {
                out.push('&');
            }
            match pair.split_once('=') {
                Some((name, "")) => {
                    let _ = write!(out, "{}=", label(name));
                }
                Some((name, value)) => {
                    let _ = write!(out, "{}={}", label(name), hidden(value));
                }
                None if pair.is_empty() => {}
                None => out.push_str(&hidden(pair)),
            }
        }
    }
    if out == value { Cow::Borrowed(value) } else { Cow::Owned(out) }
}

fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// A JSON value on one line, as it may be shown.
pub(crate) fn plain(value: &Value) -> String {
    let mut value = value.clone();
    json(&mut value);
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Hides what is secret in a JSON value: by the names of members, and by the look of texts and of names.
pub(crate) fn json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if is_secret_name(name) && !value.is_boolean() && !value.is_null() {
                    *value = Value::String("[redacted]".to_owned());
                } else {
                    json(value);
                }
            }
            if members.keys().any(|name| looks_like_token(name)) {
                let shown = std::mem::take(members).into_iter().map(|(name, value)| (label(&name).into_owned(), value));
                *members = shown.collect();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(json),
        Value::String(text) => {
            if let Cow::Owned(other) = shown("", text) {
                *text = other;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
