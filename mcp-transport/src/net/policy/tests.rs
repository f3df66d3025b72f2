use super::*;

fn target(text: &str) -> Target {
    Target::parse(text).unwrap()
}

/// Judges a URL whose name has these addresses.
fn judge(policy: &Policy, url: &str, addresses: &[&str]) -> Result<(), Refusal> {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    policy.admit(&target(url))?.approve(&addresses).map(|_| ())
}

/// Lets the policy see a connection to `url` at `address`.
fn connect(policy: &Policy, url: &str, address: &str) {
    let target = target(url);
    let admitted = policy.admit(&target).unwrap();
    let approved = admitted.approve(&[address.parse().unwrap()]).unwrap();
    admitted.connected(approved[0]);
}

#[test]
fn one_forbidden_address_refuses_the_answer() {
    let policy = Policy::public();
    let url = "https://example.com/";
    assert_eq!(judge(&policy, url, &["93.184.216.34", "2606:2800:21f:cb07::1"]), Ok(()));
    assert_eq!(judge(&policy, url, &["93.184.216.34", "10.0.0.1"]), Err(Refusal::Address(Class::Private)));
    assert_eq!(judge(&policy, url, &["::1", "93.184.216.34"]), Err(Refusal::Address(Class::Loopback)));
    assert_eq!(judge(&policy, "https://127.0.0.1/", &[]), Err(Refusal::Address(Class::Loopback)));
    assert_eq!(judge(&policy, "https://[::ffff:a9fe:a9fe]/", &[]), Err(Refusal::Address(Class::LinkLocal)));
}

#[test]
fn operator_goes_anywhere() {
    for (url, address) in [("http://127.1:6379/", "127.0.0.1"), ("http://intranet/", "10.0.0.1")] {
        assert_eq!(judge(&Policy::operator(), url, &[address, "169.254.169.254", "::"]), Ok(()));
    }
}

#[test]
fn operators_host_under_the_public_policy() {
    let policy: Policy = Public::new().operator_host("clients.example:8443".parse().unwrap()).into();
    assert_eq!(judge(&policy, "http://clients.example:8443/", &["10.0.0.1"]), Ok(()));
    assert_eq!(judge(&policy, "https://clients.example/", &["10.0.0.1"]), Err(Refusal::Address(Class::Private)));
    assert_eq!(judge(&policy, "https://other.example/", &["10.0.0.1"]), Err(Refusal::Address(Class::Private)));
}

#[test]
fn allowed_private_networks_stop_short_of_metadata() {
    let policy: Policy = crate::net::danger::private_addresses(Public::new()).into();
    for url in
        ["https://10.0.0.1/", "https://[::1]/", "https://[fd00::1]/", "https://100.64.0.1/", "https://localhost/"]
    {
        assert_eq!(judge(&policy, url, &[]), Ok(()), "{url}");
    }
    for url in ["https://169.254.169.254/", "https://[fd00:ec2::254]/", "https://168.63.129.16/", "https://0.0.0.0/"] {
        assert!(judge(&policy, url, &[]).is_err(), "{url}");
    }
}

#[test]
fn loopback_server_refers_to_loopback_and_public() {
    for server in ["http://localhost:3000/mcp", "http://127.0.0.1:3000/", "http://[::1]/"] {
        let policy = Policy::same_reach(&target(server));
        assert_eq!(judge(&policy, server, &["127.0.0.1", "::1"]), Ok(()), "{server}");
        assert_eq!(judge(&policy, "http://127.0.0.1:9000/", &[]), Ok(()));
        assert_eq!(judge(&policy, "http://as.localhost/", &["::1"]), Ok(()));
        assert_eq!(judge(&policy, "https://as.example/", &["93.184.216.34"]), Ok(()));
        assert_eq!(judge(&policy, "https://as.example/", &["10.0.0.1"]), Err(Refusal::Address(Class::Private)));
        assert_eq!(judge(&policy, "http://169.254.169.254/", &[]), Err(Refusal::Address(Class::LinkLocal)));
        assert_eq!(
            judge(&policy, "http://127.1/", &[]),
            if server.contains("127") { Ok(()) } else { Err(Refusal::Spelling) }
        );
    }
}

#[test]
fn public_server_refers_to_nothing_nearby() {
    let server = "https://mcp.example/mcp";
    let policy = Policy::same_reach(&target(server));
    // Nothing is known yet: only public.
    assert_eq!(judge(&policy, "https://as.example/", &["127.0.0.1"]), Err(Refusal::Address(Class::Loopback)));
    assert_eq!(judge(&policy, "https://localhost/", &[]), Err(Refusal::LocalName));
    connect(&policy, server, "93.184.216.34");
    // Rebinding the server's own name afterwards does not help either.
    assert_eq!(judge(&policy, server, &["127.0.0.1"]), Err(Refusal::Address(Class::Loopback)));
    assert_eq!(judge(&policy, "https://as.example/", &["127.0.0.1"]), Err(Refusal::Address(Class::Loopback)));
    assert_eq!(judge(&policy, "http://as.example/", &["93.184.216.34"]), Err(Refusal::Scheme));
    assert_eq!(judge(&policy, "https://as.example/", &["93.184.216.34"]), Ok(()));
}

#[test]
fn private_server_refers_to_private_once_it_was_reached() {
    let server = "https://mcp.corp.example/";
    let policy = Policy::same_reach(&target(server));
    assert_eq!(judge(&policy, "https://as.corp.example/", &["10.0.0.2"]), Err(Refusal::Address(Class::Private)));
    // A lookup alone teaches nothing.
    assert_eq!(judge(&policy, server, &["10.0.0.1"]), Ok(()));
    assert_eq!(judge(&policy, "https://as.corp.example/", &["10.0.0.2"]), Err(Refusal::Address(Class::Private)));
    connect(&policy, server, "10.0.0.1");
    for (address, expected) in [
        ("192.168.0.2", Ok(())),
        ("fd00::1", Ok(())),
        ("127.0.0.1", Err(Refusal::Address(Class::Loopback))),
        ("fd00:ec2::254", Err(Refusal::Address(Class::Metadata))),
        ("169.254.169.254", Err(Refusal::Address(Class::LinkLocal))),
        ("100.64.0.1", Err(Refusal::Address(Class::Shared))),
    ] {
        assert_eq!(judge(&policy, "https://as.corp.example/", &[address]), expected, "{address}");
    }
    assert_eq!(judge(&policy, "http://as.corp.example/", &["93.184.216.34"]), Err(Refusal::Scheme));
    // The first connection decides.
    connect(&policy, server, "93.184.216.34");
    assert_eq!(judge(&policy, "https://as.corp.example/", &["10.0.0.2"]), Ok(()));
}

#[test]
fn link_local_server_is_reached_and_refers_to_no_neighbour() {
    let policy = Policy::same_reach(&target("http://169.254.7.7/"));
    assert_eq!(judge(&policy, "http://169.254.7.7/x", &[]), Ok(()));
    assert_eq!(judge(&policy, "http://169.254.169.254/", &[]), Err(Refusal::Address(Class::LinkLocal)));
}
