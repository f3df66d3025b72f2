//! The public keys of clients that sign assertions: read once, and kept.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_transport::net::{Client as NetClient, Target};
use serde_json::Value;

use super::client::{FETCH_TIMEOUT, Fetches};
use super::flights::{Flight, Flights, Turn};
use crate::jose::VerifyingKeys;
use crate::types::{Client, ClientSource, Digest, Timestamp};

/// How long keys behind a URL are kept before they are fetched again.
const FRESH: Duration = Duration::from_secs(300);
/// How long a URL that gave no keys is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// How long keys are used whose URL does not answer.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// How many sets are kept.
const MOST: usize = 1024;
/// The largest set that is fetched.
const LARGEST: usize = 64 * 1024;
/// How many are fetched at a time.
const MOST_FLIGHTS: usize = 64;

/// The keys of clients.
pub(crate) struct ClientKeys {
    net: NetClient,
    /// Counts fetches together with those of documents: whoever registers names any host.
    fetches: Arc<Fetches>,
    known: Mutex<HashMap<Digest, Known>>,
    /// Whoever has not got the turn goes by what was known, or waits and looks again.
    flights: Flights<Digest>,
}

#[derive(Clone)]
struct Known {
    keys: Option<Arc<VerifyingKeys>>,
    /// When they were read.
    read_at: Timestamp,
    /// When they were looked for last.
    tried_at: Timestamp,
    /// When to look again.
    look_at: Timestamp,
}

/// Nobody can tell the keys of a client now, and nobody could lately. It says nothing about the client: clients give up
/// their registration over `invalid_client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfReach {
    /// Where they are does not answer, or not with keys: when it is asked again.
    Host(Duration),
    /// Too much is being fetched: how long to wait.
    Busy(Duration),
}

impl ClientKeys {
    /// Fetches sets through `net`, under its policy, as often as `fetches` lets it.
    pub(crate) fn new(net: NetClient, fetches: Arc<Fetches>) -> Self {
        Self { net, fetches, known: Mutex::default(), flights: Flights::new(MOST_FLIGHTS) }
    }

