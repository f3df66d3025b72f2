//! Starting and stopping the program.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes on a busy machine; reached only if a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Variables that would configure the program.
const FOREIGN: [&str; 11] = [
    "ACCESS_TOKEN_LIFETIME",
    "BASE_DOMAIN",
    "CLIENT_LIFETIME",
    "HOME",
    "JWT_ALGORITHM",
    "JWT_PRIVATE_KEY_B64",
    "REDIS_PASSWORD",
    "REDIS_URL",
    "REFRESH_TOKEN_LIFETIME",
    "RUST_LOG",
    "XDG_DATA_HOME",
];

/// The program, with nothing of this environment that would configure it.
pub(crate) fn command() -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_mcp-auth")))
}

pub(crate) fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("MCP_") || FOREIGN.contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Asks again and again until it gets an answer: for what happens outside of the test, some time.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}");
        pause(Duration::from_millis(50));
    }
}

/// Lets time pass, for real processes.
pub(crate) fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a real process is waited for, on a thread of the test's own")]
    thread::sleep(time);
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder of its own for a test, which takes it away at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mcp-auth-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The data folder of the server.
    pub(crate) fn data(&self) -> String {
        self.path("data").to_str().unwrap().to_owned()
    }

    /// Has a command of administration carried out; gives what it printed.
    #[track_caller]
    pub(crate) fn admin(&self, arguments: &[&str]) -> Vec<Value> {
        admin(&self.data(), arguments)
    }

    /// The same for a command that prints one thing.
    #[track_caller]
    pub(crate) fn admin_one(&self, arguments: &[&str]) -> Value {
        let mut printed = self.admin(arguments);
        assert_eq!(printed.len(), 1, "{printed:?}");
        printed.remove(0)
    }

    /// Has a command refused; gives its exit code and what it said.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments, "");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("mcp-auth: ") && said.lines().count() == 1, "{said}");
        (output.status.code().unwrap(), said)
    }

    /// Runs a command on the data folder, with this on its standard input.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        run(&self.data(), arguments, input)
    }
}

/// Has a command of administration carried out on this data folder; gives what it printed.
#[track_caller]
pub(crate) fn admin(data: &str, arguments: &[&str]) -> Vec<Value> {
    let output = run(data, arguments, "");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn run(data: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = command();
    command.args(["--data", data]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that reads nothing has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server. It is killed when the test is over.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    log: Receiver<String>,
    /// What was logged before it listened.
    pub(crate) early: Vec<String>,
}

impl Program {
    /// Starts it on a port that is free, with a name that does not change with the port.
    pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let usual = ["--listen", "127.0.0.1:0", "--issuer", ISSUER, "--data", &scratch.data()];
        Self::start_as(command().args(usual).args(arguments))
    }

    pub(crate) fn start_as(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines_of(child.stderr.take().unwrap());
        let mut early = Vec::new();
        let address = loop {
            let line = log.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it does not listen: {early:?}"));
            let address = address_in(&line);
            early.push(line);
            if let Some(address) = address {
                break address;
            }
        };
        Self { child, address, log, early }
    }

    /// Stops it; gives the exit status, what came to standard output, and the log.
    pub(crate) fn stop(self) -> (ExitStatus, String, Vec<String>) {
        self.stop_by(rustix::process::Signal::TERM)
    }

    /// Kills it, as a system does that has no memory left; gives the rest of its log.
    pub(crate) fn kill(&mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut log = std::mem::take(&mut self.early);
        log.extend(std::iter::from_fn(|| next(&self.log)));
        log
    }

    pub(crate) fn stop_by(mut self, signal: rustix::process::Signal) -> (ExitStatus, String, Vec<String>) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
        let mut log = std::mem::take(&mut self.early);
        // The log ends with the process.
        while let Some(line) = next(&self.log) {
            log.push(line);
        }
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap(), out, log)
    }
}

/// What clients know the servers of these tests by, whatever port they listen on.
pub(crate) const ISSUER: &str = "http://localhost:8000";

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where a test has stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they come.
fn lines_of(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
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
fn next(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program says nothing and does not end"),
    }
}

/// The address in the line that says where the program listens.
pub(crate) fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("address").filter(|_| line.contains("issuer"))?;
    let rest = rest.trim_start_matches(['=', '"', ':']);
    rest.split([' ', '"']).next()?.parse().ok()
}
