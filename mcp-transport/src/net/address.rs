//! What kind of place an IP address leads to. Pure: no lookup, no clock, the standard library alone.
//!
//! Two registries are followed, the [IPv4][4] and the [IPv6 Special-Purpose Address Registry][6] of IANA, with multicast
//! (RFC 5771, RFC 4291 section 2.7) and the addresses that clouds answer on from inside. IPv6 is judged the other way
//! round: only `2000::/3` is given out for global unicast (RFC 4291 section 2.4), so whatever lies outside it is not public,
//! known or not.
//!
//! An IPv6 address that carries an IPv4 address leads to whatever the inner one leads to, through a translator or a
//! tunnel. So both are judged, and the worse one counts.
//!
//! [4]: https://www.iana.org/assignments/iana-ipv4-special-registry
//! [6]: https://www.iana.org/assignments/iana-ipv6-special-registry

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Reachable from everywhere, as far as the registries know.
    Public,
    /// This very machine: `127.0.0.0/8`, `::1`.
    Loopback,
    /// A private network: RFC 1918, and unique local addresses (RFC 4193).
    Private,
    /// Shared address space: carriers, and overlay networks (`100.64.0.0/10`, RFC 6598).
    Shared,
    /// The same link: `169.254.0.0/16`, `fe80::/10`, and `fec0::/10`, which once meant the same site.
    LinkLocal,
    /// What a cloud gives to a machine about itself, secrets included, at an address that would otherwise pass for private
    /// or public.
    Metadata,
    /// More than one machine.
    Multicast,
    /// For examples in texts, and for measurements (RFC 5737, RFC 3849, RFC 9637, RFC 2544, RFC 5180).
    Documentation,
    /// An address that carries another one to a translator or a tunnel, where it would be used.
    Translated,
    /// Everything else that leads to no server: unspecified, broadcast, reserved, deprecated, anycast of a protocol.
    Reserved,
}

impl Class {
    /// The class of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether this is [`Class::Public`].
    #[must_use]
    pub fn is_public(self) -> bool {
        self == Self::Public
    }
}

/// First match counts.
const V4: &[(Ipv4Addr, u32, Class)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, Class::Reserved), // RFC 791 3.2: this network
    (Ipv4Addr::new(10, 0, 0, 0), 8, Class::Private), // RFC 1918
    (Ipv4Addr::new(100, 100, 100, 200), 32, Class::Metadata), // Alibaba Cloud
    (Ipv4Addr::new(100, 64, 0, 0), 10, Class::Shared), // RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8, Class::Loopback), // RFC 1122 3.2.1.3
    (Ipv4Addr::new(169, 254, 0, 0), 16, Class::LinkLocal), // RFC 3927, and the metadata of most clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12, Class::Private), // RFC 1918
    (Ipv4Addr::new(192, 0, 0, 192), 32, Class::Metadata), // Oracle Cloud, classic
    (Ipv4Addr::new(192, 0, 0, 0), 24, Class::Reserved), // RFC 6890: protocol assignments, all of it
    (Ipv4Addr::new(192, 0, 2, 0), 24, Class::Documentation), // RFC 5737
    (Ipv4Addr::new(192, 31, 196, 0), 24, Class::Reserved), // RFC 7535: AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24, Class::Translated), // RFC 7450: AMT
    (Ipv4Addr::new(192, 88, 99, 0), 24, Class::Translated), // RFC 7526: 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16, Class::Private), // RFC 1918
    (Ipv4Addr::new(192, 175, 48, 0), 24, Class::Reserved), // RFC 7534: AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15, Class::Documentation), // RFC 2544: measurements
    (Ipv4Addr::new(198, 51, 100, 0), 24, Class::Documentation), // RFC 5737
    (Ipv4Addr::new(203, 0, 113, 0), 24, Class::Documentation), // RFC 5737
    (Ipv4Addr::new(224, 0, 0, 0), 4, Class::Multicast), // RFC 5771
    (Ipv4Addr::new(240, 0, 0, 0), 4, Class::Reserved), // RFC 1112 4, and 255.255.255.255
    // Public to look at, answered inside a cloud only.
    (Ipv4Addr::new(168, 63, 129, 16), 32, Class::Metadata), // Azure: wire server and DNS
    (Ipv4Addr::new(161, 26, 0, 0), 16, Class::Metadata),    // IBM Cloud: services of its inside
    (Ipv4Addr::new(166, 8, 0, 0), 14, Class::Metadata),     // IBM Cloud: service endpoints
];

/// First match counts; what is not found and not in `2000::/3` is reserved.
const V6: &[(Ipv6Addr, u32, Class)] = &[
    (Ipv6Addr::LOCALHOST, 128, Class::Loopback),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, Class::Translated), // RFC 8215
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 32, Class::Reserved),       // RFC 6666, RFC 9780
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, Class::Translated),    // RFC 4380: Teredo
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, Class::Documentation), // RFC 5180: measurements
    (Ipv6Addr::new(0x2001, 3, 0, 0, 0, 0, 0, 0), 32, Class::Translated),    // RFC 7450: AMT
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Class::Reserved),      // RFC 2928: ORCHID, DRIP, anycast
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Class::Documentation), // RFC 3849
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, Class::Translated),    // RFC 3056: 6to4
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, Class::Reserved), // RFC 7534: AS112
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, Class::Reserved),      // RFC 3701: 6bone, given back
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Class::Documentation), // RFC 9637
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, Class::Reserved),      // RFC 9602: SRv6
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, Class::Metadata),  // AWS
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32, Class::Metadata),   // Google Cloud
    (Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe), 128, Class::Metadata), // Oracle Cloud
    (Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128, Class::Metadata), // Scaleway
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Class::Private),        // RFC 4193
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, Class::LinkLocal),     // RFC 4291 2.5.6
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Class::LinkLocal),     // RFC 3879
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Class::Multicast),      // RFC 4291 2.7
];

fn of_v4(address: Ipv4Addr) -> Class {
    let bits = address.to_bits();
    V4.iter()
        .find(|(network, length, _)| (bits ^ network.to_bits()).leading_zeros() >= *length)
        .map_or(Class::Public, |(_, _, class)| *class)
}

fn of_v6(address: Ipv6Addr) -> Class {
    // RFC 4291 2.5.5.2: the operating system dials the inner address itself, so it is what counts. Such an address has no
    // business in DNS or in a URL: it is never public.
    if let Some(inner) = address.to_ipv4_mapped() {
        return match of_v4(inner) {
            Class::Public => Class::Translated,
            class => class,
        };
    }
    // RFC 6052 2.1: the translator uses the inner address. Where there is no IPv4, every IPv4 host is found here.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return match of_v4(pair(high, low)) {
            Class::Public => Class::Public,
            _ => Class::Translated,
        };
    }
    let bits = address.to_bits();
    let listed = V6
        .iter()
        .find(|(network, length, _)| (bits ^ network.to_bits()).leading_zeros() >= *length)
        .map(|(_, _, class)| *class);
    if let Some(class) = listed {
        return class;
    }
    // RFC 4291 2.4: global unicast that has been given out. Outside lie `::`, `::a.b.c.d` and all that is unassigned.
    if bits >> 125 != 0b001 {
        return Class::Reserved;
    }
    // RFC 5214 6.1: an ISATAP interface tunnels to the inner address.
    if let [_, _, _, _, 0 | 0x200, 0x5efe, high, low] = address.segments()
        && of_v4(pair(high, low)) != Class::Public
    {
        return Class::Translated;
    }
    Class::Public
}

fn pair(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests;
