//! Documents that were fetched, and how it went with those that could not be: the part without waiting.
//!
//! The draft (section 4.3) says that errors and invalid documents are not cached, and none is: of a fetch that failed,
//! nothing is kept but when it may be tried again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::document::DocumentFault;
use super::document_url::DocumentUrl;
use super::freshness::{Freshness, Kept, Lifetime};
use crate::store::rules::gcra;
use crate::store::{Permit, Quota};
use crate::types::{Client, Digest, Timestamp};

/// How many hosts are counted.
const MOST_HOSTS: usize = 1024;

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
    /// How many are fetched from one host: 30 in a minute.
    pub per_host: Quota,
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
    Failed(Option<Client>),
    /// It has to be fetched.
    Unknown,
}

#[derive(Debug)]
struct Copy {
    client: Client,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    kept: Kept,
    /// Not fetched again before this.
    retry_at: Timestamp,
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

#[derive(Debug, Default)]
pub(super) struct Cache {
    copies: HashMap<DocumentUrl, Copy>,
    /// When a URL without a copy may be tried again.
    failures: HashMap<Digest, Timestamp>,
    hosts: HashMap<Digest, Timestamp>,
    overall: Option<Timestamp>,
    calls: u64,
}

impl Cache {
    pub(super) fn known(&mut self, url: &DocumentUrl, settings: &DocumentSettings, now: Timestamp) -> Known {
        self.calls += 1;
        let Some(copy) = self.copies.get_mut(url) else {
            let failed = self.failures.get(&key(url)).is_some_and(|retry_at| !retry_at.is_over(now));
            return if failed { Known::Failed(None) } else { Known::Unknown };
        };
        copy.used = self.calls;
        if !copy.fresh_until.is_over(now) {
            return Known::Fresh(copy.client.clone());
        }
        if copy.kept == Kept::WhileFresh {
            self.copies.remove(url);
            return Known::Unknown;
        }
        if !copy.retry_at.is_over(now) {
            return Known::Failed(copy.is_usable(settings, now).then(|| copy.client.clone()));
        }
        Known::Unknown
    }

    /// Counts a fetch, if it may take place.
    pub(super) fn permit(&mut self, url: &DocumentUrl, settings: &DocumentSettings, now: Timestamp) -> bool {
        let host = Digest::of("document host", &[url.host().as_bytes()]);
        let (Permit::Allowed, after) = gcra(self.hosts.get(&host).copied(), settings.per_host, 1, now) else {
            return false;
        };
        let (Permit::Allowed, overall) = gcra(self.overall, settings.overall, 1, now) else {
            return false;
        };
        self.overall = overall;
        if self.hosts.len() >= MOST_HOSTS && !self.hosts.contains_key(&host) {
            make_room(&mut self.hosts, now);
        }
        self.hosts.insert(host, after.unwrap_or(now));
        true
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
            retry_at: now,
            doubted: None,
            used: self.calls,
        };
        self.copies.insert(url.clone(), copy);
    }

    /// Notes that a fetch failed, and gives the last good copy if that can still be used.
    pub(super) fn fail(
        &mut self,
        url: &DocumentUrl,
        fault: DocumentFault,
        settings: &DocumentSettings,
        now: Timestamp,
    ) -> Option<Client> {
        let retry_at = now.after(settings.retry);
        if let Some(copy) = self.copies.get_mut(url) {
            copy.retry_at = retry_at;
            if is_verdict(fault) {
                copy.doubted.get_or_insert(now);
            }
            if copy.is_usable(settings, now) {
                return Some(copy.client.clone());
            }
            self.copies.remove(url);
        }
        if self.failures.len() >= settings.most_failures {
            make_room(&mut self.failures, now);
        }
        self.failures.insert(key(url), retry_at);
        None
    }

    /// The last good copy, when nothing may be fetched at all.
    pub(super) fn last_good(&self, url: &DocumentUrl, settings: &DocumentSettings, now: Timestamp) -> Option<Client> {
        self.copies.get(url).filter(|copy| copy.is_usable(settings, now)).map(|copy| copy.client.clone())
    }
}

/// Whether the host has said something about the document, rather than that it cannot serve it now.
const fn is_verdict(fault: DocumentFault) -> bool {
    match fault {
        // Some hosts answer 403 and 429 to whom they take for a robot
        // (https://github.com/anthropics/claude-code/issues/84263).
        DocumentFault::Status(status) => matches!(status, 300..=399 | 404 | 410),
        DocumentFault::MediaType
        | DocumentFault::Size
        | DocumentFault::Json
        | DocumentFault::ClientId
        | DocumentFault::Secret
        | DocumentFault::Metadata(_) => true,
        DocumentFault::Fetch(_) | DocumentFault::Host | DocumentFault::Busy | DocumentFault::Recently => false,
    }
}

fn key(url: &DocumentUrl) -> Digest {
    Digest::of("document", &[url.as_str().as_bytes()])
}

/// Forgets what is over, or else what is over first.
fn make_room(times: &mut HashMap<Digest, Timestamp>, now: Timestamp) {
    let before = times.len();
    times.retain(|_, end| !end.is_over(now));
    if times.len() == before
        && let Some(first) = times.iter().min_by_key(|(_, end)| **end).map(|(key, _)| *key)
    {
        times.remove(&first);
    }
}

#[cfg(test)]
mod tests;
