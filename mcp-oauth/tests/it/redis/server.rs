//! Redis servers, which end with the test.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mcp_oauth::store::redis::{RedisOptions, RedisStore};

/// Starts the server, and waits until its input ends: also when the test is killed, nothing stays behind. `$0` is the
/// directory.
const GUARD: &str =
    "redis-server \"$@\" >/dev/null 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait; rm -rf -- \"$0\"";

pub(super) struct Server {
    pub(super) port: u16,
    pid: u32,
    guard: Child,
    directory: PathBuf,
    arguments: Vec<String>,
    also: Option<PathBuf>,
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
    pub(super) fn start(arguments: &[&str]) -> Self {
        assert!(
            Command::new("redis-server").arg("--version").output().is_ok_and(|output| output.status.success()),
            "these tests need redis-server and redis-cli: apt-get install redis-server"
        );
        let port = free_port();
        let directory = std::env::temp_dir().join(format!("mcp-oauth-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let (guard, pid) = launch(port, &directory, &arguments);
        let server = Self { port, pid, guard, directory, arguments, also: None };
        server.wait();
        server
    }

    /// A sentinel that watches the master on this port, and decides alone.
    pub(super) fn sentinel(name: &str, master: u16) -> Self {
        let directory = std::env::temp_dir().join(format!("mcp-oauth-sentinel-{}-{master}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("sentinel.conf");
        let text = format!(
            "sentinel monitor {name} 127.0.0.1 {master} 1\nsentinel down-after-milliseconds {name} 500\nsentinel \
             failover-timeout {name} 2000\n"
        );
        std::fs::write(&file, text).unwrap();
        let mut sentinel = Self::start(&["FILE", file.to_str().unwrap(), "--sentinel"]);
        sentinel.also = Some(directory);
        sentinel
    }

    /// Waits as long as somebody needs to notice that it is gone.
    pub(super) fn pause(&self) {
        let begun = Instant::now();
        until(|| begun.elapsed() > Duration::from_millis(300));
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) fn store(&self) -> RedisStore {
        RedisStore::open(&self.url(), &RedisOptions::default()).unwrap()
    }

    pub(super) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Sends it a signal: `STOP`, `CONT`, `KILL`.
    pub(super) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid.to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Starts it again where it was, after it was killed.
    pub(super) fn restart(&mut self) {
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        (self.guard, self.pid) = launch(self.port, &self.directory, &self.arguments);
        self.wait();
    }

    fn wait(&self) {
        until(|| self.cli(&["PING"]) == "PONG");
    }
}

fn launch(port: u16, directory: &std::path::Path, arguments: &[String]) -> (Child, u32) {
    let port = port.to_string();
    // A configuration file comes first.
    let (file, arguments) = match arguments {
        [first, file, arguments @ ..] if first == "FILE" => (Some(file), arguments),
        arguments => (None, arguments),
    };
    let mut guard = Command::new("sh")
        .args(["-c", GUARD])
        .arg(directory)
        .args(file)
        .args(["--port", &port, "--bind", "127.0.0.1", "--dir"])
        .arg(directory)
        .args(if file.is_some() { &[][..] } else { &["--save", ""] })
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
        if let Some(directory) = &self.also {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// Looks again until it is so, for at most 20 seconds.
pub(super) fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not come to pass");
        // A real server takes its time; there is nothing to wait on.
        let (_sender, receiver) = std::sync::mpsc::channel::<()>();
        let _ = receiver.recv_timeout(Duration::from_millis(20));
    }
}

/// Three masters.
pub(super) struct Cluster {
    pub(super) servers: Vec<Server>,
}

impl Cluster {
    pub(super) fn start(fsync: &str) -> Self {
        let cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let arguments = [&cluster[..], &["--appendonly", "yes", "--appendfsync", fsync]].concat();
        let servers: Vec<Server> = (0..3).map(|_| Server::start(&arguments)).collect();
        let addresses = servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { servers };
        cluster.wait();
        cluster
    }

    pub(super) fn wait(&self) {
        for server in &self.servers {
            until(|| server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
        }
    }

    pub(super) fn url(&self) -> String {
        let hosts: Vec<String> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}

/// A server and a cluster that all tests share which break nothing. Each test has a prefix of its own.
struct Shared {
    server: Server,
    cluster: Cluster,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| Shared { server: Server::start(&[]), cluster: Cluster::start("no") })
}

/// The URLs of the server and of the cluster.
pub(crate) fn urls() -> [String; 2] {
    [shared().server.url(), shared().cluster.url()]
}

/// The nodes of the shared cluster.
pub(super) fn nodes() -> &'static [Server] {
    &shared().cluster.servers
}

/// All keys that begin with this, of the server and of the cluster.
pub(super) fn keys(prefix: &str) -> [Vec<String>; 2] {
    let of = |server: &Server| -> Vec<String> {
        let keys = server.cli(&["--scan", "--pattern", &format!("{prefix}:*")]);
        keys.lines().map(str::to_owned).filter(|key| !key.is_empty()).collect()
    };
    [of(&shared().server), shared().cluster.servers.iter().flat_map(of).collect()]
}

/// Runs a command about a key where it is.
pub(super) fn at_key(url: &str, command: &[&str]) -> String {
    let [server, _] = urls();
    if url == server {
        shared().server.cli(command)
    } else {
        shared().cluster.servers[0].cli(&[&["-c"], command].concat())
    }
}

/// A prefix that no other test uses.
pub(super) fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

pub(super) fn open(url: &str, prefix: &str) -> RedisStore {
    let mut options = RedisOptions::default();
    prefix.clone_into(&mut options.prefix);
    options.timeout = Duration::from_secs(10);
    RedisStore::open(url, &options).unwrap()
}

/// Everything that the shared server keeps under this prefix: names and values.
pub(crate) fn all_of(prefix: &str) -> String {
    let server = &shared().server;
    let [keys, _] = keys(prefix);
    assert!(!keys.is_empty(), "nothing is kept under {prefix}");
    let mut all = String::new();
    for key in keys {
        let read: &[&str] = match server.cli(&["TYPE", &key]).as_str() {
            "string" => &["GET", &key],
            "hash" => &["HGETALL", &key],
            "zset" => &["ZRANGE", &key, "0", "-1", "WITHSCORES"],
            "set" => &["SMEMBERS", &key],
            "list" => &["LRANGE", &key, "0", "-1"],
            other => panic!("{key} is a {other}"),
        };
        all += &format!("{key}\n{}\n", server.cli(read));
    }
    all
}
