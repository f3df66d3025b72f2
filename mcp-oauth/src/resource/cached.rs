//! A judge with a memory: the verifier that all kinds share.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use mcp_transport::auth::{Confirmation, Presented, Principal, Rejection, Scheme, Verifier};
use tokio::time::{MissedTickBehavior, interval};

use super::judge::{Judge, Judged, Standing};
use super::options::VerifierOptions;
use super::verdicts::{FRESH, Found, Good, Verdicts, apart, key_of};
use crate::types::Digest;

/// The longest token that is judged, in bytes.
pub const LONGEST_TOKEN: usize = 8 << 10;

/// How often tokens are looked at whose callers have streams open.
const LOOK: Duration = Duration::from_secs(1);

/// A verifier made of a judge. A clone shares everything.
pub(super) struct Cached<J: Judge>(Arc<Inner<J>>);

struct Inner<J: Judge> {
    judge: J,
    verdicts: Verdicts<J::Ticket>,
    options: VerifierOptions,
    /// Whether a task looks at the tokens in use.
    watching: AtomicBool,
    /// Those among them that it is asking about.
    asking: Mutex<HashSet<Digest>>,
}

/// A token that is being asked about, until this is dropped.
struct Asking<'a>(&'a Mutex<HashSet<Digest>>, Digest);

impl<'a> Asking<'a> {
    /// Nothing if it is being asked about already, or so many others are: the next look finds it again.
    fn begin(asking: &'a Mutex<HashSet<Digest>>, key: Digest, at_once: usize) -> Option<Self> {
        let begun = {
            let mut keys = asking.lock().unwrap_or_else(PoisonError::into_inner);
            keys.len() < at_once && keys.insert(key)
        };
        // Made only then: dropped, it would take the other's key out.
        begun.then(|| Self(asking, key))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl<J: Judge> Cached<J> {
    pub(super) fn new(judge: J, options: VerifierOptions) -> Self {
        let verdicts = Verdicts::new(&options.limits);
        Self(Arc::new(Inner { judge, verdicts, options, watching: AtomicBool::new(false), asking: Mutex::default() }))
    }

    pub(super) fn judge(&self) -> &J {
        &self.0.judge
    }

    #[cfg(test)]
    pub(super) async fn sweep(&self, now: SystemTime) {
        self.0.sweep(now).await;
    }

    #[cfg(test)]
    pub(super) fn verdicts(&self) -> &Verdicts<J::Ticket> {
        &self.0.verdicts
    }
}

impl<J: Judge> Clone for Cached<J> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<J: Judge + fmt::Debug> fmt::Debug for Cached<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("judge", &self.0.judge).finish_non_exhaustive()
    }
}

#[async_trait]
impl<J: Judge> Verifier for Cached<J> {
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing half done. If it was judging, the next that waits for the same token judges.
    async fn verify(&self, presented: Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        if presented.token.len() > LONGEST_TOKEN {
            return Err(Rejection::invalid("too large"));
        }
        let principal = self.verdict(&presented).await?;
        match (presented.scheme, principal.confirmation()) {
            (Scheme::Bearer, None) => Ok(principal),
            (Scheme::Dpop, Some(Confirmation::Dpop(bound_to))) => {
                let proofs = self.0.options.proofs.as_ref();
                let proofs = proofs.ok_or(Rejection::invalid_dpop_proof("nobody here judges proofs"))?;
                proofs.judge(&presented, bound_to).await?;
                Ok(principal)
            }
            // RFC 9449 7.2: a bound token "MUST NOT" be accepted as a bearer token; and a proof binds no bearer token.
            _ => Err(Rejection::invalid("the token's binding does not fit the scheme")),
        }
    }
}

impl<J: Judge> Cached<J> {
    /// The verdict on a token, without its proof.
    async fn verdict(&self, presented: &Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        let (inner, key) = (&self.0, key_of(presented));
        match inner.verdicts.look(&key, presented.now) {
            Found::Fresh(principal) => return Ok(principal),
            Found::Refused(rejection) => return Err(rejection),
            Found::Stale(_) | Found::Nothing => {}
        }
        let boarded = inner.verdicts.board(key);
        let verdict = boarded.flight().get_or_init(|| async {
            let verdict = inner.fly(key, presented).await;
            boarded.landed();
            verdict
        });
        let principal = verdict.await.clone()?;
        self.watch();
        Ok(principal)
    }

    /// Sees to it that a task looks at the tokens in use. It ends when there are none, or with the verifier.
    fn watch(&self) {
        if self.0.watching.swap(true, Ordering::AcqRel) {
            return;
        }
        tokio::spawn(watch(Watching { inner: Arc::downgrade(&self.0), given_up: false }));
    }
}

