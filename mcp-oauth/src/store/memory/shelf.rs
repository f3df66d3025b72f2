//! A bounded map whose records go when they are over.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use crate::store::StoreError;
use crate::types::Timestamp;

struct Entry<V> {
    value: V,
    /// When it is over.
    until: Timestamp,
    /// Where it stands in the order of expiry: never later than `until`.
    listed: Timestamp,
}

/// Records by their keys, in the order of the keys, and when each is over.
pub(super) struct Shelf<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    order: BTreeSet<(Timestamp, K)>,
    most: usize,
}

impl<K: Ord + Clone, V> Shelf<K, V> {
    /// One that holds `most` records.
    pub(super) const fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeSet::new(), most }
    }

    /// The record of this key, over or not.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// The record of this key, if it is not over.
    pub(super) fn live(&self, key: &K, now: Timestamp) -> Option<&V> {
        self.entries.get(key).filter(|entry| !entry.until.is_over(now)).map(|entry| &entry.value)
    }

    /// When the record of this key is over.
    pub(super) fn until(&self, key: &K) -> Option<Timestamp> {
        self.entries.get(key).map(|entry| entry.until)
    }

    /// The records after this key, in order.
    pub(super) fn after(&self, key: Option<&K>) -> impl Iterator<Item = (&K, &V)> {
        let from = key.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        self.entries.range((from, std::ops::Bound::Unbounded)).map(|(key, entry)| (key, &entry.value))
    }

    /// How many records there are, over or not.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < self.most
    }

    /// Puts a record there, in the place of one with this key. The caller has seen to [room](Self::has_room).
    pub(super) fn put(&mut self, key: K, value: V, until: Timestamp) -> Option<V> {
        let replaced = self.entries.insert(key.clone(), Entry { value, until, listed: until });
        if let Some(old) = &replaced {
            self.order.remove(&(old.listed, key.clone()));
        }
        self.order.insert((until, key));
        replaced.map(|old| old.value)
    }

    /// The record is over at this time instead.
    ///
    /// Only one that is over earlier is listed anew. One that lives longer is when its old time comes: a grant that is
    /// refreshed a thousand times moves once.
    pub(super) fn set_until(&mut self, key: &K, until: Timestamp) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.until = until;
        if until < entry.listed {
            self.order.remove(&(entry.listed, key.clone()));
            entry.listed = until;
            self.order.insert((until, key.clone()));
        }
    }

    /// Takes the record out, over or not.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&(entry.listed, key.clone()));
        Some(entry.value)
    }

    /// Takes out the record that is listed to be over first, over or not.
    pub(super) fn pop_first(&mut self) -> Option<(K, V)> {
        let (_, key) = self.order.pop_first()?;
        let entry = self.entries.remove(&key)?;
        Some((key, entry.value))
    }

    /// Takes out one record that is over.
    pub(super) fn pop_over(&mut self, now: Timestamp) -> Option<(K, V)> {
        loop {
            let (listed, _) = self.order.first()?;
            if !listed.is_over(now) {
                return None;
            }
            let (_, key) = self.order.pop_first()?;
            let btree_map::Entry::Occupied(mut occupied) = self.entries.entry(key) else { continue };
            let entry = occupied.get_mut();
            if entry.until.is_over(now) {
                let (key, entry) = occupied.remove_entry();
                return Some((key, entry.value));
            }
            entry.listed = entry.until;
            self.order.insert((entry.until, occupied.key().clone()));
        }
    }
}

/// Takes out up to `limit` records that are over, tells `gone` of each, and gives how many.
pub(super) fn sweep<K: Ord + Clone, V>(
    shelf: &mut Shelf<K, V>,
    now: Timestamp,
    limit: usize,
    mut gone: impl FnMut(K, V),
) -> usize {
    let mut swept = 0;
    while swept < limit
        && let Some((key, value)) = shelf.pop_over(now)
    {
        gone(key, value);
        swept += 1;
    }
    swept
}

/// How many records that are over go with each new one: more than come, so that they do not pile up.
const WITH_EACH: usize = 2;

/// Makes room for one more record: what is over goes first.
///
/// # Errors
///
/// When nothing is over and there is none.
pub(super) fn make_room<K: Ord + Clone, V>(
    shelf: &mut Shelf<K, V>,
    now: Timestamp,
    gone: impl FnMut(K, V),
) -> Result<(), StoreError> {
    sweep(shelf, now, WITH_EACH, gone);
    if shelf.has_room() { Ok(()) } else { Err(StoreError::Full) }
}
