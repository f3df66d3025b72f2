//! Counting, sweeping, copying.

use std::path::PathBuf;
use std::sync::Arc;

use mcp_oauth::server::client::{UnusedSince, expire};
use mcp_oauth::store::ConsentsOf;
use mcp_oauth::types::{ClientSource, Timestamp};
use serde_json::json;

use super::AdminError;
use super::desk::{Desk, Serving};
use super::request::Reply;
use crate::error::chain;

/// How many records are read at a time.
const PAGE: u16 = 500;
/// How many records are swept at a time.
const SWEEP: u32 = 1000;

impl Desk {
    pub(super) async fn stats(&self) -> Result<Reply, AdminError> {
        let (added, registered) = self.count_clients().await?;
        let grants = self.count_grants(self.now()).await?;
        // How many there are is sealed with them.
        let keys = self.list_keys().ok().map(|keys| keys.items.len());
        let mut stats = json!({
            "clients_added": added,
            "clients_registered": registered,
            "grants_live": grants,
            "keys": keys,
            "serving": self.serving == Serving::Yes,
        });
        if let (Serving::Yes, Some(members)) = (self.serving, stats.as_object_mut()) {
            members.insert("access_tokens_issued_since_start".to_owned(), self.metrics().tokens().into());
        }
        Ok(Reply::one(stats))
    }

    async fn count_clients(&self) -> Result<(u64, u64), AdminError> {
        let (mut added, mut registered, mut after) = (0, 0, None);
        loop {
            let page = self.stores.clients.page(after.as_ref(), PAGE).await?;
            for client in page.items {
                match client.value.source {
                    ClientSource::Preregistered => added += 1,
                    _ => registered += 1,
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok((added, registered));
            }
            tokio::task::yield_now().await;
        }
    }

    async fn count_grants(&self, now: Timestamp) -> Result<u64, AdminError> {
        let (mut count, mut after) = (0_u64, None);
        loop {
            let page = self.stores.grants.page(None, after, PAGE, now).await?;
            count = count.saturating_add(page.items.len() as u64);
            after = page.next;
            if after.is_none() {
                return Ok(count);
            }
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn purge(&self) -> Result<Reply, AdminError> {
        let now = self.now();
        let mut swept = 0_u64;
        for store in &self.stores.maintenance {
            loop {
                let some = store.sweep(now, SWEEP).await?;
                swept = swept.saturating_add(some.into());
                if some == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let (clients, grants) = (self.stores.clients.as_ref(), self.stores.grants.as_ref());
        let expired = expire(
            clients,
            grants,
            UnusedSince { used: now.before(self.unused_client), never_used: now.before(self.unused_client) },
            None,
            usize::MAX,
            now,
        )
        .await?;
        for client in &expired.removed {
            self.stores.consents.forget_all(&ConsentsOf::Client(client.clone())).await?;
        }
        Ok(Reply::one(json!({"records_swept": swept, "clients_removed": expired.removed.len()})))
    }

    pub(super) async fn backup(&self, to: PathBuf) -> Result<Reply, AdminError> {
        let file = Arc::clone(self.file.as_ref().ok_or(AdminError::NoFile)?);
        let path = to.clone();
        let copied = tokio::task::spawn_blocking(move || file.backup(&path)).await;
        let copied = copied.map_err(|error| AdminError::Copy(error.to_string()))?;
        copied.map_err(|error| AdminError::Copy(chain(&error)))?;
        Ok(Reply::one(json!({"copy": to})))
    }
}
