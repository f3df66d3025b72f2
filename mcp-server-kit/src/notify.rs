//! Telling clients what changed: legacy sessions on their own stream, modern ones on the streams that they listen on.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use mcp_transport::{
    exchange::Exchange,
    jsonrpc::Raw,
    protocol::{Method, SubscriptionFilter},
    session::{Session, SessionId},
};

use crate::{lists::Change, write::Writer};

/// How many resources one session or listener may subscribe to.
pub(crate) const MOST_SUBSCRIPTIONS: usize = 1_000;

/// Everybody who wants to hear of changes.
#[derive(Default)]
pub(crate) struct Hub {
    sessions: Mutex<HashMap<SessionId, Session>>,
    listeners: Mutex<HashMap<u64, Listener>>,
    next: AtomicU64,
}

struct Listener {
    exchange: Exchange,
    filter: SubscriptionFilter,
    uris: HashSet<String>,
}

/// The resources that a legacy session subscribed to.
#[derive(Default)]
pub(crate) struct Subscribed(Mutex<HashSet<String>>);

impl Subscribed {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    pub(crate) fn opened(&self, session: Session) {
        lock(&self.sessions).insert(session.id().clone(), session);
    }

    pub(crate) fn closed(&self, session: &SessionId) {
        lock(&self.sessions).remove(session);
    }

    /// Listens until the guard is dropped.
    pub(crate) fn listen(&self, exchange: Exchange, filter: SubscriptionFilter) -> Listening<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let uris = filter.resource_subscriptions.iter().flatten().cloned().collect();
        lock(&self.listeners).insert(number, Listener { exchange, filter, uris });
        Listening { hub: self, number }
    }

    pub(crate) fn changed(&self, change: Change) {
        let method = match change {
            Change::Tools => Method::ToolListChanged,
            Change::Resources => Method::ResourceListChanged,
            Change::Prompts => Method::PromptListChanged,
        };
        for session in lock(&self.sessions).values() {
            session.peer().emit(&method, None);
        }
        for listener in lock(&self.listeners).values() {
            let wanted = match change {
                Change::Tools => listener.filter.tools_list_changed,
                Change::Resources => listener.filter.resources_list_changed,
                Change::Prompts => listener.filter.prompts_list_changed,
            };
            if wanted == Some(true) {
                listener.exchange.outbox().emit(&method, None);
            }
        }
    }

    pub(crate) fn updated(&self, uri: &str) {
        let params = updated_params(uri);
        for session in lock(&self.sessions).values() {
            if session.state(Subscribed::default).lock().contains(uri) {
                session.peer().emit(&Method::ResourceUpdated, Some(&params));
            }
        }
        for listener in lock(&self.listeners).values() {
            if listener.uris.contains(uri) {
                listener.exchange.outbox().emit(&Method::ResourceUpdated, Some(&params));
            }
        }
    }
}

fn updated_params(uri: &str) -> Raw {
    let mut out = Writer::object(uri.len() + 16);
    out.member("uri", uri);
    out.end()
}

/// A listener that is being told of changes.
pub(crate) struct Listening<'a> {
    hub: &'a Hub,
    number: u64,
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        lock(&self.hub.listeners).remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
