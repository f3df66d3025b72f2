//! The authorization server: what its owner does with it, and how it is kept in order.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mcp_transport::auth::{Issuer, ResourceId, Subject};
use thiserror::Error;

use super::administration::Administration;
use super::audit::{Event, EventKind};
use super::builder::AuthorizationServerBuilder;
use super::client::{UnusedSince, expire};
use super::engine::Engine;
use super::http::AuthService;
use super::keychain::KeychainError;
use crate::jose::KeySet;
use crate::store::{ConsentsOf, Maintenance, StoreError, Stores};
use crate::types::Timestamp;
use mcp_transport::Chain;

/// How often the server looks after itself.
const ROUND: Duration = Duration::from_secs(30);
/// How often it looks for clients that nobody uses.
const CLIENTS_ROUND: Duration = Duration::from_secs(3600);
/// How much is swept at a time.
const SWEEP: u32 = 1000;
/// How long one step of keeping order may take: so much is swept, or a page of clients is looked at.
const STEP: Duration = Duration::from_secs(300);
/// How many steps there are in a round, of each store and of the clients. Far more than there is to do: a store that always
/// finds more would keep the rest waiting for ever.
const STEPS: u32 = 100_000;

/// An OAuth 2.1 authorization server for MCP.
///
/// ```
/// use std::sync::Arc;
/// use mcp_oauth::identity::{Owner, Terminal};
/// use mcp_oauth::server::AuthorizationServer;
/// use mcp_transport::auth::{Issuer, ResourceId};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = AuthorizationServer::builder(Issuer::parse("https://auth.example.com")?)
///     .resource(ResourceId::parse("https://mcp.example.com/mcp")?)
///     .identity(Arc::new(Owner::new(Arc::new(Terminal))))
///     .build()
///     .await?;
/// // A tower service: mount it in axum, or serve it with bare hyper.
/// let service = server.service();
/// // Keys change and what is over is swept as long as this runs.
/// tokio::spawn(async move { server.maintain().await });
/// # drop(service);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A clone counts a reference.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    engine: Arc<Engine>,
}

impl AuthorizationServer {
    /// Begins a server of this issuer: the URL that clients know it by, without a slash at its end.
    #[must_use]
    pub fn builder(issuer: Issuer) -> AuthorizationServerBuilder {
        AuthorizationServerBuilder::new(issuer)
    }

