//! The seam behind which users prove who they are.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use super::provider_id::ProviderId;
use crate::store::BoxError;
use crate::types::{Digest, Identity, Secret, Timestamp};

/// Somebody has opened the page of sign-in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Begin {
    /// The address of the browser, where it is known.
    pub peer: Option<IpAddr>,
    /// Which browser it is, where that is known: what it sends later has the same value, and what others send has not.
    pub browser: Option<Digest>,
    /// The time.
    pub now: Timestamp,
}

impl Begin {
    /// A page opened at this time, from nobody knows where.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { peer: None, browser: None, now }
    }

    /// Which browser it is.
    #[must_use]
    pub const fn browser(mut self, browser: Digest) -> Self {
        self.browser = Some(browser);
        self
    }

    /// The address of the browser.
    #[must_use]
    pub const fn peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }
}

/// What happens next in a sign-in. There may be more in time: providers that the browser is sent to, and comes back
/// from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The user fills in a form of ours, and [`IdentityProvider::sign_in`] judges it.
    Form(Form),
}

/// The form that a user signs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Form {
    /// What it asks for.
    pub fields: Fields,
    /// A sentence of the provider's above the fields. It is shown to anybody: no secret, no path.
    pub sentence: Cow<'static, str>,
}

impl Form {
    /// A form with these fields, and nothing to say.
    #[must_use]
    pub const fn new(fields: Fields) -> Self {
        Self { fields, sentence: Cow::Borrowed("") }
    }

    /// What stands above the fields.
    #[must_use]
    pub fn sentence(mut self, sentence: impl Into<Cow<'static, str>>) -> Self {
        self.sentence = sentence.into();
        self
    }
}

/// The fields of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fields {
    /// `username` and `password`.
    Password,
    /// `code`.
    Code,
}

/// A form of sign-in as the user sent it. What was not sent is `None`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The field `username`.
    pub username: Option<String>,
    /// The field `password`.
    pub password: Option<Secret>,
    /// The field `code`.
    pub code: Option<Secret>,
    /// The address of the browser, where it is known.
    pub peer: Option<IpAddr>,
    /// Which browser it is, where that is known, as at its [`Begin`].
    pub browser: Option<Digest>,
    /// The time.
    pub now: Timestamp,
}

impl Attempt {
    /// An empty form sent at this time.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { username: None, password: None, code: None, peer: None, browser: None, now }
    }

    /// Which browser it is.
    #[must_use]
    pub const fn browser(mut self, browser: Digest) -> Self {
        self.browser = Some(browser);
        self
    }

    /// With these two filled in.
    #[must_use]
    pub fn password(mut self, username: String, password: Secret) -> Self {
        self.username = Some(username);
        self.password = Some(password);
        self
    }

    /// With the code filled in.
    #[must_use]
    pub fn code(mut self, code: Secret) -> Self {
        self.code = Some(code);
        self
    }

    /// The address of the browser.
    #[must_use]
    pub const fn peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }
}

impl fmt::Debug for Attempt {
    /// Does not show the user name: people type their password into that field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("peer", &self.peer).field("now", &self.now).finish_non_exhaustive()
    }
}

/// Why nobody is signed in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// What was sent proves nobody. It does not say what was wrong with it, nor does the time that it took.
    #[error("the sign-in was refused")]
    Refused,
    /// The provider is asked too often.
    #[error("too many sign-ins")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// The provider cannot tell. Says nothing about the user.
    #[error("the identity provider is not available")]
    Unavailable(#[source] BoxError),
}

/// How an account stands that has signed in before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It is good. The identity is the same person as the provider knows them now: groups, names and address may have
    /// changed, provider and subject never do.
    Good(Box<Identity>),
    /// It is disabled or gone, or its means of signing in was withdrawn. Its grants end.
    Ended,
}

/// Finds out who somebody is.
///
/// A sign-in begins with [`begin`](Self::begin), which says what the user is shown, and ends with
/// [`sign_in`](Self::sign_in). At each refresh of a grant [`standing`](Self::standing) says whether the account is
/// still good.
///
/// Implementations read no clock, and limit nothing by address or account: the caller has done that before it calls
/// [`sign_in`](Self::sign_in).
///
/// ```
/// use async_trait::async_trait;
/// use mcp_oauth::identity::{Attempt, Begin, Fields, Form, IdentityProvider, ProviderId, SignInError, Standing, Step};
/// use mcp_oauth::types::{Identity, Timestamp};
///
/// /// Admits the holder of a code that never changes: for a demonstration.
/// #[derive(Debug)]
/// struct Fixed {
///     id: ProviderId,
/// }
///
/// #[async_trait]
/// impl IdentityProvider for Fixed {
///     fn id(&self) -> &ProviderId {
///         &self.id
///     }
///
///     async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
///         Ok(Step::Form(Form::new(Fields::Code).sentence("Type the code of the day.")))
///     }
///
///     async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
///         let code = attempt.code.as_ref().ok_or(SignInError::Refused)?;
///         if !code.digest().matches(&mcp_oauth::types::Secret::new("heron".to_owned()).digest()) {
///             return Err(SignInError::Refused);
///         }
///         let subject = self.id.sole_subject().map_err(|fault| SignInError::Unavailable(fault.into()))?;
///         Ok(Identity::new(self.id.as_str(), subject))
///     }
///
///     async fn standing(&self, identity: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
///         Ok(Standing::Good(Box::new(identity.clone())))
///     }
/// }
/// ```
#[async_trait]
pub trait IdentityProvider: Send + Sync + fmt::Debug + 'static {
    /// Its name. Does not change while the server runs.
    fn id(&self) -> &ProviderId;

    /// What pages call it, where users choose between several.
    fn label(&self) -> &str {
        self.id().as_str()
    }

    /// Begins a sign-in: says what the user is shown.
    ///
    /// Called for each load of the page; calling it often costs the provider no more than calling it once.
    ///
    /// # Errors
    ///
    /// [`SignInError::TooMany`] and [`SignInError::Unavailable`].
    ///
    /// # Cancel safety
    ///
    /// Dropped, the sign-in has begun or not; it can be begun again.
    async fn begin(&self, begin: &Begin) -> Result<Step, SignInError>;

    /// Judges a form.
    ///
    /// # Errors
    ///
    /// [`SignInError::Refused`] alike for an unknown account, a wrong secret and an account that is not good, and after
    /// the same time.
    ///
    /// # Cancel safety
    ///
    /// Dropped, a try may have been counted, and a secret of single use may be used up.
    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError>;

    /// Whether an identity that this provider gave before is still good. A provider that knows what the person signs in with
    /// says so ([`Identity::credential`]), and sessions from before a change of it are over.
    ///
    /// # Errors
    ///
    /// [`SignInError::Unavailable`] when it cannot tell. Callers end no grant because of it.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    async fn standing(&self, identity: &Identity, now: Timestamp) -> Result<Standing, SignInError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_046_debug_of_an_attempt_shows_nothing_typed() {
        let attempt = Attempt::at(Timestamp::from_secs(1))
            .password("hunter2-in-the-wrong-field".to_owned(), Secret::new("hunter2".to_owned()))
            .code(Secret::new("BCDFG".to_owned()));
        let text = format!("{attempt:?}");
        assert!(!text.contains("hunter2") && !text.contains("BCDFG"), "{text}");
    }
}
