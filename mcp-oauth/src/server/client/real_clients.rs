//! Real clients, as they register and as they redirect: each has to get through, with what it needs.
//!
//! Here what they say of themselves is judged (`data`); how they then fare with a whole server is in
//! `tests/it/real_clients`.

mod by_document;
mod by_registration;
mod data;

use serde_json::{Value, json};

use super::document::{LARGEST_DOCUMENT, judge_document};
use super::document_url::DocumentUrl;
use super::fingerprint::fingerprint;
use super::testing::json_document;
use super::{ClientResponse, MetadataPolicy, register};
use crate::types::{
    ApplicationType, Client, ClientAuthMethod, ClientMetadata, ClientSource, RedirectUri, Secret, Timestamp,
};
use mcp_transport::auth::ClientId;

/// What the server offers: everything that real clients ask for and that it may have.
fn policy() -> MetadataPolicy {
    MetadataPolicy { scopes: Some("mcp offline_access".parse().unwrap()), ..MetadataPolicy::default() }
}

/// A client that got through.
struct Accepted {
    metadata: ClientMetadata,
    source: ClientSource,
}

fn registered(body: &Value) -> Accepted {
    let metadata = register(body.to_string().as_bytes(), &policy()).unwrap().metadata;
    Accepted { metadata, source: ClientSource::Registered }
}

fn documented(document: &Value) -> Accepted {
    let url = DocumentUrl::parse(document["client_id"].as_str().unwrap()).unwrap();
    let fetched = json_document(document.to_string());
    let metadata = judge_document(&url, &fetched, &policy(), LARGEST_DOCUMENT).unwrap();
    Accepted { metadata, source: ClientSource::MetadataDocument }
}

impl Accepted {
    #[track_caller]
    fn by_method(self, method: ClientAuthMethod) -> Self {
        assert_eq!(self.metadata.token_endpoint_auth_method, method);
        // What a client is told agrees with the metadata of the server.
        let offered = policy().grant_types;
        assert!(self.metadata.grant_types.iter().all(|grant| offered.contains(grant)), "{:?}", self.metadata);
        assert_eq!(self.metadata.response_types, ["code"]);
        assert!(self.metadata.may_use("authorization_code"));
        self
    }

    #[track_caller]
    fn refreshes(self) -> Self {
        assert!(self.metadata.may_use("refresh_token"));
        self
    }

    #[track_caller]
    fn of_type(self, application_type: ApplicationType) -> Self {
        assert_eq!(self.metadata.application_type, application_type);
        self
    }

    /// The redirect URIs that it really asks for.
    #[track_caller]
    fn sent_to(self, uris: &[&str]) -> Self {
        for uri in uris {
            assert!(self.metadata.admits(&uri.parse().unwrap()), "{uri}");
        }
        self
    }

    /// Redirect URIs that look like its own.
    #[track_caller]
    fn never_sent_to(self, uris: &[&str]) -> Self {
        for uri in uris {
            let parsed = RedirectUri::parse(uri);
            assert!(!parsed.is_ok_and(|uri| self.metadata.admits(&uri)), "{uri}");
        }
        self
    }

    /// The answer to its registration.
    #[track_caller]
    fn told(self, redirect_uris: &[&str]) {
        assert_eq!(self.source, ClientSource::Registered);
        let method = self.metadata.token_endpoint_auth_method;
        // Only what is the same for all can be shared by all.
        assert_eq!(fingerprint(&self.metadata).is_some(), method == ClientAuthMethod::None);
        let id = ClientId::parse("c").unwrap();
        let client = Client::new(id, self.source, self.metadata, Timestamp::from_secs(1));
        let secret = method.has_secret().then(|| Secret::new("s".to_owned()));
        let document = ClientResponse { secret: secret.as_ref(), ..ClientResponse::new(&client) }.document();
        assert_eq!(document["redirect_uris"], json!(redirect_uris));
        assert_eq!(document["token_endpoint_auth_method"], json!(method.as_str()));
        assert_eq!(document.contains_key("client_secret"), method.has_secret());
    }
}
