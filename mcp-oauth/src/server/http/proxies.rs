//! Reverse proxies: whose word counts about who a request comes from, and how it came.

use std::net::IpAddr;

use http::HeaderMap;
use thiserror::Error;

use super::request::{Peer, Transport};

/// The networks of the operator's reverse proxies, whose word counts: [`AuthService::behind`](super::AuthService::behind).
///
/// A proxy says who asks in `X-Forwarded-For`, and whether it was asked through TLS in `X-Forwarded-Proto`. `Forwarded`
/// (RFC 7239) is not read.
///
/// ```
/// use mcp_oauth::server::{Peer, Transport, TrustedProxies};
///
/// let proxies = TrustedProxies::parse(["10.0.0.0/8"])?;
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-forwarded-for", "192.0.2.9".parse()?);
/// headers.insert("x-forwarded-proto", "https".parse()?);
///
/// let proxy = Peer::direct("10.0.0.1".parse()?);
/// assert_eq!(proxies.peer(proxy, &headers), Peer::secure("192.0.2.9".parse()?));
/// // Who is none of them may say what they like.
/// let stranger = Peer::direct("198.51.100.7".parse()?);
/// assert_eq!(proxies.peer(stranger, &headers), stranger);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

/// An address with a prefix (CIDR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    bits: u128,
    prefix: u32,
    v4: bool,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no network: write it as 10.0.0.0/8, fd00::/8, or as one address")]
#[non_exhaustive]
pub struct InvalidNetwork(pub String);

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let (bits, v4) = bits(address.parse().ok()?);
        let width = if v4 { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) if !prefix.starts_with('+') => prefix.parse().ok().filter(|prefix| *prefix <= width)?,
            Some(_) => return None,
            None => width,
        };
        Some(Self { bits, prefix, v4 })
    }

    fn contains(self, address: IpAddr) -> bool {
        let (bits, v4) = bits(address);
        let width = if self.v4 { 32 } else { 128 };
        // A shift by the whole width is everything shifted out.
        v4 == self.v4 && (bits ^ self.bits).checked_shr(width - self.prefix).unwrap_or(0) == 0
    }
}

