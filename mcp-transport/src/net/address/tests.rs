use super::*;

fn class(text: &str) -> Class {
    Class::of(text.parse().unwrap_or_else(|_| panic!("{text} is no address")))
}

/// First and last address of each range, and their neighbours outside.
#[test]
fn ranges_of_the_ipv4_registry_end_where_they_end() {
    let ranges = [
        ("0.0.0.0", "0.255.255.255", Class::Reserved),
        ("10.0.0.0", "10.255.255.255", Class::Private),
        ("100.64.0.0", "100.127.255.255", Class::Shared),
        ("127.0.0.0", "127.255.255.255", Class::Loopback),
        ("169.254.0.0", "169.254.255.255", Class::LinkLocal),
        ("172.16.0.0", "172.31.255.255", Class::Private),
        ("192.0.0.0", "192.0.0.255", Class::Reserved),
        ("192.0.2.0", "192.0.2.255", Class::Documentation),
        ("192.31.196.0", "192.31.196.255", Class::Reserved),
        ("192.52.193.0", "192.52.193.255", Class::Translated),
        ("192.88.99.0", "192.88.99.255", Class::Translated),
        ("192.168.0.0", "192.168.255.255", Class::Private),
        ("192.175.48.0", "192.175.48.255", Class::Reserved),
        ("198.18.0.0", "198.19.255.255", Class::Documentation),
        ("198.51.100.0", "198.51.100.255", Class::Documentation),
        ("203.0.113.0", "203.0.113.255", Class::Documentation),
        ("168.63.129.16", "168.63.129.16", Class::Metadata),
        ("161.26.0.0", "161.26.255.255", Class::Metadata),
        ("166.8.0.0", "166.11.255.255", Class::Metadata),
    ];
    for (first, last, expected) in ranges {
        let [first, last] = [first, last].map(|text| text.parse::<Ipv4Addr>().unwrap());
        assert_eq!(of_v4(first), expected, "{first}");
        assert_eq!(of_v4(last), expected, "{last}");
        if let Some(before) = first.to_bits().checked_sub(1).map(Ipv4Addr::from_bits) {
            assert_eq!(of_v4(before), Class::Public, "{before}");
        }
        assert_eq!(of_v4(Ipv4Addr::from_bits(last.to_bits() + 1)), Class::Public, "after {last}");
    }
    assert_eq!(class("223.255.255.255"), Class::Public);
    assert_eq!(class("224.0.0.0"), Class::Multicast);
    assert_eq!(class("239.255.255.255"), Class::Multicast);
    assert_eq!(class("240.0.0.0"), Class::Reserved);
    assert_eq!(class("255.255.255.255"), Class::Reserved);
    assert_eq!(class("100.100.100.200"), Class::Metadata);
    assert_eq!(class("192.0.0.192"), Class::Metadata);
}

#[test]
fn ranges_of_the_ipv6_registry() {
    for (text, expected) in [
        ("::", Class::Reserved),
        ("::1", Class::Loopback),
        ("::2", Class::Reserved),
        ("100::", Class::Reserved),
        ("100:0:0:1::1", Class::Reserved),
        ("2001:2::1", Class::Documentation),
        ("2001:3::1", Class::Translated),
        ("2001:4:112::1", Class::Reserved),
        ("2001:10::1", Class::Reserved),
        ("2001:20::1", Class::Reserved),
        ("2001:2f:ffff::1", Class::Reserved),
        ("2001:30::1", Class::Reserved),
        ("2001:1::1", Class::Reserved),
        ("2001:1ff:ffff::", Class::Reserved),
        ("2001:200::1", Class::Public),
        ("2001:db8::1", Class::Documentation),
        ("2001:db9::1", Class::Public),
        ("2620:4f:8000::1", Class::Reserved),
        ("2620:4f:8001::1", Class::Public),
        ("3ffe::1", Class::Reserved),
        ("3fff::1", Class::Documentation),
        ("3fff:fff:ffff::1", Class::Documentation),
        ("3fff:1000::1", Class::Public),
        ("4000::1", Class::Reserved),
        ("5f00::1", Class::Reserved),
        ("fbff::1", Class::Reserved),
        ("fc00::1", Class::Private),
        ("fd00::1", Class::Private),
        ("fdff:ffff::1", Class::Private),
        ("fd00:ec2::254", Class::Metadata),
        ("fd20:ce::254", Class::Metadata),
        ("fd00:c1::a9fe:a9fe", Class::Metadata),
        ("fd00:42::42", Class::Metadata),
        ("fe00::1", Class::Reserved),
        ("fe80::1", Class::LinkLocal),
        ("fe80::a9fe:a9fe", Class::LinkLocal),
        ("febf:ffff::1", Class::LinkLocal),
        ("fec0::1", Class::LinkLocal),
        ("feff::1", Class::LinkLocal),
        ("ff02::1", Class::Multicast),
        ("ffff:ffff::1", Class::Multicast),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", Class::Public),
        ("2a00:1450:4001:82a::200e", Class::Public),
    ] {
        assert_eq!(class(text), expected, "{text}");
    }
}

/// Every way to write an IPv4 address into an IPv6 one leads nowhere that the inner address may not lead.
#[test]
fn embedded_ipv4_is_judged_as_well_as_the_wrapper() {
    for inner in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "0.0.0.0", "100.64.0.1", "224.0.0.1"] {
        let [a, b, c, d] = inner.parse::<Ipv4Addr>().unwrap().octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for wrapped in [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5efe, high, low),
            Ipv6Addr::new(0x2a00, 0x1450, 0, 0, 0x200, 0x5efe, high, low),
        ] {
            assert_ne!(of_v6(wrapped), Class::Public, "{inner} in {wrapped}");
        }
    }
    // The kernel dials the inner address of a mapped one, so it has that one's class.
    assert_eq!(class("::ffff:127.0.0.1"), Class::Loopback);
    assert_eq!(class("::ffff:a9fe:a9fe"), Class::LinkLocal);
    assert_eq!(class("::ffff:10.1.2.3"), Class::Private);
    // A public inner address makes no wrapper public, but for the well-known prefix of NAT64.
    for (wrapped, expected) in [
        ("::ffff:8.8.8.8", Class::Translated),
        ("::8.8.8.8", Class::Reserved),
        ("2002:808:808::1", Class::Translated),
        ("64:ff9b:1::808:808", Class::Translated),
        ("64:ff9b::808:808", Class::Public),
        ("64:ff9b::7f00:1", Class::Translated),
        ("64:ff9b:0:0:0:1:808:808", Class::Reserved),
    ] {
        assert_eq!(class(wrapped), expected, "{wrapped}");
    }
}

#[test]
fn only_global_unicast_can_be_public() {
    // A walk over the first 16 bits: nothing outside 2000::/3 is public, whatever comes after.
    for head in 0..=u16::MAX {
        let address = Ipv6Addr::new(head, 0x1234, 0x5678, 0, 0, 0, 0, 1);
        if of_v6(address) == Class::Public {
            assert_eq!(head >> 13, 0b001, "{address}");
        }
    }
}
