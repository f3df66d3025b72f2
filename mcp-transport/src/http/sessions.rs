//! The sessions of the legacy era as requests meet them: found, taken on from another process, held here, ended.

use std::{
    io,
    sync::{Arc, Weak},
    time::SystemTime,
};

use http::{Response, request::Parts};
use tokio::task::JoinHandle;

use super::{
    call::{aside, guarded},
    headers::Standard,
    live::{Live, Sink},
    reply,
    service::Shared,
    stream::McpBody,
};
use crate::{
    Error,
    auth::{Owner, Principal},
    error::Chain,
    jsonrpc::{Code, ErrorObject, RequestId},
    session::{BusMessage, Closed, Phase, Session, SessionId, SessionRecord},
};

/// The session that a request names, and who asks for it.
struct Named<'a> {
    id: &'a str,
    owner: Option<Owner>,
}

impl<'a> Named<'a> {
    fn of(parts: &'a Parts, fields: &Standard<'a>, request: Option<&RequestId>) -> Result<Self, Response<McpBody>> {
        let Ok(Some(header)) = fields.session.one() else {
            let error =
                ErrorObject::new(Code::INVALID_REQUEST, "one Mcp-Session-Id header is needed; send initialize first");
            return Err(reply::invalid(fields.revision(), request, &error));
        };
        // There are no ids but of visible ASCII: what else is UTF-8 is one of nobody's.
        let id = std::str::from_utf8(header.as_bytes()).map_err(|_| reply::no_session(fields.revision(), request))?;
        let owner = parts.extensions.get::<Arc<Principal>>().map(|principal| principal.owner());
        Ok(Self { id, owner })
    }
}

impl Shared {
    /// The live session that a request names, for whoever may use it.
    ///
    /// # Errors
    /// The answer: 400 without a session id, 404 where there is no such session for this principal.
    pub(super) async fn session(
        &self,
        parts: &Parts,
        fields: &Standard<'_>,
        request: Option<&RequestId>,
    ) -> Result<Arc<Live>, Response<McpBody>> {
        let named = Named::of(parts, fields, request)?;
        let live = match self.table.find(named.id) {
            Some(live) => live,
            None => {
                let adopted = self.adopt(named.id, named.owner.as_ref()).await;
                adopted
                    .map_err(|cause| reply::unavailable(fields.revision(), request, &cause))?
                    .ok_or_else(|| reply::no_session(fields.revision(), request))?
            }
        };
        self.admit(live, &named, request)
    }

    /// As [`session`](Self::session), where this process holds the session; `None` where it does not.
    pub(super) fn session_here(
        &self,
        parts: &Parts,
        fields: &Standard<'_>,
        request: &RequestId,
    ) -> Result<Option<Arc<Live>>, Response<McpBody>> {
        let named = Named::of(parts, fields, Some(request))?;
        self.table.find(named.id).map(|live| self.admit(live, &named, Some(request))).transpose()
    }

    fn admit(
        &self,
        live: Arc<Live>,
        named: &Named<'_>,
        request: Option<&RequestId>,
    ) -> Result<Arc<Live>, Response<McpBody>> {
        // Security check 77: somebody else's session is no session.
        if live.session.owner() != named.owner.as_ref() || live.session.phase() == Phase::Closed {
            return Err(reply::no_session(Some(live.session.revision()), request));
        }
        live.touch(self.now());
        Ok(live)
    }

    /// Takes on a session that another process has opened, if its owner asks for it.
    ///
    /// # Cancel safety
    /// Once it is held here it is taken on to the end, in a task of its own.
    async fn adopt(&self, id: &str, owner: Option<&Owner>) -> Result<Option<Arc<Live>>, Error> {
        let (Some(id), Some(shared)) = (SessionId::parse(id), self.itself.upgrade()) else {
            return Ok(None);
        };
        let record = self.config.sessions.load(&id, (self.config.clock)()).await?;
        let Some(record) = record.filter(|record| record.owner.as_ref() == owner) else {
            return Ok(None);
        };
        let session = super::legacy::session_of(record.clone(), self.config.outbox);
        match self.take_in(session, record.expires_at) {
            Ok(live) => {
                tokio::spawn(async move { shared.join(live, &record).await }).await.map_err(io::Error::other)?
            }
            // Another request takes it on.
            Err(there) => Ok(Some(there)),
        }
    }

    /// Learns what has become of a session between `before` was loaded and the bus could tell us, and tells who else
    /// holds it.
    async fn join(&self, live: Arc<Live>, before: &SessionRecord) -> Result<Option<Arc<Live>>, Error> {
        let record = match self.config.sessions.load(live.session.id(), (self.config.clock)()).await {
            Ok(Some(record)) => record,
            Ok(None) => {
                self.end_here(&live, Closed::ByClient);
                return Ok(None);
            }
            Err(cause) => {
                // Not closed: requests that have found it meanwhile must not hear that it is over.
                self.table.remove(live.session.id());
                return Err(cause);
            }
        };
        live.session.catch_up(before, &record);
        // Whoever holds the client's GET stream says so.
        live.tell(self, BusMessage::Joined).await;
        if record.phase == Phase::Ready && live.session.ready() {
            aside(Arc::clone(&self.handler).opened(live.session.clone()), ()).await;
        }
        Ok(Some(live))
    }

    /// Holds a session here.
    pub(super) fn hold(&self, session: Session, expires_at: SystemTime) -> Arc<Live> {
        self.take_in(session, expires_at).unwrap_or_else(|there| there)
    }

    /// Holds a session here; the error is the one that is held already.
    fn take_in(&self, session: Session, expires_at: SystemTime) -> Result<Arc<Live>, Arc<Live>> {
        self.keep_house();
        let taken = self.table.insert(Arc::new(Live::new(session, self.now(), expires_at)));
        let (Ok(live) | Err(live)) = &taken;
        live.bus.get_or_init(|| {
            let sink = Sink { live: Arc::downgrade(live), shared: Weak::clone(&self.itself) };
            self.config.bus.join(live.session.id(), Arc::new(sink))
        });
        self.keep_house();
        taken
    }

    /// Ends a session everywhere. Gives the task that tells the handler, if it knew the session.
    ///
    /// # Cancel safety
    /// The end goes on in a task of its own.
    pub(super) async fn end(&self, live: &Arc<Live>, why: Closed) -> Option<JoinHandle<()>> {
        let (shared, live) = (self.itself.upgrade()?, Arc::clone(live));
        let ending = tokio::spawn(async move {
            let id = live.session.id();
            // Out of the store first: while the record is there, a request could take the session on again.
            if let Err(cause) = shared.config.sessions.remove(id).await {
                tracing::error!(error = %Chain(&cause), "a session could not be removed from its store");
            }
            let told = shared.end_here(&live, why);
            if let Err(cause) = shared.config.bus.send(id, BusMessage::Ended(why)).await {
                tracing::error!(error = %Chain(&cause), "the end of a session could not be told to other processes");
            }
            told
        });
        ending.await.ok().flatten()
    }

    /// Ends a session in this process. Gives the task that tells the handler, if it knew the session.
    pub(super) fn end_here(&self, live: &Arc<Live>, why: Closed) -> Option<JoinHandle<()>> {
        self.shut(live).then(|| {
            let closed = Arc::clone(&self.handler).closed(live.session.id().clone(), why);
            tokio::spawn(guarded(closed))
        })
    }

    /// Stops what runs in a session. Whether the handler knew it.
    fn shut(&self, live: &Arc<Live>) -> bool {
        self.table.remove(live.session.id());
        let before = live.session.close();
        live.shut();
        before == Phase::Ready
    }
}
