//! The authorization server that is measured: all as it is by default, but for the rate limit, which is off.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use mcp_oauth::identity::{Attempt, Begin, Fields, Form, IdentityProvider, ProviderId, SignInError, Standing, Step};
use mcp_oauth::jose::SigningKey;
use mcp_oauth::server::{AuthService, AuthorizationServer, Peer};
use mcp_oauth::store::Stores;
use mcp_oauth::types::{
    Client, ClientAuthMethod, ClientMetadata, ClientSource, Identity, Secret, SystemClock, Timestamp,
};
use mcp_transport::auth::{ClientId, Issuer, ResourceId};
use mcp_transport::http::serve;
use mcp_transport::seal::SealKey;

use super::{BASIC, Credentials, ISSUER, POST, REDIRECT, RESOURCE, RESOURCE_SERVER};

type BoxError = Box<dyn Error + Send + Sync>;

/// Signs in whoever types a code, as the account of that name.
#[derive(Debug)]
struct Anybody(ProviderId);

#[async_trait]
impl IdentityProvider for Anybody {
    fn id(&self) -> &ProviderId {
        &self.0
    }

    async fn begin(&self, _: &Begin) -> Result<Step, SignInError> {
        Ok(Step::Form(Form::new(Fields::Code)))
    }

    async fn sign_in(&self, attempt: &Attempt) -> Result<Identity, SignInError> {
        let code = attempt.code.as_ref().ok_or(SignInError::Refused)?;
        let subject = self.0.subject(code.expose()).map_err(|_| SignInError::Refused)?;
        Ok(Identity::new(self.0.as_str(), subject))
    }

    async fn standing(&self, identity: &Identity, _: Timestamp) -> Result<Standing, SignInError> {
        Ok(Standing::Good(Box::new(identity.clone())))
    }
}

/// The server with this signing key, on these stores or in memory.
///
/// # Errors
/// If it cannot be put together.
///
/// # Cancel safety
/// Dropped, keys may have been made in the store.
pub async fn authorization_server(key: SigningKey, stores: Option<Stores>) -> Result<AuthorizationServer, BoxError> {
    let now = SystemClock.now();
    let mut builder = AuthorizationServer::builder(Issuer::parse(ISSUER)?)
        .resource(ResourceId::parse(RESOURCE)?)
        .identity(Arc::new(Anybody(ProviderId::parse("bench")?)))
        .rate_limit(None)
        .signing_algorithm(key.algorithm())
        .signing_key(key)
        .client(client(BASIC, ClientAuthMethod::ClientSecretBasic, now)?)
        .client(client(POST, ClientAuthMethod::ClientSecretPost, now)?);
    let mut resource_server = client(RESOURCE_SERVER, ClientAuthMethod::ClientSecretBasic, now)?;
    resource_server.serves = vec![ResourceId::parse(RESOURCE)?];
    builder = builder.client(resource_server);
    if let Some(stores) = stores {
        // Nobody opens them again.
        builder = builder.stores(stores).master_key(SealKey::random()?);
    }
    Ok(builder.build().await?)
}

/// The server's service for one connection, told who asks as an embedder tells it.
#[must_use]
pub fn service(server: &AuthService, ends: serve::ConnectInfo) -> AuthService {
    let peer = Peer::direct(ends.remote.ip());
    server.clone().peer(move |_| Some(peer))
}

fn client(who: Credentials, method: ClientAuthMethod, now: Timestamp) -> Result<Client, BoxError> {
    let mut metadata = ClientMetadata::new(method, vec![REDIRECT.parse()?]);
    metadata.grant_types.push("client_credentials".to_owned());
    let mut client = Client::new(ClientId::parse(who.id)?, ClientSource::Preregistered, metadata, now);
    client.secret = Some(Secret::new(who.secret.to_owned()).digest());
    Ok(client)
}
