use std::num::NonZeroUsize;
use std::sync::Mutex;

use http::{Method, Uri};
use mcp_transport::auth::{DpopPolicy, Issuer, JwkThumbprint, ProtectedResource, ResourceId};
use tokio::sync::Notify;

use super::*;
use crate::resource::judge::UNAVAILABLE;
use crate::resource::options::{CacheLimits, REVOCATION_BOUND};
use crate::resource::proofs::Proofs;
use crate::types::{ManualClock, Timestamp};

mod bound;
mod fake;

use fake::{Shared, World};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + millis)
}

fn resource(id: &str) -> ProtectedResource {
    ProtectedResource::builder(ResourceId::parse(id).unwrap())
        .authorization_server(Issuer::parse("https://as.example").unwrap())
        .dpop(DpopPolicy::Accepted, ["ES256"])
        .build()
        .unwrap()
}

struct Asked {
    cached: Cached<Shared>,
    judge: Shared,
    resource: ProtectedResource,
}

impl Asked {
    fn with(options: VerifierOptions) -> Self {
        let judge = Shared::new();
        Self { cached: Cached::new(judge.clone(), options), judge, resource: resource("https://h.example/mcp-a") }
    }

    fn new() -> Self {
        Self::with(still())
    }

    async fn at(&self, token: &str, millis: u64) -> Result<Arc<Principal>, Rejection> {
        self.of(&self.resource, Scheme::Bearer, token, millis).await
    }

    /// At the time that it is.
    async fn now(&self, token: &str) -> Result<Arc<Principal>, Rejection> {
        self.at(token, gone(self)).await
    }

    async fn of(
        &self,
        resource: &ProtectedResource,
        scheme: Scheme,
        token: &str,
        millis: u64,
    ) -> Result<Arc<Principal>, Rejection> {
        let uri = Uri::from_static("/mcp");
        let mut presented = Presented::new(scheme, token, resource, &Method::POST, &uri, at(millis));
        if scheme == Scheme::Dpop {
            presented = presented.with_dpop("proof");
        }
        self.cached.verify(presented).await
    }
}

/// Nothing happens between requests but what the test wants.
fn still() -> VerifierOptions {
    VerifierOptions::new().clock(Arc::new(ManualClock::at(at(0).into())))
}

fn limits(tokens: usize, refused: usize) -> VerifierOptions {
    let number = |value| NonZeroUsize::new(value).unwrap();
    still().limits(CacheLimits {
        tokens: number(tokens),
        refused: number(refused),
        at_once: number(8),
        ..CacheLimits::default()
    })
}

#[tokio::test]
async fn a_verdict_serves_until_it_has_to_be_asked_again() {
    let asked = Asked::new();
    let first = asked.at("ada", 0).await.unwrap();
    let second = asked.at("ada", 2_999).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(asked.judge.counts(), (1, 0));
    let third = asked.at("ada", 3_000).await.unwrap();
    assert!(Arc::ptr_eq(&first, &third), "streams and sessions keep their principal");
    assert_eq!(asked.judge.counts(), (1, 1));
    asked.at("ada", 5_999).await.unwrap();
    assert_eq!(asked.judge.counts(), (1, 1));
}

#[tokio::test]
async fn attack_075_a_revoked_token_is_refused_within_the_bound() {
    let asked = Asked::new();
    let principal = asked.at("ada", 0).await.unwrap();
    asked.judge.set(World::Revoked);
    assert!(FRESH < REVOCATION_BOUND);
    assert_eq!(asked.at("ada", 3_000).await.unwrap_err(), Rejection::Revoked);
    assert!(principal.liveness().is_revoked());
    // From memory, then by judging anew.
    assert_eq!(asked.at("ada", 3_001).await.unwrap_err(), Rejection::Revoked);
    assert_eq!(asked.judge.counts(), (1, 1));
    assert_eq!(asked.at("ada", 9_000).await.unwrap_err(), Rejection::Revoked);
}

