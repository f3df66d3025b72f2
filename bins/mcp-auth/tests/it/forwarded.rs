//! Reverse proxies: whose word counts.

use crate::program::{Program, Scratch, command};
use crate::wire::{get, post, send};

fn start(scratch: &Scratch, arguments: &[&str]) -> Program {
    let usual = ["--listen", "127.0.0.1:0", "--issuer", "https://as.example", "--data", &scratch.data()];
    Program::start_as(command().args(usual).args(arguments))
}

const METADATA: &str = "/.well-known/oauth-authorization-server";

#[test]
fn the_scheme_is_believed_from_a_trusted_proxy_alone() {
    let plain = [("X-Forwarded-Proto", "http")];
    let scratch = Scratch::new();
    let stranger = start(&scratch, &[]);
    assert_eq!(send(&stranger, "GET", METADATA, &plain, "").status, 200);
    stranger.stop();
    let proxy = start(&scratch, &["--trusted-proxy", "10.0.0.0/8,127.0.0.1"]);
    // OAuth 2.1 section 1.5: what came in plain text over a network is refused.
    assert_eq!(send(&proxy, "GET", METADATA, &plain, "").status, 400);
    assert_eq!(send(&proxy, "GET", METADATA, &[("X-Forwarded-Proto", "https")], "").status, 200);
}

#[test]
fn attack_082_an_address_is_limited_whatever_it_says_of_itself() {
    let scratch = Scratch::new();
    let limited = ["--rate-limit", "3"];
    let ask = |program: &Program, address: &str| {
        post(program, "/token", &[("X-Forwarded-For", address), ("X-Forwarded-Proto", "https")], &[]).status
    };
    let stranger = start(&scratch, &limited);
    let statuses: Vec<u16> = (1..=5).map(|number| ask(&stranger, &format!("192.0.2.{number}"))).collect();
    assert_eq!(statuses[..3], [400, 400, 400], "{statuses:?}");
    assert!(statuses[3..].contains(&429), "{statuses:?}");
    stranger.stop();
    let proxy = start(&scratch, &[&limited[..], &["--trusted-proxy", "127.0.0.0/8"]].concat());
    for number in 1..=6 {
        assert_eq!(ask(&proxy, &format!("192.0.2.{number}")), 400);
    }
    // What stands before the proxy's own word is the client's.
    let statuses: Vec<u16> = (1..=5).map(|number| ask(&proxy, &format!("10.9.8.{number}, 198.51.100.7"))).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[test]
fn who_comes_through_a_proxy_on_this_machine_is_not_told_the_counters() {
    let scratch = Scratch::new();
    // With an https issuer and no TLS there is a proxy. One that nobody has named may say nothing of itself.
    let unnamed = start(&scratch, &[]);
    assert_eq!(get(&unnamed, "/metrics").status, 404);
    unnamed.stop();
    let plain = ["--issuer", "http://127.0.0.1:8000"];
    for flags in [&plain[..], &["--issuer", "https://as.example", "--trusted-proxy", "127.0.0.1"]] {
        let usual = ["--listen", "127.0.0.1:0", "--data", &scratch.data()];
        let program = Program::start_as(command().args(usual).args(flags));
        assert_eq!(get(&program, "/metrics").status, 200, "{flags:?}");
        for header in ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via"] {
            let answer = send(&program, "GET", "/metrics", &[(header, "203.0.113.9")], "");
            assert!(answer.status == 404 && !answer.body.contains("mcp_auth"), "{flags:?} {header}: {answer:?}");
        }
        program.stop();
    }
}

#[test]
fn what_is_opened_up_is_said_in_the_log() {
    let scratch = Scratch::new();
    let flags = ["--rate-limit", "0", "--trusted-proxy", "::/0", "--metadata-host", "clients.corp.example"];
    let program = Program::start(&scratch, &flags);
    for _ in 0..20 {
        assert_eq!(post(&program, "/token", &[], &[]).status, 400);
    }
    assert_eq!(get(&program, METADATA).status, 200);
    let (_, _, log) = program.stop();
    for said in ["requests are not limited", "believed to be a reverse proxy", "from clients.corp.example"] {
        let lines = log.iter().filter(|line| line.contains("WARN") && line.contains(said));
        assert_eq!(lines.count(), 1, "{said}: {log:?}");
    }
}

#[test]
fn a_proxy_that_is_not_named_is_said_in_the_log_and_by_check() {
    let said = "--trusted-proxy 127.0.0.1,::1";
    let https = ["--issuer", "https://as.example"];
    for (flags, warned) in [
        (&https[..], true),
        (&["--issuer", "https://as.example", "--trusted-proxy", "127.0.0.1"], false),
        (&["--issuer", "https://as.example", "--rate-limit", "0"], false),
        (&["--issuer", "http://127.0.0.1:1"], false),
        (&[], false),
    ] {
        let scratch = Scratch::new();
        let arguments = [&["--listen", "127.0.0.1:0"], flags].concat();
        let checked = scratch.run(&[&["check"], &arguments[..]].concat(), "");
        let text = String::from_utf8(checked.stdout).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("warning") && line.contains(said));
        assert_eq!(lines.count(), usize::from(warned), "{flags:?}: {text}");
        let program = Program::start_as(command().args(&arguments).args(["--data", &scratch.data()]));
        let (_, _, log) = program.stop();
        let lines = log.iter().filter(|line| line.contains("WARN") && line.contains(said));
        assert_eq!(lines.count(), usize::from(warned), "{flags:?}: {log:?}");
    }
}
