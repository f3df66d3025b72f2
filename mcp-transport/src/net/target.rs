//! A URL that can be dialled, parsed once: what is judged and what is dialled are the same value.
//!
//! The `url` crate reads as browsers do (WHATWG), so that every way to write an IPv4 address (`0x7f.1`, `2130706433`, digits of
//! full width) becomes the address that a lookup would make of it. What that reading forgives in silence (white space,
//! backslashes, missing or superfluous slashes, escapes in the host) is refused here: another program that looks at the same
//! text might read it otherwise.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::{Method, Request, Uri};
use thiserror::Error;
use url::Url;

use super::error::Error as NetError;

/// The longest URL, in bytes.
const LONGEST: usize = 8192;

/// Plain or over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "HTTP has these two schemes")]
pub enum Scheme {
    /// `http`, RFC 9110 section 4.2.1.
    Http,
    /// `https`, RFC 9110 section 4.2.2.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What is dialled: an address, or a name to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 3986 3.2.2: a host is an address or a name")]
pub enum Host<'a> {
    /// In lower case and ASCII (an international name in its `xn--` form), without the dot that may stand at its end.
    Name(&'a str),
    /// However it was spelled.
    Address(IpAddr),
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text is no URL that can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlFault {
    /// Longer than 8192 bytes.
    #[error("the URL is longer than 8192 bytes")]
    Length,
    /// A control character, white space or a backslash.
    #[error("the URL holds a control character, white space or a backslash")]
    Character,
    /// Neither `http://` nor `https://`, written out.
    #[error("the URL begins with neither https:// nor http://")]
    Scheme,
    /// User information in front of the host. RFC 9110 section 4.2.4 deprecates it.
    #[error("the URL has user information in front of its host")]
    UserInformation,
    /// No host, or one that is neither an address nor a name.
    #[error("the URL has no valid host")]
    Host,
    /// A port that cannot be, or port 0.
    #[error("the URL has no valid port")]
    Port,
    /// Not a URL for another reason.
    #[error("the URL is malformed")]
    Malformed,
}

/// An absolute `http` or `https` URL without user information. Its fragment is left out: it never goes over the wire.
///
/// ```
/// use mcp_transport::net::{Host, Target};
///
/// let target = Target::parse("https://0x7f.1/")?;
/// assert_eq!(target.host(), Host::Address([127, 0, 0, 1].into()));
/// assert!(Target::parse("https://user@example.com/").is_err());
/// # Ok::<(), mcp_transport::net::UrlFault>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    uri: Uri,
    oddly: bool,
}

impl Target {
    /// Reads an absolute URL.
    ///
    /// # Errors
    ///
    /// [`UrlFault`] says what is wrong. Whether the URL may be dialled is the business of a [`Policy`](super::Policy).
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        characters(text)?;
        let authority = written_authority(text)?.ok_or(UrlFault::Scheme)?;
        let url = Url::parse(text).map_err(fault)?;
        Self::of(url, |host| spelled_oddly(authority, host))
    }

    /// Resolves a reference, such as a `Location`, against this URL (RFC 3986 section 5).
    ///
    /// # Errors
    ///
    /// As [`Target::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, UrlFault> {
        characters(reference)?;
        let authority = written_authority(reference)?;
        let url = self.url.join(reference).map_err(fault)?;
        Self::of(url, |host| authority.map_or(self.oddly, |authority| spelled_oddly(authority, host)))
    }

    fn of(mut url: Url, oddly: impl FnOnce(IpAddr) -> bool) -> Result<Self, UrlFault> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlFault::UserInformation);
        }
        if url.port_or_known_default().is_none_or(|port| port == 0) {
            return Err(UrlFault::Port);
        }
        let oddly = match url.host().ok_or(UrlFault::Host)? {
            url::Host::Domain(name) => {
                dns_name(name)?;
                false
            }
            url::Host::Ipv4(address) => oddly(address.into()),
            url::Host::Ipv6(_) => false,
        };
        url.set_fragment(None);
        if url.as_str().len() > LONGEST {
            return Err(UrlFault::Length);
        }
        let uri = url.as_str().parse().map_err(|_| UrlFault::Malformed)?;
        Ok(Self { url, uri, oddly })
    }

    /// Plain or over TLS.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.url.scheme() == "https" { Scheme::Https } else { Scheme::Http }
    }

    /// What is dialled.
    #[must_use]
    pub fn host(&self) -> Host<'_> {
        match self.url.host() {
            Some(url::Host::Domain(name)) => Host::Name(without_dot(name)),
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            // The constructor saw a host. This address is dialled by nobody who asks a policy.
            None => Host::Address(Ipv4Addr::UNSPECIFIED.into()),
        }
    }

    /// The port, also where the URL leaves it to the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// Whether scheme, host and port are the same (RFC 6454 section 5).
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme() == other.scheme() && self.host() == other.host() && self.port() == other.port()
    }

    /// A request for this URL. Use this rather than [`Target::uri`] for a URL of a peer: it keeps in mind how the host was
    /// spelled, which the [`Public`](super::Public) rules want to know.
    #[must_use]
    pub fn request(&self, method: Method, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        request.extensions_mut().insert(self.clone());
        request
    }

    /// The URL as it is asked for.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The URL as text, normalised (WHATWG).
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// Whether the host is an IPv4 address that is not written as four decimal numbers.
    pub(super) fn is_spelled_oddly(&self) -> bool {
        self.oddly
    }
}

