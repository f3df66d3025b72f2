//! The grants of a server, and what they come to for its clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AuthorizationServerBuilder;
use crate::jose::Algorithm;
use crate::server::client::{MetadataPolicy, Quirks};
use crate::server::config::ConfigError;
use crate::server::grant::{
    AuthorizationCodeGrant, ClientCredentialsGrant, DeviceCodeGrant, GrantHandler, Layered, RefreshTokenGrant,
};
use crate::types::ClientAuthMethod;

/// The grants by their types.
type Grants = BTreeMap<String, Arc<dyn GrantHandler>>;

impl AuthorizationServerBuilder {
    /// What is wrong with a client here is told at the start, not to the client.
    pub(super) fn judge_clients(&self, grants: &Grants) -> Result<(), ConfigError> {
        for client in &self.clients {
            let metadata = &client.metadata;
            if let Some(grant) = metadata.grant_types.iter().find(|grant| !grants.contains_key(*grant)) {
                let known = grants.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                return Err(ConfigError::UnknownGrant { client: client.id.clone(), grant: grant.clone(), known });
            }
            if metadata.token_endpoint_auth_method.has_secret() != client.secret.is_some() {
                return Err(ConfigError::Secret(client.id.clone()));
            }
        }
        Ok(())
    }

    pub(super) fn grants(&mut self) -> Grants {
        let confidential = self.config.auth_methods.iter().any(|method| *method != ClientAuthMethod::None);
        let mut handlers: Vec<Arc<dyn GrantHandler>> =
            vec![Arc::new(AuthorizationCodeGrant), Arc::new(RefreshTokenGrant), Arc::new(DeviceCodeGrant)];
        if confidential {
            handlers.push(Arc::new(ClientCredentialsGrant));
        }
        handlers.append(&mut self.grants);
        let layered = |handler: Arc<dyn GrantHandler>| {
            self.layers.iter().cloned().fold(handler, |grant, layer| Arc::new(Layered { layer, grant }) as _)
        };
        handlers.into_iter().map(|handler| (handler.grant_type().to_owned(), layered(handler))).collect()
    }

    pub(super) fn metadata_policy(&mut self, grants: &Grants) -> MetadataPolicy {
        MetadataPolicy {
            auth_methods: self.config.auth_methods.clone(),
            assertion_algorithms: Algorithm::ALL.map(|algorithm| algorithm.name().to_owned()).to_vec(),
            // Nobody has vouched for a client that registers itself: it acts for users, and never for itself.
            grant_types: grants
                .iter()
                .filter(|(_, handler)| handler.is_for_strangers())
                .map(|(name, _)| name.clone())
                .collect(),
            scopes: Some(self.config.known_scopes().clone()),
            quirks: Quirks::with(std::mem::take(&mut self.quirks)),
            ..MetadataPolicy::default()
        }
    }
}
