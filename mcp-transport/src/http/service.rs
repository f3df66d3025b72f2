//! The Streamable HTTP endpoint as a tower service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use http::{Method, Request, Response, request::Parts};
use http_body::Body;
use tokio::{task::JoinHandle, time::Instant};
use tower_service::Service;

use super::{
    call::{aside, guarded},
    config::HttpConfig,
    get, headers,
    live::{Live, Table},
    origin::Admitted,
    post,
    pulse::{Beat, Pulse},
    reply,
    stream::McpBody,
};
use crate::{
    Error,
    auth::{Owner, Principal},
    error::Chain,
    exchange::{Exchange, ExchangeBuilder, Transport},
    handler::Handler,
    jsonrpc::{Code, ErrorObject, Params, RequestId},
    outbox::Outbox,
    protocol::{Revision, Revisions},
    session::{BusMessage, Closed, Phase, SessionId},
    stop::Stop,
};

/// One MCP endpoint: a [`Handler`] served over Streamable HTTP, both eras at once, chosen per request.
///
/// It is a [`tower_service::Service`] that never fails: it runs on bare hyper, and mounts in axum with `route_service`
/// or `nest_service`. Clones share everything. It needs a tokio runtime with time.
///
/// ```
/// use std::sync::Arc;
/// use mcp_transport::{handler::Handler, http::McpService};
///
/// fn endpoint(handler: Arc<dyn Handler>) -> McpService {
///     McpService::new(handler) // the defaults serve loopback only
/// }
/// ```
#[derive(Clone)]
pub struct McpService {
    shared: Arc<Shared>,
}

/// What all clones of a service share.
pub(super) struct Shared {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) config: HttpConfig,
    pub(super) table: Table,
    pub(super) pulse: Pulse,
    pub(super) stop: Stop,
    pub(super) keeping: AtomicBool,
    start: Instant,
    seconds: AtomicU64,
    /// For what must reach back here from outside: the bus, the housekeeping.
    pub(super) itself: Weak<Self>,
}

impl McpService {
    /// Serves `handler` with the default settings: on loopback, sessions in memory.
    #[must_use]
    pub fn new(handler: Arc<dyn Handler>) -> Self {
        Self::with_config(handler, HttpConfig::default())
    }

    /// Serves `handler`.
    #[must_use]
    pub fn with_config(handler: Arc<dyn Handler>, config: HttpConfig) -> Self {
        for opening in config.access.openings() {
            tracing::warn!("{opening}");
        }
        let shared = Arc::new_cyclic(|itself| Shared {
            handler,
            config,
            table: Table::default(),
            pulse: Pulse::default(),
            stop: Stop::new(),
            keeping: AtomicBool::new(false),
            start: Instant::now(),
            seconds: AtomicU64::new(0),
            itself: Weak::clone(itself),
        });
        Self { shared }
    }

    /// Begins to drain: calls are told to come to their end, `subscriptions/listen` returns its result, legacy streams
    /// outside any request end. New requests are still answered; to refuse them is the accept loop's part.
    pub fn drain(&self) {
        self.shared.stop.give();
        for live in self.shared.table.all() {
            if let Some(own) = live.stream(0) {
                own.finish();
            }
        }
    }

    /// Ends all sessions, and waits until the handler has been told of each. To be called when the last connection is
    /// gone.
    ///
    /// # Cancel safety
    /// Sessions whose turn had not come stay open.
    pub async fn close(&self) {
        self.drain();
        let mut told = Vec::new();
        for live in self.shared.table.all() {
            told.extend(self.shared.end(&live, Closed::Drained).await);
        }
        for told in told {
            drop(told.await);
        }
    }

    /// How many legacy sessions this process holds.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.table.len()
    }
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for McpService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<McpBody>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer {
        match admit(&self.shared, &request) {
            Ok(admitted) => {
                let (parts, body) = request.into_parts();
                Answer(Box::pin(answer(Arc::clone(&self.shared), admitted, parts, body)))
            }
            Err(refusal) => Answer(Box::pin(std::future::ready(refusal))),
        }
    }
}

/// The answer that [`McpService`] is working on. Dropping it is a disconnect: it cancels a modern call; a legacy call
/// goes on by itself.
#[must_use = "futures do nothing unless polled"]
pub struct Answer(Pin<Box<dyn Future<Output = Response<McpBody>> + Send>>);

impl Future for Answer {
    type Output = Result<Response<McpBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(task).map(Ok)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// The session that a request names, and who asks for it.
struct Named<'a> {
    id: &'a str,
    owner: Option<Owner>,
}

impl<'a> Named<'a> {
    fn of(parts: &'a Parts, request: Option<&RequestId>) -> Result<Self, Response<McpBody>> {
        let header = headers::one(&parts.headers, &headers::MCP_SESSION_ID).ok().flatten();
        let Some(header) = header else {
            let error =
                ErrorObject::new(Code::INVALID_REQUEST, "one Mcp-Session-Id header is needed; send initialize first");
            return Err(reply::invalid(None, request, &error));
        };
        let id = header.to_str().map_err(|_| reply::no_session(request))?;
        let owner = parts.extensions.get::<Arc<Principal>>().map(|principal| principal.owner());
        Ok(Self { id, owner })
    }
}

