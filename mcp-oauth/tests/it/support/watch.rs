//! A store between the server and its store: it sees what comes in, and fails when it is told to.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcp_oauth::server::AuthorizationServer;
use mcp_oauth::store::{
    Advance, By, ClientStore, ConsentRecord, ConsentStore, ConsentsOf, Decided, Decision, DeviceCreated, DeviceRecord,
    DeviceStore, FlowKind, FlowStore, GrantStore, Inserted, KeyStore, Maintenance, Page, Permit, Poll, Published,
    Quota, RateLimiter, Redeem, Replaced, ReplayCache, ReplayKind, Revised, Rotation, StoreError, Stored, Stores,
    Touched, Versioned,
};
use mcp_oauth::types::{Client, CodeRecord, Digest, EndReason, Grant, GrantId, GrantView, Timestamp};
use mcp_transport::auth::{ClientId, Subject};
use serde::Serialize;
use tokio::sync::Notify;

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Before it has happened: the store cannot be reached.
    Before,
    /// After it has happened: the answer is lost.
    After,
    /// It is answered, and has not happened: a node failed over before it was copied. For the rotation of refresh tokens.
    Forgotten,
}

/// Stands before the stores of a server.
pub(crate) struct Watch {
    inner: Stores,
    state: Mutex<State>,
    sweeps: AtomicU64,
    swept: Notify,
}

#[derive(Default)]
struct State {
    calls: Vec<&'static str>,
    /// The call that fails, counted from the last [`Watch::begin`].
    fault: Option<(usize, Fault)>,
    seen: String,
}

impl Watch {
    pub(crate) fn over(inner: Stores) -> Arc<Self> {
        Arc::new(Self { inner, state: Mutex::default(), sweeps: AtomicU64::new(0), swept: Notify::new() })
    }

    pub(crate) fn stores(self: &Arc<Self>) -> Stores {
        Stores::all_in(self)
    }

    /// Lets a server on these stores look after itself once.
    pub(crate) async fn round(&self, server: &AuthorizationServer) {
        // The loops of `maintain` do not wait for each other.
        server.tend_keys().await.unwrap();
        let before = self.sweeps.load(Ordering::SeqCst);
        let over = async {
            while self.sweeps.load(Ordering::SeqCst) == before {
                self.swept.notified().await;
            }
        };
        tokio::select! {
            biased;
            () = server.maintain() => {}
            () = over => {}
        }
    }

    /// Counts calls from here on; the one of this number fails.
    pub(crate) fn begin(&self, fault: Option<(usize, Fault)>) {
        let mut state = self.state.lock().unwrap();
        state.calls.clear();
        state.fault = fault;
    }

    /// The calls since then.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Everything that has come in, as text; bytes that are none are written as Rust writes them.
    pub(crate) fn seen(&self) -> String {
        self.state.lock().unwrap().seen.clone()
    }

    fn see(&self, what: &impl Serialize) {
        let text = serde_json::to_string(what).unwrap();
        writeln!(self.state.lock().unwrap().seen, "{text}").unwrap();
    }

    fn see_bytes(&self, what: &[u8]) {
        writeln!(self.state.lock().unwrap().seen, "{}", what.escape_ascii()).unwrap();
    }

    fn forgets(&self) -> bool {
        self.state.lock().unwrap().fault.is_some_and(|(_, fault)| fault == Fault::Forgotten)
    }

    async fn call<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(name);
            let number = state.calls.len() - 1;
            state.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault)
        };
        if fault == Some(Fault::Before) {
            return Err(StoreError::Unavailable("down, as the test wants it".into()));
        }
        let answer = work.await;
        if fault == Some(Fault::After) { Err(StoreError::Timeout) } else { answer }
    }
}

#[async_trait]
impl ClientStore for Watch {
    async fn get(&self, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        self.see(id);
        self.call("clients.get", self.inner.clients.get(id)).await
    }

    async fn insert(&self, client: Client, fingerprint: Option<Digest>) -> Result<Inserted, StoreError> {
        self.see(&(&client, fingerprint));
        self.call("clients.insert", self.inner.clients.insert(client, fingerprint)).await
    }

    async fn replace(&self, expected: u64, client: Client, keep: bool) -> Result<Replaced, StoreError> {
        self.see(&client);
        self.call("clients.replace", self.inner.clients.replace(expected, client, keep)).await
    }

    async fn touch(&self, id: &ClientId, now: Timestamp) -> Result<Touched, StoreError> {
        self.see(id);
        self.call("clients.touch", self.inner.clients.touch(id, now)).await
    }

    async fn delete(&self, id: &ClientId, expected: Option<u64>) -> Result<Replaced, StoreError> {
        self.see(id);
        self.call("clients.delete", self.inner.clients.delete(id, expected)).await
    }

    async fn page(
        &self,
        after: Option<&ClientId>,
        limit: u16,
    ) -> Result<Page<Versioned<Client>, ClientId>, StoreError> {
        self.call("clients.page", self.inner.clients.page(after, limit)).await
    }
}

#[async_trait]
impl GrantStore for Watch {
    async fn create(&self, grant: Grant, code: Option<CodeRecord>, idle: Duration) -> Result<(), StoreError> {
        self.see(&(&grant, &code));
        self.call("grants.create", self.inner.grants.create(grant, code, idle)).await
    }

