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
    session::{Phase, Session, SessionId},
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

/// How long the URI of a subscription may be, in bytes: what RFC 9110 section 4.1 wants supported at least.
pub(crate) const LONGEST_URI: usize = 8_000;

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
        let mut sessions = lock(&self.sessions);
        // A session that ends while it opens may be closed before this, and nobody would take it out again. Drivers
        // close it before they say so, and that takes the lock.
        if session.phase() != Phase::Closed {
            sessions.insert(session.id().clone(), session);
        }
    }

    pub(crate) fn closed(&self, session: &SessionId) {
        lock(&self.sessions).remove(session);
    }

    /// Acknowledges, and listens until the guard is dropped. Who tells of changes needs the same lock, so none is lost
    /// between the two, and none takes the acknowledgement's place in the outbox.
    pub(crate) fn listen(&self, exchange: Exchange, filter: SubscriptionFilter, acknowledged: &Raw) -> Listening<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let uris = filter.resource_subscriptions.iter().flatten().cloned().collect();
        let mut listeners = lock(&self.listeners);
        exchange.outbox().emit(&Method::SubscriptionsAcknowledged, Some(acknowledged));
        listeners.insert(number, Listener { exchange, filter, uris });
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mcp_transport::{
        exchange::Transport,
        jsonrpc::RequestId,
        outbox::{Outbox, OutboxLimits},
        protocol::{AcknowledgedParams, Revision},
        session::SessionParts,
    };

    use super::*;

    #[test]
    fn a_session_that_is_over_before_it_opened_is_not_kept() {
        let hub = Hub::default();
        for order in [[0, 1], [1, 0]] {
            let id = SessionId::random().unwrap();
            let parts =
                SessionParts { id: id.clone(), revision: Revision::LATEST_LEGACY, owner: None, client: Arc::default() };
            let session = Session::new(parts, OutboxLimits::default());
            session.ready();
            for step in order {
                if step == 0 {
                    hub.opened(session.clone());
                } else {
                    session.close();
                    hub.closed(&id);
                }
            }
            assert!(lock(&hub.sessions).is_empty());
        }
    }

    // The acknowledgement opens the stream: everything else is held back until it is there.
    #[test]
    fn the_acknowledgement_comes_before_all_changes_and_is_never_dropped() {
        let hub = Hub::default();
        let uris: Vec<_> = (0..200).map(|id| format!("t://{id}")).collect();
        let filter = SubscriptionFilter::default().with_resource_subscriptions(uris.clone());
        let acknowledged = Raw::write(&AcknowledgedParams::new(filter.clone())).unwrap();
        std::thread::scope(|scope| {
            // Held as long as this closure runs, also if it fails.
            let running = Arc::new(());
            scope.spawn({
                let (hub, uris, running) = (&hub, &uris, Arc::downgrade(&running));
                move || {
                    while running.strong_count() > 0 {
                        uris.iter().for_each(|uri| hub.updated(uri));
                    }
                }
            });
            for number in 1..200_u64 {
                let id = RequestId::from(number);
                let mut exchange = Exchange::builder(id.clone(), Revision::LATEST, Transport::Memory);
                exchange.outbox(Outbox::for_subscription(id, OutboxLimits::default()));
                let exchange = exchange.build();
                let listening = hub.listen(exchange.clone(), filter.clone(), &acknowledged);
                let first = exchange.outbox().take().unwrap();
                assert!(str::from_utf8(&first).unwrap().contains("notifications/subscriptions/acknowledged"));
                drop(listening);
            }
        });
    }
}
