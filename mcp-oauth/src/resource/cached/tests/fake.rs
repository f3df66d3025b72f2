//! A judge that says what the test wants.

use std::sync::atomic::{AtomicU32, AtomicUsize};

use mcp_transport::auth::Subject;

use super::*;

/// What the world says of all tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum World {
    Good,
    Revoked,
    Changed,
    Down,
}

/// A judge whose world is set from outside, and which counts.
#[derive(Debug)]
pub(super) struct Fake {
    world: Mutex<World>,
    judged: AtomicU32,
    again: AtomicU32,
    at_once: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
    /// Set, a judgement waits until it is told to go on.
    pub(super) gate: Mutex<Option<Arc<Notify>>>,
    /// How long an answer is on its way, once it is decided.
    takes: Mutex<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) Arc<Fake>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Arc::new(Fake {
            world: Mutex::new(World::Good),
            judged: AtomicU32::new(0),
            again: AtomicU32::new(0),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            gate: Mutex::new(None),
            takes: Mutex::default(),
        }))
    }

    pub(super) fn set(&self, world: World) {
        *self.0.world.lock().unwrap() = world;
    }

    pub(super) fn takes(&self, time: Duration) {
        *self.0.takes.lock().unwrap() = time;
    }

    /// How often a token was judged, and asked about again.
    pub(super) fn counts(&self) -> (u32, u32) {
        (self.0.judged.load(Ordering::SeqCst), self.0.again.load(Ordering::SeqCst))
    }

    async fn wait(&self) {
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
    }
}

#[async_trait]
impl Judge for Shared {
    type Ticket = ();

    async fn judge(&self, token: &str, _: &ResourceId, now: SystemTime) -> Result<Judged<()>, Rejection> {
        self.0.judged.fetch_add(1, Ordering::SeqCst);
        self.wait().await;
        match *self.0.world.lock().unwrap() {
            World::Down => return Err(UNAVAILABLE),
            World::Revoked => return Err(Rejection::Revoked),
            World::Good | World::Changed => {}
        }
        let issuer = Issuer::parse("https://as.example").unwrap();
        // The token says how long it lives, and which key it is bound to.
        let (subject, life) = token.split_once('.').unwrap_or((token, "3600"));
        let mut builder = Principal::builder(issuer, Subject::parse(subject).unwrap())
            .expires_at(now + Duration::from_secs(life.parse().unwrap()));
        if subject.len() == 43 {
            builder = builder.confirmation(Confirmation::Dpop(JwkThumbprint::parse(subject).unwrap()));
        }
        Ok(Judged { principal: Arc::new(builder.build()), ticket: () })
    }

    async fn again(&self, (): &(), _: SystemTime) -> Result<Standing, Rejection> {
        self.0.again.fetch_add(1, Ordering::SeqCst);
        let now = self.0.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_at_once.fetch_max(now, Ordering::SeqCst);
        self.wait().await;
        tokio::task::yield_now().await;
        self.0.at_once.fetch_sub(1, Ordering::SeqCst);
        let (world, takes) = (*self.0.world.lock().unwrap(), *self.0.takes.lock().unwrap());
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        match world {
            World::Good => Ok(Standing::Same),
            World::Changed => Ok(Standing::Changed),
            World::Revoked => Err(Rejection::Revoked),
            World::Down => Err(UNAVAILABLE),
        }
    }
}
