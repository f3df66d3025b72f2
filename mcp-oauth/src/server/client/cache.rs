//! Documents that were fetched, and how it went with those that could not be: the part without waiting.
//!
//! The draft (section 4.3) says that errors and invalid documents are not cached, and none is: of a fetch that failed,
//! nothing is kept but when it may be tried again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::document::{DocumentError, DocumentFault};
use super::document_url::DocumentUrl;
use super::freshness::{Freshness, Kept, Lifetime};
use crate::store::Quota;
use crate::types::{Client, Digest, Timestamp};

/// How documents are kept and fetched.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DocumentSettings {
    /// How large a document may be, in bytes: 64 KiB.
    pub largest: usize,
    /// How long documents are fresh.
    pub freshness: Freshness,
    /// How long the last good copy is used while its host cannot be reached, or answers that it cannot serve: 7 days.
    pub stale: Duration,
    /// How long it is used while its host answers that there is no such document, or with one that is no good: 1 h. Zero
    /// believes the host at once.
    pub doubt: Duration,
    /// How long a URL that failed is not fetched again: 60 s.
    pub retry: Duration,
    /// How many documents are kept: 512.
    pub most_documents: usize,
    /// How many failures are remembered: 4096.
    pub most_failures: usize,
    /// How many documents are fetched at the same time: 64.
    pub most_fetches: usize,
    /// How many are fetched from one host: 30 in a minute. Here and below, the keys of clients behind a `jwks_uri` count along,
    /// but for those of the operator's clients.
    pub per_host: Quota,
    /// How many are fetched for one address, or one /64 of IPv6: 20 in a minute. All whose address is not known are one.
    pub per_address: Quota,
    /// How many are fetched for one /48 of IPv6: 60 in a minute.
    pub per_site: Quota,
    /// How many are fetched at all: 300 in a minute.
    pub overall: Quota,
    /// Whose documents are taken.
    pub hosts: DocumentHosts,
}

impl Default for DocumentSettings {
    fn default() -> Self {
        let minute = |burst: u32| Quota {
            burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN),
            period: Duration::from_secs(60),
        };
        Self {
            largest: super::document::LARGEST_DOCUMENT,
            freshness: Freshness::default(),
            stale: Duration::from_secs(7 * 24 * 60 * 60),
            doubt: Duration::from_secs(60 * 60),
            retry: Duration::from_secs(60),
            most_documents: 512,
            most_failures: 4096,
            most_fetches: 64,
            per_host: minute(30),
            per_address: minute(20),
            per_site: minute(60),
            overall: minute(300),
            hosts: DocumentHosts::Any,
        }
    }
}

/// Whose documents are taken: the trust policy of MCP, "Client ID Metadata Documents".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentHosts {
    /// Those of any host.
    Any,
    /// Those of these hosts, letter by letter, whatever the port.
    Only(Vec<String>),
}

impl DocumentHosts {
    pub(super) fn admits(&self, url: &DocumentUrl) -> bool {
        match self {
            Self::Any => true,
            Self::Only(hosts) => hosts.iter().any(|host| host == url.host()),
        }
    }
}

/// What is known of a URL.
#[derive(Debug)]
pub(super) enum Known {
    /// A document that is fresh.
    Fresh(Client),
    /// It failed a moment ago; here is the last good copy, if that can still be used.
    Failed(Result<Client, DocumentError>),
    /// It has to be fetched.
    Unknown,
}

#[derive(Debug)]
struct Copy {
    client: Client,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    kept: Kept,
    /// How the last attempt to read it again has failed.
    failure: Option<Failure>,
    /// Since when its host has answered that there is no good document any more.
    doubted: Option<Timestamp>,
    /// When it was last asked for, in calls.
    used: u64,
}

impl Copy {
    fn is_usable(&self, settings: &DocumentSettings, now: Timestamp) -> bool {
        let doubted = self.doubted.is_some_and(|since| since.after(settings.doubt).is_over(now));
        self.kept == Kept::AfterFreshness && !doubted && !self.fetched_at.after(settings.stale).is_over(now)
    }
}

/// All that is remembered of a fetch that has failed.
#[derive(Clone, Copy, Debug)]
struct Failure {
    /// Not fetched again before this.
    retry_at: Timestamp,
    /// Whether nothing was heard of the document.
    passes: bool,
}