impl<J: Judge> Inner<J> {
    /// Judges a token, or asks about it again, and remembers what came out.
    async fn fly(&self, key: Digest, presented: &Presented<'_>) -> Result<Arc<Principal>, Rejection> {
        let now = presented.now;
        // A flight may have landed between the first look and boarding.
        match self.verdicts.look(&key, now) {
            Found::Fresh(principal) => return Ok(principal),
            Found::Refused(rejection) => return Err(rejection),
            Found::Nothing => {}
            Found::Stale(good) => match self.again(&key, &good, now).await? {
                Standing::Same => return Ok(good.principal),
                Standing::Changed => {}
            },
        }
        let judged = self.judge.judge(presented.token, presented.resource.id(), now).await;
        let judged = judged.and_then(|judged| match judged.principal.ended(now) {
            None => Ok(judged),
            Some(_) => Err(Rejection::Expired),
        });
        match judged {
            Ok(judged) => Ok(self.keep(key, judged, now)),
            Err(rejection) => {
                self.verdicts.refuse(key, &rejection, now);
                Err(rejection)
            }
        }
    }

    fn keep(&self, key: Digest, judged: Judged<J::Ticket>, now: SystemTime) -> Arc<Principal> {
        let Judged { principal, ticket } = judged;
        let good = Good { principal: Arc::clone(&principal), ticket: Arc::new(ticket), seen: now, due: false };
        match self.verdicts.keep(key, good) {
            Ok(()) => principal,
            // What is not remembered is not looked at again: it has to end by itself.
            Err(_full) => Arc::new(until(&principal, now + FRESH)),
        }
    }

    /// Asks about a token again, and lets whoever uses it know if it is over.
    async fn again(&self, key: &Digest, good: &Good<J::Ticket>, now: SystemTime) -> Result<Standing, Rejection> {
        match self.judge.again(&good.ticket, now).await {
            Ok(Standing::Same) => {
                // It may have been ended, or have made room for another, in the meantime: then it is judged anew.
                let known = self.verdicts.confirm(key, &good.principal, now);
                Ok(if known { Standing::Same } else { Standing::Changed })
            }
            Ok(Standing::Changed) => {
                self.verdicts.end(key, &good.principal);
                Ok(Standing::Changed)
            }
            Err(unavailable @ Rejection::Unavailable { .. }) => {
                if apart(good.seen, now) >= self.options.limits.patience {
                    self.verdicts.end(key, &good.principal);
                }
                Err(unavailable)
            }
            Err(rejection) => {
                self.verdicts.end(key, &good.principal);
                self.verdicts.refuse(*key, &rejection, now);
                Err(rejection)
            }
        }
    }

    /// Asks about the tokens that somebody has streams open with, and ends those that nobody could be asked about for too
    /// long.
    async fn sweep(&self, now: SystemTime) {
        let at_once = self.options.limits.at_once.get();
        stream::iter(self.verdicts.due(now, self.options.limits.patience))
            .for_each_concurrent(at_once, |(key, good)| async move {
                // An answer that is slow holds up nobody else's next one.
                let Some(_asking) = Asking::begin(&self.asking, key, at_once) else { return };
                if let Err(rejection) = self.again(&key, &good, now).await {
                    // Those who hold the principal see it there.
                    tracing::debug!(issuer = %good.principal.issuer(), "a token in use: {rejection}");
                }
            })
            .await;
    }
}

/// The same principal with an earlier end.
fn until(principal: &Principal, end: SystemTime) -> Principal {
    let end = principal.expires_at().map_or(end, |own| own.min(end));
    let mut builder = Principal::builder(principal.issuer().clone(), principal.subject().clone())
        // It was expanded before.
        .scopes(principal.scopes().clone())
        .expires_at(end);
    if let Some(client) = principal.client_id() {
        builder = builder.client_id(client.clone());
    }
    if let Some(confirmation) = principal.confirmation() {
        builder = builder.confirmation(confirmation.clone());
    }
    if let Some(claims) = principal.claims() {
        builder = builder.claims(Arc::clone(claims));
    }
    builder.build()
}

/// The right to look at the tokens in use. When it goes, with its runtime for instance, another task may begin.
struct Watching<J: Judge> {
    inner: Weak<Inner<J>>,
    /// Somebody else has it by now.
    given_up: bool,
}

impl<J: Judge> Drop for Watching<J> {
    fn drop(&mut self) {
        if let (false, Some(inner)) = (self.given_up, self.inner.upgrade()) {
            inner.watching.store(false, Ordering::Release);
        }
    }
}

async fn watch<J: Judge>(mut watching: Watching<J>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeps = FuturesUnordered::new();
    loop {
        // The next look does not wait for the answers of the last.
        tokio::select! {
            _ = looks.tick() => {
                // Between two looks nobody but its owner keeps the verifier alive, unless somebody is being asked.
                let Some(inner) = watching.inner.upgrade() else { return };
                let now = inner.options.clock.now().into();
                sweeps.push(async move { inner.sweep(now).await });
                continue;
            }
            Some(()) = sweeps.next() => {}
        }
        let Some(inner) = watching.inner.upgrade() else { return };
        if sweeps.is_empty() && inner.verdicts.is_empty() {
            inner.watching.store(false, Ordering::Release);
            // Whoever came in between has seen that somebody watches, and relies on it.
            if inner.verdicts.is_empty() || inner.watching.swap(true, Ordering::AcqRel) {
                watching.given_up = true;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