#[tokio::test(start_paused = true)]
async fn attack_075_a_stream_sees_the_revocation_though_no_request_comes() {
    /// The time that tests let pass.
    #[derive(Debug)]
    struct Passed(tokio::time::Instant);
    impl crate::types::Clock for Passed {
        fn now(&self) -> Timestamp {
            Timestamp::from(at(0)).after(self.0.elapsed())
        }
    }
    let clock = Arc::new(Passed(tokio::time::Instant::now()));
    let asked = Asked::with(VerifierOptions::new().clock(clock));
    for revoked_at in [0, 700, 1_999, 2_000, 2_500, 3_999] {
        asked.judge.set(World::Good);
        let stream = asked.at("ada", gone(&asked)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(revoked_at)).await;
        assert!(!stream.liveness().is_revoked());
        asked.judge.set(World::Revoked);
        let revoked = tokio::time::Instant::now();
        while !stream.liveness().is_revoked() {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(revoked.elapsed() < Duration::from_secs(4), "{revoked_at}");
        }
        drop(stream);
        // The refusal is forgotten.
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// Milliseconds that the test's clock has gone.
fn gone(asked: &Asked) -> u64 {
    let now: SystemTime = asked.cached.0.options.clock.now().into();
    now.duration_since(at(0)).unwrap().as_millis().try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn nobody_watches_for_nothing() {
    let clock = Arc::new(ManualClock::at(at(0).into()));
    let options = VerifierOptions::new().clock(Arc::clone(&clock) as _);
    let asked = Asked::with(options);
    let stream = asked.at("ada", 0).await.unwrap();
    assert!(asked.cached.0.watching.load(Ordering::SeqCst));
    drop(stream);
    // Not in use and idle for a minute: forgotten, and the task ends.
    clock.advance(Duration::from_secs(60));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(asked.cached.verdicts().sizes().0, 0);
    assert!(!asked.cached.0.watching.load(Ordering::SeqCst));
    // It begins again with the next token, and ends with its verifier.
    let _stream = asked.at("ada", 60_000).await.unwrap();
    assert!(asked.cached.0.watching.load(Ordering::SeqCst));
    let inner = Arc::downgrade(&asked.cached.0);
    drop(asked);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(inner.upgrade().is_none());
}

#[tokio::test]
async fn what_is_in_use_is_asked_about_and_nothing_else() {
    let asked = Asked::with(limits(1000, 10));
    // Nobody looks but the test.
    asked.cached.0.watching.store(true, Ordering::SeqCst);
    let mut streams = Vec::new();
    for number in 0..100 {
        let principal = asked.at(&format!("user-{number}"), 0).await.unwrap();
        if number % 2 == 0 {
            streams.push(principal);
        }
    }
    asked.cached.sweep(at(999)).await;
    assert_eq!(asked.judge.counts().1, 0);
    asked.cached.sweep(at(1_000)).await;
    assert_eq!(asked.judge.counts().1, 50);
    // No more at a time than the limit, and no fewer.
    assert_eq!(asked.judge.0.most_at_once.load(Ordering::SeqCst), 8);
    // A request in the meantime need not ask.
    asked.at("user-0", 3_900).await.unwrap();
    assert_eq!(asked.judge.counts(), (100, 50));
    asked.judge.set(World::Revoked);
    asked.cached.sweep(at(4_000)).await;
    assert!(streams.iter().all(|principal| principal.liveness().is_revoked()));
    assert_eq!(asked.cached.verdicts().sizes().0, 50);
}

#[tokio::test]
async fn a_token_that_says_something_else_is_judged_anew() {
    let asked = Asked::new();
    let old = asked.at("ada", 0).await.unwrap();
    asked.judge.set(World::Changed);
    let new = asked.at("ada", 3_000).await.unwrap();
    assert!(old.liveness().is_revoked() && !new.liveness().is_revoked());
    assert_eq!(asked.judge.counts(), (2, 1));
}

#[tokio::test]
async fn that_nobody_could_be_asked_is_never_remembered() {
    let asked = Asked::new();
    asked.judge.set(World::Down);
    for _ in 0..3 {
        assert_eq!(asked.at("ada", 0).await.unwrap_err(), UNAVAILABLE);
    }
    assert_eq!(asked.judge.counts(), (3, 0));
    asked.judge.set(World::Good);
    let stream = asked.at("ada", 0).await.unwrap();
    asked.judge.set(World::Down);
    // A verdict that is too old is not stretched.
    assert_eq!(asked.at("ada", 3_000).await.unwrap_err(), UNAVAILABLE);
    assert!(!stream.liveness().is_revoked(), "an outage is no revocation");
    asked.judge.set(World::Good);
    assert!(Arc::ptr_eq(&asked.at("ada", 3_001).await.unwrap(), &stream));
    // But a stream does not outlast it for long.
    asked.judge.set(World::Down);
    asked.cached.sweep(at(3_001 + 59_999)).await;
    assert!(!stream.liveness().is_revoked());
    asked.cached.sweep(at(3_001 + 60_000)).await;
    assert!(stream.liveness().is_revoked());
}

#[tokio::test]
async fn a_flood_of_one_bad_token_is_judged_once() {
    let asked = Asked::new();
    asked.judge.set(World::Revoked);
    for millis in 0..500 {
        assert_eq!(asked.at("mallory", millis).await.unwrap_err(), Rejection::Revoked);
    }
    assert_eq!(asked.judge.counts(), (1, 0));
    assert_eq!(asked.at("mallory", 2_000).await.unwrap_err(), Rejection::Revoked);
    assert_eq!(asked.judge.counts(), (2, 0));
}

#[tokio::test]
async fn attack_064_a_verdict_for_one_resource_is_none_for_another() {
    let asked = Asked::new();
    asked.at("ada", 0).await.unwrap();
    for other in ["https://h.example/mcp-b", "https://h.example/mcp", "https://h.example/mcp-a/"] {
        let judged = asked.judge.counts().0;
        asked.of(&resource(other), Scheme::Bearer, "ada", 1).await.unwrap();
        assert_eq!(asked.judge.counts().0, judged + 1, "{other}");
    }
    assert_eq!(asked.cached.verdicts().sizes().0, 4);
}

/// Proofs of one key, which is whatever the test says.
#[derive(Debug)]
struct OneKey(Mutex<String>);

#[async_trait]
impl Proofs for OneKey {
    async fn judge(&self, presented: &Presented<'_>, bound_to: &JwkThumbprint) -> Result<(), Rejection> {
        assert_eq!(presented.dpop, Some("proof"));
        if *self.0.lock().unwrap() == bound_to.as_str() { Ok(()) } else { Err(Rejection::invalid_dpop_proof("key")) }
    }
}

#[tokio::test]
async fn a_bound_token_needs_the_proof_of_its_key_at_every_request() {
    let (key, other) = ("a".repeat(43), "b".repeat(43));
    let proofs = Arc::new(OneKey(Mutex::new(key.clone())));
    let asked = Asked::with(still().proofs(Arc::clone(&proofs) as _));
    let dpop = async |token: &str| asked.of(&asked.resource, Scheme::Dpop, token, 0).await;
    assert!(dpop(&key).await.is_ok() && dpop(&key).await.is_ok());
    assert_eq!(asked.judge.counts(), (1, 0));
    // The verdict is remembered, the proof is not.
    proofs.0.lock().unwrap().clone_from(&other);
    assert_eq!(dpop(&key).await.unwrap_err(), Rejection::invalid_dpop_proof("key"));
    // RFC 9449 7.2: a bound token is no bearer token, and the other way round.
    assert!(matches!(asked.at(&key, 0).await.unwrap_err(), Rejection::Invalid { .. }));
    assert!(matches!(dpop("ada").await.unwrap_err(), Rejection::Invalid { .. }));
    // Where nobody judges proofs, none is good.
    let asked = Asked::new();
    let refused = asked.of(&asked.resource, Scheme::Dpop, &key, 0).await.unwrap_err();
    assert!(matches!(refused, Rejection::InvalidDpopProof { .. }));
}

#[tokio::test]
async fn requests_that_come_together_wait_for_one_verdict() {
    let asked = Asked::new();
    let gate = Arc::new(Notify::new());
    *asked.judge.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let mut first = Box::pin(asked.at("ada", 0));
    let waker = std::task::Waker::noop();
    assert!(first.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    let others = futures_util::future::join_all((0..20).map(|_| asked.at("ada", 0)));
    let open = async {
        // The one who judged goes away: the next in line judges.
        drop(first);
        tokio::task::yield_now().await;
        gate.notify_one();
    };
    let (others, ()) = futures_util::future::join(others, open).await;
    let principal = others[0].clone().unwrap();
    assert!(others.iter().all(|other| Arc::ptr_eq(other.as_ref().unwrap(), &principal)));
    assert_eq!(asked.judge.counts(), (2, 0));
    assert_eq!(asked.cached.verdicts().sizes(), (1, 0, 0), "no flight is left behind");
}

#[tokio::test]
async fn an_expired_token_is_refused_from_memory_too() {
    let asked = Asked::new();
    asked.at("ada.2", 0).await.unwrap();
    asked.at("ada.2", 1_999).await.unwrap();
    assert_eq!(asked.at("ada.2", 2_000).await.unwrap_err(), Rejection::Expired);
    assert_eq!(asked.at("ada.0", 0).await.unwrap_err(), Rejection::Expired);
}

#[tokio::test]
async fn memory_is_bounded_whatever_comes() {
    let asked = Asked::with(limits(64, 64));
    for number in 0..5_000 {
        asked.at(&format!("user-{number}"), 0).await.unwrap();
    }
    asked.judge.set(World::Revoked);
    for number in 0..5_000 {
        asked.at(&format!("bad-{number}"), 0).await.unwrap_err();
    }
    let (good, refused, flights) = asked.cached.verdicts().sizes();
    assert!((32..=64).contains(&good) && (32..=64).contains(&refused), "{good} {refused}");
    assert_eq!(flights, 0);
    // A flood of bad tokens drives out no good one.
    assert_eq!(asked.judge.counts(), (10_000, 0));
}

#[tokio::test]
async fn where_all_are_in_use_a_further_one_ends_soon() {
    let asked = Asked::with(limits(1, 1));
    let held = asked.at("ada", 0).await.unwrap();
    let other = asked.at("bob", 0).await.unwrap();
    assert_eq!(other.expires_at(), Some(at(0) + FRESH));
    assert_eq!((held.expires_at(), other.subject().as_str()), (Some(at(3_600_000)), "bob"));
    drop(held);
    assert_eq!(asked.at("bob", 0).await.unwrap().expires_at(), Some(at(3_600_000)));
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_verdict_last() {
    let asked = Asked::new();
    asked.at("ada", 3_600_000).await.unwrap();
    asked.judge.set(World::Revoked);
    assert_eq!(asked.at("ada", 0).await.unwrap_err(), Rejection::Revoked);
}

#[tokio::test]
async fn a_token_longer_than_any_is_not_even_digested() {
    let asked = Asked::new();
    let long = "a".repeat(LONGEST_TOKEN + 1);
    assert_eq!(asked.at(&long, 0).await.unwrap_err(), Rejection::invalid("too large"));
    assert_eq!(asked.judge.counts(), (0, 0));
    assert_eq!(asked.cached.verdicts().sizes(), (0, 0, 0));
}
