//! The authorization server, put together from the configuration.

use std::sync::Arc;

use mcp_oauth::identity::users_file::UsersFile;
use mcp_oauth::identity::{AllowUsers, Console, IdentityProvider, Owner};
use mcp_oauth::jose::{Algorithm, KeySet};
use mcp_oauth::server::{AuthorizationServer, KeychainError, stored_keys};
use mcp_oauth::store::Stores;
use mcp_oauth::types::SystemClock;
use mcp_transport::auth::Issuer;
use mcp_transport::seal::SealKey;

use crate::config::{Documents, Policy};
use crate::error::{Failure, chain};
use crate::metrics::Metrics;
use crate::place::Place;

/// What signs, where the configuration is not the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// What the configuration says.
    Configured,
    /// What signs already.
    Kept(Algorithm),
}

/// The server of this issuer, its keys loaded or made.
///
/// # Cancel safety
///
/// Dropped, keys may have been made in the store; the next start finds them.
pub(crate) async fn build(
    place: &Place,
    policy: &Policy,
    issuer: Issuer,
    stores: Stores,
    metrics: Metrics,
    signing: Signing,
) -> Result<AuthorizationServer, Failure> {
    let algorithm = match signing {
        Signing::Configured => policy.algorithm,
        Signing::Kept(algorithm) => algorithm,
    };
    let mut server = AuthorizationServer::builder(issuer)
        .identity(identity(place)?)
        .audit(Arc::new(metrics))
        .lifetimes(policy.lifetimes)
        .client_auth_methods(policy.auth_methods.iter().copied())
        .registration(policy.registration)
        .rate_limit(policy.rate_limit)
        .scope_hierarchy(policy.hierarchy.meant.clone())
        .rotate_after(policy.rotate_after)
        .signing_algorithm(algorithm);
    for resource in &policy.resources {
        server = server.resource(resource.clone());
    }
    if let Some(scopes) = &policy.scopes {
        server = server.scopes(scopes.known.iter().cloned(), scopes.default.clone());
    }
    server = match &policy.documents {
        Documents::Fetched(network, _) => server.network(network.clone()),
        Documents::Off => server.without_metadata_documents(),
    };
    for rule in &policy.quirks {
        server = server.quirk(rule.clone());
    }
    if let Some(list) = &policy.allow_users {
        server = server.policy(Arc::new(AllowUsers::parse(list)));
    }
    if let Some(tls) = &place.tls {
        server = server.tls(tls.clone());
    }
    let master = if place.store.is_kept() {
        place.master_key()?
    } else {
        // Nobody reads these keys after a restart.
        SealKey::random()
            .map_err(|error| mcp_oauth::server::ConfigError::Keys(KeychainError::NoMaster(error.into())))?
    };
    server = server.master_key(master);
    if let Some(key) = &policy.imported {
        // Into an empty set only: a key that was rotated away must not come back with each start.
        match kept_keys(place, &stores).await.map_err(mcp_oauth::server::ConfigError::Keys)? {
            None => server = server.signing_key(key.clone()),
            Some(set) if set.keys().iter().any(|record| record.key().key_id() == key.key_id()) => {}
            Some(_) => tracing::warn!(
                key = key.key_id(),
                "the key in JWT_PRIVATE_KEY_B64 signs nothing: the store has keys of its own, or it was rotated away"
            ),
        }
    }
    Ok(server.stores(stores).build().await?)
}

/// The keys that are in the store; a store that is forgotten has none at a start.
async fn kept_keys(place: &Place, stores: &Stores) -> Result<Option<KeySet>, KeychainError> {
    if !place.store.is_kept() {
        return Ok(None);
    }
    let master = place.master_key().map_err(|error| KeychainError::NoMaster(error.into()))?;
    stored_keys(stores.keys.as_ref(), master).await
}

fn identity(place: &Place) -> Result<Arc<dyn IdentityProvider>, Failure> {
    match &place.users_file {
        Some(file) => {
            let users = UsersFile::open(file, SystemClock.now()).map_err(|error| Failure::Users(chain(&error)))?;
            Ok(Arc::new(users))
        }
        None => Ok(Arc::new(Owner::new(Arc::new(Console::or_file(place.owner_code()))))),
    }
}
