//! Flags, exit codes, signals.

use rustix::process::Signal;

use crate::program::{Program, Scratch, command, output, text};
use crate::wire::get;

#[test]
fn help_and_version_go_to_standard_output() {
    let help = output(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for part in ["--issuer", "--store", "--users-file", "MCP_AUTH_LISTEN", "ACCESS_TOKEN_LIFETIME", "clients", "check"]
    {
        assert!(text(&help.stdout).contains(part), "{part}");
    }
    assert_eq!(text(&output(&["--version"]).stdout), format!("mcp-auth {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    assert!(text(&output(&["completions", "bash"]).stdout).contains("--refresh-grace"));
    assert!(text(&output(&["man"]).stdout).starts_with(".ie"));
}

#[test]
fn wrong_configuration_is_said_in_one_sentence() {
    let scratch = Scratch::new();
    for (arguments, part) in [
        (&["--listen", "nowhere"][..], "--listen"),
        (&["--listen", "0.0.0.0:0"], "--issuer"),
        (&["--issuer", "http://as.example"], "--issuer"),
        (&["--issuer", "https://as.example/"], "slash"),
        (&["--store", "mysql://h"], "--store"),
        (&["--signing-alg", "HS256"], "--signing-alg"),
        (&["--access-token-lifetime", "0"], "at least one second"),
        (&["--refresh-grace", "900"], "half"),
        (&["--client-auth-methods", "magic"], "--client-auth-methods"),
        (&["--tls-cert", "/nonexistent"], "--tls-key"),
        (&["--trusted-proxy", "proxy"], "--trusted-proxy"),
    ] {
        for command in ["serve", "check"] {
            let (code, said) = scratch.refused(&[arguments, &[command]].concat());
            assert!(code == 2 && said.contains(part), "{arguments:?}: {said}");
        }
    }
    for arguments in [&["--nonsense"][..], &["--registration", "maybe"], &["frobnicate"], &["--rate-limit", "-1"]] {
        assert_eq!(output(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let nowhere = output(&["check"]);
    assert!(nowhere.status.code() == Some(2) && text(&nowhere.stderr).contains("--data"), "{}", text(&nowhere.stderr));
    let filter = command().args(["--data", &scratch.data()]).env("RUST_LOG", "mcp_auth=loud,,=").output().unwrap();
    assert_eq!(filter.status.code(), Some(2), "{}", text(&filter.stderr));
}

#[test]
fn check_says_what_would_be_served_and_makes_nothing() {
    let scratch = Scratch::new();
    let check = || {
        let output = scratch.run(&["check", "--issuer", "https://as.example", "--rate-limit", "0"], "");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let said = check();
    for part in ["https://as.example", "owner", "made at the first start", "requests are not limited"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!scratch.path("data").exists());
    let program = Program::start(&scratch, &[]);
    assert!(check().contains("a server runs with it"), "{}", check());
    // It is this command's own configuration that is told, and says so.
    assert!(check().contains("may have been started with others") && !said.contains("with others"), "{}", check());
    program.stop();
    assert!(check().contains("can serve"), "{}", check());
}

#[test]
fn an_address_in_use_is_a_failure_that_says_what_to_do() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let program = Program::start(&scratch, &[]);
    let second = other.run(&["--listen", &program.address.to_string()], "");
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("choose another address with --listen"), "{}", text(&second.stderr));
}

#[test]
fn the_environment_configures_as_flags_do() {
    let scratch = Scratch::new();
    let mut command = command();
    command.env("MCP_AUTH_LISTEN", "127.0.0.1:0").env("MCP_AUTH_DATA", scratch.data());
    command.env("BASE_DOMAIN", "h.example").env("MCP_AUTH_SCOPES", "read write");
    let program = Program::start_as(&mut command);
    let metadata = get(&program, "/.well-known/oauth-authorization-server").json();
    assert_eq!(metadata["issuer"], "https://auth.h.example");
    assert_eq!(metadata["scopes_supported"], serde_json::json!(["read", "write"]));
}

#[test]
fn signals_drain_and_stop_with_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = Scratch::new();
        let program = Program::start(&scratch, &[]);
        assert_eq!(get(&program, "/health").status, 200);
        // A connection that stands idle holds nothing up.
        let _idle = std::net::TcpStream::connect(program.address).unwrap();
        let (status, out, log) = program.stop_by(signal);
        assert_eq!((status.code(), out.as_str()), (Some(0), ""), "{log:?}");
        assert!(log.iter().any(|line| line.contains("stopped")), "{log:?}");
    }
}

#[test]
fn the_log_can_be_json() {
    let scratch = Scratch::new();
    let program = Program::start(&scratch, &["--log-format", "json"]);
    let (_, _, log) = program.stop();
    let lines: Vec<serde_json::Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        lines.iter().any(|line| line["message"] == "listening" && line["issuer"] == crate::program::ISSUER),
        "{log:?}"
    );
}
