//! Keys that change while clients are at work on two nodes: check 105. Nobody is refused anything, and nobody notices.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use mcp_oauth::jose::{AccessTokenPolicy, Limits, Unverified, VerifyingKeys};
use mcp_oauth::server::{AuthorizationServer, Lifetimes};
use mcp_oauth::types::token::RefreshToken;
use mcp_oauth::types::{Clock as _, ManualClock, Timestamp};
use mcp_transport::auth::{Issuer, ResourceId};
use tokio::sync::{Notify, RwLock};
use tokio::task::JoinSet;

use crate::support::{
    App, Bed, Browser, FORM, ISSUER, Keeper, READER, RESOURCE, Reply, Tokens, basic, encode, on_every_store_at_once,
    request, send_to,
};

const DAY: u64 = 24 * 3600;
/// How many clients are at work.
const CLIENTS: usize = 6;
/// How long a step takes, in seconds: as long as a round of a node.
const STEP: u64 = 30;
/// How much is done in each, by all.
const WORK: u64 = 3;
/// How many steps there are.
const STEPS: u64 = 130;
/// How long an access token lives, and a signing key.
const TOKEN: u64 = 600;
const KEY: u64 = 900;
/// How long a resource server keeps the JWKS: `max-age`, and for the minute in which it fetches the next.
const KEPT: u64 = 360;

/// Two nodes, and what is seen of them.
struct Site {
    nodes: [AuthorizationServer; 2],
    clock: Arc<ManualClock>,
    app: App,
    /// Time goes on between what the clients do, and not meanwhile.
    time: RwLock<()>,
    work: AtomicU64,
    worked: Notify,
    over: AtomicBool,
}

impl Site {
    fn node(&self, number: usize) -> &AuthorizationServer {
        &self.nodes[number % 2]
    }

    async fn post(&self, node: usize, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
        let headers: Vec<_> = [FORM].iter().chain(headers).copied().collect();
        send_to(self.node(node), request(Method::POST, path, &headers, &encode(form))).await
    }

    /// A sign-in at one node, whose code is redeemed at the other.
    async fn tokens(&self, node: usize) -> Tokens {
        let answer = Browser::default().approve(self.node(node), &self.app.link(), "ada").await;
        let code = answer.redirected("code").unwrap_or_else(|| panic!("no code: {answer:?}"));
        Tokens::of(&self.post(node + 1, "/token", &[], &self.app.redemption(&code)).await)
    }

    async fn refresh(&self, node: usize, token: &str) -> Tokens {
        let form = [("grant_type", "refresh_token"), ("client_id", self.app.id.as_str()), ("refresh_token", token)];
        Tokens::of(&self.post(node, "/token", &[], &form).await)
    }

    async fn is_active(&self, node: usize, token: &str) -> bool {
        let reply = self.post(node, "/introspect", &[("authorization", &basic(READER))], &[("token", token)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["active"].as_bool().unwrap()
    }

    async fn jwks(&self, node: usize) -> VerifyingKeys {
        let reply = send_to(self.node(node), request(Method::GET, "/jwks", &[], "")).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "public, max-age=300"));
        VerifyingKeys::from_jwks(reply.text).unwrap()
    }

