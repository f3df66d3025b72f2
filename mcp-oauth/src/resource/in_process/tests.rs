use std::sync::Mutex;
use std::time::Duration;

use http::{Method, Uri};
use mcp_transport::auth::{ProtectedResource, Scheme};

use super::*;
use crate::jose::testing::{NOW, at, claims, issuer, key, resource};
use crate::jose::{Algorithm, GrantClaim, KeySet, KeyState, SigningKey};
use crate::store::BoxError;
use crate::types::ManualClock;

/// An authorization server, as far as a verifier sees one.
#[derive(Debug)]
struct Server {
    issuer: Issuer,
    keys: Mutex<KeyRing>,
    /// Whether the grant lives; an error where the store is down.
    live: Mutex<Option<bool>>,
}

#[async_trait]
impl LocalTokens for Server {
    fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    fn keys(&self) -> KeyRing {
        self.keys.lock().unwrap().clone()
    }

    async fn is_live(&self, claims: &AccessTokenClaims, _: Timestamp) -> Result<bool, StoreError> {
        assert_eq!(claims.grant, Some(GrantClaim::new("grant".to_owned(), 3)));
        let live = *self.live.lock().unwrap();
        live.ok_or_else(|| StoreError::Unavailable(BoxError::from("the line is cut")))
    }
}

fn ring(key: &SigningKey) -> KeyRing {
    let mut set = KeySet::new();
    set.add(key.clone(), NOW, KeyState::Active { since: NOW }).unwrap();
    KeyRing::new(&set, key.algorithm()).unwrap()
}

fn set_up() -> (Arc<Server>, InProcessVerifier, ProtectedResource) {
    let keys = Mutex::new(ring(key(Algorithm::Es256)));
    let server = Arc::new(Server { issuer: issuer(), keys, live: Mutex::new(Some(true)) });
    let hierarchy = "admin implies write read".parse().unwrap();
    // Nothing happens between requests but what the test wants.
    let options = VerifierOptions::new().hierarchy(hierarchy).clock(Arc::new(ManualClock::at(at(NOW).into())));
    let verifier = InProcessVerifier::new(Arc::clone(&server) as _, options);
    let resource = ProtectedResource::builder(resource()).authorization_server(issuer()).build().unwrap();
    (server, verifier, resource)
}

fn token() -> String {
    let mut claims = claims();
    claims.grant = Some(GrantClaim::new("grant".to_owned(), 3));
    claims.scope = "admin".parse().unwrap();
    claims.extra.insert("tenant".to_owned(), "blue".into());
    claims.sign(key(Algorithm::Es256)).unwrap()
}

async fn verify(
    verifier: &InProcessVerifier,
    resource: &ProtectedResource,
    seconds: u64,
) -> Result<Arc<Principal>, Rejection> {
    let (token, uri) = (token_once(), Uri::from_static("/mcp"));
    verifier.verify(Presented::new(Scheme::Bearer, token, resource, &Method::POST, &uri, at(NOW + seconds))).await
}

/// Signing is random: one token for all.
fn token_once() -> &'static str {
    static TOKEN: std::sync::LazyLock<String> = std::sync::LazyLock::new(token);
    &TOKEN
}

#[tokio::test]
async fn a_token_becomes_a_principal() {
    let (_, verifier, resource) = set_up();
    let principal = verify(&verifier, &resource, 0).await.unwrap();
    assert_eq!((principal.issuer(), principal.subject().as_str()), (&issuer(), "ada"));
    assert_eq!(principal.client_id().unwrap().as_str(), "https://app.example/client.json");
    assert_eq!(principal.scopes().to_string(), "admin read write", "expanded by the hierarchy");
    assert_eq!(principal.expires_at(), Some(at(NOW + 3600)));
    assert_eq!(principal.claims().unwrap()["tenant"], "blue");
    assert_eq!(verify(&verifier, &resource, 3600).await.unwrap_err(), Rejection::Expired);
}

#[tokio::test]
async fn attack_075_revocation_is_seen_within_five_seconds() {
    let (server, verifier, resource) = set_up();
    let stream = verify(&verifier, &resource, 0).await.unwrap();
    *server.live.lock().unwrap() = Some(false);
    verifier.cached().sweep(at(NOW + 3)).await;
    assert!(stream.liveness().is_revoked());
    assert_eq!(verify(&verifier, &resource, 5).await.unwrap_err(), Rejection::Revoked);
}

#[tokio::test]
async fn a_store_that_is_down_says_nothing_about_the_token() {
    let (server, verifier, resource) = set_up();
    *server.live.lock().unwrap() = None;
    let refused = verify(&verifier, &resource, 0).await.unwrap_err();
    assert!(matches!(refused, Rejection::Unavailable { retry_after } if retry_after > Duration::ZERO));
    *server.live.lock().unwrap() = Some(true);
    assert!(verify(&verifier, &resource, 0).await.is_ok());
}

#[tokio::test]
async fn a_key_that_is_taken_out_takes_its_tokens_with_it() {
    let (server, verifier, resource) = set_up();
    let stream = verify(&verifier, &resource, 0).await.unwrap();
    *server.keys.lock().unwrap() = ring(&SigningKey::generate(Algorithm::Es256).unwrap());
    assert_eq!(verify(&verifier, &resource, 4).await.unwrap_err(), Rejection::invalid("unknown key"));
    assert!(stream.liveness().is_revoked());
}
