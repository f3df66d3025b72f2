//! What all verifiers can be told.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mcp_transport::auth::ScopeHierarchy;

use super::proofs::Proofs;
use crate::types::{Clock, SystemClock};

/// A revoked token is refused, and its streams end, within this time after the revocation ([`Verifier`]).
///
/// [`Verifier`]: mcp_transport::auth::Verifier
pub const REVOCATION_BOUND: Duration = Duration::from_secs(5);

/// How often what is open looks at its principal: `mcp_transport::http` does so once a second.
#[cfg(test)]
pub(super) const TICK: Duration = Duration::from_secs(1);

/// The settings that the kinds of verifiers share. Each has a default that is safe.
#[derive(Clone, Debug)]
pub struct VerifierOptions {
    pub(super) hierarchy: ScopeHierarchy,
    pub(super) limits: CacheLimits,
    pub(super) proofs: Option<Arc<dyn Proofs>>,
    pub(super) clock: Arc<dyn Clock>,
}

impl VerifierOptions {
    /// No hierarchy of scopes, no DPoP, the default limits, and the clock of the system.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hierarchy: ScopeHierarchy::flat(),
            limits: CacheLimits::default(),
            proofs: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Which scopes imply which others.
    #[must_use]
    pub fn hierarchy(mut self, hierarchy: ScopeHierarchy) -> Self {
        self.hierarchy = hierarchy;
        self
    }

    /// How much is remembered.
    #[must_use]
    pub const fn limits(mut self, limits: CacheLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Who judges DPoP proofs. Without, tokens that are bound to a key are refused.
    #[must_use]
    pub fn proofs(mut self, proofs: Arc<dyn Proofs>) -> Self {
        self.proofs = Some(proofs);
        self
    }

    /// The clock of what happens between requests: looking again at tokens whose callers have streams open. Requests bring
    /// their own time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for VerifierOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What is remembered of tokens, and how much of it.
///
/// Memory is bounded by `tokens` times what one token may come to: its text (no more than [`LONGEST_TOKEN`] bytes) and what
/// it says, several times that at worst; and by `refused` times some hundred bytes.
///
/// [`LONGEST_TOKEN`]: super::LONGEST_TOKEN
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// How many good tokens are remembered. Those in use stay; where all are in use, the streams of a further one end as
    /// soon as it would have to be looked at again.
    pub tokens: NonZeroUsize,
    /// How many refused ones.
    pub refused: NonZeroUsize,
    /// How many tokens are asked about at a time, for streams that are open.
    pub at_once: NonZeroUsize,
    /// How long streams stay open while nobody can be asked about their tokens. New requests are answered with 503 before.
    pub patience: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        const fn number(value: usize) -> NonZeroUsize {
            match NonZeroUsize::new(value) {
                Some(value) => value,
                None => NonZeroUsize::MIN,
            }
        }
        Self { tokens: number(10_000), refused: number(10_000), at_once: number(64), patience: Duration::from_secs(60) }
    }
}
