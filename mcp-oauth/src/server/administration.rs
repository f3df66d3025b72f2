//! What an administrator does: to list, and to end what was given. All of it is taken down, as what clients and users do is.

use std::fmt;
use std::sync::Arc;

use mcp_transport::auth::{ClientId, Subject};

use super::audit::{AuditSink, Event, EventKind};
use crate::store::{By, ConsentRecord, ConsentsOf, Inserted, Page, Replaced, StoreError, Stores};
use crate::types::{Client, Clock, EndReason, GrantId, GrantView, Timestamp};

/// The acts of an administrator, on the stores of a server:
/// [`AuthorizationServer::administration`](super::AuthorizationServer::administration). Each tells the audit what it did, which
/// [`Stores`] by themselves do not.
///
/// ```
/// # use std::sync::Arc;
/// # use mcp_oauth::identity::{Owner, Terminal};
/// # use mcp_oauth::server::AuthorizationServer;
/// use mcp_oauth::store::By;
/// use mcp_transport::auth::{Issuer, Subject};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = AuthorizationServer::builder(Issuer::parse("https://auth.example.com")?)
/// #     .identity(Arc::new(Owner::new(Arc::new(Terminal)))).build().await?;
/// // Somebody leaves: what they have allowed clients ends, and they are signed out.
/// let somebody = Subject::parse("users:ada")?;
/// let ended = server.administration().end_grants(&By::Subject(somebody.clone())).await?;
/// server.end_sessions(&somebody).await?;
/// # assert_eq!(ended, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A clone counts references.
#[derive(Clone)]
pub struct Administration {
    stores: Stores,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
}

impl Administration {
    /// Of stores that no server runs with.
    #[must_use]
    pub fn new(stores: Stores, audit: Arc<dyn AuditSink>, clock: Arc<dyn Clock>) -> Self {
        Self { stores, audit, clock }
    }

    /// Grants that are live, all or those of a user or a client, from `after` on: at most about `limit` at a time.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    pub async fn grants(
        &self,
        by: Option<&By>,
        after: Option<GrantId>,
        limit: u16,
    ) -> Result<Page<GrantView, GrantId>, StoreError> {
        self.stores.grants.page(by, after, limit, self.now()).await
    }

    /// Ends a grant, and forgets what its user has allowed its client. Gives whether it was live until then.
    ///
    /// # Errors
    ///
    /// When a store cannot tell. It can be called again.
    ///
    /// # Cancel safety
    ///
    /// As [`Stores::withdraw`].
    pub async fn end_grant(&self, id: GrantId) -> Result<bool, StoreError> {
        let now = self.now();
        let Some(view) = self.stores.grants.peek(id, now).await?.filter(|view| view.is_live(now)) else {
            return Ok(false);
        };
        let grant = &view.grant;
        let ended = self.stores.withdraw(grant, EndReason::Withdrawn, now).await?;
        if ended {
            let event = self.event(EventKind::GrantEnded(EndReason::Withdrawn)).grant(id).client(&grant.client.id);
            self.audit.record(event.subject(&grant.identity.subject).resource(&grant.resource));
        }
        Ok(ended)
    }

    /// Ends all grants of a user or of a client, and forgets what was allowed. Gives how many were live.
    ///
    /// # Errors
    ///
    /// When a store cannot tell. Some may have ended; it can be called again.
    ///
    /// # Cancel safety
    ///
    /// As [`Stores::withdraw_all`].
    pub async fn end_grants(&self, by: &By) -> Result<u64, StoreError> {
        let ended = self.stores.withdraw_all(by, EndReason::Withdrawn, self.now()).await?;
        self.ended(by, EndReason::Withdrawn, ended);
        self.audit.record(self.event_of(EventKind::ConsentWithdrawn, by));
        Ok(ended)
    }

    /// What a user has allowed clients without being asked again.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Asking changes nothing.
    pub async fn consents(&self, subject: &Subject) -> Result<Vec<ConsentRecord>, StoreError> {
        self.stores.consents.of_subject(subject, self.now()).await
    }

    /// Forgets what was allowed; the grants go on. Gives how many there were.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Dropped, some may be forgotten.
    pub async fn forget_consents(&self, of: &ConsentsOf) -> Result<u64, StoreError> {
        let mut event = self.event(EventKind::ConsentWithdrawn);
        if let ConsentsOf::Subject(subject) | ConsentsOf::Both(subject, _) = of {
            event = event.subject(subject);
        }
        if let ConsentsOf::Client(client) | ConsentsOf::Both(_, client) = of {
            event = event.client(client);
        }
        let forgotten = self.stores.consents.forget_all(of).await?;
        if forgotten > 0 {
            self.audit.record(event);
        }
        Ok(forgotten)
    }

    /// Adds a client to the store, from now on known to all servers on it. Gives whether it is new: `false` where another has
    /// its id. One that says no time at which it was issued was issued now.
    ///
    /// # Errors
    ///
    /// When the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the client may have been added.
    pub async fn add_client(&self, mut client: Client) -> Result<bool, StoreError> {
        let id = client.id.clone();
        if client.issued_at == Timestamp::default() {
            // Tokens of an older client of this id were issued before it.
            client.issued_at = self.now();
            client.last_used = client.issued_at;
        }
        let Inserted::New(_) = self.stores.clients.insert(client, None).await? else { return Ok(false) };
        self.audit.record(self.event(EventKind::ClientRegistered).client(&id));
        Ok(true)
    }

    /// Deletes a client of the store, and ends its grants. Gives how many were live; `None` where there is no such client:
    /// then nothing is ended, not even grants of a client that is known by a metadata document.
    ///
    /// # Errors
    ///
    /// When a store cannot tell. It can be called again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, some of its grants have ended, and it is there or not.
    pub async fn delete_client(&self, id: &ClientId) -> Result<Option<u64>, StoreError> {
        let now = self.now();
        // Grants name clients that are registered nowhere: those that are known by a document.
        if self.stores.clients.get(id).await?.is_none() {
            return Ok(None);
        }
        // Before the client goes: when this fails, or the process ends here, it can be asked for again.
        let by = By::Client(id.clone());
        let before = self.stores.withdraw_all(&by, EndReason::ClientDeleted, now).await?;
        self.ended(&by, EndReason::ClientDeleted, before);
        if self.stores.clients.delete(id, None).await? == Replaced::Absent {
            return Ok(None);
        }
        self.audit.record(self.event(EventKind::ClientDeleted).client(id));
        // Once more for those that were made in between. The client is gone: none can be made after this.
        let between = self.stores.withdraw_all(&by, EndReason::ClientDeleted, now).await?;
        self.ended(&by, EndReason::ClientDeleted, between);
        Ok(Some(before.saturating_add(between)))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn event(&self, kind: EventKind) -> Event {
        Event::new(kind, self.now())
    }

    fn event_of(&self, kind: EventKind, by: &By) -> Event {
        match by {
            By::Client(client) => self.event(kind).client(client),
            By::Subject(subject) => self.event(kind).subject(subject),
        }
    }

    /// Takes down that so many grants have ended at once.
    fn ended(&self, by: &By, reason: EndReason, grants: u64) {
        let event = self.event_of(EventKind::GrantEnded(reason), by);
        for _ in 0..grants {
            self.audit.record(event.clone());
        }
    }
}

impl fmt::Debug for Administration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Administration").field("stores", &self.stores).finish_non_exhaustive()
    }
}
