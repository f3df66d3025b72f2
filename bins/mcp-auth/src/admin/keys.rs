//! The keys that sign access tokens.

use mcp_oauth::jose::{KeyRecord, KeyState};
use mcp_oauth::server::AuthorizationServer;
use serde_json::{Value, json};

use super::AdminError;
use super::desk::{Desk, Keys};
use super::request::Reply;

impl Desk {
    pub(super) fn list_keys(&self) -> Result<Reply, AdminError> {
        let items = match self.keys() {
            Keys::None => Vec::new(),
            Keys::Sealed(file) => return Err(AdminError::NoMasterKey(file.clone())),
            Keys::Read(keys) => keys.keys().iter().map(told).collect(),
            Keys::Server(server) => server.keys().keys().iter().map(told).collect(),
        };
        Ok(Reply { items, next: None })
    }

    pub(super) async fn rotate_keys(&self) -> Result<Reply, AdminError> {
        self.keeper()?.rotate_keys().await?;
        self.list_keys()
    }

    pub(super) async fn revoke_key(&self, id: &str) -> Result<Reply, AdminError> {
        self.keeper()?.revoke_key(id).await?;
        self.list_keys()
    }

    fn keeper(&self) -> Result<&AuthorizationServer, AdminError> {
        match self.keys() {
            Keys::Server(server) => Ok(server),
            Keys::Sealed(file) => Err(AdminError::NoMasterKey(file.clone())),
            Keys::None | Keys::Read(_) => Err(AdminError::NoKeys),
        }
    }
}

/// A key as it is printed: never its private half. Times are seconds since 1970.
fn told(record: &KeyRecord) -> Value {
    let (state, since, until) = match record.state() {
        KeyState::Next => ("next", record.created_at(), None),
        KeyState::Active { since } => ("active", since, None),
        KeyState::Retired { since, until } => ("retired", since, Some(until)),
        _ => ("unknown", record.created_at(), None),
    };
    let mut told = json!({
        "key_id": record.key().key_id(),
        "algorithm": record.key().algorithm().name(),
        "state": state,
        "since": since,
        "created_at": record.created_at(),
    });
    if let (Some(until), Some(members)) = (until, told.as_object_mut()) {
        members.insert("until".to_owned(), until.into());
    }
    told
}
