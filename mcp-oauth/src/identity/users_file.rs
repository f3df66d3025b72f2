//! Users in a file, with argon2id passwords (feature `users-file`).
//!
//! | file | what it holds |
//! |---|---|
//! | `name` | [`UserName`] |
//! | `password` | one-way hashes of passwords (RFC 9106), as PHC strings |
//! | `memory` | what they are computed in |
//! | `table` | the file, parsed: [`TableError`] names the line |
//! | `reload` | the table as the file has it now |
//! | `edit` | [`add`], [`set_password`], [`withdraw_password`], [`disable`], [`enable`], [`remove`], [`list`] |
//!
//! # The file
//!
//! One line for each user. Blank lines, and those that begin with `#`, count for nothing.
//!
//! ```text
//! # NAME:PASSWORD[:OPTION]..
//! ada:$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA:groups=staff,admins:name=Ada Lovelace
//! bob:$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA:disabled
//! eve:
//! cyd::removed
//! ```
//!
//! - NAME has 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, and begins with a letter or digit. On the page of sign-in
//!   capitals are taken for small letters, and spaces around the name are left out.
//! - PASSWORD is a PHC string of argon2id, or empty: nobody signs in with it, and grants of the account end at their
//!   next refresh.
//! - OPTION is `disabled`; `groups=` with names between commas; `name=` for people; `email=` with the person's address,
//!   which the operator vouches for; or `removed`.
//!
//! A line that breaks these rules makes the whole file unusable: what it was meant to say is not guessed. The server
//! goes on with what it had read before, and logs the number of the line.
//!
//! `removed` keeps the name from being given to somebody else, who would be taken for the first: subjects are
//! `users:NAME`. Whoever deletes such a line by hand has to revoke the grants of the name before.

mod edit;
mod memory;
mod name;
mod password;
mod reload;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

pub use edit::{EditError, add, disable, enable, list, remove, set_password, withdraw_password};
pub use name::{UserName, UserNameError};
pub use password::{HashFault, PasswordFault};
pub use reload::LoadError;
pub use table::{LineFault, TableError, UserState};

use super::provider::{Attempt, Begin, Fields, Form, IdentityProvider, SignInError, Standing, Step};
use super::provider_id::ProviderId;
use crate::types::{Digest, Identity, Secret, Timestamp};
use memory::Memories;
use password::Hash;
use reload::Reloading;
use table::User;

/// How many sign-ins wait while others are computed, before more are sent away.
const MOST_WAITING: usize = 64;

/// Signs in the users of a file.
///
/// Passwords are verified on a thread for blocking work, at most so many at once ([`at_once`](Self::at_once)), because
/// each takes as much memory as its hash says: 19 MiB for those that [`add`] makes, which are kept for the next. An unknown name takes as long as
/// a known one, as long as all hashes have the same parameters.
///
/// The file is looked at again at most once a second, and read when it has changed. A file that cannot be read or
/// parsed changes nothing; to shut everybody out, disable them, or empty the file.
///
/// How often an address or an account may try is for the caller to limit, with a
/// [`RateLimiter`](crate::store::RateLimiter), before [`sign_in`](IdentityProvider::sign_in) is called.
///
/// Has to be used within a tokio runtime.
#[derive(Debug)]
pub struct UsersFile {
    id: ProviderId,
    label: String,
    file: Arc<Reloading>,
    memories: Arc<Memories>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl UsersFile {
    /// How many passwords are verified at once, if nothing else is said.
    pub const AT_ONCE: usize = 4;

    /// Reads the file. Meant for start-up: it blocks.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line of it breaks the rules.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, LoadError> {
        Ok(Self {
            id: ProviderId::fixed("users"),
            label: "User name and password".to_owned(),
            file: Arc::new(Reloading::open(path, now)?),
            memories: Arc::default(),
            running: Arc::new(Semaphore::new(Self::AT_ONCE)),
            waiting: Semaphore::new(MOST_WAITING),
        })
    }

