//! Both eras over the standard streams.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::Receiver,
};

use serde_json::{Value, json};

use crate::{
    program::{command, lines_of, next},
    wire::{MODERN, initialize, modern_body},
};

struct Pipes {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Pipes {
    fn start() -> Self {
        let mut command = command();
        let command = command.arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, lines) = (child.stdin.take(), lines_of(child.stdout.take().unwrap()));
        Self { child, input, lines }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
    }

    fn ask(&mut self, line: &str) -> Value {
        self.say(line);
        serde_json::from_str(&next(&self.lines).unwrap()).unwrap()
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        // It has ended already where a test has ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn the_modern_era_needs_no_handshake() {
    let mut pipes = Pipes::start();
    let params = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let answer = pipes.ask(&modern_body("tools/call", params("echo", json!({"message": "a\nb"}))));
    assert_eq!(text(&answer), "a\nb");
    let answer = pipes.ask(&modern_body("tools/call", params("protocolInfo", json!({}))));
    assert!(
        text(&answer).contains(&format!("  Protocol revision: {MODERN}\n  Protocol era: modern\n  Transport: stdio\n")),
        "{answer}"
    );
    let answer = pipes.ask(&modern_body("tools/call", params("printHeader", json!({}))));
    assert!(text(&answer).contains("No HTTP headers"), "{answer}");
    let answer = pipes.ask(&modern_body("tools/call", params("requestTiming", json!({}))));
    assert!(text(&answer).contains("Counted from: the beginning of the tool"), "{answer}");
}

#[test]
fn the_legacy_era_begins_with_initialize() {
    let mut pipes = Pipes::start();
    let answer = pipes.ask(&initialize("2025-11-25").to_string());
    assert_eq!(answer["result"]["serverInfo"]["name"], "mcp-echo", "{answer}");
    pipes.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let answer = pipes.ask(r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"protocolInfo"}}"#);
    assert!(text(&answer).contains("  Protocol revision: 2025-11-25\n  Protocol era: legacy\n"), "{answer}");
}

#[test]
fn the_end_of_input_ends_the_program() {
    let mut pipes = Pipes::start();
    pipes.ask(&modern_body("tools/list", json!({})));
    drop(pipes.input.take());
    assert_eq!(next(&pipes.lines), None);
    assert_eq!(pipes.child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_program_while_input_is_open() {
    let mut pipes = Pipes::start();
    pipes.ask(&modern_body("tools/list", json!({})));
    crate::program::send(&pipes.child, rustix::process::Signal::TERM);
    assert_eq!(next(&pipes.lines), None);
    assert_eq!(pipes.child.wait().unwrap().code(), Some(0));
}
