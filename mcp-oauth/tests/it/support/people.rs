//! Users who sign in with a name and a password.

use std::sync::Mutex;

use async_trait::async_trait;
use mcp_oauth::identity::{Attempt, Begin, Fields, Form, IdentityProvider, ProviderId, SignInError, Standing, Step};
use mcp_oauth::types::{Identity, Timestamp};

/// Knows `ada`, `bob`, and guests (`guest1`, ..), whose passwords are their names twice.
#[derive(Debug)]
pub(crate) struct People {
    id: ProviderId,
    gone: Mutex<Vec<String>>,
    broken: Mutex<bool>,
}

impl Default for People {
    fn default() -> Self {
        Self { id: ProviderId::parse("people").unwrap(), gone: Mutex::default(), broken: Mutex::default() }
    }
}

impl People {
    /// Shuts a user out.
    pub(crate) fn disable(&self, name: &str) {
        self.gone.lock().unwrap().push(name.to_owned());
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
        Ok(identity)
    }

    async fn standing(&self, identity: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        let name = self.id.account(&identity.subject).unwrap_or_default();
        Ok(if self.check(name)? { Standing::Good(Box::new(identity.clone())) } else { Standing::Ended })
    }
}
