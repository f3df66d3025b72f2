//! The pool against real servers: one, restarted, over TLS, behind sentinels, and a cluster of three.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::time::Duration;

use mcp_transport::net::redis::{Pool, driver};
use mcp_transport::net::{Error, Tls};

use super::support::{Authority, within};

/// A folder that goes when the test goes.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mcp-transport-redis-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A real `redis-server`, ended with the test.
struct Redis(Child);

impl Redis {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let child = Command::new("redis-server")
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("these tests need redis-server: on Debian and Ubuntu, apt-get install redis-server");
        Self(child)
    }

    /// One server with nothing kept on disk.
    fn plain(folder: &Folder, port: u16, more: &[&str]) -> Self {
        let port = port.to_string();
        let fixed = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        Self::start(&folder.0, &[&fixed[..], more].concat())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

/// Ports that are free now, below those that the system gives out by itself, so that no other test gets one of them before
/// the server has it.
fn ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    let free = || {
        std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed))
            .take(1000)
            .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
            .expect("a port is free")
    };
    std::array::from_fn(|_| free())
}

fn pool(url: &str) -> Pool {
    let soon = Duration::from_secs(5);
    Pool::builder(url).unwrap().connect_timeout(soon).wait_timeout(soon).response_timeout(soon).build().unwrap()
}

