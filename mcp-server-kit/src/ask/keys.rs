//! Keys of questions and steps.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// The keys that this run of a call has used. A key names one thing in both eras: a second question under the key of an
/// answered one would get that answer again in the modern era, for ever in a loop, and would be put again in a legacy
/// session.
#[derive(Default)]
pub(crate) struct Keys(Mutex<BTreeSet<String>>);

impl Keys {
    /// Claims a key. `None` if it is in use, or was.
    pub(crate) fn claim<'a>(&'a self, key: &'a str) -> Option<Claim<'a>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.to_owned()).then(|| Claim { keys: self, key, end: End::Free })
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
        if self.end == End::Free {
            self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(self.key);
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
        drop(claim);
        keys.claim("a").unwrap().used();
        assert!(keys.claim("a").is_none());
    }
}
