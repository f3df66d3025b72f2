//! Starting and stopping the program.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// Longer than anything here takes on a busy machine; reached only if a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program, with nothing of this environment that would configure it.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-echo"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MCP_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A program that serves HTTP. It is killed when the test is over.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Receiver<String>,
}

impl Program {
    /// Starts it on a port that is free.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_as(command().args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines_of(child.stderr.take().unwrap());
        let address = loop {
            let line = log.recv_timeout(PATIENCE).expect("the program says where it listens");
            if let Some(address) = address_in(&line) {
                break address;
            }
        };
        Self { child, address, log }
    }

    /// The same program where it tells its operator.
    pub(crate) fn operator(&mut self) -> SocketAddr {
        loop {
            let line = self.log.recv_timeout(PATIENCE).expect("the program says where its operator is told");
            if let Some((_, address)) = line.split_once("listening for the operator address=") {
                return address.trim().parse().unwrap();
            }
        }
    }

    /// Sends a signal and waits for the end; gives the exit status, what came to standard output, and the log.
    #[cfg(unix)]
    pub(crate) fn stop(mut self, signal: rustix::process::Signal) -> (ExitStatus, String, Vec<String>) {
        send(&self.child, signal);
        let mut log = Vec::new();
        // The log ends with the process.
        while let Some(line) = next(&self.log) {
            log.push(line);
        }
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap(), out, log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where a test has stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
pub(crate) fn send(child: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, signal).unwrap();
}

/// The lines of a stream as they come.
pub(crate) fn lines_of(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody may be listening any more.
            let _ = sender.send(line);
        }
    });
    lines
}

/// The next line; nothing at the end of the stream.
pub(crate) fn next(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program says nothing and does not end"),
    }
}

/// The address in the line that says where the program listens.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://").or_else(|| line.split_once("https://"))?;
    rest.split_once("/mcp")?.0.parse().ok()
}
