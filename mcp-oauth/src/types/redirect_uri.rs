//! Where a browser is sent back to (RFC 6749 section 3.1.2, RFC 8252 section 7).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use mcp_transport::uri::is_uri_text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The longest redirect URI.
const LONGEST: usize = 2048;

/// Schemes that run code, read files, or that nobody gives an answer over. A private-use scheme is any other.
const REFUSED_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "cid",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "ldap",
    "livescript",
    "mailto",
    "mhtml",
    "mid",
    "mocha",
    "moz-extension",
    "res",
    "resource",
    "sftp",
    "sms",
    "ssh",
    "tel",
    "urn",
    "vbscript",
    "view-source",
    "ws",
    "wss",
    "wyciwyg",
];

/// A redirect URI that a client may register: kept byte for byte, and compared so.
///
/// `https` with a host; `http` on `localhost`, `127.0.0.0/8` or `[::1]`; or a private-use scheme (RFC 8252 section
/// 7.1), with or without a dot in its name, because real clients have `cursor://` and `vscode://`. No fragment
/// (RFC 6749 section 3.1.2), no user information, no wildcard, only the characters of RFC 3986. No parameter of an answer
/// in the query: it would be there twice (RFC 6749 section 3.1), and the client might read the first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri {
    text: Arc<str>,
    kind: RedirectKind,
}

/// What stands behind a redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RedirectKind {
    /// A web page of this host, reached through TLS.
    Https,
    /// A program on the user's machine that listens on loopback (RFC 8252 section 7.3).
    Loopback,
    /// An app that has claimed a scheme (RFC 8252 section 7.1). Another app may have claimed it too.
    PrivateUse,
}

/// Why a text is no redirect URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RedirectUriError {
    /// Too long.
    #[error("a redirect URI has at most 2048 bytes")]
    Length,
    /// A character that no URI holds.
    #[error("a redirect URI holds a character that is not allowed in a URI")]
    Character,
    /// No scheme, or one that cannot be redirected to.
    #[error("a redirect URI has the scheme https, http on loopback, or one of an app's own")]
    Scheme,
    /// Plain `http` to a host that is not loopback.
    #[error("a redirect URI with http names localhost, 127.0.0.1 or [::1]; others need https")]
    Insecure,
    /// A fragment.
    #[error("a redirect URI has no fragment")]
    Fragment,
    /// A user name or password.
    #[error("a redirect URI has no user information")]
    UserInformation,
    /// No host, or a malformed host or port.
    #[error("a redirect URI has a host and, where it is written, a port from 1 to 65535 without leading zeros")]
    Authority,
    /// A host that is an address, and is not written as the address usually is.
    #[error("a redirect URI writes an address as it is: four decimal numbers, or IPv6 in its shortest form (RFC 5952)")]
    Address,
    /// An asterisk in the host.
    #[error("a redirect URI has no wildcard")]
    Wildcard,
    /// A parameter in the query that an answer has.
    #[error("a redirect URI has no parameter of an authorization response in its query")]
    Answer,
}

/// The parameters of an authorization response (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207 section 2).
const ANSWER: [&str; 6] = ["code", "state", "iss", "error", "error_description", "error_uri"];

/// A URI of the kinds with a host, in its parts.
struct Split<'a> {
    scheme: &'a str,
    host: &'a str,
    rest: &'a str,
}

impl RedirectUri {
    /// Parses the text and keeps it byte for byte.
    ///
    /// # Errors
    ///
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        let kind = judge(text)?;
        Ok(Self { text: text.into(), kind })
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands behind it.
    #[must_use]
    pub const fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// The host as written, where the URI has one. Shown to the user, who is sent there.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self.kind {
            RedirectKind::PrivateUse => None,
            RedirectKind::Https | RedirectKind::Loopback => split(&self.text).ok().map(|split| split.host),
        }
    }

    /// What the user is shown: the host, or the scheme of the app.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.host().unwrap_or_else(|| self.text.split(':').next().unwrap_or_default())
    }

    /// Whether a request that asks for `requested` may be sent to it under this registration.
    ///
    /// RFC 9700 section 2.1 asks for exact comparison, "except for port numbers in localhost redirection URIs of
    /// native apps" (RFC 8252 section 7.3). The port floats for the name `localhost` as well, because clients use it.
    #[must_use]
    pub fn admits(&self, requested: &Self) -> bool {
        if self.text == requested.text {
            return true;
        }
        if self.kind != RedirectKind::Loopback || requested.kind != RedirectKind::Loopback {
            return false;
        }
        match (split(&self.text), split(&requested.text)) {
            (Ok(own), Ok(other)) => own.scheme == other.scheme && own.host == other.host && own.rest == other.rest,
            _ => false,
        }
    }

    /// The URI with these parameters added to its query, each name and value percent-encoded.
    ///
    /// What the URI had in its query stays (RFC 6749 section 3.1.2).
    #[must_use]
    pub fn with_query<'a>(&self, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut url = self.text.to_string();
        let mut separator = if self.text.contains('?') { '&' } else { '?' };
        if url.ends_with(['?', '&']) {
            separator = '\0';
        }
        for (name, value) in parameters {
            if separator != '\0' {
                url.push(separator);
            }
            separator = '&';
            url.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
            url.push('=');
            url.extend(url::form_urlencoded::byte_serialize(value.as_bytes()));
        }
        url
    }
}

