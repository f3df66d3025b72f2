//! How often one address may ask, and how that is counted.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::store::{Permit, Quota, RateLimiter, StoreError};
use crate::types::{Digest, Timestamp};
use mcp_transport::Chain;

/// What has a limit. Each has buckets of its own, but for the last two, which are counted where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Any request of an address.
    Request,
    /// Registrations of an address.
    Registration,
    /// Registrations of a /48 of IPv6.
    RegistrationOfSite,
    /// All registrations.
    AnyRegistration,
    /// Sign-ins that failed, of an address, whatever the account.
    SignIn,
    /// Sign-ins that failed, of an account from an address.
    AccountFrom,
    /// Sign-ins that failed, of an account, from wherever.
    Account,
    /// Sign-ins of an account that were judged, good ones too: each is work.
    Work,
    /// Client authentications that failed, of an address, whatever the client.
    ClientSecret,
    /// The same of one client from an address.
    SecretOf,
    /// User codes that were wrong, of a user.
    UserCode,
    /// Introspections of tokens that are none, of a client.
    Introspection,
    /// The same, of the server of a resource: it asks about whatever its own callers bring.
    IntrospectionForResource,
    /// Device authorizations of an address.
    Device,
    /// Fetches of clients' metadata documents and keys: of a host, for an address, or in all.
    Document,
    /// What an identity provider counts itself, such as the owner's one-time codes.
    Provider,
}

impl Limit {
    /// All of them, in order.
    pub const ALL: [Self; 16] = [
        Self::Request,
        Self::Registration,
        Self::RegistrationOfSite,
        Self::AnyRegistration,
        Self::SignIn,
        Self::AccountFrom,
        Self::Account,
        Self::Work,
        Self::ClientSecret,
        Self::SecretOf,
        Self::UserCode,
        Self::Introspection,
        Self::IntrospectionForResource,
        Self::Device,
        Self::Document,
        Self::Provider,
    ];

    /// Its name, in lower case with underscores: for logs and for the labels of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Registration => "registration",
            Self::RegistrationOfSite => "registration_of_site",
            Self::AnyRegistration => "any_registration",
            Self::SignIn => "sign_in",
            Self::AccountFrom => "account_from",
            Self::Account => "account",
            Self::Work => "work",
            Self::ClientSecret => "client_secret",
            Self::SecretOf => "secret_of",
            Self::UserCode => "user_code",
            Self::Introspection => "introspection",
            Self::IntrospectionForResource => "introspection_for_resource",
            Self::Device => "device",
            Self::Document => "document",
            Self::Provider => "provider",
        }
    }
}

/// Why a limit lets nobody through.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is reached.
    Reached(Limit, Duration),
    /// The store cannot tell.
    Store(StoreError),
}

