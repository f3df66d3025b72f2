//! Stores in memory that do what the tests of this room need, and can break down when they are told to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use mcp_transport::auth::{ClientId, ResourceId, ScopeSet, Subject};

use super::fetch::Fetched;
use crate::store::{
    Advance, By, ClientStore, GrantStore, Inserted, Page, Redeem, Replaced, Rotation, StoreError, Touched, Versioned,
    rules,
};
use crate::types::{
    Client, ClientAuthMethod, ClientMetadata, ClientSnapshot, ClientSource, CodeRecord, Digest, EndReason, Grant,
    GrantId, GrantView, Identity, Timestamp,
};

/// A public client that registered itself at `time`.
pub(super) fn client(id: &str, time: Timestamp) -> Client {
    let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["https://client.example/cb".parse().unwrap()]);
    Client::new(ClientId::parse(id).unwrap(), ClientSource::Registered, metadata, time)
}

/// A document as it comes from its host.
pub(super) fn json_document(body: impl Into<Bytes>) -> Fetched {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    Fetched::new(200, headers, body)
}

fn working(broken: &AtomicBool) -> Result<(), StoreError> {
    if broken.load(Ordering::SeqCst) { Err(StoreError::Timeout) } else { Ok(()) }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Clients(Arc<ClientsInner>);

#[derive(Debug, Default)]
struct ClientsInner {
    clients: Mutex<BTreeMap<ClientId, Versioned<Client>>>,
    broken: AtomicBool,
}

impl Clients {
    pub(super) fn of(clients: impl IntoIterator<Item = Client>) -> Self {
        let clients = clients.into_iter().map(|value| (value.id.clone(), Versioned { version: 1, value })).collect();
        Self(Arc::new(ClientsInner { clients: Mutex::new(clients), broken: AtomicBool::new(false) }))
    }

    pub(super) fn break_down(&self) {
        self.0.broken.store(true, Ordering::SeqCst);
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.0.clients.lock().unwrap().keys().map(ToString::to_string).collect()
    }

    pub(super) fn touch_now(&self, id: &str, now: Timestamp) {
        let mut clients = self.0.clients.lock().unwrap();
        let kept = clients.get_mut(id).unwrap();
        (kept.version, kept.value.last_used) = (kept.version + 1, now);
    }
}

#[async_trait]
impl ClientStore for Clients {
    async fn get(&self, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        working(&self.0.broken)?;
        Ok(self.0.clients.lock().unwrap().get(id).cloned())
    }

    async fn insert(&self, _: Client, _: Option<Digest>) -> Result<Inserted, StoreError> {
        unreachable!("this room inserts nothing")
    }

    async fn replace(&self, _: u64, _: Client, _: bool) -> Result<Replaced, StoreError> {
        unreachable!("this room replaces nothing")
    }

    async fn touch(&self, _: &ClientId, _: Timestamp) -> Result<Touched, StoreError> {
        unreachable!("this room touches nothing")
    }

    async fn delete(&self, id: &ClientId, expected: Option<u64>) -> Result<Replaced, StoreError> {
        working(&self.0.broken)?;
        let mut clients = self.0.clients.lock().unwrap();
        match clients.get(id) {
            None => Ok(Replaced::Absent),
            Some(kept) if expected.is_some_and(|expected| expected != kept.version) => Ok(Replaced::Conflict),
            Some(_) => {
                clients.remove(id);
                Ok(Replaced::Done)
            }
        }
    }

    async fn page(
        &self,
        after: Option<&ClientId>,
        limit: u16,
    ) -> Result<Page<Versioned<Client>, ClientId>, StoreError> {
        working(&self.0.broken)?;
        let clients = self.0.clients.lock().unwrap();
        let rest = clients.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        let items: Vec<_> = rest.map(|(_, kept)| kept.clone()).take(limit.into()).collect();
        let full = items.len() == usize::from(limit);
        let next = items.last().filter(|_| full).map(|last| last.value.id.clone());
        Ok(Page { items, next })
    }
}

/// Live grants, one of each of these clients.
pub(super) struct Grants {
    grants: Vec<GrantView>,
    when_asked: Box<dyn Fn() + Send + Sync>,
    broken: AtomicBool,
}

impl Grants {
    pub(super) fn of(clients: &[&str]) -> Self {
        let grants = clients.iter().map(|id| rules::created(grant(id), None, Duration::MAX)).collect();
        Self { grants, when_asked: Box::new(|| ()), broken: AtomicBool::new(false) }
    }

    pub(super) fn when_asked(mut self, then: impl Fn() + Send + Sync + 'static) -> Self {
        self.when_asked = Box::new(then);
        self
    }

    pub(super) fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grants")
    }
}

fn grant(id: &str) -> Grant {
    // A grant has many members and no constructor: it is read from its stored form.
    let client = ClientSnapshot::of(&client(id, Timestamp::from_secs(1)));
    let json = serde_json::json!({
        "id": GrantId::random().unwrap(),
        "client": client,
        "identity": Identity::new("owner", Subject::parse("ada").unwrap()),
        "resource": ResourceId::parse("https://mcp.example/mcp").unwrap(),
        "scopes": ScopeSet::EMPTY,
        "refreshable": true,
        "salt": Digest::sha256(b"salt"),
        "refresh_key": "key",
        "authenticated_at": Timestamp::from_secs(1),
        "created_at": Timestamp::from_secs(1),
        "expires_at": Timestamp::NEVER,
    });
    serde_json::from_value(json).unwrap()
}

#[async_trait]
impl GrantStore for Grants {
    async fn create(&self, _: Grant, _: Option<CodeRecord>, _: Duration) -> Result<(), StoreError> {
        unreachable!("this room makes no grant")
    }

    async fn peek(&self, _: GrantId, _: Timestamp) -> Result<Option<GrantView>, StoreError> {
        unreachable!("this room reads no single grant")
    }

    async fn redeem_code(&self, _: GrantId, _: &Digest, _: Timestamp) -> Result<Redeem, StoreError> {
        unreachable!("this room redeems nothing")
    }

    async fn advance(&self, _: GrantId, _: u32, _: Timestamp, _: Rotation) -> Result<Advance, StoreError> {
        unreachable!("this room refreshes nothing")
    }

    async fn end(&self, _: GrantId, _: EndReason, _: Timestamp) -> Result<bool, StoreError> {
        unreachable!("this room ends nothing")
    }

    async fn end_all(&self, _: &By, _: EndReason, _: Timestamp) -> Result<u64, StoreError> {
        unreachable!("this room ends nothing")
    }

    /// The first page is empty, as the contract allows.
    async fn page(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        _: u16,
        now: Timestamp,
    ) -> Result<Page<GrantView, GrantId>, StoreError> {
        working(&self.broken)?;
        (self.when_asked)();
        if after.is_none() {
            return Ok(Page { items: Vec::new(), next: Some(GrantId::from_bytes([0; 16])) });
        }
        let of_client = |view: &&GrantView| matches!(by, Some(By::Client(id)) if *id == view.grant.client.id);
        let items = self.grants.iter().filter(of_client).filter(|view| view.is_live(now)).cloned().collect();
        Ok(Page { items, next: None })
    }
}
