//! A Redis of a test's own, which ends with the test.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use crate::program::{Scratch, text, until};

pub(crate) const PASSWORD: &str = "a-password-of-redis";

/// Starts the server, and waits until its own input ends: nothing stays behind, also when the test is killed.
const GUARD: &str = "redis-server \"$@\" >/dev/null 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait";

/// A Redis server.
pub(crate) struct Redis {
    pub(crate) url: String,
    port: u16,
    pid: String,
    guard: Child,
    arguments: Vec<String>,
    folder: Scratch,
}

impl Redis {
    /// Starts one that writes nothing to the disk.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let found = Command::new("redis-server").arg("--version").output();
        assert!(
            found.is_ok_and(|found| found.status.success()),
            "these tests need redis-server: apt-get install redis-server"
        );
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = Scratch::new();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (guard, pid) = launch(port, &folder, &arguments);
        let redis = Self { url: format!("redis://127.0.0.1:{port}"), port, pid, guard, arguments, folder };
        redis.wait();
        redis
    }

    /// Starts one that has written to the disk what it has answered.
    pub(crate) fn durable() -> Self {
        Self::start(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Sends it a signal: `STOP`, `CONT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid]).status().unwrap();
        assert!(status.success());
    }

    /// Starts it again where it was, after it was killed.
    pub(crate) fn restart(&mut self) {
        self.end();
        (self.guard, self.pid) = launch(self.port, &self.folder, &self.arguments);
        self.wait();
    }

    /// Until it answers, with everything read that it had written.
    fn wait(&self) {
        let port = self.port.to_string();
        until("redis-server does not answer", || {
            let mut command = Command::new("redis-cli");
            command.args(["-h", "127.0.0.1", "-p", &port, "PING"]).env("REDISCLI_AUTH", PASSWORD);
            let output = command.stderr(Stdio::null()).output().unwrap();
            (text(&output.stdout).trim() == "PONG").then_some(())
        });
    }

    fn end(&mut self) {
        // The guard does the rest, and so the process id that is killed is that of its own child.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn launch(port: u16, folder: &Scratch, arguments: &[String]) -> (Child, String) {
    let port = port.to_string();
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard", "--bind", "127.0.0.1", "--port", &port, "--requirepass", PASSWORD]);
    command.args(["--save", "", "--dir"]).arg(folder.path("")).args(arguments);
    let mut guard = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = String::new();
    BufReader::new(guard.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    (guard, pid.trim().to_owned())
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}
