//! What one run of a call has asked: the keys of its questions and steps, and what could not be asked.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Ability;

/// The keys that this run of a call has used. A key names one thing in both eras: a second question under the key of an
/// answered one would get that answer again in the modern era, for ever in a loop, and would be put again in a legacy
/// session.
#[derive(Default)]
pub(crate) struct Keys(Mutex<Used>);

#[derive(Default)]
struct Used {
    keys: BTreeSet<String>,
    /// How many keys are claimed and neither used nor free again.
    open: usize,
    /// What was asked and is not declared, while it matters to the questions beside it.
    undeclared: Vec<Ability>,
}

impl Keys {
    /// Claims a key. `None` if it is in use, or was.
    pub(crate) fn claim<'a>(&'a self, key: &'a str) -> Option<Claim<'a>> {
        let mut used = self.lock();
        if !used.keys.insert(key.to_owned()) {
            return None;
        }
        used.open += 1;
        Some(Claim { keys: self, key, end: End::Free })
    }

    /// Whether something waits for what it claimed a key for.
    pub(crate) fn any_open(&self) -> bool {
        self.lock().open > 0
    }

    /// Notes that something was asked which the client did not declare.
    pub(super) fn note_undeclared(&self, ability: &Ability) {
        self.lock().undeclared.push(ability.clone());
    }

    /// Forgets that it was: nothing was asked beside it.
    pub(super) fn forget_undeclared(&self, ability: &Ability) {
        let mut used = self.lock();
        if let Some(place) = used.undeclared.iter().position(|noted| noted == ability) {
            used.undeclared.remove(place);
        }
    }

    /// What was asked beside the questions that wait, and is not declared.
    pub(crate) fn undeclared(&self) -> Vec<Ability> {
        self.lock().undeclared.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key that is in use. Dropped, it is free again: what failed or was given up may be tried again.
pub(crate) struct Claim<'a> {
    keys: &'a Keys,
    key: &'a str,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Free,
    Used,
}

impl Claim<'_> {
    /// There is an answer, or a result: the key is used for the rest of this run.
    pub(crate) fn used(mut self) {
        self.end = End::Used;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut used = self.keys.lock();
        used.open = used.open.saturating_sub(1);
        if self.end == End::Free {
            used.keys.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_free_until_it_is_claimed_and_after_a_failure() {
        let keys = Keys::default();
        let claim = keys.claim("a").unwrap();
        assert!(keys.claim("a").is_none() && keys.claim("b").is_some());
        assert!(keys.any_open());
        drop(claim);
        assert!(!keys.any_open());
        keys.claim("a").unwrap().used();
        assert!(keys.claim("a").is_none() && !keys.any_open());
    }
}
