//! When keys change: pure functions of a key set, a policy and the time.

use std::time::Duration;

use super::algorithm::Algorithm;
use super::error::KeyError;
use super::key_set::{KeySet, KeySetError, KeyState};
use super::signing_key::SigningKey;

/// How long keys live. All nodes that share a key set have the same policy.
#[derive(Clone, Debug)]
pub struct RotationPolicy {
    algorithms: Vec<Algorithm>,
    rotate_after: Option<Duration>,
    jwks_max_age: Duration,
    access_token_life: Duration,
    skew: Duration,
}

impl RotationPolicy {
    /// Signs with `default`, and changes its key every 30 days. No token may live longer than `access_token_life`, or it
    /// outlives its key.
    #[must_use]
    pub fn new(default: Algorithm, access_token_life: Duration) -> Self {
        Self {
            algorithms: vec![default],
            rotate_after: Some(Duration::from_secs(30 * 24 * 3600)),
            jwks_max_age: Duration::from_secs(300),
            access_token_life,
            skew: Duration::from_secs(120),
        }
    }

    /// Keeps a key for this algorithm too, beside that of the default.
    #[must_use]
    pub fn also(mut self, algorithm: Algorithm) -> Self {
        if !self.algorithms.contains(&algorithm) {
            self.algorithms.push(algorithm);
        }
        self
    }

    /// How long a key signs; `None`: until it is rotated by hand. 30 days by default. A key signs no shorter than the next
    /// one has to be published before it.
    #[must_use]
    pub const fn rotate_after(mut self, age: Option<Duration>) -> Self {
        self.rotate_after = age;
        self
    }

    /// The `max-age` that the JWKS is served with. Five minutes by default.
    #[must_use]
    pub const fn jwks_max_age(mut self, age: Duration) -> Self {
        self.jwks_max_age = age;
        self
    }

    /// How far the clocks of nodes and verifiers may be apart, and the time in which a node notices a new key set, both
    /// together. Two minutes by default.
    #[must_use]
    pub const fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// The algorithm to sign with where nothing asks for another.
    #[must_use]
    pub fn default_algorithm(&self) -> Algorithm {
        self.algorithms.first().copied().unwrap_or(Algorithm::Es256)
    }

    /// The `max-age` to serve the JWKS with.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.jwks_max_age
    }

    /// How long a key is published before it signs, in seconds: whoever fetched the JWKS just before has fetched it again.
    fn publish_for(&self) -> u64 {
        self.jwks_max_age.saturating_add(self.skew).as_secs()
    }

    /// How long a key verifies after it signed last, in seconds.
    fn keep_for(&self) -> u64 {
        self.access_token_life.saturating_add(self.skew).as_secs()
    }
}

/// One thing to be done with a key set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Make a key and publish it.
    Generate {
        /// For this algorithm.
        algorithm: Algorithm,
    },
    /// Make a key that signs at once, because none does.
    Begin {
        /// With this algorithm.
        algorithm: Algorithm,
    },
    /// Let a next key sign, and retire the one that did.
    Promote {
        /// Which.
        key_id: String,
    },
    /// Let a key whose algorithm is not wanted any more sign no longer.
    Retire {
        /// Which.
        key_id: String,
    },
    /// Forget a key.
    Drop {
        /// Which.
        key_id: String,
    },
}

/// What has to be done with a key set at one time.
#[derive(Debug)]
#[must_use = "a plan changes nothing until it is applied and what comes of it is published"]
pub struct Plan<'a> {
    set: &'a KeySet,
    now: u64,
    keep_for: u64,
    steps: Vec<Step>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(set: &'a KeySet, now: u64, policy: &RotationPolicy) -> Self {
        let mut steps = Vec::new();
        let silent = !set.keys().iter().any(|record| record.is_active());
        for algorithm in policy.algorithms.iter().copied() {
            steps.extend(step(set, algorithm, now, policy, silent));
        }
        let default = policy.default_algorithm();
        let default_signs = set.active(default).is_some()
            || set.next(default).is_some_and(|next| {
                steps.iter().any(|step| matches!(step, Step::Promote { key_id } if key_id == next.key.key_id()))
            });
        for record in set.keys() {
            let key_id = record.key.key_id().to_owned();
            let wanted = policy.algorithms.contains(&record.key.algorithm());
            match record.state {
                KeyState::Next if !wanted => steps.push(Step::Drop { key_id }),
                // It goes on signing until there is another that does.
                KeyState::Active { .. } if !wanted && default_signs => steps.push(Step::Retire { key_id }),
                KeyState::Retired { until, .. } if now >= until => steps.push(Step::Drop { key_id }),
                KeyState::Next | KeyState::Active { .. } | KeyState::Retired { .. } => {}
            }
        }
        Self { set, now, keep_for: policy.keep_for(), steps }
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The key set after the steps. `generate` is usually [`SigningKey::generate`].
    ///
    /// # Errors
    ///
    /// A key cannot be made, or the set is full.
    pub fn apply(
        self,
        mut generate: impl FnMut(Algorithm) -> Result<SigningKey, KeyError>,
    ) -> Result<KeySet, KeySetError> {
        let mut set = self.set.clone();
        let retired = KeyState::Retired { since: self.now, until: self.now.saturating_add(self.keep_for) };
        let active = KeyState::Active { since: self.now };
        // What goes makes room for what comes.
        for step in &self.steps {
            if let Step::Drop { key_id } = step {
                set.remove(key_id);
            }
        }
        for step in self.steps {
            match step {
                Step::Generate { algorithm } => set.add(generate(algorithm)?, self.now, KeyState::Next)?,
                Step::Begin { algorithm } => set.add(generate(algorithm)?, self.now, active)?,
                Step::Promote { key_id } => {
                    let next = self.set.keys().iter().find(|record| record.key.key_id() == key_id);
                    if let Some(old) = next.and_then(|next| self.set.active(next.key.algorithm())) {
                        set.set_state(old.key.key_id(), retired);
                    }
                    set.set_state(&key_id, active);
                }
                Step::Retire { key_id } => set.set_state(&key_id, retired),
                Step::Drop { .. } => {}
            }
        }
        Ok(set)
    }
}

/// What the keys of one algorithm need. `silent`: no key of any algorithm signs.
fn step(set: &KeySet, algorithm: Algorithm, now: u64, policy: &RotationPolicy, silent: bool) -> Option<Step> {
    match (set.active(algorithm), set.next(algorithm)) {
        // Nobody has signed anything yet, so there is no old key set that anybody could still have.
        (None, None) if silent => Some(Step::Begin { algorithm }),
        (None, None) => Some(Step::Generate { algorithm }),
        (active, Some(next)) => {
            let published = now.saturating_sub(next.created_at) >= policy.publish_for();
            let urgent = silent && active.is_none();
            (published || urgent).then(|| Step::Promote { key_id: next.key.key_id().to_owned() })
        }
        (Some(active), None) => {
            let KeyState::Active { since } = active.state else {
                return None;
            };
            let age = policy.rotate_after?.as_secs().saturating_sub(policy.publish_for());
            (now.saturating_sub(since) >= age).then_some(Step::Generate { algorithm })
        }
    }
}

#[cfg(test)]
mod tests;
