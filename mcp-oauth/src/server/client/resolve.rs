//! Who a client id means: one chain for all kinds of clients.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use mcp_transport::auth::ClientId;
use thiserror::Error;

use super::document::DocumentError;
use super::document_url::DocumentUrl;
use super::documents::{DocumentAge, Documents};
use crate::store::{ClientStore, StoreError};
use crate::types::{Client, ClientSource, Timestamp};

/// A client that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The client.
    pub(crate) client: Client,
    /// Where.
    pub(crate) found: FoundIn,
}

/// Where a client was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundIn {
    /// In the configuration.
    Configuration,
    /// In the store, with this version.
    Store {
        /// Its version.
        version: u64,
    },
    /// In its document.
    Document(DocumentAge),
}

/// What became of the search.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// Here it is.
    Found(Box<Resolved>),
    /// There is no such client: `invalid_client`, and at the authorization endpoint a page. The answer is the same for
    /// every reason; that is for the log.
    Unknown(UnknownClient),
    /// Nobody can tell now: 503. It says nothing about the client.
    Unavailable(StoreError),
    /// Its document cannot be read now, and was not read lately: 503, because clients give up their registration over
    /// `invalid_client`. What users have allowed it before goes on.
    OutOfReach(DocumentError),
}

/// Why there is no such client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no such client")]
pub(crate) enum UnknownClient {
    /// Nobody has registered it, or it is gone.
    NotRegistered,
    /// Its document is none or no good, or may not be read from where it is, and has not been of use lately.
    Document(#[source] DocumentError),
}

#[cfg(test)]
impl Resolution {
    /// The client, if it was found.
    fn found(self) -> Option<Resolved> {
        match self {
            Self::Found(resolved) => Some(*resolved),
            Self::Unknown(_) | Self::Unavailable(_) | Self::OutOfReach(_) => None,
        }
    }
}

/// Finds clients by their ids.
///
/// The authorization endpoint asks it. What it answers is frozen into the grant
/// ([`ClientSnapshot`](crate::types::ClientSnapshot)), and that is what the token, revocation and introspection endpoints
/// go by for clients with a document: they need not ask again, and go on when the host of the document is down.
#[async_trait]
pub(crate) trait ClientResolver: Send + Sync + fmt::Debug + 'static {
    /// The client of this id. `address` is where the question comes from, if that is known: a search that costs something
    /// is counted by it, so that nobody uses up what there is for all.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the search up; nothing is changed by one.
    async fn resolve(&self, id: &ClientId, address: Option<IpAddr>, now: Timestamp) -> Resolution;
}

/// The clients that the configuration names, by their ids.
///
/// Here an operator can also pin a client whose id is a URL: its document is then never fetched.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfiguredClients(HashMap<ClientId, Client>);

/// Two configured clients have the same id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the client id {0} is configured twice")]
#[non_exhaustive]
pub struct ConfiguredTwice(pub ClientId);

impl ConfiguredClients {
    /// A table of these clients. They are [preregistered](ClientSource::Preregistered), whatever their source says.
    ///
    /// # Errors
    ///
    /// When two have the same id.
    pub(crate) fn new(clients: impl IntoIterator<Item = Client>) -> Result<Self, ConfiguredTwice> {
        let mut table = HashMap::new();
        for mut client in clients {
            client.source = ClientSource::Preregistered;
            if let Some(earlier) = table.insert(client.id.clone(), client) {
                return Err(ConfiguredTwice(earlier.id));
            }
        }
        Ok(Self(table))
    }

    /// The client of this id.
    #[must_use]
    pub(crate) fn get(&self, id: &ClientId) -> Option<&Client> {
        self.0.get(id)
    }
}

/// The chain: configuration, then store, then document.
///
/// What the operator says comes first: a client of the configuration or the store takes the place of a document.
pub(crate) struct ResolverChain {
    configured: Arc<ConfiguredClients>,
    store: Arc<dyn ClientStore>,
    documents: Option<Arc<Documents>>,
}

impl ResolverChain {
    /// A chain without documents: URLs are no client ids then.
    #[must_use]
    pub(crate) fn new(configured: Arc<ConfiguredClients>, store: Arc<dyn ClientStore>) -> Self {
        Self { configured, store, documents: None }
    }

    /// Takes metadata documents as well (`client_id_metadata_document_supported`).
    #[must_use]
    pub(crate) fn documents(mut self, documents: Arc<Documents>) -> Self {
        self.documents = Some(documents);
        self
    }
}

