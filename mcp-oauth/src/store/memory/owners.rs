//! Whose records are whose.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::ops::Bound;

/// The keys of the records of each owner, in order.
pub(super) struct Owners<O, K>(HashMap<O, BTreeSet<K>>);

impl<O, K> Default for Owners<O, K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<O: Eq + Hash + Clone, K: Ord + Copy> Owners<O, K> {
    /// Notes that the record is this owner's.
    pub(super) fn add(&mut self, owner: &O, key: K) {
        match self.0.get_mut(owner) {
            Some(keys) => {
                keys.insert(key);
            }
            None => {
                self.0.insert(owner.clone(), BTreeSet::from([key]));
            }
        }
    }

    /// Notes that it is not any more. An owner of nothing is forgotten.
    pub(super) fn remove(&mut self, owner: &O, key: &K) {
        if let Some(keys) = self.0.get_mut(owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.0.remove(owner);
            }
        }
    }

    /// The keys of this owner's records after this one.
    pub(super) fn after(&self, owner: &O, key: Option<K>) -> impl Iterator<Item = K> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.0.get(owner).into_iter().flat_map(move |keys| keys.range((from, Bound::Unbounded)).copied())
    }
}
