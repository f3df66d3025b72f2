//! Sign-in for the one person who runs the server: a code that only they can read.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::announce::{Announce, Announcement};
use super::one_time_code::{self, Typed};
use super::provider::{Attempt, Begin, Fields, Form, IdentityProvider, SignInError, Standing, Step};
use super::provider_id::ProviderId;
use crate::store::{Permit, Quota, rules};
use crate::types::{Digest, Identity, Timestamp};

/// Signs in the owner of the server with a one-time code.
///
/// A code is made when somebody opens the page of sign-in, and [announced](Announce) to the owner. It has 64 random
/// bits, lives ten minutes, is good for one sign-in, and is void after five wrong tries. There is one at a time:
/// whoever opens the page while it lives makes no other. At most four are made in a minute (by default), whoever asks,
/// so that strangers cannot flood the terminal.
///
/// A stranger who can open the page can use up the tries of a code. That gives them nothing to guess with, but it may
/// keep the owner out; so callers limit tries by address before they come here.
///
/// There is one owner. Their subject is `owner`. Codes are kept in memory: each process of a server has its own, so
/// the page and its form must reach the same one.
#[derive(Debug)]
pub struct Owner {
    announce: Arc<dyn Announce>,
    quota: Quota,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    live: Option<Live>,
    /// When as many codes may be made at once as ever.
    full_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Live {
    digest: Digest,
    expires_at: Timestamp,
    wrong: u32,
}

static ID: ProviderId = ProviderId::fixed("owner");

impl Owner {
    /// How long a code lives.
    pub const LIFETIME: Duration = Duration::from_secs(600);
    /// How many wrong tries make it void.
    pub const TRIES: u32 = 5;

    /// An owner who is told their codes this way.
    #[must_use]
    pub fn new(announce: Arc<dyn Announce>) -> Self {
        Self {
            announce,
            quota: Quota { burst: NonZeroU32::MIN.saturating_add(3), period: Duration::from_secs(60) },
            state: Mutex::default(),
        }
    }

    /// How many codes are made in a minute at most.
    #[must_use]
    pub const fn codes_per_minute(mut self, most: NonZeroU32) -> Self {
        self.quota.burst = most;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left it whole: each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a code and shows it. Only one that was shown is live.
    fn renew(&self, state: &mut State, begin: &Begin) -> Result<(), SignInError> {
        let (permit, full_at) = rules::gcra(state.full_at, self.quota, 1, begin.now);
        if let Permit::Denied { retry_after } = permit {
            return Err(SignInError::TooMany { retry_after });
        }
        state.full_at = full_at.or(state.full_at);
        state.live = None;
        let (shown, digest) = one_time_code::mint().map_err(|fault| SignInError::Unavailable(fault.into()))?;
        let mut announcement = Announcement::new(&shown, Self::LIFETIME);
        announcement.peer = begin.peer;
        self.announce.announce(&announcement).map_err(|fault| SignInError::Unavailable(fault.into()))?;
        state.live = Some(Live { digest, expires_at: begin.now.after(Self::LIFETIME), wrong: 0 });
        Ok(())
    }
}

/// Who the owner is.
fn identity() -> Result<Identity, SignInError> {
    let subject = ID.sole_subject().map_err(|fault| SignInError::Unavailable(fault.into()))?;
    let mut identity = Identity::new(ID.as_str(), subject);
    identity.username = Some("owner".to_owned());
    Ok(identity)
}

#[async_trait]
impl IdentityProvider for Owner {
    fn id(&self) -> &ProviderId {
        &ID
    }

    fn label(&self) -> &'static str {
        "Owner of this server"
    }

    async fn begin(&self, begin: &Begin) -> Result<Step, SignInError> {
        let mut state = self.state();
        if state.live.as_ref().is_none_or(|live| live.expires_at.is_over(begin.now)) {
            self.renew(&mut state, begin)?;
        }
        Ok(Step::Form(Form::new(Fields::Code).sentence(self.announce.whereabouts())))
    }

    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
        let typed = attempt.code.as_ref().map_or(Typed::Nothing, |code| one_time_code::read(code.expose()));
        let mut state = self.state();
        let Some(live) = state.live.as_mut().filter(|live| !live.expires_at.is_over(attempt.now)) else {
            return Err(SignInError::Refused);
        };
        match typed {
            // A form sent by mistake costs no try.
            Typed::Nothing => return Err(SignInError::Refused),
            Typed::Code(presented) if presented.matches(&live.digest) => {
                // Still under the lock: exactly one caller comes here.
                state.live = None;
                self.announce.withdraw();
                return identity();
            }
            Typed::Code(_) | Typed::Malformed => live.wrong += 1,
        }
        if live.wrong >= Self::TRIES {
            state.live = None;
            self.announce.withdraw();
            tracing::warn!(peer = ?attempt.peer, "the owner's one-time code is void after too many wrong tries");
        }
        Err(SignInError::Refused)
    }

    async fn standing(&self, owner: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        let known = identity()?;
        let same = owner.provider == known.provider && owner.subject == known.subject;
        Ok(if same { Standing::Good(Box::new(known)) } else { Standing::Ended })
    }
}

#[cfg(test)]
mod tests;
