//! A process of its own, whose every thread logs everything to standard error: other tests run beside this one, and a log
//! that is of one thread would not show what is written on others.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::Arc;

use mcp_oauth::store::redis::{RedisOptions, RedisStore};
use mcp_oauth::types::{ClientAuthMethod, Secret};
use scripted_browser::secrets::{Kind, Secrets};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::DAEMON;
use super::sockets::over_sockets;
use super::ways::{Walker, all_ways};
use crate::support::{Bed, Fault, Keeper, Tokens, Watch, confidential};

/// Tells the process where to keep things: `memory`, `embedded`, or the URL of a Redis.
const STORE: &str = "MCP_OAUTH_LOGGED_STORE";
/// And where it writes down what is secret.
const SECRETS: &str = "MCP_OAUTH_LOGGED_SECRETS";

const STORE_PASSWORD: &str = "a-password-of-the-store-3d9e";

/// What other crates log without `tracing`: a program may bring the two together.
struct Others;

impl log::Log for Others {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{} {}: {}", record.level(), record.target(), record.args());
    }

    fn flush(&self) {}
}

/// Runs that process to its end; gives what is secret, and all that it has written.
pub(crate) fn process(store: &str) -> (Secrets, String) {
    let file = std::env::temp_dir().join(format!("mcp-oauth-{}", Secret::random("").unwrap().expose()));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secrets::logged::everything_is_logged", "--ignored", "--nocapture"])
        .env(STORE, store)
        .env(SECRETS, &file)
        .output()
        .unwrap();
    let written = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success() && written.contains("1 passed"), "{written}");
    let secrets = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::remove_file(file).unwrap();
    (secrets, written)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "the tests beside this one run it as a process of its own"]
async fn everything_is_logged() {
    let (store, file) = (std::env::var(STORE).unwrap(), std::env::var(SECRETS).unwrap());
    log::set_boxed_logger(Box::new(Others)).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_thread_names(true)
        .with_ansi(false)
        .with_writer(io::stderr)
        .init();
    let keeper = || match store.as_str() {
        "memory" => Keeper::memory(),
        "embedded" => Keeper::embedded(),
        url => Keeper::Redis { url: url.to_owned(), prefix: Secret::random("logged-").unwrap().expose().to_owned() },
    };
    let bed = Bed::new(keeper()).await;
    bed.add(confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"])).await;
    let mut secrets = all_ways(&bed).await;
    // What embedders may show of it.
    tracing::trace!(server = ?bed.server, stores = ?bed.stores, service = ?bed.service(), keys = ?bed.server.keys());
    secrets.extend(&over_sockets().await);
    secrets.extend(&faults(keeper()).await);
    unusable(&store, &mut secrets).await;
    fs::write(file, serde_json::to_string(&secrets).unwrap()).unwrap();
}

/// A store that fails, before it has done something and after.
async fn faults(keeper: Keeper) -> Secrets {
    let watch = Watch::over(keeper.open().await);
    let bed = Bed::with(keeper, |builder| builder.stores(watch.stores())).await;
    let mut walker = Walker::new(&bed);
    let app = walker.app().await;
    for number in 0..4 {
        let code = walker.code(&app).await;
        let tokens = Tokens::of(&walker.redeem(&app, &code).await);
        let code = walker.code(&app).await;
        for fault in [Fault::Before, Fault::After] {
            watch.begin(Some((number, fault)));
            walker.redeem(&app, &code).await;
            watch.begin(Some((number, fault)));
            walker.refresh(&app, &tokens.refresh).await;
            watch.begin(Some((number, fault)));
            walker.post("/revoke", &[], &[("client_id", &app.id), ("token", &tokens.access)]).await;
        }
        watch.begin(None);
    }
    walker.secrets
}

/// A Redis that does not know the password, and one that is not there.
async fn unusable(store: &str, secrets: &mut Secrets) {
    if !store.starts_with("redis") {
        return;
    }
    secrets.add(Kind::StorePassword, STORE_PASSWORD);
    for url in [store, "redis://127.0.0.1:1"] {
        let url = url.replace("://", &format!("://somebody:{STORE_PASSWORD}@"));
        let store = RedisStore::open(&url, &RedisOptions::default()).unwrap();
        tracing::trace!(?store);
        let fault = mcp_oauth::store::KeyStore::load(&store).await.unwrap_err();
        tracing::trace!(?fault, "{fault}");
        let bed = Bed::new(Keeper::memory()).await;
        let builder = bed.builder_again().await.stores(mcp_oauth::store::Stores::all_in(&Arc::new(store)));
        tracing::trace!(?builder);
        let fault = builder.build().await.map(|_| ()).unwrap_err();
        tracing::trace!(?fault, "{fault}");
    }
}
