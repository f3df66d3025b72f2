//! The server looks after itself: what takes long holds up nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcp_oauth::jose::Algorithm;
use mcp_oauth::store::{KeyStore, Maintenance, Published, Revised, StoreError, Stores};
use mcp_oauth::types::{Client, ClientAuthMethod, ClientMetadata, ClientSource, Timestamp};
use mcp_transport::auth::ClientId;

use crate::support::{Bed, Keeper, START, log};

/// What becomes of a sweep.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    /// It is never answered.
    Unanswered,
    /// There is always more.
    Endless,
}

/// More sweeps than any server makes in a round. What sweeps on and on ends here, and not with the test.
const TOO_MANY: u64 = 1_000_000;

/// A store that does not answer.
struct Mute {
    inner: Stores,
    keys: AtomicBool,
    sweep: Sweep,
    sweeps: AtomicU64,
}

impl Mute {
    fn over(inner: Stores, sweep: Sweep) -> Arc<Self> {
        Arc::new(Self { inner, keys: AtomicBool::new(false), sweep, sweeps: AtomicU64::new(0) })
    }

    fn sweeps(&self) -> u64 {
        self.sweeps.load(Ordering::SeqCst)
    }

    async fn answer(&self) {
        if self.keys.load(Ordering::SeqCst) {
            std::future::pending().await
        }
    }
}

#[async_trait]
impl KeyStore for Mute {
    async fn load(&self) -> Result<Option<Revised>, StoreError> {
        self.answer().await;
        self.inner.keys.load().await
    }

    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
        self.answer().await;
        self.inner.keys.publish(expected, document).await
    }
}

#[async_trait]
impl Maintenance for Mute {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sweep(&self, _: Timestamp, _: u32) -> Result<u32, StoreError> {
        let before = self.sweeps.fetch_add(1, Ordering::SeqCst);
        match self.sweep {
            Sweep::Endless if before < TOO_MANY => Ok(1),
            Sweep::Endless | Sweep::Unanswered => std::future::pending().await,
        }
    }
}

/// A server whose signing key lives an hour and whose store is never done with a sweep; it looks after itself.
async fn bed(sweep: Sweep) -> (Bed, Arc<Mute>) {
    let keeper = Keeper::memory();
    let mut stores = keeper.open().await;
    let mute = Mute::over(stores.clone(), sweep);
    stores.keys = Arc::clone(&mute) as _;
    stores.maintenance = vec![Arc::clone(&mute) as _];
    let hour = Some(Duration::from_secs(3600));
    let bed = Bed::with(keeper, |builder| builder.stores(stores).rotate_after(hour)).await;
    let server = bed.server.clone();
    tokio::spawn(async move { server.maintain().await });
    (bed, mute)
}

/// Lets half a minute pass, for the server and for its loops.
async fn half_a_minute(bed: &Bed) {
    bed.advance(30);
    tokio::time::sleep(Duration::from_secs(30)).await;
    // The loops wake at the same moment as this, and in their own order.
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The ids of the keys that are to sign, and that do.
fn keys(bed: &Bed) -> (Option<String>, String) {
    let keys = bed.server.keys();
    let id = |record: &mcp_oauth::jose::KeyRecord| record.key().key_id().to_owned();
    (keys.next(Algorithm::Es256).map(id), id(keys.active(Algorithm::Es256).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn keys_change_in_time_while_a_sweep_has_no_end() {
    let (bed, mute) = bed(Sweep::Unanswered).await;
    let (none, first) = keys(&bed);
    assert_eq!(none, None);
    // Published so long before it signs that every verifier knows it: 420 seconds.
    while bed.now().since(START).as_secs() < 3180 {
        assert_eq!(keys(&bed), (None, first.clone()), "at {:?}", bed.now());
        half_a_minute(&bed).await;
    }
    let (second, active) = keys(&bed);
    assert!(second.is_some() && active == first);
    while bed.now().since(START).as_secs() < 3600 {
        assert_eq!(keys(&bed), (second.clone(), first.clone()), "at {:?}", bed.now());
        half_a_minute(&bed).await;
    }
    assert_eq!(keys(&bed), (None, second.unwrap()));
    assert!(mute.sweeps() > 1, "a sweep that was never answered was the last one");
}

#[tokio::test(start_paused = true)]
async fn keys_change_after_a_call_that_was_never_answered() {
    let (bed, mute) = bed(Sweep::Unanswered).await;
    half_a_minute(&bed).await;
    mute.keys.store(true, Ordering::SeqCst);
    bed.advance(3600);
    half_a_minute(&bed).await;
    mute.keys.store(false, Ordering::SeqCst);
    assert_eq!(keys(&bed).0, None);
    half_a_minute(&bed).await;
    half_a_minute(&bed).await;
    assert!(keys(&bed).0.is_some());
}

/// How often the log says that nobody looks after the server, when it is asked before and after its first five minutes.
async fn complaints(bed: &Bed) -> [usize; 2] {
    const METADATA: &str = "/.well-known/oauth-authorization-server";
    log::listen();
    bed.advance(299);
    bed.get(METADATA).await;
    let complaints = |heard: String| heard.matches("nobody looks after").count();
    let before = complaints(log::heard());
    log::listen();
    for _ in 0..3 {
        bed.advance(1);
        bed.get(METADATA).await;
    }
    [before, complaints(log::heard())]
}

#[tokio::test(start_paused = true)]
async fn who_forgets_to_look_after_the_server_is_told_once() {
    assert_eq!(complaints(&Bed::new(Keeper::memory()).await).await, [0, 1]);
    let bed = Bed::new(Keeper::memory()).await;
    let server = bed.server.clone();
    tokio::spawn(async move { server.maintain().await });
    tokio::task::yield_now().await;
    assert_eq!(complaints(&bed).await, [0, 0]);
    // Who does it by parts does it too.
    let bed = Bed::new(Keeper::memory()).await;
    bed.server.tend_keys().await.unwrap();
    assert_eq!(complaints(&bed).await, [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_always_finds_more_ends_and_begins_again() {
    let (bed, mute) = bed(Sweep::Endless).await;
    half_a_minute(&bed).await;
    let round = mute.sweeps();
    assert!(round < TOO_MANY, "it has no end");
    half_a_minute(&bed).await;
    assert!(mute.sweeps() > round, "it was the last one");
}

#[tokio::test(start_paused = true)]
async fn unused_clients_go_whatever_becomes_of_the_sweeps() {
    for sweep in [Sweep::Unanswered, Sweep::Endless] {
        let (bed, _) = bed(sweep).await;
        // More than are looked at in a step.
        for number in 0..250 {
            let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["https://app.example/cb".parse().unwrap()]);
            let id = ClientId::parse(&format!("client-{number}")).unwrap();
            bed.add(Client::new(id, ClientSource::Registered, metadata, bed.now())).await;
        }
        bed.advance(2 * 24 * 3600);
        // The next look at the clients is an hour after the first, and begins when the sweep before it has ended.
        for _ in 0..20 {
            half_a_minute(&bed).await;
        }
        assert_eq!(bed.clients().await, 0);
    }
}