impl Failure {
    /// What is said as long as it lasts.
    fn recently(self, now: Timestamp) -> DocumentError {
        if self.passes {
            DocumentError::for_now(DocumentFault::Recently, self.retry_at.since(now))
        } else {
            DocumentFault::Recently.into()
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    copies: HashMap<DocumentUrl, Copy>,
    /// The failures of URLs without a copy.
    failures: HashMap<Digest, Failure>,
    calls: u64,
}

impl Cache {
    pub(super) fn known(&mut self, url: &DocumentUrl, settings: &DocumentSettings, now: Timestamp) -> Known {
        self.calls += 1;
        let Some(copy) = self.copies.get_mut(url) else {
            let failure = self.failures.get(&key(url)).filter(|failure| !failure.retry_at.is_over(now));
            return failure.map_or(Known::Unknown, |failure| Known::Failed(Err(failure.recently(now))));
        };
        copy.used = self.calls;
        if !copy.fresh_until.is_over(now) {
            return Known::Fresh(copy.client.clone());
        }
        if copy.kept == Kept::WhileFresh {
            self.copies.remove(url);
            return Known::Unknown;
        }
        match copy.failure.filter(|failure| !failure.retry_at.is_over(now)) {
            Some(_) if copy.is_usable(settings, now) => Known::Failed(Ok(copy.client.clone())),
            Some(failure) => Known::Failed(Err(failure.recently(now))),
            None => Known::Unknown,
        }
    }

    /// Keeps a good document.
    pub(super) fn keep(
        &mut self,
        url: &DocumentUrl,
        client: Client,
        lifetime: Lifetime,
        settings: &DocumentSettings,
        now: Timestamp,
    ) {
        self.failures.remove(&key(url));
        if self.copies.len() >= settings.most_documents && !self.copies.contains_key(url) {
            let oldest = self.copies.iter().min_by_key(|(_, copy)| copy.used).map(|(url, _)| url.clone());
            if let Some(oldest) = oldest {
                self.copies.remove(&oldest);
            }
        }
        let fresh_until = now.after(lifetime.fresh);
        let copy = Copy {
            client,
            fetched_at: now,
            fresh_until,
            kept: lifetime.kept,
            failure: None,
            doubted: None,
            used: self.calls,
        };
        self.copies.insert(url.clone(), copy);
    }

    /// Notes that a fetch failed, and gives the last good copy if that can still be used.
    ///
    /// # Errors
    ///
    /// What is said where there is none.
    pub(super) fn fail(
        &mut self,
        url: &DocumentUrl,
        fault: DocumentFault,
        settings: &DocumentSettings,
        now: Timestamp,
    ) -> Result<Client, DocumentError> {
        let failure = Failure { retry_at: now.after(settings.retry), passes: fault.passes() };
        if let Some(copy) = self.copies.get_mut(url) {
            copy.failure = Some(failure);
            if fault.is_verdict() {
                copy.doubted.get_or_insert(now);
            }
            if copy.is_usable(settings, now) {
                return Ok(copy.client.clone());
            }
            self.copies.remove(url);
        }
        if self.failures.len() >= settings.most_failures {
            make_room(&mut self.failures, |failure| failure.retry_at, now);
        }
        self.failures.insert(key(url), failure);
        Err(if failure.passes { DocumentError::for_now(fault, settings.retry) } else { fault.into() })
    }

    /// The last good copy, when nothing may be fetched at all for this long.
    ///
    /// # Errors
    ///
    /// What is said where there is none.
    pub(super) fn last_good(
        &self,
        url: &DocumentUrl,
        settings: &DocumentSettings,
        busy: Duration,
        now: Timestamp,
    ) -> Result<Client, DocumentError> {
        let copy = self.copies.get(url).filter(|copy| copy.is_usable(settings, now));
        copy.map(|copy| copy.client.clone()).ok_or(DocumentError::for_now(DocumentFault::Busy, busy))
    }
}

fn key(url: &DocumentUrl) -> Digest {
    Digest::of("document", &[url.as_str().as_bytes()])
}

/// Forgets what is over, or else what is over first.
pub(super) fn make_room<T>(kept: &mut HashMap<Digest, T>, end: impl Fn(&T) -> Timestamp, now: Timestamp) {
    let before = kept.len();
    kept.retain(|_, value| !end(value).is_over(now));
    if kept.len() == before
        && let Some(first) = kept.iter().min_by_key(|(_, value)| end(value)).map(|(key, _)| *key)
    {
        kept.remove(&first);
    }
}

#[cfg(test)]
mod tests;
