//! Redis servers, which end with the test. The tests of `mcp-auth` start theirs with this file too: it knows no store.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Starts the server, and waits until its input ends: also when the test is killed, nothing stays behind. `$0` is the
/// directory.
const GUARD: &str =
    "redis-server \"$@\" >/dev/null 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait; rm -rf -- \"$0\"";

/// What its configuration says, which it may write anew.
const FILE: &str = "redis.conf";

/// A Redis server, on a port of the loopback address.
pub(crate) struct Server {
    pub(crate) port: u16,
    pid: u32,
    guard: Child,
    directory: PathBuf,
    arguments: Vec<String>,
}

/// A port that is free, and whose cluster bus port is free too.
fn free_port() -> u16 {
    // Below the ports that the system gives out by itself, and apart from those of other test runs.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::SeqCst) + std::process::id() * 37;
        let port = 12_000 + u16::try_from(number % 10_000).unwrap();
        if [port, port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return port;
        }
    }
}

impl Server {
    /// Starts one that writes nothing to the disk, unless the arguments say so.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::configured("save \"\"\n", arguments)
    }

    /// Starts one with this configuration.
    pub(crate) fn configured(configuration: &str, arguments: &[&str]) -> Self {
        assert!(
            Command::new("redis-server").arg("--version").output().is_ok_and(|output| output.status.success()),
            "these tests need redis-server and redis-cli: apt-get install redis-server"
        );
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        loop {
            let port = free_port();
            let directory = std::env::temp_dir().join(format!("mcp-oauth-redis-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(FILE), configuration).unwrap();
            let (guard, pid) = launch(port, &directory, &arguments);
            let server = Self { port, pid, guard, directory, arguments: arguments.clone() };
            server.wait();
            // Another test run may have taken the port at the same moment.
            if server.cli(&["INFO", "server"]).lines().any(|line| line.trim() == format!("process_id:{pid}")) {
                return server;
            }
        }
    }

    /// Without a password.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command; gives what it printed.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&self.cli_raw(arguments)).trim().to_owned()
    }

    /// The same, byte by byte.
    pub(crate) fn cli_raw(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string()]).args(arguments).stderr(Stdio::null());
        if let Some(password) = password(&self.arguments) {
            command.env("REDISCLI_AUTH", password);
        }
        command.output().unwrap().stdout
    }

    /// Sends it a signal: `STOP`, `CONT`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid.to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Starts it again where it was, after it was killed.
    pub(crate) fn restart(&mut self) {
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        (self.guard, self.pid) = launch(self.port, &self.directory, &self.arguments);
        self.wait();
    }

    /// Until it answers, with everything read that it had written.
    fn wait(&self) {
        until(|| self.cli(&["PING"]) == "PONG");
    }
}

/// What `--requirepass` says.
fn password(arguments: &[String]) -> Option<&String> {
    arguments.iter().skip_while(|argument| *argument != "--requirepass").nth(1)
}

fn launch(port: u16, directory: &Path, arguments: &[String]) -> (Child, u32) {
    let mut guard = Command::new("sh")
        .args(["-c", GUARD])
        .arg(directory)
        .arg(directory.join(FILE))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(guard.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    (guard, pid.trim().parse().unwrap())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid.to_string()]).stderr(Stdio::null()).status();
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Looks again until it is so, for at most 20 seconds.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not come to pass");
        // A real server takes its time; there is nothing to wait on.
        let (_sender, receiver) = std::sync::mpsc::channel::<()>();
        let _ = receiver.recv_timeout(Duration::from_millis(20));
    }
}

/// Three masters.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<Server>,
}

impl Cluster {
    /// Starts them with an append-only file, written to the disk as `fsync` says, and these further arguments.
    pub(crate) fn start(fsync: &str, more: &[&str]) -> Self {
        let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let arguments = [&cluster[..], &["--appendonly", "yes", "--appendfsync", fsync], more].concat();
        let servers: Vec<Server> = (0..3).map(|_| Server::start(&arguments)).collect();
        let addresses: Vec<String> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let mut command = vec!["--cluster", "create"];
        command.extend(addresses.iter().map(String::as_str));
        command.push("--cluster-yes");
        let created = servers[0].cli(&command);
        let cluster = Self { servers };
        assert!(created.contains("All 16384 slots covered"), "{created}");
        cluster.wait();
        cluster
    }

    /// Until all of them have heard of each other.
    pub(crate) fn wait(&self) {
        for server in &self.servers {
            until(|| server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
        }
    }

    /// Without a password.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<String> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}