/// Tries again until it works: a server takes a moment to come up.
async fn until_ready(pool: &Pool) {
    within(async {
        while let Err(error) = pool.ping().await {
            assert!(error.is_unavailable(), "{error:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Commands, a pipeline, a transaction and a script on keys of one slot.
async fn exercise(pool: &Pool) -> Result<(), Error> {
    let mut connection = pool.get().await?;
    driver::cmd("SET").arg("{t}a").arg("1").query_async::<()>(&mut connection).await?;
    let (a, b): (i64, i64) =
        driver::pipe().cmd("INCR").arg("{t}a").cmd("INCRBY").arg("{t}b").arg(5).query_async(&mut connection).await?;
    assert_eq!((a, b), (2, 5));
    let (a,): (i64,) = driver::pipe().atomic().cmd("INCR").arg("{t}a").query_async(&mut connection).await?;
    assert_eq!(a, 3);
    let script =
        driver::Script::new("return redis.call('GET', KEYS[1]) .. ':' .. redis.call('GET', KEYS[2]) .. ARGV[1]");
    for _ in 0..2 {
        let text: String = script.key("{t}a").key("{t}b").arg("!").invoke_async(&mut connection).await?;
        assert_eq!(text, "3:5!");
    }
    driver::cmd("DEL").arg("{t}a").arg("{t}b").query_async::<()>(&mut connection).await?;
    let error = driver::cmd("GET").query_async::<()>(&mut connection).await.map_err(Error::from).unwrap_err();
    assert!(!error.is_unavailable(), "a mistake of ours is no outage: {error:?}");
    Ok(())
}

#[tokio::test]
async fn one_server_with_password_and_database() {
    let folder = Folder::new();
    let [port, nobody] = ports();
    let _server = Redis::plain(&folder, port, &["--requirepass", "p@ss"]);
    let url = pool(&format!("redis://:p%40ss@127.0.0.1:{port}/2"));
    until_ready(&url).await;
    exercise(&url).await.unwrap();

    // A password that is handed over goes before that of the URL.
    let handed =
        Pool::builder(&format!("redis://:wrong@localhost:{port}/3")).unwrap().password("p@ss").build().unwrap();
    exercise(&handed).await.unwrap();
    let mut connection = handed.get().await.unwrap();
    driver::cmd("SET").arg("here").arg(3).query_async::<()>(&mut connection).await.unwrap();
    let mut other = url.get().await.unwrap();
    assert_eq!(driver::cmd("EXISTS").arg("here").query_async::<i64>(&mut other).await.unwrap(), 0);

    for wrong in [
        format!("redis://:wrong@127.0.0.1:{port}"),
        format!("redis://127.0.0.1:{port}"),
        format!("redis://who:p%40ss@127.0.0.1:{port}"),
        format!("redis://:p%40ss@127.0.0.1:{port}/9999"),
    ] {
        let error = within(pool(&wrong).ping()).await.unwrap_err();
        assert!(error.is_config() && !error.is_unavailable(), "{wrong}: {error:?}");
        assert!(!format!("{error:?}").contains("p@ss") && !format!("{error:?}").contains("p%40ss"));
    }
    let error = within(pool(&format!("redis://127.0.0.1:{nobody}")).ping()).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let builder = Pool::builder("redis://:hidden@h").unwrap().password("hidden");
    let shown = format!("{builder:?}");
    assert!(!format!("{shown} {:?}", builder.build().unwrap()).contains("hidden"));
}

#[tokio::test]
async fn pool_is_bounded_and_comes_back_after_a_restart() {
    let folder = Folder::new();
    let [port] = ports();
    let server = Redis::plain(&folder, port, &[]);
    let url = format!("redis://127.0.0.1:{port}");
    until_ready(&pool(&url)).await;
    let small = Pool::builder(&url)
        .unwrap()
        .size(1)
        .wait_timeout(Duration::from_millis(100))
        .connect_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let mut held = small.get().await.unwrap();
    let error = within(small.get()).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");

    drop(server);
    let error = driver::cmd("PING").query_async::<()>(&mut held).await.map_err(Error::from).unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    drop(held);
    assert!(within(small.ping()).await.unwrap_err().is_unavailable());

    let _server = Redis::plain(&folder, port, &[]);
    until_ready(&small).await;
    exercise(&small).await.unwrap();
    small.close();
    assert!(small.get().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn tls_with_a_ca_of_ours_and_with_a_stranger() {
    let folder = Folder::new();
    let authority = Authority::new();
    let (certificate, key) = authority.pem_pair(&["localhost"]);
    let (certificate, key) = (folder.write("cert.pem", &certificate), folder.write("key.pem", &key));
    let ca = folder.write("ca.pem", &authority.pem());
    let [port] = ports();
    let tls_port = port.to_string();
    let _server = Redis::plain(
        &folder,
        0,
        &[
            "--tls-port",
            &tls_port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
        ],
    );
    let build =
        |tls: Tls, host: &str| Pool::builder(&format!("rediss://{host}:{port}")).unwrap().tls(tls).build().unwrap();
    let trusted = build(Tls::with_ca_file(&ca).unwrap(), "localhost");
    until_ready(&trusted).await;
    exercise(&trusted).await.unwrap();
    for (what, pool) in [
        ("another authority", build(Authority::new().tls(), "localhost")),
        ("another name", build(authority.tls(), "127.0.0.1")),
    ] {
        let error = within(pool.ping()).await.unwrap_err();
        assert!(error.is_tls(), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn cluster_of_three() {
    let folder = Folder::new();
    let [a, b, c, bus_a, bus_b, bus_c] = ports();
    let _servers: Vec<Redis> = [(a, bus_a), (b, bus_b), (c, bus_c)]
        .into_iter()
        .map(|(port, bus)| {
            let (bus, nodes) = (bus.to_string(), format!("nodes-{port}.conf"));
            let more = ["--cluster-enabled", "yes", "--cluster-config-file", &nodes, "--cluster-port", &bus];
            Redis::plain(&folder, port, &more)
        })
        .collect();
    for (port, first, last) in [(a, 0, 5460), (b, 5461, 10922), (c, 10923, 16383)] {
        let node = pool(&format!("redis://127.0.0.1:{port}"));
        until_ready(&node).await;
        let mut connection = node.get().await.unwrap();
        driver::cmd("CLUSTER")
            .arg("ADDSLOTSRANGE")
            .arg(first)
            .arg(last)
            .query_async::<()>(&mut connection)
            .await
            .unwrap();
        driver::cmd("CLUSTER")
            .arg("MEET")
            .arg("127.0.0.1")
            .arg(a)
            .arg(bus_a)
            .query_async::<()>(&mut connection)
            .await
            .unwrap();
    }
    for port in [a, b, c] {
        let node = pool(&format!("redis://127.0.0.1:{port}"));
        let mut connection = node.get().await.unwrap();
        within(async {
            loop {
                let info: String = driver::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap();
                if info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3") {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }
    // Known by one node, by two, and by the plain scheme with several.
    for url in [
        format!("redis+cluster://127.0.0.1:{a}"),
        format!("redis+cluster://127.0.0.1:{b},127.0.0.1:{c}"),
        format!("redis://127.0.0.1:{a},127.0.0.1:{b}"),
    ] {
        let cluster = pool(&url);
        until_ready(&cluster).await;
        within(exercise(&cluster)).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        // Keys of every slot are found.
        let mut connection = cluster.get().await.unwrap();
        for key in 0..50 {
            driver::cmd("SET").arg(key).arg(key).query_async::<()>(&mut connection).await.unwrap();
            assert_eq!(driver::cmd("GET").arg(key).query_async::<i64>(&mut connection).await.unwrap(), key);
        }
    }
}

#[tokio::test]
async fn sentinel_names_the_master_and_an_old_master_is_not_used_again() {
    let folder = Folder::new();
    let [master, sentinel, other] = ports();
    let _master = Redis::plain(&folder, master, &["--requirepass", "secret", "--masterauth", "secret"]);
    let _other = Redis::plain(&folder, other, &[]);
    until_ready(&pool(&format!("redis://:secret@127.0.0.1:{master}"))).await;
    until_ready(&pool(&format!("redis://127.0.0.1:{other}"))).await;
    // A long time until it is called down: nothing but the test changes roles here.
    let config = folder.write(
        "sentinel.conf",
        &format!(
            "port {sentinel}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\nsentinel auth-pass main secret\n\
             sentinel down-after-milliseconds main 600000\n"
        ),
    );
    let _sentinel = Redis::start(&folder.0, &[&config, "--sentinel"]);
    let found = pool(&format!("redis+sentinel://:secret@127.0.0.1:{sentinel}/main/1"));
    until_ready(&found).await;
    exercise(&found).await.unwrap();
    let mut connection = found.get().await.unwrap();
    let port: Vec<String> = driver::cmd("CONFIG").arg("GET").arg("port").query_async(&mut connection).await.unwrap();
    assert_eq!(port[1], master.to_string());

    let unknown = pool(&format!("redis+sentinel://:secret@127.0.0.1:{sentinel}/unknown"));
    let error = within(unknown.ping()).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let wrong = pool(&format!("redis+sentinel://:wrong@127.0.0.1:{sentinel}/main"));
    let error = within(wrong.ping()).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");

    // The master becomes a replica. What was connected to it is not handed out any more.
    driver::cmd("REPLICAOF").arg("127.0.0.1").arg(other).query_async::<()>(&mut connection).await.unwrap();
    let write = driver::cmd("SET").arg("x").arg(1).query_async::<()>(&mut connection).await.map_err(Error::from);
    assert!(write.unwrap_err().is_unavailable(), "a replica takes no writes");
    drop(connection);
    assert!(within(found.ping()).await.unwrap_err().is_unavailable());
}
