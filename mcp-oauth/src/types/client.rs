//! A client as it is registered (RFC 7591 section 2), and what of it is frozen into a grant.

use std::fmt;
use std::str::FromStr;

use mcp_transport::auth::{ClientId, ResourceId, ScopeSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{Digest, RedirectUri, Secret, Timestamp};

/// How a client proves who it is at the token endpoint (`token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAuthMethod {
    /// Not at all: a public client (OAuth 2.1 section 2.1).
    None,
    /// Its secret in the `Authorization` header (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// Its secret in the form.
    ClientSecretPost,
    /// An assertion signed with its own key (RFC 7523 section 2.2).
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// All of them, in the order in which metadata lists them.
    pub const ALL: [Self; 4] = [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost, Self::PrivateKeyJwt];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Whether a client of this method has a secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

impl fmt::Display for ClientAuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no authentication method has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("client authentication methods are none, client_secret_basic, client_secret_post and private_key_jwt")]
#[non_exhaustive]
pub struct UnknownAuthMethod;

impl FromStr for ClientAuthMethod {
    type Err = UnknownAuthMethod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or(UnknownAuthMethod)
    }
}

/// Where the client runs (OpenID Connect Registration section 2; MCP asks clients to send it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApplicationType {
    /// On a server, with `https` redirects.
    #[default]
    Web,
    /// On the user's machine, with loopback or private-use redirects.
    Native,
}

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientMetadata {
    /// Where browsers are sent back to. Empty for clients without a grant that needs one.
    #[serde(default)]
    pub redirect_uris: Vec<RedirectUri>,
    /// How the client authenticates.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// The grants that it may use, by their registered names.
    pub grant_types: Vec<String>,
    /// The response types that it may use: `code`, or nothing.
    pub response_types: Vec<String>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// A page about the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its logo. Shown by nobody: it is kept to be told back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Its terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Its privacy policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Whom to write to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// The scopes that it may ask for; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// Where its public keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Which software it is, the same for all its instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Which version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Where it runs.
    #[serde(default)]
    pub application_type: ApplicationType,
}

impl ClientMetadata {
    /// A client of this method, with the grants and response types that a client has by default: it signs users in and
    /// refreshes.
    #[must_use]
    pub fn new(token_endpoint_auth_method: ClientAuthMethod, redirect_uris: Vec<RedirectUri>) -> Self {
        Self {
            redirect_uris,
            token_endpoint_auth_method,
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            response_types: vec!["code".to_owned()],
            client_name: None,
            client_uri: None,
            logo_uri: None,
            tos_uri: None,
            policy_uri: None,
            contacts: Vec::new(),
            scope: None,
            jwks_uri: None,
            jwks: None,
            software_id: None,
            software_version: None,
            application_type: ApplicationType::default(),
        }
    }

    /// Whether the client may use this grant.
    #[must_use]
    pub fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|own| own == grant_type)
    }

    /// The redirect URI that admits a requested one.
    #[must_use]
    pub fn admits(&self, requested: &RedirectUri) -> bool {
        self.redirect_uris.iter().any(|registered| registered.admits(requested))
    }
}

/// How we came to know a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientSource {
    /// The operator added it. It never expires.
    Preregistered,
    /// It registered itself (RFC 7591).
    Registered,
    /// Its id is the URL of its metadata document.
    MetadataDocument,
}

/// A client as a store keeps it.
///
/// Two that the operator adds, with a secret each:
///
/// ```
/// use mcp_oauth::auth::ClientId;
/// use mcp_oauth::types::{Client, ClientAuthMethod, Secret};
///
/// // One that acts for itself.
/// let secret = Secret::new("correct horse battery staple".to_owned());
/// let method = ClientAuthMethod::ClientSecretBasic;
/// let batch = Client::confidential(ClientId::parse("batch")?, method, &secret, ["client_credentials"]);
///
/// // One that signs users in.
/// let grants = ["authorization_code", "refresh_token"];
/// let mut app = Client::confidential(ClientId::parse("the-app")?, method, &secret, grants);
/// app.metadata.client_name = Some("The app".to_owned());
/// app.metadata.redirect_uris.push("https://app.example.com/callback".parse()?);
///
/// assert!(batch.metadata.may_use("client_credentials"));
/// assert!(app.metadata.admits(&"https://app.example.com/callback".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// How we came to know it.
    pub source: ClientSource,
    /// What it says of itself.
    pub metadata: ClientMetadata,
    /// The digest of its secret ([`Secret::digest`](super::Secret::digest)), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Digest>,
    /// Digests of the registration access tokens that manage it (RFC 7592), oldest first. Several, where the same
    /// public client has registered more than once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub management: Vec<Digest>,
    /// The resources whose server this client is: it may ask what their tokens are (RFC 7662). Only the operator says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<ResourceId>,
    /// Whether more have registered it than [`MOST_REGISTRANTS`](Self::MOST_REGISTRANTS), so that the oldest tokens were
    /// forgotten.
    #[serde(default)]
    pub widely_shared: bool,
    /// When it was registered.
    pub issued_at: Timestamp,
    /// When it was last used, to the hour or so.
    pub last_used: Timestamp,
}

