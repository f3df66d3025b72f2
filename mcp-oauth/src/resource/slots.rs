//! A map with room for so many entries. Pure: it knows neither tokens nor clocks.

use std::collections::{HashMap, VecDeque};

use crate::types::Digest;

/// How many entries are looked at, at most, to find one that can go.
const TRIES: usize = 16;

/// Entries by digest, at most `room` of them. When it is full, the oldest that may go makes room; one that was used since
/// it was last looked at gets a second chance.
#[derive(Debug)]
pub(super) struct Slots<V> {
    room: usize,
    entries: HashMap<Digest, Slot<V>>,
    /// The keys of `entries`, the next to be looked at in front. A key that is here and not there is passed over.
    order: VecDeque<Digest>,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    used: bool,
}

/// No entry can go, so that there is no room for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<V> Slots<V> {
    pub(super) fn new(room: usize) -> Self {
        Self { room, entries: HashMap::new(), order: VecDeque::new() }
    }

    /// The entry, which counts as used from now on.
    pub(super) fn find(&mut self, key: &Digest) -> Option<&mut V> {
        self.entries.get_mut(key).map(|slot| {
            slot.used = true;
            &mut slot.value
        })
    }

    /// Puts an entry in, in place of the one with the same key. `may_go` says of an entry whether it can make room.
    pub(super) fn insert(&mut self, key: Digest, value: V, may_go: impl Fn(&V) -> bool) -> Result<(), Full> {
        if let Some(slot) = self.entries.get_mut(&key) {
            slot.value = value;
            return Ok(());
        }
        if self.entries.len() >= self.room {
            self.make_room(may_go)?;
        }
        self.entries.insert(key, Slot { value, used: false });
        self.order.push_back(key);
        Ok(())
    }

    fn make_room(&mut self, may_go: impl Fn(&V) -> bool) -> Result<(), Full> {
        // Once around at most, and the second time around nothing counts as used any more.
        for _ in 0..TRIES.min(self.order.len().saturating_mul(2)) {
            let Some(key) = self.order.pop_front() else { break };
            let Some(slot) = self.entries.get_mut(&key) else { continue };
            if !slot.used && may_go(&slot.value) {
                self.entries.remove(&key);
                return Ok(());
            }
            slot.used = false;
            self.order.push_back(key);
        }
        Err(Full)
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &Digest) -> Option<V> {
        // Its place in `order` is cleared when it is looked at or swept; until then it is a key without an entry.
        let slot = self.entries.remove(key)?;
        if self.order.len() > self.entries.len().saturating_mul(2).saturating_add(TRIES) {
            let entries = &self.entries;
            self.order.retain(|key| entries.contains_key(key));
        }
        Some(slot.value)
    }

    /// Looks at every entry and keeps those of which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Digest, &mut V) -> bool) {
        self.entries.retain(|key, slot| keep(key, &mut slot.value));
        let entries = &self.entries;
        self.order.retain(|key| entries.contains_key(key));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Digest {
        Digest::sha256(&[number])
    }

    fn filled(room: u8) -> Slots<u8> {
        let mut slots = Slots::new(room.into());
        for number in 0..room {
            slots.insert(key(number), number, |_| true).unwrap();
        }
        slots
    }

    #[test]
    fn the_oldest_goes_and_what_is_used_stays() {
        let mut slots = filled(3);
        assert_eq!(slots.find(&key(0)), Some(&mut 0));
        slots.insert(key(3), 3, |_| true).unwrap();
        assert_eq!((slots.len(), slots.find(&key(1))), (3, None));
        assert!(slots.find(&key(0)).is_some() && slots.find(&key(2)).is_some());
        // Where all were used, one goes all the same.
        assert!(slots.find(&key(3)).is_some());
        slots.insert(key(4), 4, |_| true).unwrap();
        assert_eq!(slots.len(), 3);
    }

    #[test]
    fn what_must_not_go_does_not() {
        let mut slots = filled(3);
        slots.insert(key(3), 3, |value| *value == 2).unwrap();
        assert_eq!(slots.find(&key(2)), None);
        assert_eq!(slots.insert(key(4), 4, |_| false), Err(Full));
        assert_eq!(slots.len(), 3);
        // An entry is replaced where nothing can go.
        slots.insert(key(3), 30, |_| false).unwrap();
        assert_eq!(slots.find(&key(3)), Some(&mut 30));
        assert_eq!(Slots::new(0).insert(key(0), 0, |_| true), Err(Full));
    }

    #[test]
    fn the_order_does_not_grow_beyond_the_entries() {
        let mut slots = filled(4);
        for round in 0..1000_u32 {
            let key = Digest::sha256(&round.to_be_bytes());
            slots.insert(key, 9, |_| true).unwrap();
            slots.remove(&key);
        }
        assert!(slots.order.len() <= 2 * 4 + TRIES + 1, "{}", slots.order.len());
        slots.retain(|_, value| *value > 100);
        assert_eq!((slots.len(), slots.order.len()), (0, 0));
    }
}