fn judge(text: &str) -> Result<RedirectKind, RedirectUriError> {
    if text.len() > LONGEST {
        return Err(RedirectUriError::Length);
    }
    if text.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    if !is_uri_text(text) {
        return Err(RedirectUriError::Character);
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| ANSWER.contains(&&*name)) {
        return Err(RedirectUriError::Answer);
    }
    let (scheme, rest) = text.split_once(':').ok_or(RedirectUriError::Scheme)?;
    let mut letters = scheme.bytes();
    let named = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !named || rest.is_empty() {
        return Err(RedirectUriError::Scheme);
    }
    if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") {
        let split = split(text)?;
        if split.host.contains('*') {
            return Err(RedirectUriError::Wildcard);
        }
        if is_disguised(split.host) {
            return Err(RedirectUriError::Address);
        }
        return match (scheme.eq_ignore_ascii_case("http"), is_loopback(split.host)) {
            // https on loopback needs a certificate that nobody issues, but some have one of their own.
            (false, _) => Ok(RedirectKind::Https),
            (true, true) => Ok(RedirectKind::Loopback),
            (true, false) => Err(RedirectUriError::Insecure),
        };
    }
    if REFUSED_SCHEMES.iter().any(|refused| scheme.eq_ignore_ascii_case(refused)) {
        return Err(RedirectUriError::Scheme);
    }
    // What looks like user information hides the part of the app's URI that a person would look at.
    if rest.strip_prefix("//").is_some_and(|rest| rest.split(['/', '?']).next().unwrap_or_default().contains('@')) {
        return Err(RedirectUriError::UserInformation);
    }
    Ok(RedirectKind::PrivateUse)
}

/// Takes an `http` or `https` URI apart without changing a byte.
fn split(text: &str) -> Result<Split<'_>, RedirectUriError> {
    let (scheme, rest) = text.split_once("://").ok_or(RedirectUriError::Authority)?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(RedirectUriError::UserInformation);
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, after)) => {
            address.parse::<Ipv6Addr>().map_err(|_| RedirectUriError::Authority)?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(RedirectUriError::Authority),
            };
            (authority.split_at(authority.len() - after.len()).0, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*');
    let bracketed = host.starts_with('[');
    if host.is_empty() || !(bracketed || host.bytes().all(named)) || host.starts_with('.') {
        return Err(RedirectUriError::Authority);
    }
    if let Some(port) = port {
        // Written as it is, so that two texts are two places: `:080` and `:80` are one to a browser.
        if !port.parse::<u16>().is_ok_and(|parsed| parsed != 0 && parsed.to_string() == port) {
            return Err(RedirectUriError::Authority);
        }
    }
    Ok(Split { scheme, host, rest })
}

/// Whether the host is an address in a spelling that browsers understand and people do not: `127.1`, `0x7f.1`,
/// `2130706433`, `[::ffff:127.0.0.1]`. The user is shown the host, and loopback is known by it (RFC 8252 section 7.3).
///
/// A host whose last label is a number is an IPv4 address or nothing (WHATWG URL, "ends in a number checker").
fn is_disguised(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        let canonical = |parsed: Ipv6Addr| parsed.to_string() == address && parsed.to_ipv4_mapped().is_none();
        return !address.parse().is_ok_and(canonical);
    }
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    is_number && !host.parse::<Ipv4Addr>().is_ok_and(|parsed| parsed.to_string() == host)
}

/// RFC 8252 section 8.3: loopback addresses and, because clients use it, the name.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback() && address.to_string() == host)
}

impl FromStr for RedirectUri {
    type Err = RedirectUriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({})", self.text)
    }
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
