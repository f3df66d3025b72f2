//! Flags, exit codes, signals.

use crate::program::{Program, command, output};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = output(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for flag in
        ["--listen", "--stdio", "--allow-host", "--tls-cert", "--log-format", "--shutdown-timeout", "MCP_ECHO_PORT"]
    {
        assert!(text(&help.stdout).contains(flag), "{flag}");
    }
    let version = output(&["--version"]);
    assert_eq!(text(&version.stdout), format!("mcp-echo {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    assert!(text(&output(&["completions", "bash"]).stdout).contains("--shutdown-timeout"));
    assert!(text(&output(&["man"]).stdout).starts_with(".ie"));
}

#[test]
fn wrong_configuration_is_said_in_one_sentence() {
    for arguments in [
        &["--listen", "nowhere"][..],
        &["--allow-host", "https://x"],
        &["--allow-origin", "x"],
        &["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"],
    ] {
        let wrong = output(arguments);
        assert_eq!(wrong.status.code(), Some(2), "{arguments:?}");
        assert_eq!(wrong.stdout, b"");
        let said = text(&wrong.stderr);
        assert!(said.starts_with("mcp-echo: ") && said.lines().count() == 1, "{said}");
    }
    for arguments in [&["--port", "x"][..], &["--nonsense"], &["--tls-cert", "x"], &["--log-format", "xml"]] {
        assert_eq!(output(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let filter = command().env("RUST_LOG", "mcp_echo=loud,,=").output().unwrap();
    assert_eq!(filter.status.code(), Some(2), "{}", text(&filter.stderr));
}

#[test]
fn an_address_in_use_is_a_failure_that_says_what_to_do() {
    let program = Program::start(&[]);
    let second = output(&["--listen", &program.address.to_string()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("choose another address with --listen"), "{}", text(&second.stderr));
}

#[test]
fn the_environment_configures_as_flags_do() {
    let mut command = command();
    command.env("MCP_ECHO_HOST", "127.0.0.1").env("MCP_ECHO_PORT", "0").env("MCP_ECHO_DEBUG", "");
    let program = Program::start_as(&mut command);
    assert_ne!(program.address.port(), 3000);
}

#[cfg(unix)]
mod signals {
    use std::{io::Write as _, net::TcpStream};

    use rustix::process::Signal;

    use super::*;
    use crate::wire::{call, send};

    #[test]
    fn signals_drain_and_stop_with_code_0() {
        for signal in [Signal::TERM, Signal::INT] {
            let program = Program::start(&[]);
            assert_eq!(call(&program, "echo", serde_json::json!({"message": "x"}), &[]).text(), "x");
            // A connection that stands idle holds nothing up.
            let _idle = TcpStream::connect(program.address).unwrap();
            let (status, out, log) = program.stop(signal);
            assert_eq!(status.code(), Some(0), "{log:?}");
            assert_eq!(out, "", "standard output is for the protocol");
            assert!(log.iter().any(|line| line.contains("stopped")), "{log:?}");
        }
    }

    #[test]
    fn what_does_not_finish_is_cut_off_in_time() {
        let program = Program::start(&["--shutdown-timeout", "0"]);
        let mut stuck = TcpStream::connect(program.address).unwrap();
        stuck.write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n").unwrap();
        // An answer on another connection: by now the server has accepted the first.
        send(&program, "GET", "/health", &[], "");
        let (status, _, _) = program.stop(Signal::TERM);
        assert_eq!(status.code(), Some(0));
    }

    #[test]
    fn the_log_can_be_json_and_tells_requests_without_secrets() {
        let program = Program::start(&["--log-format", "json", "--debug"]);
        let headers = [("Authorization", "Bearer chocolate")];
        call(&program, "echo", serde_json::json!({"message": "vanilla"}), &headers);
        let (_, _, log) = program.stop(Signal::TERM);
        let lines: Vec<serde_json::Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let request = lines.iter().find(|line| line["message"] == "request").unwrap_or_else(|| panic!("{log:?}"));
        assert_eq!((&request["path"], &request["status"]), (&"/mcp".into(), &200.into()));
        assert!(!log.iter().any(|line| line.contains("chocolate") || line.contains("vanilla")), "{log:?}");
    }
}
