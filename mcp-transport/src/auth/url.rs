//! Configured URLs: judged once, split, and never written anew.
//!
//! A resource identifier and an issuer are compared byte for byte by their peers (RFC 8707
//! section 2, RFC 9728 section 3.3, RFC 8414 section 3.3), so a URL type that normalises would do
//! harm here.

use http::uri::Authority;
use thiserror::Error;

use crate::uri::is_uri_text;

/// The longest URL that is accepted as an identifier, in bytes.
const LONGEST: usize = 2048;

/// Why a text is not a usable absolute URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Longer than 2048 bytes.
    #[error("the URL is longer than 2048 bytes")]
    Length,
    /// Neither `https://` nor `http://` in front.
    #[error("the URL does not begin with https://")]
    Scheme,
    /// Plain http outside loopback.
    #[error("plain http is accepted for loopback hosts only; use https")]
    Insecure,
    /// A character that RFC 3986 does not allow in a URL, or a broken percent escape.
    #[error("the URL holds a character that RFC 3986 does not allow")]
    Character,
    /// A fragment.
    #[error("the URL has a fragment (#)")]
    Fragment,
    /// A query where none is allowed.
    #[error("the URL has a query (?)")]
    Query,
    /// User information in front of the host.
    #[error("the URL has user information in front of its host")]
    UserInformation,
    /// No host, or a host or port that cannot be.
    #[error("the URL has no valid host and port")]
    Authority,
}

/// An absolute URL in two pieces of the original text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// Scheme, `://`, host and port.
    pub(super) origin: &'a str,
    /// Everything after that: empty, or beginning with `/` or `?`.
    pub(super) path_and_query: &'a str,
}

/// Judges an absolute `https` URL without a fragment (`http` on loopback) and splits it.
pub(super) fn split(text: &str) -> Result<Split<'_>, UrlError> {
    if text.len() > LONGEST {
        return Err(UrlError::Length);
    }
    if text.contains('#') {
        return Err(UrlError::Fragment);
    }
    if !is_uri_text(text) {
        return Err(UrlError::Character);
    }
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    let secure = scheme.eq_ignore_ascii_case("https");
    if !secure && !scheme.eq_ignore_ascii_case("http") {
        return Err(UrlError::Scheme);
    }
    let authority_length = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(authority_length);
    let host = host_of(authority)?;
    if !secure && !is_loopback(host) {
        return Err(UrlError::Insecure);
    }
    let origin_length = text.len() - path_and_query.len();
    Ok(Split { origin: text.split_at(origin_length).0, path_and_query })
}

fn host_of(authority: &str) -> Result<&str, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInformation);
    }
    let parsed: Authority = authority.parse().map_err(|_| UrlError::Authority)?;
    let host_length = parsed.host().len();
    let (host, port) = authority.split_at_checked(host_length).ok_or(UrlError::Authority)?;
    if host.is_empty() || host.contains('%') {
        return Err(UrlError::Authority);
    }
    if let Some(digits) = port.strip_prefix(':') {
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        // Port 0 cannot be dialled, so an identifier that names it can reach nobody.
        if !all_digits || !digits.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(UrlError::Authority);
        }
    } else if !port.is_empty() {
        return Err(UrlError::Authority);
    }
    Ok(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    address.parse::<std::net::IpAddr>().map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_without_touching_a_byte() {
        for (text, origin, rest) in [
            ("https://mcp.example.com", "https://mcp.example.com", ""),
            ("HTTPS://MCP.Example.com/Mcp", "HTTPS://MCP.Example.com", "/Mcp"),
            ("https://h:8443/a%2Fb/?k=v", "https://h:8443", "/a%2Fb/?k=v"),
            ("https://h?k=v", "https://h", "?k=v"),
            ("http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000", "/mcp"),
            ("http://[::1]:3000/mcp", "http://[::1]:3000", "/mcp"),
            ("http://localhost", "http://localhost", ""),
        ] {
            let split = split(text).unwrap();
            assert_eq!((split.origin, split.path_and_query), (origin, rest));
        }
    }

    #[test]
    fn refuses_what_is_no_identifier() {
        for (text, why) in [
            ("mcp.example.com", UrlError::Scheme),
            ("", UrlError::Scheme),
            ("ftp://h/", UrlError::Scheme),
            ("https://mcp.example.com#fragment", UrlError::Fragment),
            ("http://mcp.example.com/mcp", UrlError::Insecure),
            ("http://127.evil.test/", UrlError::Insecure),
            ("http://localhost.evil.test/", UrlError::Insecure),
            ("https://user:pw@h/", UrlError::UserInformation),
            ("https:///mcp", UrlError::Authority),
            ("https://:80/mcp", UrlError::Authority),
            ("https://h:/", UrlError::Authority),
            ("https://h:0/", UrlError::Authority),
            ("https://h:99999/", UrlError::Authority),
            ("https://h:8a/", UrlError::Authority),
            ("https://h/a b", UrlError::Character),
            ("https://h/\"", UrlError::Character),
            ("https://h/\\..", UrlError::Character),
            ("https://h/%zz", UrlError::Character),
            ("https://h/%2", UrlError::Character),
            ("https://h/\r\nX: y", UrlError::Character),
            ("https://h/ä", UrlError::Character),
        ] {
            assert_eq!(split(text), Err(why), "{text}");
        }
        let long = format!("https://h/{}", "a".repeat(LONGEST));
        assert_eq!(split(&long), Err(UrlError::Length));
    }
}
