//! The requests of the client that have no answer yet.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{jsonrpc::RequestId, stop::Stop};

/// What a request without an answer is doing.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// It runs; the signal cancels it.
    Running(Stop),
    /// It is an open listen stream; the signal cancels it.
    Listening(Stop),
    /// It waits for its turn.
    Waiting,
    /// It is `initialize`, which "MUST NOT be cancelled" (MCP 2025-11-25, cancellation, "Behavior Requirements", 2).
    Initializing,
}

/// The requests in flight, by their ids.
///
/// A call takes itself out before its answer goes out, so that an answered id is free for the client at once. Each
/// entry has a number of its own: a call that was cancelled cannot take out a later one of the same id.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<HashMap<RequestId, (u64, Doing)>>);

impl Table {
    pub(super) fn contains(&self, id: &RequestId) -> bool {
        self.lock().contains_key(id)
    }

    /// Notes a request, or what it does now.
    pub(super) fn put(&self, id: RequestId, serial: u64, doing: Doing) {
        self.lock().insert(id, (serial, doing));
    }

    /// Takes the request out. `false` if it was cancelled before.
    pub(super) fn finish(&self, id: &RequestId, serial: u64) -> bool {
        let mut entries = self.lock();
        let is_it = entries.get(id).is_some_and(|(its, _)| *its == serial);
        if is_it {
            entries.remove(id);
        }
        is_it
    }

    /// Takes out a request that has waited long enough.
    pub(super) fn remove(&self, id: &RequestId) {
        self.lock().remove(id);
    }

    /// Takes a request out that the client cancels. `None` if there is none that can be.
    pub(super) fn cancel(&self, id: &RequestId) -> Option<Doing> {
        let mut entries = self.lock();
        match entries.get(id) {
            None | Some((_, Doing::Initializing)) => None,
            Some(_) => entries.remove(id).map(|(_, doing)| doing),
        }
    }

    /// The listen streams that are open.
    pub(super) fn listening(&self) -> Vec<RequestId> {
        let entries = self.lock();
        let open = entries.iter().filter(|(_, (_, doing))| matches!(doing, Doing::Listening(_)));
        open.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RequestId, (u64, Doing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_call_does_not_take_out_a_later_one_of_its_id() {
        let table = Table::default();
        let id = RequestId::from(1);
        table.put(id.clone(), 1, Doing::Waiting);
        assert!(table.cancel(&id).is_some());
        table.put(id.clone(), 2, Doing::Waiting);
        assert!(!table.finish(&id, 1));
        assert!(table.contains(&id));
        assert!(table.finish(&id, 2) && table.len() == 0);
    }

    // MCP 2025-11-25, cancellation: "The initialize request MUST NOT be cancelled by clients".
    #[test]
    fn initialize_cannot_be_cancelled() {
        let table = Table::default();
        table.put(RequestId::from(1), 1, Doing::Initializing);
        assert!(table.cancel(&RequestId::from(1)).is_none());
        assert!(table.contains(&RequestId::from(1)));
    }
}
