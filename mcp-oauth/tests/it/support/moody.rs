//! An access policy that changes its mind.

use std::sync::Mutex;

use async_trait::async_trait;
use mcp_oauth::identity::{Access, AccessPolicy, Allowed, Decision, Occasion, PolicyError, Reason};
use mcp_transport::auth::ScopeSet;

/// What the policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Yes to everything.
    #[default]
    All,
    /// Yes, to the scope `mcp` at most.
    Mcp,
    /// Yes, to no scope.
    Nothing,
    /// No, at refresh.
    No,
    /// No, to everything.
    Never,
    /// It cannot tell.
    Down,
}

/// Allows everything until it is told otherwise.
#[derive(Debug, Default)]
pub(crate) struct Moody(Mutex<Mood>);

impl Moody {
    pub(crate) fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }
}

#[async_trait]
impl AccessPolicy for Moody {
    async fn decide(&self, access: &Access<'_>) -> Result<Decision, PolicyError> {
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::Mcp => Ok(Decision::Allow(Allowed::new("mcp".parse().unwrap()))),
            Mood::Nothing => Ok(Decision::Allow(Allowed::new(ScopeSet::EMPTY))),
            Mood::Never => Ok(Decision::Deny(Reason::new("not for you"))),
            Mood::No if access.at == Occasion::Refresh => Ok(Decision::Deny(Reason::new("not any more"))),
            Mood::Down => Err(PolicyError::Unavailable("down".into())),
            Mood::All | Mood::No => Ok(access.allow()),
        }
    }
}
