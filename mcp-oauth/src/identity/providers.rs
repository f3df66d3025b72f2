//! The identity providers of one server.

use std::sync::Arc;

use thiserror::Error;

use super::provider::{Attempt, IdentityProvider, SignInError, Standing};
use super::provider_id::ProviderId;
use crate::types::{Identity, Timestamp};

/// The identity providers of a server, in the order in which pages offer them. Cheap to clone.
///
/// It holds each to its own subjects: an identity of another provider's makes the sign-in fail, whatever an
/// implementation says.
#[derive(Clone, Debug, Default)]
pub struct Providers(Arc<[Arc<dyn IdentityProvider>]>);

/// Two providers have the same name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("two identity providers have the name {0}")]
#[non_exhaustive]
pub struct RepeatedProvider(pub ProviderId);

/// A provider vouched for somebody who is not its own.
#[derive(Debug, Error)]
#[error("the identity provider {0} vouched for a subject that is not its own")]
struct ForeignSubject(ProviderId);

/// There is no such provider (any more).
#[derive(Debug, Error)]
#[error("no identity provider has this name")]
struct Unknown;

impl Providers {
    /// These providers.
    ///
    /// # Errors
    ///
    /// When two have the same name.
    pub fn new(providers: Vec<Arc<dyn IdentityProvider>>) -> Result<Self, RepeatedProvider> {
        for (index, one) in providers.iter().enumerate() {
            if providers.iter().skip(index + 1).any(|other| other.id() == one.id()) {
                return Err(RepeatedProvider(one.id().clone()));
            }
        }
        Ok(Self(providers.into()))
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<dyn IdentityProvider>> {
        self.0.iter()
    }

    /// The one of this name.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<dyn IdentityProvider>> {
        self.0.iter().find(|provider| provider.id().as_str() == id)
    }

    /// Lets the provider of this name judge a form.
    ///
    /// # Errors
    ///
    /// As [`IdentityProvider::sign_in`], and [`SignInError::Unavailable`] when there is no such provider or when it
    /// vouches for somebody who is not its own.
    ///
    /// # Cancel safety
    ///
    /// As [`IdentityProvider::sign_in`].
    pub async fn sign_in(&self, id: &str, attempt: &Attempt) -> Result<Identity, SignInError> {
        let provider = self.find(id).ok_or_else(|| SignInError::Unavailable(Unknown.into()))?;
        let identity = provider.sign_in(attempt).await?;
        own(provider.id(), &identity)?;
        Ok(identity)
    }

    /// Asks the provider of an identity whether it is still good. One whose provider is no longer configured is not.
    ///
    /// # Errors
    ///
    /// As [`IdentityProvider::standing`], and [`SignInError::Unavailable`] when the provider gives another person.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    pub async fn standing(&self, identity: &Identity, now: Timestamp) -> Result<Standing, SignInError> {
        let Some(provider) = self.find(&identity.provider) else {
            return Ok(Standing::Ended);
        };
        let standing = provider.standing(identity, now).await?;
        if let Standing::Good(fresh) = &standing {
            own(provider.id(), fresh)?;
            if fresh.subject != identity.subject {
                return Err(SignInError::Unavailable(ForeignSubject(provider.id().clone()).into()));
            }
        }
        Ok(standing)
    }
}

fn own(id: &ProviderId, identity: &Identity) -> Result<(), SignInError> {
    if identity.provider == id.as_str() && id.owns(&identity.subject) {
        Ok(())
    } else {
        Err(SignInError::Unavailable(ForeignSubject(id.clone()).into()))
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use mcp_transport::auth::Subject;

    use super::*;
    use crate::identity::{Begin, Fields, Form, Step};

    /// Says of everybody that it is this one.
    #[derive(Debug)]
    struct Says(ProviderId, Identity);

    #[async_trait]
    impl IdentityProvider for Says {
        fn id(&self) -> &ProviderId {
            &self.0
        }

        async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
            Ok(Step::Form(Form::new(Fields::Code)))
        }

        async fn sign_in(&self, _: &Attempt) -> Result<Identity, SignInError> {
            Ok(self.1.clone())
        }

        async fn standing(&self, _: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
            Ok(Standing::Good(Box::new(self.1.clone())))
        }
    }

    fn identity(provider: &str, subject: &str) -> Identity {
        Identity::new(provider, Subject::parse(subject).unwrap())
    }

    fn providers(identity: Identity) -> Providers {
        let says = Says(ProviderId::parse("says").unwrap(), identity);
        Providers::new(vec![Arc::new(says)]).unwrap()
    }

    const NOW: Timestamp = Timestamp::from_secs(1);

    #[tokio::test]
    async fn a_provider_vouches_for_its_own_only() {
        let attempt = Attempt::at(NOW);
        let own = identity("says", "says:ada");
        assert_eq!(providers(own.clone()).sign_in("says", &attempt).await.unwrap(), own);
        for foreign in [identity("says", "users:ada"), identity("users", "says:ada"), identity("says", "owner")] {
            let fault = providers(foreign).sign_in("says", &attempt).await.unwrap_err();
            assert!(matches!(fault, SignInError::Unavailable(_)));
        }
        let fault = providers(own).sign_in("other", &attempt).await.unwrap_err();
        assert!(matches!(fault, SignInError::Unavailable(_)));
    }

    #[tokio::test]
    async fn attack_053_standing_never_gives_another_person() {
        let providers = providers(identity("says", "says:ada"));
        let ada = identity("says", "says:ada");
        assert_eq!(providers.standing(&ada, NOW).await.unwrap(), Standing::Good(Box::new(ada)));
        let bob = identity("says", "says:bob");
        assert!(matches!(providers.standing(&bob, NOW).await, Err(SignInError::Unavailable(_))));
        // A provider that was taken out of the configuration vouches for nobody any more.
        assert_eq!(providers.standing(&identity("gone", "gone:ada"), NOW).await.unwrap(), Standing::Ended);
    }

    #[test]
    fn names_are_unique() {
        let says = || Arc::new(Says(ProviderId::parse("says").unwrap(), identity("says", "says:ada")));
        let fault = Providers::new(vec![says(), says()]).unwrap_err();
        assert_eq!(fault.to_string(), "two identity providers have the name says");
    }
}
