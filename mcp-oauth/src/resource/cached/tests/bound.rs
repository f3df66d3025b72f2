//! The five seconds, counted out on a clock that only goes when the test lets it: whenever a token is revoked, and however
//! slowly the issuer answers.

use std::cell::OnceCell;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use mcp_transport::exchange::Exchange;
use mcp_transport::handler::{Handler, Outcome};
use mcp_transport::http::{HttpConfig, McpService};
use mcp_transport::jsonrpc;
use mcp_transport::protocol::Revisions;
use tokio::time::{Instant, sleep, timeout};
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::*;
use crate::resource::Protection;
use crate::resource::options::TICK;
use crate::resource::remote_issuer::ASKING;

/// The time of the test. Guards and services take a function for a clock, and each test has a thread of its own.
fn passed() -> SystemTime {
    thread_local! {
        static BEGUN: OnceCell<Instant> = const { OnceCell::new() };
    }
    at(0) + BEGUN.with(|begun| begun.get_or_init(Instant::now).elapsed())
}

#[derive(Debug)]
struct Passed;

impl crate::types::Clock for Passed {
    fn now(&self) -> Timestamp {
        passed().into()
    }
}

/// How long the issuer may take: at once, a while, and as long as it is waited for.
const ANSWERS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(700), Duration::from_millis(1300), Duration::from_millis(1999)];

/// When the token is revoked, in milliseconds from its first use: all over a few rounds.
fn moments() -> impl Iterator<Item = u64> {
    (0..6_000).step_by(130)
}

fn asked_by_the_clock() -> Asked {
    assert!(ANSWERS.iter().all(|answer| *answer < ASKING));
    Asked::with(VerifierOptions::new().clock(Arc::new(Passed)))
}

/// Lets the refusal, and everything that is on its way, be forgotten.
async fn forget(asked: &Asked) {
    sleep(Duration::from_secs(90)).await;
    asked.judge.set(World::Good);
}

#[tokio::test(start_paused = true)]
async fn attack_075_a_principal_ends_in_time_for_what_looks_at_it_each_second() {
    let asked = asked_by_the_clock();
    for takes in ANSWERS {
        asked.judge.takes(takes);
        for revoked_at in moments() {
            let stream = asked.now("ada").await.unwrap();
            sleep(Duration::from_millis(revoked_at)).await;
            assert!(!stream.liveness().is_revoked());
            asked.judge.set(World::Revoked);
            let revoked = Instant::now();
            while !stream.liveness().is_revoked() {
                sleep(Duration::from_millis(5)).await;
                let late = revoked.elapsed();
                assert!(late <= REVOCATION_BOUND - TICK, "revoked at {revoked_at}, asked in {takes:?}: {late:?}");
            }
            drop(stream);
            forget(&asked).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn attack_075_a_request_is_refused_within_the_bound() {
    let asked = asked_by_the_clock();
    for takes in ANSWERS {
        asked.judge.takes(takes);
        for revoked_at in moments() {
            asked.now("ada").await.unwrap();
            sleep(Duration::from_millis(revoked_at)).await;
            // The last request that a busy client sends before.
            asked.now("ada").await.unwrap();
            asked.judge.set(World::Revoked);
            let revoked = Instant::now();
            while asked.now("ada").await.is_ok() {
                let late = revoked.elapsed();
                assert!(late <= REVOCATION_BOUND, "revoked at {revoked_at}, asked in {takes:?}: {late:?}");
                sleep(Duration::from_millis(5)).await;
            }
            forget(&asked).await;
        }
    }
}

/// Far more streams than are asked about at a time, at an issuer that lets each question wait.
#[tokio::test(start_paused = true)]
async fn no_stream_outlives_the_patience_however_many_there_are() {
    let asked = asked_by_the_clock();
    let limits = CacheLimits::default();
    let mut streams = Vec::new();
    for number in 0..limits.at_once.get() * 50 {
        streams.push(asked.now(&format!("user-{number}")).await.unwrap());
    }
    asked.judge.takes(Duration::from_millis(1999));
    asked.judge.set(World::Down);
    let ended = || streams.iter().filter(|stream| stream.liveness().is_revoked()).count();
    sleep(limits.patience - TICK).await;
    assert_eq!(ended(), 0);
    sleep(TICK * 3).await;
    assert_eq!(ended(), streams.len());
}

/// Never answers.
#[derive(Debug)]
struct Waits;

#[async_trait]
impl Handler for Waits {
    fn revisions(&self) -> Revisions {
        Revisions::all()
    }

    async fn call(self: Arc<Self>, _: Exchange, _: jsonrpc::Request) -> Outcome {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn attack_075_a_call_that_is_open_ends_within_the_bound() {
    let asked = asked_by_the_clock();
    let mut config = HttpConfig::default();
    config.clock = passed;
    let protection =
        Protection::with_verifier(resource("https://h.example/mcp-a").into(), Arc::new(asked.cached.clone())).unwrap();
    let mut guarded = protection.guard().clock(passed).layer(McpService::with_config(Arc::new(Waits), config));
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"wait","params":{{"_meta":{meta}}}}}"#);
    // The task that asks and the one that ends what is open go each by seconds of their own.
    for (takes, apart) in ANSWERS.into_iter().flat_map(|takes| [0, 300, 999].map(|apart| (takes, apart))) {
        asked.judge.takes(takes);
        for revoked_at in moments() {
            let watched = asked.now("eve").await.unwrap();
            sleep(Duration::from_millis(apart)).await;
            let request = Request::post("/mcp")
                .header("host", "localhost")
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-method", "wait")
                .header("authorization", "Bearer ada")
                .body(Full::new(Bytes::from(body.clone())))
                .unwrap();
            let mut open = std::pin::pin!(guarded.call(request));
            let before = timeout(Duration::from_millis(revoked_at), &mut open).await;
            assert!(before.is_err(), "{:?}", before.map(|answer| answer.unwrap().status()));
            asked.judge.set(World::Revoked);
            let over = timeout(REVOCATION_BOUND, open).await;
            assert!(over.is_ok(), "revoked at {revoked_at}, asked in {takes:?}, {apart} apart: it goes on");
            drop(watched);
            forget(&asked).await;
        }
    }
}
