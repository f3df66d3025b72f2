//! An issuer as a test wants it: it says what it is told to say, and remembers what it was asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use mcp_transport::auth::{Issuer, Presented, Principal, ProtectedResource, Rejection, ResourceId, Scheme, Verifier};
use mcp_transport::http::serve::Server;
use mcp_transport::http::tls::TlsConfig;
use serde_json::{Value, json};
use tower_service::Service;

use crate::jose::testing::{NOW, at, good, header, key, token};
use crate::jose::{Algorithm, SigningKey};
use crate::resource::{RemoteIssuer, VerifierOptions};
use crate::types::ManualClock;

pub(super) const RESOURCE: &str = "https://h.example/mcp";

/// What is answered at a path.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Json(Value),
    Kept(Value, &'static str),
    Raw(StatusCode, Bytes),
    /// The connection stays open, and nothing comes.
    Silence,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

#[derive(Debug, Default)]
struct State {
    replies: Mutex<HashMap<String, Reply>>,
    seen: Mutex<Vec<Seen>>,
}

/// The issuer. It ends with the runtime of its test.
#[derive(Clone, Debug)]
pub(super) struct Played {
    state: Arc<State>,
    pub(super) issuer: Issuer,
    origin: String,
}

impl Played {
    /// An issuer whose identifier is its origin and `path`. It says nothing yet but 404.
    pub(super) async fn silent(path: &str) -> Self {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", server.local_addr().unwrap());
        Self::serving(server, origin, path)
    }

    /// An issuer over TLS, and its certificate (PEM), which nobody else trusts.
    pub(super) async fn over_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let directory = std::env::temp_dir().join(format!("mcp-oauth-resource-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let files = ["certificate.pem", "key.pem"].map(|name| directory.join(name));
        std::fs::write(&files[0], &certificate).unwrap();
        std::fs::write(&files[1], key).unwrap();
        let tls = TlsConfig::from_pem_files(&files[0], &files[1]).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
        let server = Server::bind("127.0.0.1:0").await.unwrap().tls(tls);
        let origin = format!("https://localhost:{}", server.local_addr().unwrap().port());
        (Self::serving(server, origin, ""), certificate)
    }

    fn serving(server: Server, origin: String, path: &str) -> Self {
        let issuer = Issuer::parse(&format!("{origin}{path}")).unwrap();
        let played = Self { state: Arc::default(), issuer, origin };
        tokio::spawn(server.serve(Answering(Arc::clone(&played.state)), std::future::pending()));
        played
    }

    /// An issuer with metadata, the keys of all algorithms, and an introspection endpoint that says no.
    pub(super) async fn start() -> Self {
        let played = Self::silent("").await;
        played.set("/.well-known/oauth-authorization-server", Reply::Json(played.metadata()));
        played.publish(&Algorithm::ALL.map(key));
        played.set("/introspect", Reply::Json(json!({"active": false})));
        played
    }

    pub(super) fn metadata(&self) -> Value {
        json!({
            "issuer": self.issuer,
            "jwks_uri": self.url("/jwks"),
            "introspection_endpoint": self.url("/introspect"),
            "subject_types_supported": ["public"],
        })
    }

    pub(super) fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| Value::Object(key.public_jwk())).collect();
        self.set("/jwks", Reply::Json(json!({"keys": keys})));
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub(super) fn set(&self, path: &str, reply: Reply) {
        self.state.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// What came at a path.
    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        self.state.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    pub(super) fn all_seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(super) fn remote(&self) -> RemoteIssuer {
        RemoteIssuer::discover(self.issuer.clone(), None).unwrap()
    }

    /// Good claims of a token of this issuer for [`RESOURCE`], after a change.
    pub(super) fn claims(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut claims = good();
        claims["iss"] = json!(self.issuer);
        claims["aud"] = RESOURCE.into();
        change(&mut claims);
        claims
    }

    /// A token with such claims, signed honestly.
    pub(super) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        self.signed_by(key(Algorithm::Es256), change)
    }

    pub(super) fn signed_by(&self, key: &SigningKey, change: impl FnOnce(&mut Value)) -> String {
        token(header(key), self.claims(change), |input| key.sign(input).unwrap())
    }

    pub(super) fn resource(&self, id: &str) -> Arc<ProtectedResource> {
        let builder = ProtectedResource::builder(ResourceId::parse(id).unwrap());
        Arc::new(builder.authorization_server(self.issuer.clone()).build().unwrap())
    }

    /// Asks a verifier about a token, some time after [`NOW`].
    pub(super) async fn ask(
        &self,
        verifier: &dyn Verifier,
        token: &str,
        seconds: u64,
    ) -> Result<Arc<Principal>, Rejection> {
        self.ask_for(verifier, token, RESOURCE, seconds).await
    }

    pub(super) async fn ask_for(
        &self,
        verifier: &dyn Verifier,
        token: &str,
        resource: &str,
        seconds: u64,
    ) -> Result<Arc<Principal>, Rejection> {
        let (resource, uri) = (self.resource(resource), Uri::from_static("/mcp"));
        let presented = Presented::new(Scheme::Bearer, token, &resource, &Method::POST, &uri, at(NOW + seconds));
        verifier.verify(presented).await
    }
}

/// Options under which nothing happens between requests but what the test wants.
pub(super) fn still() -> VerifierOptions {
    VerifierOptions::new().clock(Arc::new(ManualClock::at(at(NOW).into())))
}

/// The clock of guards.
pub(super) fn now() -> SystemTime {
    at(NOW)
}

#[derive(Clone)]
struct Answering(Arc<State>);

impl<B> Service<Request<B>> for Answering
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
            let path = parts.uri.path().to_owned();
            let authorization =
                parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
            let reply = state.replies.lock().unwrap().get(&path).cloned();
            state.seen.lock().unwrap().push(Seen { method: parts.method, path, authorization, body });
            let (status, cached, body) = match reply {
                None => (StatusCode::NOT_FOUND, None, Bytes::from_static(b"<h1>no</h1>")),
                Some(Reply::Json(value)) => (StatusCode::OK, None, value.to_string().into()),
                Some(Reply::Kept(value, cached)) => (StatusCode::OK, Some(cached), value.to_string().into()),
                Some(Reply::Raw(status, body)) => (status, None, body),
                Some(Reply::Silence) => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    (StatusCode::OK, None, Bytes::new())
                }
            };
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = status;
            if let Some(cached) = cached {
                response.headers_mut().insert(header::CACHE_CONTROL, cached.parse().unwrap());
            }
            Ok(response)
        })
    }
}
