//! Whose an address is.

use std::net::IpAddr;

/// What of an address tells people apart: all of an IPv4 address, the network of an IPv6 one, because whoever has one address
/// of a /64 has them all.
pub(crate) fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().iter().take(8).copied().collect(),
    }
}

/// Where failures are counted by an address: all of an IPv4 address, and of an IPv6 one what one customer may have all of.
pub(crate) fn customer(address: IpAddr) -> Vec<u8> {
    site(address).unwrap_or_else(|| network(address))
}

/// The /48 of an IPv6 address: what one customer of a provider may have all of, 65536 networks.
pub(crate) fn site(address: IpAddr) -> Option<Vec<u8>> {
    match address.to_canonical() {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(address.octets().iter().take(6).copied().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_082_one_bucket_for_a_network() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn attack_082_whoever_has_a_site_has_its_networks() {
        let site = |text: &str| site(text.parse().unwrap());
        assert_eq!(site("2001:db8:1:2::3"), site("2001:db8:1:ffff::"));
        assert_ne!(site("2001:db8:1::"), site("2001:db8:2::"));
        assert_eq!(site("2001:db8:1::").unwrap().len(), 6);
        assert_eq!((site("192.0.2.1"), site("::ffff:192.0.2.1")), (None, None));
    }
}
