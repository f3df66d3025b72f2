//! Where to listen.

use std::fmt;
use std::net::IpAddr;

/// A host or an IP address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A text that is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address to listen on: write it as 127.0.0.1:8000, [::1]:8000 or localhost:8000")]
pub(crate) struct InvalidAddress(String);

impl Address {
    /// Reads `HOST:PORT`. An IPv6 address needs its brackets, or nobody can tell where it ends.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let read = || {
            let (host, port) = text.rsplit_once(':')?;
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let whole = !bare.is_empty() && (bare.len() != host.len() || !bare.contains(':'));
            Some(Self { host: whole.then(|| bare.to_owned())?, port: port.parse().ok()? })
        };
        read().ok_or_else(|| InvalidAddress(text.to_owned()))
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host.parse::<IpAddr>().map_or(self.host == "localhost", |address| address.is_loopback())
    }

    /// The same host with another port.
    pub(crate) fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for (text, loopback) in
            [("127.0.0.1:8000", true), ("[::1]:0", true), ("localhost:7", true), ("0.0.0.0:80", false), ("h:1", false)]
        {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.to_string(), address.is_loopback()), (text.to_owned(), loopback));
        }
        assert_eq!(Address::parse("[::1]:0").unwrap().with_port(9).to_string(), "[::1]:9");
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["8000", "::1:8000", "[]:1", "localhost", "localhost:99999", ":8000", ""] {
            assert!(Address::parse(text).unwrap_err().to_string().contains("127.0.0.1:8000"), "{text}");
        }
    }
}