#[async_trait]
impl ClientResolver for ResolverChain {
    async fn resolve(&self, id: &ClientId, address: Option<IpAddr>, now: Timestamp) -> Resolution {
        if let Some(client) = self.configured.get(id) {
            return found(client.clone(), FoundIn::Configuration);
        }
        match self.store.get(id).await {
            Ok(Some(kept)) => return found(kept.value, FoundIn::Store { version: kept.version }),
            Ok(None) => {}
            Err(error) => return Resolution::Unavailable(error),
        }
        let Some((documents, url)) = self.documents.as_ref().zip(DocumentUrl::parse(id.as_str()).ok()) else {
            return Resolution::Unknown(UnknownClient::NotRegistered);
        };
        match documents.get(&url, address, now).await {
            Ok(document) => found(document.client, FoundIn::Document(document.age)),
            Err(error) if error.retry_after().is_some() => Resolution::OutOfReach(error),
            Err(error) => Resolution::Unknown(UnknownClient::Document(error)),
        }
    }
}

fn found(client: Client, found: FoundIn) -> Resolution {
    Resolution::Found(Box::new(Resolved { client, found }))
}

impl fmt::Debug for ResolverChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolverChain")
            .field("configured", &self.configured.0.len())
            .field("documents", &self.documents)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::super::DocumentSettings;
    use super::super::document::DocumentFault;
    use super::super::fetch::{FetchDocument, FetchError, Fetched};
    use super::super::fetches::Fetches;
    use super::super::testing::{Clients, client, json_document};
    use super::*;
    use crate::types::ClientSnapshot;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);
    const URL: &str = "https://client.example/client.json";

    /// A host that answers as long as it is up, and then fails in some way.
    struct Host {
        fetches: AtomicUsize,
        down_from: usize,
        down: Result<u16, FetchError>,
    }

    impl Default for Host {
        fn default() -> Self {
            Self { fetches: AtomicUsize::new(0), down_from: 0, down: Err(FetchError::Unreachable) }
        }
    }

    #[async_trait]
    impl FetchDocument for Host {
        async fn fetch(&self, url: &DocumentUrl) -> Result<Fetched, FetchError> {
            if self.fetches.fetch_add(1, Ordering::SeqCst) >= self.down_from {
                return self.down.map(|status| Fetched::new(status, http::HeaderMap::new(), "no"));
            }
            let body = json!({"client_id": url.as_str(), "redirect_uris": ["https://client.example/cb"]}).to_string();
            Ok(json_document(body))
        }
    }

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    fn chain(configured: &[&str], stored: &[&str], host: &Arc<Host>) -> (ResolverChain, Arc<Clients>) {
        let configured = ConfiguredClients::new(configured.iter().map(|id| client(id, NOW))).unwrap();
        let store = Arc::new(Clients::of(stored.iter().map(|id| client(id, NOW))));
        let settings = DocumentSettings::default();
        let fetches = Arc::new(Fetches::new(&settings));
        let documents = Documents::new(Arc::clone(host) as _, Arc::default(), settings, fetches);
        let chain = ResolverChain::new(Arc::new(configured), Arc::clone(&store) as _).documents(Arc::new(documents));
        (chain, store)
    }

    #[tokio::test]
    async fn in_the_order_of_who_says_it() {
        let host = Arc::new(Host { down_from: 9, ..Host::default() });
        let (chain, _) =
            chain(&["both", "https://pinned.example/c"], &["both", "stored", "https://kept.example/c"], &host);
        for (text, source, found) in [
            ("both", ClientSource::Preregistered, FoundIn::Configuration),
            ("https://pinned.example/c", ClientSource::Preregistered, FoundIn::Configuration),
            ("stored", ClientSource::Registered, FoundIn::Store { version: 1 }),
            ("https://kept.example/c", ClientSource::Registered, FoundIn::Store { version: 1 }),
            (URL, ClientSource::MetadataDocument, FoundIn::Document(DocumentAge::Fresh)),
        ] {
            let resolved = chain.resolve(&id(text), None, NOW).await.found().unwrap();
            assert_eq!((resolved.client.id.as_str(), resolved.client.source, resolved.found), (text, source, found));
        }
        assert_eq!(host.fetches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn attack_091_what_is_no_document_url_is_not_fetched() {
        let host = Arc::new(Host { down_from: 99, ..Host::default() });
        let (chain, store) = chain(&[], &[], &host);
        for text in [
            "nobody",
            "http://client.example/c",
            "https://client.example",
            "https://u@h/c",
            "https://h/%2e%2e/c",
            "https://h/c#f",
        ] {
            let resolution = chain.resolve(&id(text), None, NOW).await;
            assert!(matches!(resolution, Resolution::Unknown(UnknownClient::NotRegistered)), "{text}");
        }
        let without = ResolverChain::new(Arc::default(), store as _);
        assert!(without.resolve(&id(URL), None, NOW).await.found().is_none());
        assert_eq!(host.fetches.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn attack_089_an_unusable_document_is_an_unknown_client() {
        for down in [Ok(200), Ok(404), Ok(410), Ok(302), Ok(401), Err(FetchError::TooLarge), Err(FetchError::Malformed)]
        {
            let (chain, _) = chain(&[], &[], &Arc::new(Host { down, ..Host::default() }));
            for _ in 0..2 {
                let Resolution::Unknown(unknown) = chain.resolve(&id(URL), None, NOW).await else { panic!("{down:?}") };
                assert_eq!(unknown.to_string(), UnknownClient::NotRegistered.to_string());
                assert!(matches!(unknown, UnknownClient::Document(_)), "{unknown:?}");
            }
        }
    }

    // Nor is one that leads where nobody is sent, or nowhere: which of the two is told to nobody.
    #[tokio::test]
    async fn attack_086_a_name_inside_looks_like_one_that_is_not_there() {
        for down in [Err(FetchError::Forbidden), Err(FetchError::NotFound)] {
            let (chain, _) = chain(&[], &[], &Arc::new(Host { down, ..Host::default() }));
            let resolution = chain.resolve(&id(URL), None, NOW).await;
            assert!(matches!(resolution, Resolution::Unknown(UnknownClient::Document(_))), "{resolution:?}");
        }
    }

    #[tokio::test]
    async fn a_document_out_of_reach_says_nothing_about_the_client() {
        for down in [
            Err(FetchError::Unreachable),
            Err(FetchError::Timeout),
            Ok(500),
            Ok(502),
            Ok(503),
            Ok(504),
            Ok(429),
            Ok(403),
        ] {
            let (chain, _) = chain(&[], &[], &Arc::new(Host { down, ..Host::default() }));
            let resolution = chain.resolve(&id(URL), None, NOW).await;
            let Resolution::OutOfReach(error) = resolution else { panic!("{down:?}: {resolution:?}") };
            assert_eq!(error.retry_after().unwrap().as_secs(), 60);
            // The same is said as long as nobody looks again.
            let later = NOW.after(std::time::Duration::from_secs(20));
            let resolution = chain.resolve(&id(URL), None, later).await;
            let Resolution::OutOfReach(error) = resolution else { panic!("{down:?}: {resolution:?}") };
            assert_eq!((error.cause(), error.retry_after().unwrap().as_secs()), (DocumentFault::Recently, 40));
        }
    }

    #[tokio::test]
    async fn attack_095_a_grant_needs_no_document() {
        let host = Arc::new(Host { down_from: 1, ..Host::default() });
        let (chain, _) = chain(&[], &[], &host);
        let resolved = chain.resolve(&id(URL), None, NOW).await.found().unwrap();
        // What the grant keeps says how the client authenticates.
        let snapshot = ClientSnapshot::of(&resolved.client);
        assert_eq!((snapshot.id.as_str(), snapshot.auth_method), (URL, crate::types::ClientAuthMethod::None));
        // And a new authorization goes on with the last good copy.
        let later = NOW.after(std::time::Duration::from_secs(7200));
        let stale = chain.resolve(&id(URL), None, later).await.found().unwrap();
        assert_eq!((stale.found, stale.client), (FoundIn::Document(DocumentAge::Stale), resolved.client));
    }

    #[tokio::test]
    async fn a_store_that_cannot_tell_says_nothing_about_the_client() {
        let host = Arc::new(Host { down_from: 9, ..Host::default() });
        let (chain, store) = chain(&["configured"], &["stored"], &host);
        store.break_down();
        for text in ["stored", "nobody", URL] {
            assert!(matches!(chain.resolve(&id(text), None, NOW).await, Resolution::Unavailable(_)), "{text}");
        }
        assert!(chain.resolve(&id("configured"), None, NOW).await.found().is_some());
    }

    #[test]
    fn a_client_is_configured_once() {
        let twice = ConfiguredClients::new([client("a", NOW), client("b", NOW), client("a", NOW)]);
        assert_eq!(twice.unwrap_err().to_string(), "the client id a is configured twice");
    }
}
