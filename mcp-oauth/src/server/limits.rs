//! How often one address may ask, and how that is counted.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::error::OAuthError;
use crate::store::{Permit, Quota, RateLimiter};
use crate::types::{Digest, Timestamp};

/// What is counted. Each kind has buckets of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Any request of an address.
    Request,
    /// Registrations of an address.
    Registration,
    /// Sign-ins that failed, of an address.
    SignIn,
    /// Sign-ins that failed, of an account.
    Account,
    /// Client authentications that failed, of an address.
    ClientSecret,
    /// User codes that were wrong, of a user.
    UserCode,
    /// Introspections of tokens that are none, of a client.
    Introspection,
    /// The same, of the server of a resource: it asks about whatever its own callers bring.
    IntrospectionForResource,
    /// Device authorizations of an address.
    Device,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Registration => "registration",
            Self::SignIn => "sign-in",
            Self::Account => "account",
            Self::ClientSecret => "client secret",
            Self::UserCode => "user code",
            Self::Introspection => "introspection",
            Self::IntrospectionForResource => "introspection for a resource",
            Self::Device => "device",
        }
    }
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
    fn quota(self, kind: Kind) -> Option<Quota> {
        let per_minute = self.per_minute?;
        let quota = |burst: u32, period| Quota { burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN), period };
        Some(match kind {
            Kind::Request => Quota { burst: per_minute, period: MINUTE },
            Kind::Registration | Kind::Device => quota(per_minute.get().div_ceil(10), MINUTE),
            Kind::SignIn => quota(20, 10 * MINUTE),
            Kind::Account => quota(10, 10 * MINUTE),
            Kind::ClientSecret => quota(30, MINUTE),
            Kind::UserCode => quota(10, 10 * MINUTE),
            Kind::Introspection => quota(300, MINUTE),
            Kind::IntrospectionForResource => quota(30_000, MINUTE),
        })
    }

    /// Takes one out of a bucket.
    ///
    /// # Errors
    ///
    /// 429 when it is empty, 503 when the store cannot tell.
    pub(crate) async fn take(
        self,
        store: &dyn RateLimiter,
        kind: Kind,
        whose: &[u8],
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        self.ask(store, kind, whose, 1, now).await
    }

    /// Looks whether a bucket holds one, and takes nothing.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub(crate) async fn look(
        self,
        store: &dyn RateLimiter,
        kind: Kind,
        whose: &[u8],
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        self.ask(store, kind, whose, 0, now).await
    }

    async fn ask(
        self,
        store: &dyn RateLimiter,
        kind: Kind,
        whose: &[u8],
        cost: u32,
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        let Some(quota) = self.quota(kind) else { return Ok(()) };
        let bucket = Digest::of("limit", &[kind.name().as_bytes(), whose]);
        match store.check(&bucket, quota, cost, now).await? {
            Permit::Allowed => Ok(()),
            Permit::Denied { retry_after } => Err(OAuthError::too_many(retry_after)),
        }
    }
}

/// What of an address names a bucket: all of an IPv4 address, the network of an IPv6 one, because whoever has one address
/// of a /64 has them all.
pub(crate) fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().iter().take(8).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_082_one_bucket_for_a_network() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
