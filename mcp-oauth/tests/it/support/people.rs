//! Users who sign in with a name and a password.

use std::sync::Mutex;

use async_trait::async_trait;
use mcp_oauth::identity::{Attempt, Begin, Fields, Form, IdentityProvider, ProviderId, SignInError, Standing, Step};
use mcp_oauth::types::{Digest, Identity, Timestamp};

/// Knows `ada`, `bob`, and guests (`guest1`, ..), whose passwords are their names twice.
#[derive(Debug)]
pub(crate) struct People {
    id: ProviderId,
    gone: Mutex<Vec<String>>,
    /// Who has been given another password, though it is the same word.
    changed: Mutex<Vec<String>>,
    broken: Mutex<bool>,
}

impl Default for People {
    fn default() -> Self {
        Self {
            id: ProviderId::parse("people").unwrap(),
            gone: Mutex::default(),
            changed: Mutex::default(),
            broken: Mutex::default(),
        }
    }
}

impl People {
    /// Shuts a user out.
    pub(crate) fn disable(&self, name: &str) {
        self.gone.lock().unwrap().push(name.to_owned());
    }

    /// Gives a user another password: the same word, with another salt.
    pub(crate) fn set_password(&self, name: &str) {
        self.changed.lock().unwrap().push(name.to_owned());
    }

    /// What a user signs in with.
    fn credential(&self, name: &str) -> Option<Digest> {
        let times = self.changed.lock().unwrap().iter().filter(|changed| *changed == name).count();
        Some(Digest::of("password", &[name.as_bytes(), &times.to_be_bytes()]))
    }

    /// Makes the provider unable to tell.
    pub(crate) fn break_down(&self, broken: bool) {
        *self.broken.lock().unwrap() = broken;
    }

    fn check(&self, name: &str) -> Result<bool, SignInError> {
        if *self.broken.lock().unwrap() {
            return Err(SignInError::Unavailable("broken".into()));
        }
        Ok(!self.gone.lock().unwrap().iter().any(|gone| gone == name))
    }
}

#[async_trait]
impl IdentityProvider for People {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
        Ok(Step::Form(Form::new(Fields::Password)))
    }

    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
        let name = attempt.username.as_deref().ok_or(SignInError::Refused)?;
        let password = attempt.password.as_ref().ok_or(SignInError::Refused)?;
        let known = ["ada", "bob"].contains(&name) || name.starts_with("guest");
        let known = known && password.expose() == format!("{name}{name}");
        if !known || !self.check(name)? {
            return Err(SignInError::Refused);
        }
        let mut identity = Identity::new(self.id.as_str(), self.id.subject(name).unwrap());
        identity.username = Some(name.to_owned());
        identity.credential = self.credential(name);
        Ok(identity)
    }

    async fn standing(&self, identity: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        let name = self.id.account(&identity.subject).unwrap_or_default();
        let mut fresh = identity.clone();
        fresh.credential = self.credential(name);
        Ok(if self.check(name)? { Standing::Good(Box::new(fresh)) } else { Standing::Ended })
    }
}