/// The bits of an address, and whether it is one of IPv4. One of IPv4 that is written in IPv6 counts as what it is.
fn bits(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(address) => (address.to_bits().into(), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

impl TrustedProxies {
    /// Reads a list of networks (`10.0.0.0/8`, `fd00::/8`) and addresses. Empty entries count for nothing.
    ///
    /// # Errors
    ///
    /// The first that is no network.
    pub fn parse(networks: impl IntoIterator<Item: AsRef<str>>) -> Result<Self, InvalidNetwork> {
        let mut parsed = Vec::new();
        for network in networks {
            let text = network.as_ref().trim();
            if !text.is_empty() {
                parsed.push(Network::parse(text).ok_or_else(|| InvalidNetwork(text.to_owned()))?);
            }
        }
        Ok(Self(parsed))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all addresses of a kind are trusted: then anybody may say who a request comes from.
    #[must_use]
    pub fn trust_everybody(&self) -> bool {
        self.0.iter().any(|network| network.prefix == 0)
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who a request comes from that came over a connection with this peer.
    ///
    /// What headers say counts only if a trusted proxy sent them. Of `X-Forwarded-For` the last address counts that is
    /// none of our proxies': what stands before it, a client may have made up. A proxy that does not say how the request came
    /// to it is believed to have been asked in plain text, whatever it speaks with us.
    #[must_use]
    pub fn peer(&self, connected: Peer, headers: &HeaderMap) -> Peer {
        if !self.trust(connected.address) {
            return connected;
        }
        let mut address = connected.address;
        for hop in values(headers, "x-forwarded-for").rev() {
            // What cannot be read says nothing; whoever handed it on is the last that is known.
            let Some(hop) = hop_address(hop) else { break };
            address = hop;
            if !self.trust(hop) {
                break;
            }
        }
        let mut said = values(headers, "x-forwarded-proto").peekable();
        let transport = match (said.peek().is_some(), said.all(|scheme| scheme.eq_ignore_ascii_case("https"))) {
            (true, true) => Transport::Secure,
            (true, false) => Transport::Plain,
            // A proxy that does not say how the request came to it.
            (false, _) if connected.transport == Transport::Local => Transport::Local,
            (false, _) => Transport::Plain,
        };
        Peer::new(address, transport)
    }
}

/// The values of a header that is a list, in all its lines. What is no text is one value that nobody can read.
fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The address of a hop, with or without its port.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => address,
            _ => text,
        },
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn peer(networks: &[&str], remote: &str, headers: &[(&'static str, &str)]) -> (String, Transport) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let proxies = TrustedProxies::parse(networks).unwrap();
        let peer = proxies.peer(Peer::direct(remote.parse().unwrap()), &map);
        (peer.address.to_string(), peer.transport)
    }

    #[test]
    fn networks() {
        let holds = |network: &str, address: &str| Network::parse(network).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.1.2.3/8", "10.9.9.9") && holds("0.0.0.0/0", "192.0.2.1") && holds("::/0", "2001:db8::1"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1") && !holds("::/0", "192.0.2.1"));
        assert!(holds("192.0.2.1", "::ffff:192.0.2.1") && !holds("192.0.2.1", "192.0.2.2"));
        assert!(holds("fd00::/8", "fdff::1") && !holds("fd00::/8", "fc00::1"));
        for text in ["10.0.0.0/33", "fd00::/129", "10.0.0/8", "h", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }

    #[test]
    fn headers_of_strangers_count_for_nothing() {
        let headers = [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https")];
        assert_eq!(peer(&[], "127.0.0.1", &headers), ("127.0.0.1".to_owned(), Transport::Local));
        assert_eq!(peer(&["10.0.0.0/8"], "192.0.2.1", &headers), ("192.0.2.1".to_owned(), Transport::Plain));
    }

    #[test]
    fn the_last_address_that_is_no_proxy_counts() {
        let proxies = ["10.0.0.0/8", "fd00::/8"];
        for (forwarded, address) in [
            (&["192.0.2.9"][..], "192.0.2.9"),
            (&["198.51.100.1, 192.0.2.9"], "192.0.2.9"),
            (&["198.51.100.1, 192.0.2.9, 10.0.0.7"], "192.0.2.9"),
            (&["198.51.100.1", "192.0.2.9", "10.0.0.7"], "192.0.2.9"),
            (&["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
            (&["192.0.2.9:4711"], "192.0.2.9"),
            (&["[2001:db8::9]:4711"], "2001:db8::9"),
            (&["2001:db8::9"], "2001:db8::9"),
            (&["192.0.2.9, unknown, 10.0.0.7"], "10.0.0.7"),
            (&["_hidden"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let headers: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(peer(&proxies, "10.0.0.1", &headers).0, address, "{forwarded:?}");
        }
    }

    #[test]
    fn the_scheme_counts_if_all_proxies_say_the_same() {
        let transport = |remote, headers: &[(&'static str, &str)]| peer(&["10.0.0.1", "127.0.0.1"], remote, headers).1;
        assert_eq!(transport("10.0.0.1", &[("x-forwarded-proto", "https")]), Transport::Secure);
        assert_eq!(transport("10.0.0.1", &[("x-forwarded-proto", "HTTPS, https")]), Transport::Secure);
        assert_eq!(transport("10.0.0.1", &[("x-forwarded-proto", "https, http")]), Transport::Plain);
        assert_eq!(transport("10.0.0.1", &[("x-forwarded-proto", "http")]), Transport::Plain);
        assert_eq!(transport("127.0.0.1", &[("x-forwarded-proto", "")]), Transport::Plain);
        assert_eq!(transport("10.0.0.1", &[]), Transport::Plain);
        assert_eq!(transport("127.0.0.1", &[]), Transport::Local);
    }

    #[test]
    fn a_connection_through_tls_is_secure() {
        let secure = Peer::secure([192, 0, 2, 1].into());
        assert_eq!(TrustedProxies::default().peer(secure, &HeaderMap::new()), secure);
    }
}
