//! What the kinds of verifiers differ in: how a token is judged for the first time, and how it is asked about again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use mcp_transport::auth::{Principal, Rejection, ResourceId};

/// When a client should try again if nobody could be asked about its token.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The answer where nobody could be asked.
pub(super) const UNAVAILABLE: Rejection = Rejection::Unavailable { retry_after: RETRY_AFTER };

/// A token that is good.
pub(super) struct Judged<T> {
    /// Whose it is. Nobody else holds it yet.
    pub(super) principal: Arc<Principal>,
    /// What it takes to ask about it again.
    pub(super) ticket: T,
}

/// What became of a token that was good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It says the same as before.
    Same,
    /// It may be good, but it says something else: its principal is over, and it has to be judged anew.
    Changed,
}

/// Judges tokens, and remembers nothing of them.
#[async_trait]
pub(super) trait Judge: Send + Sync + 'static {
    /// What is kept of a good token.
    type Ticket: Send + Sync + 'static;

    /// Judges a token in full.
    async fn judge(
        &self,
        token: &str,
        resource: &ResourceId,
        now: SystemTime,
    ) -> Result<Judged<Self::Ticket>, Rejection>;

    /// Asks about a token again. [`Rejection::Unavailable`] says nothing about it; any other rejection ends it.
    async fn again(&self, ticket: &Self::Ticket, now: SystemTime) -> Result<Standing, Rejection>;
}