    /// The keys of a client, for whoever asks from this address; `None` if it has none that can be read.
    ///
    /// # Errors
    ///
    /// When they are behind a URL that does not answer, and never did.
    pub(crate) async fn of(
        &self,
        client: &Client,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Arc<VerifyingKeys>>, OutOfReach> {
        match (&client.metadata.jwks, &client.metadata.jwks_uri) {
            (Some(jwks), _) => Ok(self.inline(jwks, now)),
            (None, Some(url)) => self.behind(url, client.source, address, now).await.map(Some),
            (None, None) => Ok(None),
        }
    }

    fn inline(&self, jwks: &Value, now: Timestamp) -> Option<Arc<VerifyingKeys>> {
        let text = jwks.to_string();
        let name = Digest::of("jwks", &[text.as_bytes()]);
        if let Some(known) = self.known().get(&name) {
            return known.keys.clone();
        }
        let keys = VerifyingKeys::from_jwks(text).ok().map(Arc::new);
        self.keep(name, Known { keys: keys.clone(), read_at: now, tried_at: now, look_at: Timestamp::NEVER });
        keys
    }

    /// The keys of a client that has signed with one that is not among those at hand: it may have a new one. They are fetched
    /// again, but not more often than every half minute.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(crate) async fn renewed(
        &self,
        client: &Client,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Arc<VerifyingKeys>>, OutOfReach> {
        let (None, Some(url)) = (&client.metadata.jwks, &client.metadata.jwks_uri) else { return Ok(None) };
        if let Some(known) = self.known().get_mut(&Digest::of("jwks_uri", &[url.as_bytes()]))
            && known.tried_at.after(PAUSE).is_over(now)
        {
            known.look_at = known.look_at.min(now);
        }
        self.behind(url, client.source, address, now).await.map(Some)
    }

    async fn behind(
        &self,
        url: &str,
        source: ClientSource,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<VerifyingKeys>, OutOfReach> {
        let name = Digest::of("jwks_uri", &[url.as_bytes()]);
        if let Some(known) = self.fresh(&name, now) {
            return known;
        }
        let Some(flight) = self.flights.join(name) else {
            return self.last_good(&name, now).ok_or(OutOfReach::Busy(FETCH_TIMEOUT));
        };
        let Some(_turn) = self.turn(&flight, &name, now).await else {
            return self.last_good(&name, now).ok_or(OutOfReach::Busy(FETCH_TIMEOUT));
        };
        if let Some(known) = self.fresh(&name, now) {
            return known;
        }
        // The operator has chosen where the keys of their clients are, and nobody else makes them wait.
        if source != ClientSource::Preregistered
            && let Err(busy) = self.permit(url, address, now)
        {
            return self.last_good(&name, now).ok_or(OutOfReach::Busy(busy));
        }
        let begun = tokio::time::Instant::now();
        let fetched = self.fetch(url).await;
        // The fetch may have taken its whole time: what comes after is reckoned from its end.
        let now = now.after(begun.elapsed());
        match fetched {
            Ok(keys) => {
                let keys = Arc::new(keys);
                let known =
                    Known { keys: Some(Arc::clone(&keys)), read_at: now, tried_at: now, look_at: now.after(FRESH) };
                self.keep(name, known);
                Ok(keys)
            }
            Err(error) => {
                tracing::info!(%error, "the keys of a client cannot be fetched");
                let before = self.stale(&name, now);
                let (keys, read_at) = before.map_or((None, now), |known| (known.keys, known.read_at));
                let known = Known { keys: keys.clone(), read_at, tried_at: now, look_at: now.after(PAUSE) };
                self.keep(name, known);
                keys.ok_or(OutOfReach::Host(PAUSE))
            }
        }
    }

    /// Counts a fetch. A URL that is none leads nowhere, which is found when it is fetched.
    fn permit(&self, url: &str, address: Option<IpAddr>, now: Timestamp) -> Result<(), Duration> {
        Target::parse(url).map_or(Ok(()), |target| self.fetches.permit(&target.host().to_string(), address, now))
    }

    /// The turn to fetch; `None` where somebody else has it and what was known before will do.
    async fn turn<'a>(&self, flight: &'a Flight<'_, Digest>, name: &Digest, now: Timestamp) -> Option<Turn<'a>> {
        match flight.turn_now() {
            Some(turn) => Some(turn),
            None if self.last_good(name, now).is_some() => None,
            None => Some(flight.turn().await),
        }
    }

    /// What was known, as long as it may be used at all.
    fn stale(&self, name: &Digest, now: Timestamp) -> Option<Known> {
        self.known().get(name).filter(|known| !known.read_at.after(STALE).is_over(now)).cloned()
    }

    fn last_good(&self, name: &Digest, now: Timestamp) -> Option<Arc<VerifyingKeys>> {
        self.stale(name, now).and_then(|known| known.keys)
    }

    /// What can be said without a fetch.
    fn fresh(&self, name: &Digest, now: Timestamp) -> Option<Result<Arc<VerifyingKeys>, OutOfReach>> {
        let known = self.known();
        let known = known.get(name).filter(|known| !known.look_at.is_over(now))?;
        Some(known.keys.clone().ok_or_else(|| OutOfReach::Host(known.look_at.since(now))))
    }

    async fn fetch(&self, url: &str) -> Result<VerifyingKeys, crate::store::BoxError> {
        let target = Target::parse(url)?;
        let response = self.net.get(&target, LARGEST).await?;
        if response.status() != http::StatusCode::OK {
            return Err("the answer is not 200".into());
        }
        Ok(VerifyingKeys::from_jwks(response.into_body())?)
    }

    fn keep(&self, name: Digest, known: Known) {
        let mut all = self.known();
        if all.len() >= MOST && !all.contains_key(&name) {
            // Whichever: all can be read again.
            if let Some(some) = all.keys().next().copied() {
                all.remove(&some);
            }
        }
        all.insert(name, known);
    }

    /// A panic of another thread leaves the map whole.
    fn known(&self) -> MutexGuard<'_, HashMap<Digest, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKeys").field("known", &self.known().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use mcp_transport::auth::ClientId;
    use mcp_transport::net::Policy;

    use super::*;
    use crate::server::client::DocumentSettings;
    use crate::types::{ClientAuthMethod, ClientMetadata};

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    /// As many as are fetched at a time come and go while a host is silent: of hang-ups nothing stays.
    #[tokio::test]
    async fn whoever_hangs_up_leaves_room_for_other_fetches() {
        // Nobody accepts: the system does so by itself, and nothing is ever answered.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let fetches = Arc::new(Fetches::new(&DocumentSettings::default()));
        let keys = ClientKeys::new(NetClient::builder(Policy::operator()).build().unwrap(), fetches);
        let mut metadata = ClientMetadata::new(ClientAuthMethod::PrivateKeyJwt, Vec::new());
        for number in 0..=MOST_FLIGHTS {
            metadata.jwks_uri = Some(format!("http://{}/{number}", silent.local_addr().unwrap()));
            let id = ClientId::parse("client").unwrap();
            let client = Client::new(id, ClientSource::Preregistered, metadata.clone(), NOW);
            let mut asking = Box::pin(keys.of(&client, None, NOW));
            let polled = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending(), "{number}: {polled:?}");
        }
        assert!(keys.flights.is_empty());
    }
}
