//! Who answers the commands of administration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mcp_oauth::jose::KeySet;
use mcp_oauth::server::{Administration, AuthorizationServer};
use mcp_oauth::store::Stores;
use mcp_oauth::store::embedded::EmbeddedStore;
use mcp_oauth::types::{SystemClock, Timestamp};

use super::AdminError;
use super::request::{Reply, Request};
use crate::metrics::Metrics;
use crate::stores::Opened;

/// Carries out commands on a store, in the running server or without one.
#[derive(Debug)]
pub(crate) struct Desk {
    /// What it does to them is taken down.
    pub(super) administration: Administration,
    pub(super) stores: Stores,
    pub(super) file: Option<Arc<EmbeddedStore>>,
    keys: Keys,
    pub(super) unused_client: Duration,
    metrics: Metrics,
    pub(super) serving: Serving,
}

/// The keys that sign, as far as whoever answers has them.
#[derive(Debug)]
pub(crate) enum Keys {
    /// There are none, or they were not asked for.
    None,
    /// There are some, and no master key in this file to open them with.
    Sealed(PathBuf),
    /// As they stand in the store: nothing changes them.
    Read(KeySet),
    /// A server has them, and can change them.
    Server(AuthorizationServer),
}

/// Whether a server runs with this store in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    Yes,
    No,
}

impl Desk {
    /// The desk of a running server.
    pub(crate) fn running(
        server: &AuthorizationServer,
        opened: Opened,
        unused_client: Duration,
        metrics: Metrics,
    ) -> Self {
        let Opened { stores, file, .. } = opened;
        let (keys, administration) = (Keys::Server(server.clone()), server.administration());
        Self { administration, stores, file, keys, unused_client, metrics, serving: Serving::Yes }
    }

    /// A desk of a store that no server runs with. A server that has `keys` serves nobody.
    pub(crate) fn alone(keys: Keys, opened: Opened, unused_client: Duration) -> Self {
        let Opened { stores, file, .. } = opened;
        let metrics = Metrics::default();
        let administration = Administration::new(stores.clone(), Arc::new(metrics.clone()), Arc::new(SystemClock));
        Self { administration, stores, file, keys, unused_client, metrics, serving: Serving::No }
    }

    /// Carries out a command.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the command has been carried out or not; of several grants or clients some may have ended.
    pub(crate) async fn answer(&self, request: Request) -> Result<Reply, AdminError> {
        match request {
            Request::AddClient(client) => self.add_client(&client).await,
            Request::ListClients { after } => self.list_clients(after.as_deref()).await,
            Request::ShowClient { id } => self.show_client(&id).await,
            Request::DeleteClient { id } => self.delete_client(&id).await,
            Request::ListGrants { whose, after } => self.list_grants(whose.as_ref(), after.as_deref()).await,
            Request::EndGrant { id } => self.end_grant(&id).await,
            Request::EndGrants { whose } => self.end_grants(&whose).await,
            Request::ListConsents { subject } => self.list_consents(&subject).await,
            Request::ForgetConsents { subject, client } => {
                self.forget_consents(subject.as_deref(), client.as_deref()).await
            }
            Request::ListKeys => self.list_keys(),
            Request::RotateKeys => self.rotate_keys().await,
            Request::RevokeKey { id } => self.revoke_key(&id).await,
            Request::Stats => self.stats().await,
            Request::Purge => self.purge().await,
            Request::Backup { to } => self.backup(to).await,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    pub(super) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }
}

#[cfg(test)]
mod tests;
