//! The Streamable HTTP endpoint as a tower service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use http::{HeaderMap, Method, Request, Response, request::Parts};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use super::{
    config::HttpConfig,
    get,
    headers::{Accepts, Admission},
    live::Table,
    origin::{Admitted, NOT_SERVED, Refused},
    post::{self, Post},
    pulse::{Beat, Pulse},
    reply,
    stream::McpBody,
};
use crate::{
    auth::Principal,
    exchange::{Exchange, ExchangeBuilder, Transport},
    handler::{Handler, Head, Needs, Outcome},
    jsonrpc::{self, ErrorObject, Params, RequestId},
    outbox::Outbox,
    protocol::{Revision, Revisions},
    session::Closed,
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
        let fields = Admission::of(request.headers());
        let admitted = match admit(&self.shared, &request, &fields) {
            Ok(admitted) => admitted,
            Err(refusal) => return Answer::ready(refusal),
        };
        let judged = match *request.method() {
            Method::POST => post::judge(&fields, request.headers()),
            _ => return Answer(Box::pin(other(Arc::clone(&self.shared), admitted, request.into_parts().0))),
        };
        match judged {
            Ok(accepts) => {
                let (parts, body) = request.into_parts();
                Answer(Box::pin(Post::new(Arc::clone(&self.shared), admitted, Box::new(parts), body, accepts)))
            }
            Err(mut refusal) => {
                admitted.apply(refusal.headers_mut());
                Answer::ready(refusal)
            }
        }
    }
}

/// The answer that [`McpService`] is working on. Dropping it is a disconnect: it cancels a modern call; a legacy call
/// goes on by itself.
#[must_use = "futures do nothing unless polled"]
pub struct Answer(Pin<Box<dyn Future<Output = Result<Response<McpBody>, Infallible>> + Send>>);

impl Answer {
    fn ready(response: Response<McpBody>) -> Self {
        Self(Box::pin(std::future::ready(Ok(response))))
    }
}

impl Future for Answer {
    type Output = Result<Response<McpBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(task)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// Judges who speaks to us before anything is read. Preflight requests are answered here.
fn admit<B>(shared: &Shared, request: &Request<B>, fields: &Admission<'_>) -> Result<Admitted, Response<McpBody>> {
    if *request.method() == Method::OPTIONS
        && let Some(preflight) = shared.config.access.preflight(request)
    {
        return Err(preflight.map(|()| McpBody::empty()));
    }
    let judged = shared.config.access.judge(request.uri(), fields.host, fields.origin);
    judged.map_err(|why| refused(request.headers(), why))
}

#[cold]
fn refused(headers: &HeaderMap, why: Refused) -> Response<McpBody> {
    tracing::warn!(reason = %why, "a request was refused");
    reply::plain(headers, why.status(), NOT_SERVED)
}

/// The answer to what is not POST.
async fn other(shared: Arc<Shared>, admitted: Admitted, parts: Parts) -> Result<Response<McpBody>, Infallible> {
    let mut response = match parts.method {
        Method::GET => get::listen(&shared, &parts).await,
        Method::DELETE => get::delete(&shared, &parts).await,
        _ => reply::method_not_allowed(&parts.headers, "POST, GET, DELETE, OPTIONS"),
    };
    admitted.apply(response.headers_mut());
    Ok(response)
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

    /// Whether the answer to a call that sent nothing before it goes out as JSON.
    pub(super) fn is_json(&self, accepts: Accepts, revision: Revision, outcome: &Outcome) -> bool {
        self.config.is_json(accepts, outcome) || reply::has_status(revision, outcome)
    }

    /// What a request needs. A panic of the handler is this request's alone.
    pub(super) fn needs(&self, revision: Revision, request: &jsonrpc::Request) -> Result<Needs, ErrorObject> {
        let head = Head { revision, method: &request.method, params: &request.params };
        catch_unwind(AssertUnwindSafe(|| self.handler.needs(&head))).map_err(|_panic| {
            tracing::error!(method = %request.method, "a handler panicked over what a request needs");
            ErrorObject::internal()
        })
    }

    /// The exchange of a request or notification over HTTP.
    pub(super) fn exchange(
        &self,
        id: RequestId,
        revision: Revision,
        params: &Params,
        parts: Box<Parts>,
    ) -> ExchangeBuilder {
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
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("sessions", &self.table.len()).finish_non_exhaustive()
    }
}