    /// As long as nothing else moves the time.
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Judges a token as a resource server does that has these keys.
#[track_caller]
fn assert_verifies(token: &str, keys: &VerifyingKeys, now: Timestamp) {
    let policy = AccessTokenPolicy::for_resource(Issuer::parse(ISSUER).unwrap(), ResourceId::parse(RESOURCE).unwrap());
    if let Err(error) = policy.verify(token, keys, now.into()) {
        panic!("{error:?} at {now:?}");
    }
}

/// What one client saw: the signing keys of its tokens.
async fn client(site: Arc<Site>, number: usize) -> HashSet<String> {
    let mut signers = HashSet::new();
    let mut newest = {
        let _still = site.time.read().await;
        site.tokens(number).await
    };
    let mut tokens: VecDeque<(Timestamp, String)> = VecDeque::new();
    // A resource server of its own, which asks one node and then the other.
    let mut kept: Option<(Timestamp, VerifyingKeys)> = None;
    for turn in number.. {
        if site.over.load(Ordering::SeqCst) {
            break;
        }
        let _still = site.time.read().await;
        let now = site.now();
        newest = if turn % 7 == 0 { site.tokens(turn).await } else { site.refresh(turn, &newest.refresh).await };
        let signed = Unverified::parse(&newest.access, &Limits::default()).unwrap();
        signers.insert(signed.header().key_id().unwrap().to_owned());
        for node in 0..2 {
            // At the very moment, at each node, and whoever has it kept.
            assert_verifies(&newest.access, &site.jwks(node).await, now);
            assert!(site.is_active(node, &newest.access).await);
        }
        if kept.as_ref().is_none_or(|(since, _)| now.since(*since).as_secs() >= KEPT) {
            kept = Some((now, site.jwks(turn / 2).await));
        }
        let (_, keys) = kept.as_ref().unwrap();
        tokens.push_back((now.after(Duration::from_secs(TOKEN)), newest.access.clone()));
        while tokens.front().is_some_and(|(until, _)| until.is_over(now)) {
            tokens.pop_front();
        }
        for (_, token) in [tokens.front().unwrap(), tokens.back().unwrap(), &tokens[tokens.len() / 2]] {
            assert_verifies(token, keys, now);
            assert!(site.is_active(turn / 3, token).await);
        }
        site.work.fetch_add(1, Ordering::SeqCst);
        site.worked.notify_one();
    }
    signers
}

/// Lets the clients work, and the time go on. One node in turn looks after its keys, so that it knows less than the other for
/// two rounds.
async fn change_keys(site: &Site) {
    for step in 0..STEPS {
        let enough = site.work.load(Ordering::SeqCst) + WORK;
        while site.work.load(Ordering::SeqCst) < enough {
            site.worked.notified().await;
        }
        {
            let _alone = site.time.write().await;
            site.clock.advance(Duration::from_secs(STEP));
        }
        // While the clients are at work again.
        site.node(usize::try_from(step).unwrap()).tend_keys().await.unwrap();
        if step % 50 == 20 {
            // On demand, at both at once.
            let (one, two) = tokio::join!(site.nodes[0].rotate_keys(), site.nodes[1].rotate_keys());
            one.and(two).unwrap();
        }
    }
    site.over.store(true, Ordering::SeqCst);
}

on_every_store_at_once! {
    async fn attack_105_keys_change_while_two_nodes_are_at_work(keeper: Keeper) {
        let mut lifetimes = Lifetimes::default();
        lifetimes.access_token = Duration::from_secs(TOKEN);
        let bed = Bed::with(keeper, |builder| {
            builder.lifetimes(lifetimes).rotate_after(Some(Duration::from_secs(KEY)))
        }).await;
        let second = bed.second_with(|builder| {
            builder.lifetimes(lifetimes).rotate_after(Some(Duration::from_secs(KEY)))
        }).await;
        // The keys of refresh tokens, and of pages, are ninety days old in the middle of it.
        bed.advance(90 * DAY - 1500);
        for server in [&bed.server, &second, &bed.server] {
            server.tend_keys().await.unwrap();
        }
        // A key that has not signed yet is published for so long.
        bed.advance(420);
        for server in [&bed.server, &second] {
            server.tend_keys().await.unwrap();
        }
        let app = App::register(&bed).await;
        assert!(!bed.is_active("nothing").await, "the reader is there");
        let first = RefreshToken::parse(&app.tokens(&bed).await.refresh).unwrap();
        let before = bed.stores.grants.peek(first.grant(), bed.now()).await.unwrap().unwrap();
        let site = Arc::new(Site {
            nodes: [bed.server.clone(), second],
            clock: Arc::clone(&bed.clock),
            app: app.clone(),
            time: RwLock::new(()),
            work: AtomicU64::new(0),
            worked: Notify::new(),
            over: AtomicBool::new(false),
        });
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(client(Arc::clone(&site), number));
        }
        let mut signers = HashSet::new();
        tokio::select! {
            // A client that has found something ends before its time.
            Some(ended) = clients.join_next() => signers.extend(ended.unwrap()),
            () = change_keys(&site) => {}
        }
        assert!(site.over.load(Ordering::SeqCst), "a client has ended before its time");
        while let Some(ended) = clients.join_next().await {
            signers.extend(ended.unwrap());
        }
        assert!(signers.len() >= 4, "{signers:?}");
        let last = bed.grant_of(&app.tokens(&bed).await.refresh).await;
        assert_ne!(last.grant.refresh_key, before.grant.refresh_key, "the keys of refresh tokens have changed too");
        let live: u64 = site.work.load(Ordering::SeqCst);
        assert!(live >= STEPS * WORK, "{live}");
    }
}