/// Judges who speaks to us before anything is read. Preflight requests are answered here.
fn admit<B>(shared: &Shared, request: &Request<B>) -> Result<Admitted, Response<McpBody>> {
    if let Some(preflight) = shared.config.access.preflight(request) {
        return Err(preflight.map(|()| McpBody::empty()));
    }
    shared.config.access.check(request.uri(), request.headers()).map_err(|refused| {
        tracing::warn!(reason = %refused, "a request was refused");
        reply::plain(refused.status(), "this host or origin is not served")
    })
}

async fn answer<B>(shared: Arc<Shared>, admitted: Admitted, parts: Parts, body: B) -> Response<McpBody>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut response = match parts.method {
        Method::POST => post::answer(&shared, parts, body).await,
        // Boxed, so that a POST does not carry their room along.
        Method::GET => Box::pin(get::listen(&shared, &parts)).await,
        Method::DELETE => Box::pin(get::delete(&shared, &parts)).await,
        _ => reply::method_not_allowed("POST, GET, DELETE, OPTIONS"),
    };
    admitted.apply(response.headers_mut());
    response
}

impl Shared {
    /// Seconds on this service's own clock.
    pub(super) fn now(&self) -> u64 {
        self.seconds.load(Ordering::Relaxed)
    }

    /// Moves that clock on. It goes as long as there is something to look after, which is as long as somebody reads it.
    pub(super) fn tell_time(&self) {
        self.seconds.store(self.start.elapsed().as_secs(), Ordering::Relaxed);
    }

    /// A place in the pulse for a new stream or a call that waits.
    pub(super) fn beat(&self, principal: Option<Arc<Principal>>) -> Arc<Beat> {
        let limit = u32::try_from(self.config.keep_alive.as_secs()).unwrap_or(u32::MAX);
        let beat = self.pulse.join(limit, principal);
        self.keep_house();
        beat
    }

    /// Whether there are sessions at all.
    pub(super) fn has_legacy(&self) -> bool {
        !self.handler.revisions().intersection(Revisions::legacy()).is_empty()
    }

    /// The exchange of a request or notification over HTTP.
    pub(super) fn exchange(&self, id: RequestId, revision: Revision, params: &Params, parts: Parts) -> ExchangeBuilder {
        let mut exchange = Exchange::builder(id, revision, Transport::Http);
        exchange
            .params(params)
            .principal(parts.extensions.get().cloned())
            .limits(self.config.limits)
            .stop(self.stop.clone())
            .outbox(Outbox::new(self.config.outbox))
            .http(parts);
        exchange
    }

    /// The live session that a request names, for whoever may use it.
    ///
    /// # Errors
    /// The answer: 400 without a session id, 404 where there is no such session for this principal.
    pub(super) async fn session(
        &self,
        parts: &Parts,
        request: Option<&RequestId>,
    ) -> Result<Arc<Live>, Response<McpBody>> {
        let named = Named::of(parts, request)?;
        let live = match self.table.find(named.id) {
            Some(live) => live,
            None => {
                let adopted = self.adopt(named.id, named.owner.as_ref()).await;
                adopted
                    .map_err(|cause| reply::unavailable(request, &cause))?
                    .ok_or_else(|| reply::no_session(request))?
            }
        };
        self.admit(live, &named, request)
    }

    /// As [`session`](Self::session), where this process holds the session; `None` where it does not.
    pub(super) fn session_here(
        &self,
        parts: &Parts,
        request: &RequestId,
    ) -> Result<Option<Arc<Live>>, Response<McpBody>> {
        let named = Named::of(parts, Some(request))?;
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
            return Err(reply::no_session(request));
        }
        live.touch(self.now());
        Ok(live)
    }

    /// Takes on a session that another process has opened, if its owner asks for it.
    async fn adopt(&self, id: &str, owner: Option<&Owner>) -> Result<Option<Arc<Live>>, Error> {
        let Some(id) = SessionId::parse(id) else {
            return Ok(None);
        };
        let now = (self.config.clock)();
        let record = self.config.sessions.load(&id, now).await?;
        let Some(record) = record.filter(|record| record.owner.as_ref() == owner) else {
            return Ok(None);
        };
        let phase = record.phase;
        let live = self.hold(super::legacy::session_of(record, self.config.outbox));
        // The session may have been ended after it was loaded and before the bus could tell us.
        if self.config.sessions.load(&id, now).await?.is_none() {
            self.end_here(&live, Closed::ByClient);
            return Ok(None);
        }
        if phase == Phase::Ready && live.session.ready() {
            aside(Arc::clone(&self.handler).opened(live.session.clone()), ()).await;
        }
        Ok(Some(live))
    }

    /// Holds a session here.
    pub(super) fn hold(&self, session: crate::session::Session) -> Arc<Live> {
        self.keep_house();
        let live = self.table.insert(Arc::new(Live::new(session, self.now())));
        live.bus.get_or_init(|| {
            let sink = super::live::Sink { live: Arc::downgrade(&live), shared: Weak::clone(&self.itself) };
            self.config.bus.join(live.session.id(), Arc::new(sink))
        });
        self.keep_house();
        live
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("sessions", &self.table.len()).finish_non_exhaustive()
    }
}

/// The revision that the header names, as far as it can be told before the body is read.
pub(super) fn revision_of(parts: &Parts) -> Option<Revision> {
    parts.headers.get(&headers::MCP_PROTOCOL_VERSION)?.to_str().ok()?.parse().ok()
}