    async fn peek(&self, id: GrantId, now: Timestamp) -> Result<Option<GrantView>, StoreError> {
        self.see(&id);
        self.call("grants.peek", self.inner.grants.peek(id, now)).await
    }

    async fn redeem_code(&self, id: GrantId, code: &Digest, now: Timestamp) -> Result<Redeem, StoreError> {
        self.see(&(id, code));
        self.call("grants.redeem_code", self.inner.grants.redeem_code(id, code, now)).await
    }

    async fn advance(
        &self,
        id: GrantId,
        presented: u32,
        now: Timestamp,
        rotation: Rotation,
    ) -> Result<Advance, StoreError> {
        self.see(&(id, presented));
        if self.forgets() {
            return Ok(Advance::Next(presented + 1));
        }
        self.call("grants.advance", self.inner.grants.advance(id, presented, now, rotation)).await
    }

    async fn end(&self, id: GrantId, why: EndReason, now: Timestamp) -> Result<bool, StoreError> {
        self.see(&id);
        self.call("grants.end", self.inner.grants.end(id, why, now)).await
    }

    async fn end_all(&self, by: &By, why: EndReason, now: Timestamp) -> Result<u64, StoreError> {
        self.call("grants.end_all", self.inner.grants.end_all(by, why, now)).await
    }

    async fn page(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        limit: u16,
        now: Timestamp,
    ) -> Result<Page<GrantView, GrantId>, StoreError> {
        self.call("grants.page", self.inner.grants.page(by, after, limit, now)).await
    }
}

#[async_trait]
impl DeviceStore for Watch {
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError> {
        self.see(&record);
        self.call("devices.create", self.inner.devices.create(record, now)).await
    }

    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError> {
        self.see(user_code);
        self.call("devices.by_user_code", self.inner.devices.by_user_code(user_code, now)).await
    }

    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError> {
        self.see(&(user_code, decision));
        self.call("devices.decide", self.inner.devices.decide(user_code, decision, now)).await
    }

    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError> {
        self.see(&(device_code, client));
        self.call("devices.poll", self.inner.devices.poll(device_code, client, now)).await
    }

    async fn redeem(
        &self,
        device_code: &Digest,
        client: &ClientId,
        attempt: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.see(&(device_code, client, attempt));
        self.call("devices.redeem", self.inner.devices.redeem(device_code, client, attempt, now)).await
    }
}

#[async_trait]
impl ConsentStore for Watch {
    async fn consent(&self, key: &Digest, now: Timestamp) -> Result<Option<ConsentRecord>, StoreError> {
        self.see(key);
        self.call("consents.consent", self.inner.consents.consent(key, now)).await
    }

    async fn remember(&self, record: ConsentRecord) -> Result<(), StoreError> {
        self.see(&record);
        self.call("consents.remember", self.inner.consents.remember(record)).await
    }

    async fn forget(&self, key: &Digest) -> Result<bool, StoreError> {
        self.see(key);
        self.call("consents.forget", self.inner.consents.forget(key)).await
    }

    async fn forget_all(&self, of: &ConsentsOf) -> Result<u64, StoreError> {
        self.call("consents.forget_all", self.inner.consents.forget_all(of)).await
    }

    async fn of_subject(&self, subject: &Subject, now: Timestamp) -> Result<Vec<ConsentRecord>, StoreError> {
        self.call("consents.of_subject", self.inner.consents.of_subject(subject, now)).await
    }
}

#[async_trait]
impl FlowStore for Watch {
    async fn put(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Stored, StoreError> {
        self.see(key);
        self.see_bytes(&value);
        self.call("flows.put", self.inner.flows.put(kind, key, value, expires_at, now)).await
    }

    async fn raise(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.see(key);
        self.see_bytes(&value);
        self.call("flows.raise", self.inner.flows.raise(kind, key, value, expires_at, now)).await
    }

    async fn peek(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        self.see(key);
        self.call("flows.peek", self.inner.flows.peek(kind, key, now)).await
    }

    async fn take(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        self.see(key);
        self.call("flows.take", self.inner.flows.take(kind, key, now)).await
    }
}

#[async_trait]
impl ReplayCache for Watch {
    async fn first_use(
        &self,
        kind: ReplayKind,
        id: &Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.see(id);
        self.call("replays.first_use", self.inner.replays.first_use(kind, id, expires_at, now)).await
    }
}

#[async_trait]
impl KeyStore for Watch {
    async fn load(&self) -> Result<Option<Revised>, StoreError> {
        self.call("keys.load", self.inner.keys.load()).await
    }

    async fn publish(&self, expected: Option<u64>, document: Bytes) -> Result<Published, StoreError> {
        self.see_bytes(&document);
        self.call("keys.publish", self.inner.keys.publish(expected, document)).await
    }
}

#[async_trait]
impl RateLimiter for Watch {
    async fn check(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<Permit, StoreError> {
        self.see(bucket);
        self.call("limits.check", self.inner.limits.check(bucket, quota, cost, now)).await
    }

    async fn give_back(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<(), StoreError> {
        self.see(bucket);
        self.call("limits.give_back", self.inner.limits.give_back(bucket, quota, cost, now)).await
    }
}

#[async_trait]
impl Maintenance for Watch {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut swept = 0;
        for store in &self.inner.maintenance {
            swept += store.sweep(now, limit).await?;
        }
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        self.swept.notify_one();
        Ok(swept)
    }
}
