//! Metadata documents, fetched once by however many ask for them.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cache::{Cache, DocumentSettings, Known};
use super::document::{DocumentError, DocumentFault, judge_document};
use super::document_url::DocumentUrl;
use super::fetch::{FETCH_TIMEOUT, FetchDocument};
use super::fetches::Fetches;
use super::policy::MetadataPolicy;
use crate::caching::Caching;
use crate::server::flights::Flights;
use crate::types::{Client, ClientMetadata, ClientSource, Timestamp};

/// The clients whose ids are URLs.
///
/// Documents are kept in this process: each node has its own, and none is believed because another node says so.
pub(crate) struct Documents {
    fetch: Arc<dyn FetchDocument>,
    policy: Arc<MetadataPolicy>,
    settings: DocumentSettings,
    cache: Mutex<Cache>,
    fetches: Arc<Fetches>,
    flights: Flights<DocumentUrl>,
}

/// A client by its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundDocument {
    /// The client.
    pub(crate) client: Client,
    /// Whether its host stands by it.
    pub(crate) age: DocumentAge,
}

/// Whether a document is what its host says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentAge {
    /// It was fetched just now, or is fresh.
    Fresh,
    /// It is the last good copy: the document could not be fetched again.
    Stale,
}

impl Documents {
    /// Fetches through `fetch` as often as `fetches` lets it, and judges by `policy`.
    #[must_use]
    pub(crate) fn new(
        fetch: Arc<dyn FetchDocument>,
        policy: Arc<MetadataPolicy>,
        settings: DocumentSettings,
        fetches: Arc<Fetches>,
    ) -> Self {
        let flights = Flights::new(settings.most_fetches);
        Self { fetch, policy, settings, cache: Mutex::default(), fetches, flights }
    }

    /// The client whose id is this URL, for whoever asks from this address.
    ///
    /// # Errors
    ///
    /// When there is no document that can be used, neither now nor from before: the client is an unknown one, or nothing can
    /// be said of it for now ([`DocumentError::retry_after`]).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives a fetch up; whoever waits for the same document fetches it then.
    pub(crate) async fn get(
        &self,
        url: &DocumentUrl,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<FoundDocument, DocumentError> {
        if !self.settings.hosts.admits(url) {
            return Err(DocumentFault::Host.into());
        }
        if let Some(known) = self.at_once(url, now) {
            return known;
        }
        let Some(flight) = self.flights.join(url.clone()) else {
            return self.last_good(url, FETCH_TIMEOUT, now);
        };
        let _turn = flight.turn().await;
        // Whoever had the turn before has answered the question, one way or the other.
        if let Some(known) = self.at_once(url, now) {
            return known;
        }
        if let Err(busy) = self.fetches.permit(url.host(), address, now) {
            return self.last_good(url, busy, now);
        }
        match self.fetched(url, now).await {
            Ok(client) => Ok(FoundDocument { client, age: DocumentAge::Fresh }),
            Err(fault) => {
                tracing::info!(url = url.as_str(), ?fault, "a client metadata document cannot be used");
                self.cache().fail(url, fault, &self.settings, now).map(stale)
            }
        }
    }

    /// What can be said without a fetch.
    fn at_once(&self, url: &DocumentUrl, now: Timestamp) -> Option<Result<FoundDocument, DocumentError>> {
        match self.cache().known(url, &self.settings, now) {
            Known::Fresh(client) => Some(Ok(FoundDocument { client, age: DocumentAge::Fresh })),
            Known::Failed(last) => Some(last.map(stale)),
            Known::Unknown => None,
        }
    }

    fn last_good(&self, url: &DocumentUrl, busy: Duration, now: Timestamp) -> Result<FoundDocument, DocumentError> {
        self.cache().last_good(url, &self.settings, busy, now).map(stale)
    }

    async fn fetched(&self, url: &DocumentUrl, now: Timestamp) -> Result<Client, DocumentFault> {
        let fetched = self.fetch.fetch(url).await?;
        let metadata: ClientMetadata =
            judge_document(url, &fetched, &self.policy, self.settings.largest).map_err(|error| error.cause())?;
        let client = Client::new(url.client_id().clone(), ClientSource::MetadataDocument, metadata, now);
        let lifetime = self.settings.freshness.of(Caching::of(&fetched.headers, now.into()));
        self.cache().keep(url, client.clone(), lifetime, &self.settings, now);
        Ok(client)
    }

    /// A panic of another thread leaves it whole: each change is one insert or one remove.
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn stale(client: Client) -> FoundDocument {
    FoundDocument { client, age: DocumentAge::Stale }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents")
            .field("policy", &self.policy)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
