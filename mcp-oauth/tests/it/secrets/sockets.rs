//! TLS and HTTP/2 at both ends, and what guards a resource.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use mcp_oauth::jose::{Algorithm, SigningKey};
use mcp_oauth::resource::{IntrospectionClient, Protection, TokenCheck};
use mcp_oauth::server::{AuthorizationServer, Peer, Transport};
use mcp_oauth::types::{ClientAuthMethod, Secret};
use mcp_transport::auth::{ClientId, GuardLayer, Issuer, ProtectedResource, ResourceId};
use mcp_transport::http::serve::Server;
use mcp_transport::http::tls::TlsConfig;
use mcp_transport::net::{Client, Policy, Target, Tls};
use mcp_transport::seal::SealKey;
use scripted_browser::secrets::{Kind, Secrets};
use serde_json::{Value, json};
use tower_layer::Layer as _;
use tower_service::Service;

use super::DAEMON;
use crate::support::{FORM, Keeper, People, RESOURCE, START, basic, confidential, encode};

const WRONG: &str = "a-wrong-secret-of-a-guard-52ce";

/// What is guarded.
#[derive(Clone)]
struct Guarded;

impl Service<Request<Full<Bytes>>> for Guarded {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Ok(Response::default()))
    }
}

/// A client of a server behind TLS gets tokens over HTTP/2, and guards ask it about them.
pub(super) async fn over_sockets() -> Secrets {
    let mut secrets = Secrets::default();
    let folder = std::env::temp_dir().join(format!("mcp-oauth-{}", Secret::random("").unwrap().expose()));
    std::fs::create_dir(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("certificate"), folder.join("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    secrets.add_key(&made.signing_key.serialize_der());
    let (tls, trusted) = (TlsConfig::from_pem_files(&certificate, &key).unwrap(), made.cert.pem());
    std::fs::remove_dir_all(folder).unwrap();

    let listener = Server::bind("localhost:0").await.unwrap().tls(tls);
    let issuer = Issuer::parse(&format!("https://localhost:{}", listener.local_addr().unwrap().port())).unwrap();
    let signing = SigningKey::generate(Algorithm::Rs256).unwrap();
    secrets.add_key(signing.to_pkcs8());
    let mut daemon = confidential(DAEMON, ClientAuthMethod::ClientSecretBasic, &["client_credentials"]);
    daemon.serves = vec![ResourceId::parse(RESOURCE).unwrap()];
    let server = AuthorizationServer::builder(issuer.clone())
        .resource(ResourceId::parse(RESOURCE).unwrap())
        .stores(Keeper::memory().open().await)
        .master_key(SealKey::from_bytes([super::MASTER; 32]))
        .identity(Arc::new(People::default()))
        .signing_key(signing)
        .client(daemon)
        .build()
        .await
        .unwrap();
    let service = server.service().peer(|_| Some(Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Transport::Secure)));
    let serving = tokio::spawn(listener.serve(service, std::future::pending()));

    let trust = || Tls::with_ca_pem(trusted.as_bytes()).unwrap();
    let client = Client::builder(Policy::operator()).tls(trust()).build().unwrap();
    let post = async |path: &str, secret: &str, form: &[(&str, &str)]| -> Value {
        let target = Target::parse(&format!("{issuer}{path}")).unwrap();
        let mut request = target.request(Method::POST, encode(form).into());
        request.headers_mut().insert("authorization", basic((DAEMON.0, secret)).parse().unwrap());
        request.headers_mut().insert(FORM.0, FORM.1.parse().unwrap());
        let answer = client.fetch(request, 1 << 20).await.unwrap();
        serde_json::from_slice(answer.body()).unwrap_or_default()
    };
    secrets.sent(&[("client_secret", DAEMON.1), ("client_secret", WRONG)]);
    post("/token", WRONG, &[("grant_type", "client_credentials")]).await;
    let answer = post("/token", DAEMON.1, &[("grant_type", "client_credentials")]).await;
    secrets.answered(&answer);
    secrets.assert_has(&[Kind::AccessToken]);
    let good = answer["access_token"].as_str().unwrap().to_owned();
    let forged = format!("{}{}", &good[..good.len() - 24], "A-signature-that-is-none");
    let expired = SigningKey::generate(Algorithm::Es256).unwrap();
    let claims =
        json!({"iss": issuer.as_str(), "aud": RESOURCE, "exp": START.as_secs(), "sub": "ada", "client_id": "x"});
    let expired = expired.sign_claims("at+jwt", &claims).unwrap();
    for token in [&forged, &expired] {
        secrets.add(Kind::AccessToken, token);
    }

    let resource = ResourceId::parse(RESOURCE).unwrap();
    let asking = |secret: &str| {
        let client = IntrospectionClient::new(ClientId::parse(DAEMON.0).unwrap(), Secret::new(secret.to_owned()));
        tracing::trace!(?client);
        TokenCheck::KeysAndIntrospection(client)
    };
    let guard = |check: TokenCheck| {
        let builder = Protection::builder(issuer.clone(), resource.clone()).tls(trust()).check(check);
        tracing::trace!(?builder);
        builder.build().unwrap()
    };
    let remote = [TokenCheck::Keys, asking(DAEMON.1), asking(WRONG)].map(guard);
    for protection in &remote {
        tracing::trace!(?protection);
        protection.prepare(SystemTime::now()).await;
    }
    let own = ProtectedResource::builder(resource.clone()).authorization_server(issuer.clone()).build().unwrap();
    let own = GuardLayer::new(Arc::new(own), Arc::new(server.verifier()));
    let guards: Vec<GuardLayer> = remote.iter().map(Protection::guard).chain([own]).collect();
    let mut statuses = Vec::new();
    for round in 0..2 {
        for guard in &guards {
            for token in [&good, &forged, &expired, "nonsense", DAEMON.1] {
                for scheme in ["Bearer", "Basic", "DPoP", ""] {
                    let request = Request::post("/mcp").header("authorization", format!("{scheme} {token}"));
                    let query = format!("/mcp?access_token={token}");
                    let in_query = Request::get(query).body(Full::default()).unwrap();
                    for request in [request.body(Full::default()).unwrap(), in_query] {
                        let answer = guard.layer(Guarded).call(request).await.unwrap();
                        statuses.push((round, answer.status().as_u16()));
                    }
                }
            }
        }
        post("/revoke", DAEMON.1, &[("token", &good)]).await;
    }
    // Three of the four guards know that the token is good; the fourth cannot ask.
    assert_eq!(statuses.iter().filter(|status| **status == (0, 200)).count(), 3, "{statuses:?}");
    serving.abort();
    secrets
}
