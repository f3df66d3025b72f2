//! A server under test, and those who use it.

mod browser;
mod client;
mod document;
mod heard;
mod held;
pub(crate) mod log;
mod moody;
mod operator;
mod people;
mod probe;
mod reply;
mod stores;
mod watch;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use mcp_oauth::server::{AuthService, AuthorizationServer, AuthorizationServerBuilder, Peer, Transport};
use mcp_oauth::store::Stores;
use mcp_oauth::types::{Clock as _, ManualClock, Timestamp};
use mcp_transport::auth::{Issuer, ResourceId};
use mcp_transport::seal::SealKey;
use tower_service::Service as _;

pub(crate) use browser::Browser;
pub(crate) use client::{App, Tokens};
pub(crate) use document::DocumentHost;
pub(crate) use heard::Heard;
pub(crate) use moody::{Mood, Moody};
pub(crate) use operator::{READER, basic, confidential, keyed};
pub(crate) use people::People;
pub(crate) use reply::Reply;
pub(crate) use scripted_browser::{VERIFIER, challenge_of, forms};
pub(crate) use stores::{Keeper, on_every_store, on_every_store_at_once};
pub(crate) use watch::{Fault, Watch};

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const RESOURCE: &str = "https://mcp.example/mcp";
pub(crate) const OTHER_RESOURCE: &str = "https://mcp.example/other";
pub(crate) const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A server on some store, with a clock that stands still.
pub(crate) struct Bed {
    pub(crate) server: AuthorizationServer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) people: Arc<People>,
    pub(crate) stores: Stores,
    // Ends what the store stands on, after everything else.
    pub(crate) keeper: Keeper,
}

impl Bed {
    /// A server as it is by default, with two resources and the scopes `mcp` and `admin`, which implies it.
    pub(crate) async fn new(keeper: Keeper) -> Self {
        Self::with(keeper, |builder| builder).await
    }

    /// The same, changed.
    pub(crate) async fn with(
        keeper: Keeper,
        change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
    ) -> Self {
        let stores = keeper.open().await;
        let clock = Arc::new(ManualClock::at(START));
        let people = Arc::new(People::default());
        let server = change(Self::builder(&stores, &clock, &people)).build().await.unwrap();
        Self { server, clock, people, stores, keeper }
    }

    fn builder(stores: &Stores, clock: &Arc<ManualClock>, people: &Arc<People>) -> AuthorizationServerBuilder {
        use mcp_oauth::server::Scope;
        let scope = |name: &str, about| Scope::new(name.parse().unwrap(), Some(about));
        AuthorizationServer::builder(Issuer::parse(ISSUER).unwrap())
            .resource(ResourceId::parse(RESOURCE).unwrap())
            .resource(ResourceId::parse(OTHER_RESOURCE).unwrap())
            .scopes([scope("mcp", "Use it"), scope("admin", "Rule it")], "mcp".parse().unwrap())
            .scope_hierarchy("admin implies mcp".parse().unwrap())
            .stores(stores.clone())
            .master_key(SealKey::from_bytes([7; 32]))
            .identity(Arc::clone(people) as _)
            .clock(Arc::clone(clock) as _)
            .rate_limit(None)
    }

    /// Another process on the same store: a second server of the same configuration.
    pub(crate) async fn second(&self) -> AuthorizationServer {
        let stores = self.keeper.open().await;
        Self::builder(&stores, &self.clock, &self.people).build().await.unwrap()
    }

    /// A builder of another process on the same store.
    pub(crate) async fn builder_again(&self) -> AuthorizationServerBuilder {
        let stores = self.keeper.open().await;
        Self::builder(&stores, &self.clock, &self.people)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn service(&self) -> AuthService {
        self.server.service()
    }

    /// Sends a request from a public address, through TLS.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        send_to(&self.server, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path, &[], "")).await
    }

    /// Posts a form.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        self.send(request(Method::POST, path, &[FORM], &encode(form))).await
    }

    /// Posts a form with further headers.
    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
        let headers: Vec<_> = [FORM].iter().chain(headers).copied().collect();
        self.send(request(Method::POST, path, &headers, &encode(form))).await
    }

    /// Sends JSON.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &serde_json::Value,
    ) -> Reply {
        let headers: Vec<_> = [("content-type", "application/json")].iter().chain(headers).copied().collect();
        self.send(request(method, path, &headers, &body.to_string())).await
    }
}

pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Sends a request to a server, from a public address, through TLS.
pub(crate) async fn send_to(server: &AuthorizationServer, mut request: Request<Full<Bytes>>) -> Reply {
    if request.extensions().get::<Peer>().is_none() {
        let peer = Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), Transport::Secure);
        request.extensions_mut().insert(peer);
    }
    let answer = server.service().call(request).await.unwrap();
    Reply::read(answer).await
}

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "as.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

/// A form as it is sent.
pub(crate) fn encode(form: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}