impl Client {
    /// How many registrants of one client are remembered.
    pub const MOST_REGISTRANTS: usize = 32;

    /// A client that nobody manages and that has no secret.
    #[must_use]
    pub const fn new(id: ClientId, source: ClientSource, metadata: ClientMetadata, now: Timestamp) -> Self {
        Self {
            id,
            source,
            metadata,
            secret: None,
            management: Vec::new(),
            serves: Vec::new(),
            widely_shared: false,
            issued_at: now,
            last_used: now,
        }
    }

    /// A client of the operator's that has a secret, which itself is kept nowhere: it shows it by this method, and may use these
    /// grants. Where it is added to a store, it counts as added at that time.
    #[must_use]
    pub fn confidential<'a>(
        id: ClientId,
        method: ClientAuthMethod,
        secret: &Secret,
        grants: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut metadata = ClientMetadata::new(method, Vec::new());
        metadata.grant_types = grants.into_iter().map(str::to_owned).collect();
        if !metadata.may_use("authorization_code") {
            metadata.response_types.clear();
        }
        let mut client = Self::new(id, ClientSource::Preregistered, metadata, Timestamp::default());
        client.secret = Some(secret.digest());
        client
    }

    /// Takes in another registration of the very same client: its registrants and the time of its use. What every
    /// [`ClientStore::insert`](crate::store::ClientStore::insert) does when the fingerprint is known.
    pub fn join(&mut self, other: &Self) {
        self.management.extend(other.management.iter().copied());
        let surplus = self.management.len().saturating_sub(Self::MOST_REGISTRANTS);
        self.widely_shared |= surplus > 0;
        self.management.drain(..surplus);
        self.last_used = self.last_used.max(other.last_used);
    }

    /// Whether more than one has registered it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.widely_shared || self.management.len() > 1
    }
}

/// What of a client a grant keeps: the client as the user saw it when they consented. A document or a registration that
/// changes afterwards changes nothing here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientSnapshot {
    /// Its id.
    pub id: ClientId,
    /// How we came to know it.
    pub source: ClientSource,
    /// The name that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How it authenticates.
    pub auth_method: ClientAuthMethod,
}

impl ClientSnapshot {
    /// What is kept of this client.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        Self {
            id: client.id.clone(),
            source: client.source,
            name: client.metadata.client_name.clone(),
            auth_method: client.metadata.token_endpoint_auth_method,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let metadata = ClientMetadata::new(ClientAuthMethod::None, vec!["http://localhost/cb".parse().unwrap()]);
        Client::new(ClientId::parse("c").unwrap(), ClientSource::Registered, metadata, Timestamp::from_secs(1))
    }

    #[test]
    fn method_names_both_ways() {
        for method in ClientAuthMethod::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        assert_eq!("client_secret_jwt".parse::<ClientAuthMethod>(), Err(UnknownAuthMethod));
    }

    #[test]
    fn a_client_survives_a_store() {
        let client = client();
        let json = serde_json::to_string(&client).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&json).unwrap(), client);
    }

    #[test]
    fn registrants_are_bounded() {
        let mut shared = client();
        for number in 0..40_u8 {
            let mut other = client();
            other.management.push(Digest::sha256(&[number]));
            other.last_used = Timestamp::from_secs(number.into());
            shared.join(&other);
        }
        assert_eq!(shared.management.len(), Client::MOST_REGISTRANTS);
        assert_eq!(shared.management.last(), Some(&Digest::sha256(&[39])));
        assert!(shared.widely_shared && shared.is_shared());
        assert_eq!(shared.last_used, Timestamp::from_secs(39));
    }
}