impl TryFrom<&Uri> for Target {
    type Error = UrlFault;

    fn try_from(uri: &Uri) -> Result<Self, UrlFault> {
        Self::parse(&uri.to_string())
    }
}

impl std::str::FromStr for Target {
    type Err = UrlFault;

    fn from_str(text: &str) -> Result<Self, UrlFault> {
        Self::parse(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Path and query may hold secrets, so only the origin is shown.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}://{}:{}/..)", self.scheme().as_str(), self.host(), self.port())
    }
}

impl From<UrlFault> for NetError {
    fn from(fault: UrlFault) -> Self {
        Self::invalid(fault)
    }
}

fn fault(error: url::ParseError) -> UrlFault {
    match error {
        url::ParseError::EmptyHost
        | url::ParseError::IdnaError
        | url::ParseError::InvalidIpv4Address
        | url::ParseError::InvalidIpv6Address
        | url::ParseError::InvalidDomainCharacter => UrlFault::Host,
        url::ParseError::InvalidPort => UrlFault::Port,
        url::ParseError::RelativeUrlWithoutBase => UrlFault::Scheme,
        _ => UrlFault::Malformed,
    }
}

/// Refuses what WHATWG strips or turns into something else.
fn characters(text: &str) -> Result<(), UrlFault> {
    if text.len() > LONGEST {
        return Err(UrlFault::Length);
    }
    if text.chars().any(|character| character.is_control() || character.is_whitespace() || character == '\\') {
        return Err(UrlFault::Character);
    }
    Ok(())
}

/// The authority as it is written: of an absolute URL, or of a reference that begins with `//`. `None` if the reference has
/// none of its own.
fn written_authority(text: &str) -> Result<Option<&str>, UrlFault> {
    let rest = match scheme_of(text) {
        // WHATWG takes `https:/h` and `https:h` too.
        Some(rest) => rest.strip_prefix("//").ok_or(UrlFault::Scheme)?,
        None => match text.strip_prefix("//") {
            Some(rest) => rest,
            None => return Ok(None),
        },
    };
    let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.split_at(length).0;
    if authority.contains('@') {
        Err(UrlFault::UserInformation)
    } else if authority.is_empty() || authority.contains('%') {
        // `https:///h` would be read as `https://h`.
        Err(UrlFault::Host)
    } else if authority.ends_with(':') {
        Err(UrlFault::Port)
    } else {
        Ok(Some(authority))
    }
}

/// What follows the scheme and its colon (RFC 3986 section 3.1), if the text begins with one.
fn scheme_of(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let is_scheme = bytes.next()?.is_ascii_alphabetic()
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme.then_some(rest)
}

fn spelled_oddly(authority: &str, address: IpAddr) -> bool {
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    host != address.to_string()
}

/// RFC 1035 section 2.3.4: labels of 1 to 63 bytes, 253 in all.
fn dns_name(name: &str) -> Result<(), UrlFault> {
    let name = without_dot(name);
    let labels_fit = name.split('.').all(|label| (1..=63).contains(&label.len()));
    if labels_fit && name.len() <= 253 { Ok(()) } else { Err(UrlFault::Host) }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests;