/// How often one address may ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    per_minute: Option<NonZeroU32>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Limits {
    /// This many requests of any kind per minute and address; `None` for no limit of any kind.
    pub(crate) const fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self { per_minute }
    }

    /// Whether nothing is counted.
    pub(crate) const fn is_off(self) -> bool {
        self.per_minute.is_none()
    }

    /// The quota of a kind. Those that guard against guessing are fixed: they have nothing to do with load.
    fn quota(self, limit: Limit) -> Option<Quota> {
        let per_minute = self.per_minute?;
        let quota = |burst: u32, period| Quota { burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), period };
        let tenth = per_minute.get().div_ceil(10);
        Some(match limit {
            Limit::Request => Quota { burst: per_minute, period: MINUTE },
            Limit::Registration | Limit::Device => quota(tenth, MINUTE),
            Limit::RegistrationOfSite => quota(tenth.saturating_mul(4), MINUTE),
            Limit::AnyRegistration => quota(tenth.saturating_mul(10), MINUTE),
            // Of an office behind one address everybody may be signing in right now, and some have mistyped.
            Limit::SignIn => quota(60, 30 * MINUTE),
            // One address gets a third of what comes back to the account: whoever tries there without end never keeps the
            // account's owner waiting, who is elsewhere. Many addresses can, and guess no oftener for it.
            Limit::AccountFrom => quota(10, 30 * MINUTE),
            // NIST SP 800-63B section 5.2.2: no more than 100 failures in a row.
            Limit::Account => quota(100, 100 * MINUTE),
            // More than anybody signs in, and more than anybody may guess: whoever has a password keeps no more threads busy
            // with it, from however many addresses.
            Limit::Work => quota(300, 10 * MINUTE),
            Limit::ClientSecret | Limit::SecretOf => quota(30, MINUTE),
            Limit::UserCode => quota(10, 10 * MINUTE),
            Limit::Introspection => quota(300, MINUTE),
            Limit::IntrospectionForResource => quota(30_000, MINUTE),
            Limit::Document | Limit::Provider => return None,
        })
    }

    /// Takes one out of a bucket.
    ///
    /// # Errors
    ///
    /// When it is empty, and when the store cannot tell.
    pub(crate) async fn take(
        self,
        store: &dyn RateLimiter,
        limit: Limit,
        whose: &[u8],
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.ask(store, limit, &[whose], 1, now).await.map(|_| ())
    }

    /// Looks whether a bucket holds one, and takes nothing.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub(crate) async fn look(
        self,
        store: &dyn RateLimiter,
        limit: Limit,
        whose: &[&[u8]],
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.ask(store, limit, whose, 0, now).await.map(|_| ())
    }

    /// Takes one out of each of these buckets, for a try of which nobody knows yet whether it fails. A try that is refused
    /// takes nothing: what stands first is what a caller who goes on and on empties.
    ///
    /// # Errors
    ///
    /// When one is empty, and when the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Dropped, what was taken counts as a failure.
    pub(crate) async fn begin(
        self,
        store: &dyn RateLimiter,
        buckets: &[(Limit, &[&[u8]])],
        now: Timestamp,
    ) -> Result<Try, Refused> {
        let mut taken = Try(Vec::with_capacity(buckets.len()));
        for (limit, whose) in buckets {
            match self.ask(store, *limit, whose, 1, now).await {
                Ok(bucket) => taken.0.extend(bucket),
                Err(error) => {
                    taken.forgive(store, now).await;
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    async fn ask(
        self,
        store: &dyn RateLimiter,
        limit: Limit,
        whose: &[&[u8]],
        cost: u32,
        now: Timestamp,
    ) -> Result<Option<(Digest, Quota)>, Refused> {
        let Some(quota) = self.quota(limit) else { return Ok(None) };
        let parts: Vec<&[u8]> = [limit.as_str().as_bytes()].iter().chain(whose).copied().collect();
        let bucket = Digest::of("limit", &parts);
        match store.check(&bucket, quota, cost, now).await.map_err(Refused::Store)? {
            Permit::Allowed => Ok(Some((bucket, quota))),
            Permit::Denied { retry_after } => Err(Refused::Reached(limit, retry_after)),
        }
    }
}

/// A try that counts as a failure unless it is forgiven: of any number at the same time no more get through than may fail.
///
/// Not `Clone`: what was taken is given back once.
#[derive(Debug)]
#[must_use]
pub(crate) struct Try(Vec<(Digest, Quota)>);

impl Try {
    /// One that counts nowhere.
    pub(crate) const NONE: Self = Self(Vec::new());

    /// It has not failed, or has not been judged: gives back what it took.
    ///
    /// A store that fails meanwhile changes nothing about the try: it is counted then, until that comes back by itself.
    ///
    /// # Cancel safety
    ///
    /// Dropped, some of it may stay taken.
    pub(crate) async fn forgive(self, store: &dyn RateLimiter, now: Timestamp) {
        for (bucket, quota) in self.0 {
            if let Err(error) = store.give_back(&bucket, quota, 1, now).await {
                tracing::warn!(error = %Chain(&error), "a try that did not fail stays counted");
            }
        }
    }

    /// It has failed.
    pub(crate) fn fail(self) {}
}