    pub(super) fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(engine) }
    }

    /// The server as a tower service.
    #[must_use]
    pub fn service(&self) -> AuthService {
        AuthService::new(Arc::clone(&self.engine))
    }

    #[cfg(feature = "resource")]
    pub(super) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What an administrator does: lists and ends grants, adds and deletes clients. The audit is told of it.
    #[must_use]
    pub fn administration(&self) -> Administration {
        let engine = &self.engine;
        Administration::new(engine.stores.clone(), Arc::clone(&engine.parts.audit), Arc::clone(&engine.clock))
    }

    /// Where it keeps what it remembers. What is changed there, the audit is not told of: see
    /// [`administration`](Self::administration).
    #[must_use]
    pub fn stores(&self) -> &Stores {
        &self.engine.stores
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.engine.config.issuer
    }

    /// The resources that it issues tokens for; the first is meant where a request names none.
    #[must_use]
    pub fn resources(&self) -> &[ResourceId] {
        &self.engine.config.resources
    }

    /// The signing keys with their states.
    #[must_use]
    pub fn keys(&self) -> KeySet {
        self.engine.keychain.current().set().clone()
    }

    /// Begins a rotation of the signing key now: the next one is published, and signs as soon as every verifier can know it.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked, or a key cannot be made.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the rotation has begun or not.
    pub async fn rotate_keys(&self) -> Result<(), KeychainError> {
        let now = self.engine.now();
        self.engine.keychain.rotate(now).await?;
        self.engine.record(Event::new(EventKind::KeysRotated, now));
        Ok(())
    }

    /// Drops a signing key at once: everything that it has signed is refused. For a key that somebody else may have.
    ///
    /// # Errors
    ///
    /// When there is no such key, or the store cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the key is gone or not.
    pub async fn revoke_key(&self, key_id: &str) -> Result<(), KeychainError> {
        let now = self.engine.now();
        self.engine.keychain.revoke(key_id, now).await?;
        self.engine.record(Event::new(EventKind::KeyRevoked, now));
        Ok(())
    }

    /// Signs a user out on all browsers. What they have allowed clients goes on: that is for
    /// [`Administration::end_grants`].
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the user is signed out or not.
    pub async fn end_sessions(&self, subject: &Subject) -> Result<(), StoreError> {
        let now = self.engine.now();
        // A session may have begun by a clock that is ahead of this one; it began no earlier than the last such end.
        let up_to = self.engine.sessions_over(subject, now).await?.map_or(now, |over| over.max(now));
        self.engine.end_sessions(subject, up_to, now).await?;
        self.engine.record(Event::new(EventKind::SignedOut, now).subject(subject));
        Ok(())
    }

    /// Whether every store can serve, reads and writes alike: a store in a file writes to the disk each time it is asked. Where
    /// strangers can ask, keep the answer for a second.
    ///
    /// # Errors
    ///
    /// The first that cannot.
    ///
    /// # Cancel safety
    ///
    /// Asking changes no record.
    pub async fn ready(&self) -> Result<(), StoreError> {
        for store in &self.engine.stores.maintenance {
            store.ping().await?;
        }
        Ok(())
    }

    /// Takes over keys that other nodes have changed, and changes them when it is time: once. [`maintain`](Self::maintain)
    /// does so twice a minute; this is for programs that look after their stores themselves, and they do it as often.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked, or a key cannot be made. The keys stay as they are then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the keys have changed as a whole or not at all.
    pub async fn tend_keys(&self) -> Result<(), KeychainError> {
        self.engine.upkeep.begin();
        self.engine.keychain.tend(self.engine.now()).await
    }

    /// Looks after the server until it is dropped: takes over keys that other nodes have changed, changes them when it is
    /// time, removes what is over, and clients that nobody uses. Run it in a task, on every node. A server that still answers
    /// five minutes after it was built, and for which nobody has, says so once in its log. What a store does not answer, or
    /// finds no end of, is logged as an error and tried again.
    ///
    /// # Cancel safety
    ///
    /// Dropped between two steps, it leaves nothing half done.
    pub async fn maintain(&self) {
        self.engine.upkeep.begin();
        // A loop for each, so that the keys wait for nothing: to sweep a large store takes longer than a key may be late.
        let (mut keys, mut order) = (pin!(self.keep_keys()), pin!(self.keep_order()));
        let mut account = pin!(self.keep_account());
        poll_fn(|cx| {
            // None is ever ready.
            let _ = (keys.as_mut().poll(cx), order.as_mut().poll(cx), account.as_mut().poll(cx));
            Poll::Pending
        })
        .await
    }

    async fn keep_keys(&self) -> Infallible {
        let mut rounds = rounds();
        loop {
            rounds.tick().await;
            // A call that is never answered must not be the last one.
            match tokio::time::timeout(ROUND, self.tend_keys()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(error = %Chain(&error), "the keys cannot be looked after"),
                Err(_) => tracing::error!("the keys cannot be looked after: their store does not answer"),
            }
        }
    }

    async fn keep_account(&self) -> Infallible {
        let mut rounds = rounds();
        loop {
            rounds.tick().await;
            self.engine.tell_refusals();
        }
    }

    async fn keep_order(&self) -> Infallible {
        let mut rounds = rounds();
        let mut clients_at = self.engine.now();
        loop {
            rounds.tick().await;
            self.sweep().await;
            let now = self.engine.now();
            if clients_at.is_over(now) {
                clients_at = now.after(CLIENTS_ROUND);
                self.expire_clients().await;
            }
        }
    }

    /// Removes what is over. What fails is logged, and tried again in the next round.
    async fn sweep(&self) {
        let now = self.engine.now();
        for store in &self.engine.stores.maintenance {
            if let Err(error) = swept(store.as_ref(), now).await {
                tracing::error!(error = %Chain(&error), "a store cannot be swept");
            }
        }
    }

    async fn expire_clients(&self) {
        let mut removed = 0;
        if let Err(error) = self.clients_expired(&mut removed).await {
            tracing::error!(error = %Chain(&error), "unused clients cannot be removed");
        }
        if removed > 0 {
            tracing::info!(clients = removed, "unused clients were removed");
        }
    }

    /// Counts in `removed` also where it fails.
    async fn clients_expired(&self, removed: &mut usize) -> Result<(), Disorder> {
        let (now, stores) = (self.engine.now(), &self.engine.stores);
        let lifetimes = &self.engine.config.lifetimes;
        let since = UnusedSince {
            used: now.before(lifetimes.unused_client),
            never_used: now.before(lifetimes.unclaimed_client),
        };
        let mut after = None;
        for _ in 0..STEPS {
            let page = expire(stores.clients.as_ref(), stores.grants.as_ref(), since, after, 1, now);
            let expired = in_time(page).await?;
            *removed += expired.removed.len();
            for client in expired.removed {
                // Nobody gets the id again, so that one that stays behind stands for nothing until it is over.
                if let Err(error) = in_time(stores.consents.forget_all(&ConsentsOf::Client(client))).await {
                    tracing::error!(error = %Chain(&error), "consents to a client that is gone cannot be forgotten");
                }
            }
            after = expired.next;
            if after.is_none() {
                return Ok(());
            }
        }
        Err(Disorder::Endless)
    }
}

/// Why a round ends before all is in order.
#[derive(Debug, Error)]
enum Disorder {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store does not answer")]
    Unanswered,
    #[error("the store finds no end")]
    Endless,
}

/// A call that is never answered must not be the last one.
async fn in_time<T>(step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Disorder> {
    match tokio::time::timeout(STEP, step).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Disorder::Unanswered),
    }
}

async fn swept(store: &dyn Maintenance, now: Timestamp) -> Result<(), Disorder> {
    for _ in 0..STEPS {
        if in_time(store.sweep(now, SWEEP)).await? == 0 {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    Err(Disorder::Endless)
}

fn rounds() -> tokio::time::Interval {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    rounds
}
