//! Redemptions of device codes whose outcome nobody has heard.
//!
//! A store that fails may have used the code up all the same. The device asks again, and must not be told that its code is
//! gone: so the name of the attempt is kept, and the next request goes on with it. The store gives an attempt the same answer
//! each time. It is kept by this process alone; at another node the device gets what a second use gets.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::types::{Digest, RandomError, random};

/// How many are kept; beyond that the oldest are forgotten.
const MOST: usize = 1024;

/// Attempts whose outcome is not known: the device code, and the name of the attempt.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<VecDeque<(Digest, Digest)>>);

/// The attempt of one request. Unless it is [settled](Self::settle), it is kept when it goes: also when the request is dropped
/// in the middle. It is not `Clone`: two requests with the same attempt would both be the first.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    of: &'a Attempts,
    code: Digest,
    name: Digest,
    settled: bool,
}

impl Attempts {
    /// The one that goes on where another ended, or a new one.
    pub(crate) fn begin(&self, code: Digest) -> Result<Attempt<'_>, RandomError> {
        let kept = {
            let mut kept = self.lock();
            let place = kept.iter().position(|(of, _)| *of == code);
            place.and_then(|place| kept.remove(place))
        };
        let name = match kept {
            Some((_, name)) => name,
            None => Digest::from_bytes(random()?),
        };
        Ok(Attempt { of: self, code, name, settled: false })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Digest, Digest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// What the store knows it by.
    pub(crate) const fn name(&self) -> &Digest {
        &self.name
    }

    /// The store has answered.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let mut kept = self.of.lock();
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back((self.code, self.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_goes_on_with_an_attempt_that_was_not_settled() {
        let (attempts, code) = (Attempts::default(), Digest::sha256(b"code"));
        let name = |attempt: &Attempt<'_>| *attempt.name();
        let first = name(&attempts.begin(code).unwrap());
        assert_ne!(name(&attempts.begin(Digest::sha256(b"other")).unwrap()), first);
        let (second, third) = (attempts.begin(code).unwrap(), attempts.begin(code).unwrap());
        assert_eq!(name(&second), first);
        assert_ne!(name(&third), first, "never two at once");
        third.settle();
        drop(second);
        let again = attempts.begin(code).unwrap();
        assert_eq!(name(&again), first);
        again.settle();
        assert_ne!(name(&attempts.begin(code).unwrap()), first, "it is over");
    }

    #[test]
    fn they_do_not_pile_up() {
        let attempts = Attempts::default();
        for number in 0..3 * MOST {
            drop(attempts.begin(Digest::sha256(&number.to_be_bytes())).unwrap());
        }
        assert_eq!(attempts.lock().len(), MOST);
    }
}
