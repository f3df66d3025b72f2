//! What an operator adds to a server under test, and what the server of a resource asks it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcp_oauth::server::{AuthorizationServer, AuthorizationServerBuilder};
use mcp_oauth::types::token::{AuthorizationCode, RefreshToken};
use mcp_oauth::types::{Client, ClientAuthMethod, ClientMetadata, ClientSource, GrantView, Secret};
use mcp_transport::auth::{ClientId, ResourceId};
use serde_json::Value;

use super::{Bed, RESOURCE, START};

/// The client that is the server of [`RESOURCE`], and its secret.
pub(crate) const READER: (&str, &str) = ("reader", "the-secret-of-the-reader");

/// A client of the operator's that has a secret.
pub(crate) fn confidential((id, secret): (&str, &str), method: ClientAuthMethod, grants: &[&str]) -> Client {
    let mut client = keyed(id, grants);
    client.metadata.token_endpoint_auth_method = method;
    client.secret = Some(Secret::new(secret.to_owned()).digest());
    client
}

/// A client of the operator's that signs assertions; its keys are still to be given.
pub(crate) fn keyed(id: &str, grants: &[&str]) -> Client {
    let redirects = vec!["https://app.example/cb".parse().unwrap()];
    let mut metadata = ClientMetadata::new(ClientAuthMethod::PrivateKeyJwt, redirects);
    metadata.grant_types = grants.iter().map(|grant| (*grant).to_owned()).collect();
    Client::new(ClientId::parse(id).unwrap(), ClientSource::Preregistered, metadata, START)
}

/// RFC 6749 section 2.3.1, for ids and secrets that need no encoding.
pub(crate) fn basic((id, secret): (&str, &str)) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

impl Bed {
    /// Another process with another configuration.
    pub(crate) async fn second_with(
        &self,
        change: impl FnOnce(AuthorizationServerBuilder) -> AuthorizationServerBuilder,
    ) -> AuthorizationServer {
        let stores = self.keeper.open().await;
        change(Self::builder(&stores, &self.clock, &self.people)).build().await.unwrap()
    }

    /// Adds a client to the store, so that every process knows it.
    pub(crate) async fn add(&self, client: Client) {
        self.stores.clients.insert(client, None).await.unwrap();
    }

    /// What the server of [`RESOURCE`] is told about a token.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let mut reader = confidential(READER, ClientAuthMethod::ClientSecretBasic, &[]);
        reader.serves = vec![ResourceId::parse(RESOURCE).unwrap()];
        self.add(reader).await;
        let headers = [("authorization", basic(READER))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let reply = self.post_with("/introspect", &headers, &[("token", token)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Whether a token is good at [`RESOURCE`].
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(token).await["active"].as_bool().unwrap()
    }

    /// The grant that a code or a refresh token belongs to, as it stands in the store.
    pub(crate) async fn grant_of(&self, token: &str) -> GrantView {
        let code = AuthorizationCode::parse(token).map(|code| code.grant());
        let id = code.or_else(|| RefreshToken::parse(token).map(|token| token.grant())).unwrap();
        self.stores.grants.peek(id, self.now()).await.unwrap().unwrap_or_else(|| panic!("there is no grant {id}"))
    }
}
