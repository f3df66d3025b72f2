//! `host[:port]` and `scheme://host[:port]`, read strictly and compared without copies.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The host of a request: a name, or an address in its one usual spelling.
///
/// Other spellings of addresses (`127.1`, `0x7f.1`, `2130706433`) are names here, and as such on no list.
#[derive(Debug, Clone)]
pub(super) enum Host<'a> {
    Name(Cow<'a, str>),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(ours), Host::Name(theirs)) => ours.eq_ignore_ascii_case(theirs),
            (Self::V4(ours), Host::V4(theirs)) => ours == theirs,
            (Self::V6(ours), Host::V6(theirs)) => ours == theirs,
            _ => false,
        }
    }
}

impl Host<'_> {
    fn parse(text: &str) -> Option<Host<'_>> {
        if let Some(rest) = text.strip_prefix('[') {
            // Zone ids and IPvFuture are no addresses of ours, and the parser refuses both.
            return rest.strip_suffix(']')?.parse().ok().map(Host::V6);
        }
        if let Ok(address) = text.parse() {
            return Some(Host::V4(address));
        }
        // What DNS and browsers know as a name. RFC 3986 allows more (`%41`, `!`), and nobody needs it.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        (!text.is_empty() && text.bytes().all(is_name)).then_some(Host::Name(Cow::Borrowed(text)))
    }

    /// `localhost` and names below it (RFC 6761 section 6.3), `127.0.0.0/8` and `::1`.
    ///
    /// Not `localhost.`, not `0.0.0.0`, not an IPv4 address inside an IPv6 one: nobody writes these by hand.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Host::Name(name) => {
                let (sub, top) = name.rsplit_once('.').unwrap_or(("sub", name));
                top.eq_ignore_ascii_case("localhost") && sub.split('.').all(|label| !label.is_empty())
            }
            Host::V4(address) => address.is_loopback(),
            Host::V6(address) => address.is_loopback(),
        }
    }

    fn into_owned(self) -> Host<'static> {
        match self {
            Host::Name(name) => Host::Name(Cow::Owned(name.into_owned())),
            Host::V4(address) => Host::V4(address),
            Host::V6(address) => Host::V6(address),
        }
    }
}

/// `host[:port]`.
#[derive(Debug, Clone)]
pub(super) struct Authority<'a> {
    pub(super) host: Host<'a>,
    port: Option<u16>,
}

impl Authority<'_> {
    /// Nothing if there is user information, a path, white space, or anything else that is not a host and
    /// a port of digits.
    pub(super) fn parse(text: &[u8]) -> Option<Authority<'_>> {
        let text = std::str::from_utf8(text).ok()?;
        // The colon of the port is the last one, unless it stands inside the brackets.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                // `parse` alone would take a sign.
                if !port.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                (host, Some(port.parse().ok()?))
            }
            _ => (text, None),
        };
        Some(Authority { host: Host::parse(host)?, port })
    }

    /// Whether a request for `asked` is one for this entry of an allow-list.
    pub(super) fn covers(&self, asked: &Authority<'_>) -> bool {
        let port = match (self.port, asked.port) {
            (None, _) => true,
            (Some(port), Some(asked)) => port == asked,
            (Some(port), None) => port == 80 || port == 443,
        };
        port && self.host == asked.host
    }

    pub(super) fn into_owned(self) -> Authority<'static> {
        Authority { host: self.host.into_owned(), port: self.port }
    }
}

/// `scheme://host[:port]` (RFC 6454 section 6.2), without the opaque `null`.
#[derive(Debug, Clone)]
pub(super) struct WebOrigin<'a> {
    scheme: Cow<'a, str>,
    pub(super) authority: Authority<'a>,
}

impl WebOrigin<'_> {
    pub(super) fn parse(text: &[u8]) -> Option<WebOrigin<'_>> {
        let text = std::str::from_utf8(text).ok()?;
        let (scheme, authority) = text.split_once("://")?;
        // RFC 3986 3.1.
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
            return None;
        }
        Some(WebOrigin { scheme: Cow::Borrowed(scheme), authority: Authority::parse(authority.as_bytes())? })
    }

    pub(super) fn is_web(&self) -> bool {
        self.usual_port().is_some()
    }

    fn usual_port(&self) -> Option<u16> {
        if self.scheme.eq_ignore_ascii_case("https") {
            Some(443)
        } else if self.scheme.eq_ignore_ascii_case("http") {
            Some(80)
        } else {
            None
        }
    }

    fn port(&self) -> Option<u16> {
        self.authority.port.or_else(|| self.usual_port())
    }

    pub(super) fn into_owned(self) -> WebOrigin<'static> {
        WebOrigin { scheme: Cow::Owned(self.scheme.into_owned()), authority: self.authority.into_owned() }
    }
}

impl PartialEq<WebOrigin<'_>> for WebOrigin<'_> {
    fn eq(&self, other: &WebOrigin<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(&other.scheme)
            && self.authority.host == other.authority.host
            && self.port() == other.port()
    }
}
