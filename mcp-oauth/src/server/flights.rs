//! Fetches that are under way: each is made once, by however many want what comes of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fetches by what is fetched. Whoever has the turn fetches; the others wait for theirs, and then look first whether those
/// before them have found out. One that gives up leaves the turn to the next.
#[derive(Debug)]
pub(crate) struct Flights<K> {
    most: usize,
    gates: Mutex<HashMap<K, Gate>>,
}

/// Whoever holds it has the turn.
type Gate = Arc<tokio::sync::Mutex<()>>;

/// The turn, as long as it is held.
pub(crate) type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

/// A place among those who want the same. The last one to leave takes the fetch out of the list.
#[derive(Debug)]
pub(crate) struct Flight<'a, K: Eq + Hash> {
    flights: &'a Flights<K>,
    key: K,
    gate: Gate,
}

impl<K: Eq + Hash + Clone> Flights<K> {
    /// Room for so many fetches of different things at the same time.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, gates: Mutex::default() }
    }

    /// Takes part in the fetch of this; `None` if too many others are under way.
    pub(crate) fn join(&self, key: K) -> Option<Flight<'_, K>> {
        let mut gates = self.gates();
        if gates.len() >= self.most && !gates.contains_key(&key) {
            return None;
        }
        let gate = Arc::clone(gates.entry(key.clone()).or_default());
        Some(Flight { flights: self, key, gate })
    }
}

impl<K> Flights<K> {
    /// A panic of another thread leaves the map whole: each change is one insert or one remove.
    fn gates(&self) -> MutexGuard<'_, HashMap<K, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.gates().is_empty()
    }
}

impl<K: Eq + Hash> Flight<'_, K> {
    /// Waits for the turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the place in the queue up.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        self.gate.lock().await
    }

    /// The turn, if nobody has it.
    pub(crate) fn turn_now(&self) -> Option<Turn<'_>> {
        self.gate.try_lock().ok()
    }
}

impl<K: Eq + Hash> Drop for Flight<'_, K> {
    fn drop(&mut self) {
        let mut gates = self.flights.gates();
        // Let go of under the lock, so that of two who leave at the same time one sees that it is the last.
        self.gate = Gate::default();
        if gates.get(&self.key).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_leave_takes_the_fetch_out() {
        let flights = Flights::new(1);
        let (first, second) = (flights.join(1).unwrap(), flights.join(1).unwrap());
        assert!(flights.join(2).is_none(), "there is room for one");
        let turn = first.turn_now().unwrap();
        assert!(second.turn_now().is_none());
        drop(turn);
        assert!(second.turn_now().is_some());
        drop(first);
        assert!(!flights.is_empty());
        drop(second);
        assert!(flights.is_empty());
        assert!(flights.join(2).is_some());
    }
}