    /// Another name than `users`, where there are several files.
    #[must_use]
    pub fn id(mut self, id: ProviderId) -> Self {
        self.id = id;
        self
    }

    /// What pages call it.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// How many passwords are verified at once; at least one.
    #[must_use]
    pub fn at_once(mut self, most: usize) -> Self {
        self.running = Arc::new(Semaphore::new(most.clamp(1, 1024)));
        self
    }

    /// Runs what blocks on a thread for it.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, SignInError> {
        let runtime = Handle::try_current().map_err(|fault| SignInError::Unavailable(fault.into()))?;
        runtime.spawn_blocking(work).await.map_err(|fault| SignInError::Unavailable(fault.into()))
    }

    fn identity(&self, name: &UserName, user: &User) -> Result<Identity, SignInError> {
        let subject = self.id.subject(name.as_str()).map_err(|fault| SignInError::Unavailable(fault.into()))?;
        let mut identity = Identity::new(self.id.as_str(), subject);
        identity.username = Some(name.as_str().to_owned());
        identity.name.clone_from(&user.name);
        identity.email.clone_from(&user.email);
        identity.groups.clone_from(&user.groups);
        // The salt is in it: the same password set anew is another one.
        let credential = |hash: &Hash| Digest::of("password", &[hash.to_string().as_bytes()]);
        identity.credential = user.password.as_ref().map(credential);
        Ok(identity)
    }
}

/// Whether the password is that of the name, with the line of the user if it is. Blocks.
fn judge(
    file: &Reloading,
    memories: &Memories,
    name: Option<UserName>,
    password: &Secret,
    now: Timestamp,
) -> Option<(UserName, User)> {
    let table = file.current(now);
    let user = name.as_ref().and_then(|name| table.find(name));
    // Whoever cannot sign in is computed all the same: the time says nothing about who is there.
    let hash = user.and_then(|user| user.password.as_ref()).unwrap_or_else(|| table.nobody());
    let right = hash.verify(password, memories);
    let user = user.filter(|user| right && user.is_good())?;
    Some((name?, user.clone()))
}

#[async_trait]
impl IdentityProvider for UsersFile {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn label(&self) -> &str {
        &self.label
    }

    async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
        Ok(Step::Form(Form::new(Fields::Password)))
    }

    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
        let (Some(typed), Some(password)) = (&attempt.username, &attempt.password) else {
            return Err(SignInError::Refused);
        };
        if !password::is_possible(password) {
            return Err(SignInError::Refused);
        }
        let waiting =
            self.waiting.try_acquire().map_err(|_| SignInError::TooMany { retry_after: Duration::from_secs(1) })?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(|fault| SignInError::Unavailable(fault.into()))?;
        drop(waiting);
        let (file, memories) = (Arc::clone(&self.file), Arc::clone(&self.memories));
        let (password, now) = (password.clone(), attempt.now);
        let name = UserName::from_typed(typed);
        let judged = self.blocking(move || {
            // Given back when the memory is, also if nobody waits for the answer any more.
            let _running = running;
            judge(&file, &memories, name, &password, now)
        });
        let (name, user) = judged.await?.ok_or(SignInError::Refused)?;
        self.identity(&name, &user)
    }

    async fn standing(&self, identity: &Identity, now: Timestamp) -> Result<Standing, SignInError> {
        let known = (identity.provider == self.id.as_str()).then(|| self.id.account(&identity.subject)).flatten();
        let Some(name) = known.and_then(|name| UserName::parse(name).ok()) else {
            return Ok(Standing::Ended);
        };
        if self.file.is_due(now) {
            let file = Arc::clone(&self.file);
            self.blocking(move || drop(file.current(now))).await?;
        }
        let table = self.file.table();
        match table.find(&name).filter(|user| user.is_good()) {
            Some(user) => Ok(Standing::Good(Box::new(self.identity(&name, user)?))),
            None => Ok(Standing::Ended),
        }
    }
}

#[cfg(test)]
mod tests;
