//! What a client is told about its registration (RFC 7591 section 3.2.1, RFC 7592 section 3).

use mcp_transport::auth::ScopeSet;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::types::{Client, ClientMetadata, Secret};

/// The client information response. What is not at hand is left out.
///
/// The answer to a registration and to an update has all of them; the answer to a read has no secret, because the server
/// does not know it any more, and repeats the token that the client has just presented.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers give what they have")]
pub struct ClientResponse<'a> {
    /// The client, as it is registered.
    pub client: &'a Client,
    /// Its secret. It does not expire.
    pub secret: Option<&'a Secret>,
    /// The token that manages the registration.
    pub registration_token: Option<&'a Secret>,
    /// Where it is managed.
    pub registration_uri: Option<&'a str>,
    /// The scopes of the server: what a client without a scope of its own may ask for.
    pub scopes: Option<&'a ScopeSet>,
    /// The software statement of the request.
    pub software_statement: Option<&'a str>,
}

impl<'a> ClientResponse<'a> {
    /// An answer with nothing but the client.
    #[must_use]
    pub const fn new(client: &'a Client) -> Self {
        Self {
            client,
            secret: None,
            registration_token: None,
            registration_uri: None,
            scopes: None,
            software_statement: None,
        }
    }

    /// The members of the document, as they are serialised too. They may hold secrets: they go out with
    /// `Cache-Control: no-store`, and into no log.
    #[must_use]
    pub fn document(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            // Strings, lists and one JSON value: there is nothing in it that has no JSON form.
            _ => Map::new(),
        }
    }
}

impl Serialize for ClientResponse<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = &self.client.metadata;
        let document = Document {
            metadata,
            scope: self.scopes.filter(|scopes| metadata.scope.is_none() && !scopes.is_empty()),
            client_id: self.client.id.as_str(),
            client_id_issued_at: self.client.issued_at.as_secs(),
            client_secret: self.secret.map(Secret::expose),
            client_secret_expires_at: self.secret.map(|_| 0),
            registration_access_token: self.registration_token.map(Secret::expose),
            registration_client_uri: self.registration_uri,
            software_statement: self.software_statement,
        };
        document.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    // RFC 7591 3.2.1: "the authorization server MUST return all registered metadata about this client".
    #[serde(flatten)]
    metadata: &'a ClientMetadata,
    /// In place of the one in the metadata, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a ScopeSet>,
    client_id: &'a str,
    client_id_issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    // RFC 7591 3.2.1: "REQUIRED if client_secret is issued", and 0 for one that does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_client_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_statement: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use mcp_transport::auth::ClientId;
    use serde_json::json;

    use super::*;
    use crate::types::{ClientAuthMethod, ClientMetadata, ClientSource, Timestamp};

    fn client() -> Client {
        let mut metadata =
            ClientMetadata::new(ClientAuthMethod::ClientSecretPost, vec!["https://h/cb".parse().unwrap()]);
        metadata.client_name = Some("Name".to_owned());
        let id = ClientId::parse("c1").unwrap();
        Client::new(id, ClientSource::Registered, metadata, Timestamp::from_millis(1_234_567))
    }

    #[test]
    fn rfc7591_3_2_1_everything_that_is_registered() {
        let client = client();
        let (secret, token) = (Secret::new("s".to_owned()), Secret::new("t".to_owned()));
        let scopes = "a b".parse().unwrap();
        let response = ClientResponse {
            secret: Some(&secret),
            registration_token: Some(&token),
            registration_uri: Some("https://as/register/c1"),
            scopes: Some(&scopes),
            software_statement: Some("a.b.c"),
            ..ClientResponse::new(&client)
        };
        assert_eq!(
            Value::Object(response.document()),
            json!({
                "client_id": "c1", "client_id_issued_at": 1234, "client_secret": "s", "client_secret_expires_at": 0,
                "registration_access_token": "t", "registration_client_uri": "https://as/register/c1",
                "redirect_uris": ["https://h/cb"], "token_endpoint_auth_method": "client_secret_post",
                "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
                "client_name": "Name", "application_type": "web", "scope": "a b", "software_statement": "a.b.c"
            })
        );
    }

    #[test]
    fn what_is_not_at_hand_is_left_out() {
        let document = ClientResponse::new(&client()).document();
        for member in ["client_secret", "client_secret_expires_at", "registration_access_token", "scope", "jwks"] {
            assert!(!document.contains_key(member), "{member}");
        }
        let mut client = client();
        client.metadata.scope = Some("own".parse().unwrap());
        let scopes = "a b".parse().unwrap();
        let document = ClientResponse { scopes: Some(&scopes), ..ClientResponse::new(&client) }.document();
        assert_eq!(document["scope"], "own");
    }

    #[test]
    fn debug_shows_no_secret() {
        let client = client();
        let secret = Secret::new("hunter2".to_owned());
        let response = ClientResponse { secret: Some(&secret), ..ClientResponse::new(&client) };
        assert!(!format!("{response:?}").contains("hunter2"));
    }
}
