//! Sign-in for the one person who runs the server: a code that only they can read.

mod codes;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::codes::{Codes, Judged, Live};
use super::announce::{Announce, Announcement};
use super::one_time_code::{self, Typed};
use super::provider::{Attempt, Begin, Fields, Form, IdentityProvider, SignInError, Standing, Step};
use super::provider_id::ProviderId;
use crate::store::Quota;
use crate::types::{Identity, Timestamp, customer};

/// Signs in the owner of the server with a one-time code.
///
/// A code is made when a [browser](Begin::browser) opens the page of sign-in, and [announced](Announce) to the owner with the
/// mark that stands on that page. It has 64 random bits, lives ten minutes, is good for one sign-in on that browser, and is
/// void after five wrong tries there. What others type costs it nothing, and is right for none of them: whoever has a code
/// still needs the browser that it was made for.
///
/// A browser has one at a time, however often it loads the page. At most four are made in a minute (by default), and three of
/// them for one address, so that strangers cannot flood the terminal, and one of them does not keep the owner from getting a
/// code. At most [sixteen](Self::MOST_LIVE) are live; the next one takes the place of the oldest of the address that has most.
///
/// There is one owner. Their subject is `owner`. Codes are kept in memory: each process of a server has its own, so
/// the page and its form must reach the same one.
#[derive(Debug)]
pub struct Owner {
    announce: Arc<dyn Announce>,
    quota: Quota,
    codes: Mutex<Codes>,
}

static ID: ProviderId = ProviderId::fixed("owner");

impl Owner {
    /// How long a code lives.
    pub const LIFETIME: Duration = Duration::from_secs(600);
    /// How many wrong tries make it void.
    pub const TRIES: u32 = 5;
    /// How many codes are live at most.
    pub const MOST_LIVE: usize = 16;

    /// An owner who is told their codes this way.
    #[must_use]
    pub fn new(announce: Arc<dyn Announce>) -> Self {
        Self {
            announce,
            quota: Quota { burst: NonZeroU32::MIN.saturating_add(3), period: Duration::from_secs(60) },
            codes: Mutex::default(),
        }
    }

    /// How many codes are made in a minute at most.
    #[must_use]
    pub const fn codes_per_minute(mut self, most: NonZeroU32) -> Self {
        self.quota.burst = most;
        self
    }

    fn codes(&self) -> MutexGuard<'_, Codes> {
        // Whoever panicked left it whole: each change is one step.
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a code and shows it; gives its mark. Only one that was shown is live.
    fn renew(&self, codes: &mut Codes, begin: &Begin) -> Result<String, SignInError> {
        let network = begin.peer.map(customer);
        let counted = codes.count(network.as_deref(), self.quota, begin.now);
        counted.map_err(|retry_after| SignInError::TooMany { retry_after })?;
        let (code, digest) = one_time_code::mint().map_err(|fault| SignInError::Unavailable(fault.into()))?;
        let mark = loop {
            let mark = one_time_code::mark().map_err(|fault| SignInError::Unavailable(fault.into()))?;
            if !codes.has_mark(&mark) {
                break mark;
            }
        };
        if let Some(gone) = codes.make_room(Self::MOST_LIVE) {
            self.announce.withdraw(&gone);
        }
        let mut announcement = Announcement::new(&code, &mark, Self::LIFETIME);
        announcement.peer = begin.peer;
        self.announce.announce(&announcement).map_err(|fault| SignInError::Unavailable(fault.into()))?;
        let expires_at = begin.now.after(Self::LIFETIME);
        codes.add(Live { browser: begin.browser, network, mark: mark.clone(), digest, expires_at, wrong: 0 });
        Ok(mark)
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
        let mut codes = self.codes();
        codes.expire(begin.now).iter().for_each(|mark| self.announce.withdraw(mark));
        let mark = match codes.mark_of(begin.browser) {
            Some(mark) => mark.to_owned(),
            None => self.renew(&mut codes, begin)?,
        };
        let sentence = format!("{} It is the one for the page marked {mark}.", self.announce.whereabouts());
        Ok(Step::Form(Form::new(Fields::Code).sentence(sentence)))
    }

    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
        let typed = attempt.code.as_ref().map_or(Typed::Nothing, |code| one_time_code::read(code.expose()));
        let mut codes = self.codes();
        match codes.judge(attempt.browser, typed, Self::TRIES, attempt.now) {
            Judged::Right(mark) => {
                // Still under the lock: exactly one caller comes here.
                self.announce.withdraw(&mark);
                identity()
            }
            Judged::Wrong => Err(SignInError::Refused),
            Judged::Void(mark) => {
                self.announce.withdraw(&mark);
                tracing::warn!(peer = ?attempt.peer, mark, "a one-time code of the owner's is void after too many wrong tries");
                Err(SignInError::Refused)
            }
        }
    }

    async fn standing(&self, owner: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        let known = identity()?;
        let same = owner.provider == known.provider && owner.subject == known.subject;
        Ok(if same { Standing::Good(Box::new(known)) } else { Standing::Ended })
    }
}

#[cfg(test)]
mod tests;
