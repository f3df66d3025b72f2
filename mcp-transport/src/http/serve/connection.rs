//! One connection, from its first byte to its end.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::BoxError;
use super::activity::{Activity, Framing};
use super::io::{Io, Prefix, Stream};
use super::limits::Limits;
use super::patience::{Leaving, Patience, Verdict};
use super::relay::Relayed;
use super::service::Counted;
use super::stall::{Impatient, Streams};
#[cfg(feature = "tls")]
use crate::http::tls::TlsConfig;

/// hyper's buffer for reading and writing: what one frame of a request body holds at most.
const BUFFER: usize = 128 * 1024;
/// What a peer may have on its way to us unread, on an HTTP/2 connection and on one stream of it.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const STREAM_WINDOW: u32 = 256 * 1024;
const SEND_BUFFER: usize = 128 * 1024;
/// How many streams a peer may reset before we got to them, and how many resets of ours it may provoke, before the
/// connection ends (CVE-2023-44487, CVE-2025-8671).
const PENDING_RESETS: usize = 20;
const OUR_RESETS: usize = 128;
/// A peer that is gone without a word is noticed under HTTP/2 after this long, twice.
const PING: Duration = Duration::from_secs(20);

/// What all connections of a server share.
pub(super) struct Connections {
    limits: Limits,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
    streams: Streams,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// How a connection ended, other than by its own accord.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("no whole head came in time")]
    HeadTimedOut,
    #[error("the peer did not close an idle connection in time")]
    CloseTimedOut,
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A connection that is ready for its first request.
struct Opened<T> {
    /// When the peer could first send a request.
    since: Instant,
    framing: Framing,
    stream: Stream<T>,
    prefix: Prefix,
}

impl Connections {
    pub(super) fn new(limits: Limits, #[cfg(feature = "tls")] tls: Option<TlsConfig>) -> Self {
        let limits = limits.within_reason();
        let mut http1 = http1::Builder::new();
        // The head's time is kept here: hyper's own timer is set anew for each request, and it does not tell
        // a slow head from an idle connection.
        http1
            .header_read_timeout(None)
            .max_header_size(limits.max_header_bytes)
            .max_buf_size(BUFFER.max(limits.max_header_bytes));
        let streams = Streams::new(limits.write_timeout);
        let mut http2 = http2::Builder::new(streams.clone());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.max_concurrent_streams)
            .max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(OUR_RESETS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        Self {
            limits,
            http1,
            http2,
            streams,
            #[cfg(feature = "tls")]
            tls,
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn keep_certificate_current(&self) -> Option<tokio::task::JoinHandle<()>> {
        let tls = self.tls.clone()?;
        Some(tokio::spawn(async move { tls.keep_current().await }))
    }

    /// Waits until the requests of HTTP/2 connections are over, which have tasks of their own. They end soon after their
    /// connection.
    pub(super) async fn requests_ended(&self) {
        self.streams.ended().await;
    }

    /// Whether they are served through TLS.
    #[cfg(feature = "tls")]
    pub(super) const fn speak_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "tls"))]
    pub(super) const fn speak_tls(&self) -> bool {
        false
    }

    /// Serves one connection to its end. `drain` closes when the server stops.
    pub(super) async fn run<T, S, B>(&self, tcp: T, service: S, mut drain: watch::Receiver<()>)
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let opening = tokio::select! {
            biased;
            opening = self.open(tcp) => opening,
            // Nothing has been asked yet.
            _ = drain.changed() => return,
        };
        let ended = match opening {
            Ok(Opened { since, framing, stream, prefix }) => {
                let activity = Activity::new(framing);
                let patience = Patience::new(&self.limits, since);
                let io = TokioIo::new(Io { stream, prefix, activity: Arc::clone(&activity), stalled: false });
                let service = Counted::new(service, Arc::clone(&activity));
                match framing {
                    Framing::Http1 => {
                        self.drive(self.http1.serve_connection(io, service), &activity, patience, drain).await
                    }
                    Framing::Http2 => {
                        self.drive(self.http2.serve_connection(io, service), &activity, patience, drain).await
                    }
                }
            }
            Err(ended) => Err(ended),
        };
        if let Err(ended) = ended {
            // Peers come and go; this is of interest only to someone who looks for it.
            tracing::debug!(error = %ended, "a connection ended early");
        }
    }

    /// The TLS handshake, if any, and the choice between HTTP/1.1 and HTTP/2.
    async fn open<T: AsyncRead + AsyncWrite + Unpin>(&self, tcp: T) -> Result<Opened<T>, Ended> {
        let tcp = Impatient::new(tcp, self.limits.write_timeout);
        #[cfg(feature = "tls")]
        let (mut stream, agreed) = match &self.tls {
            None => (Stream::Plain(tcp), None),
            Some(tls) => {
                let stream = tls.accept(tcp).await?;
                let agreed = stream.get_ref().1.alpn_protocol().map(|protocol| match protocol {
                    b"h2" => Framing::Http2,
                    _ => Framing::Http1,
                });
                (Stream::Tls(Box::new(stream)), agreed)
            }
        };
        #[cfg(not(feature = "tls"))]
        let (mut stream, agreed) = (Stream::Plain(tcp), None);
        let since = Instant::now();
        let deadline = since + self.limits.header_read_timeout;
        // Also where it was agreed upon: hyper would wait for the preface without an end.
        let (seen, prefix) = timeout_at(deadline, stream.framing()).await.map_err(|_| Ended::HeadTimedOut)??;
        Ok(Opened { since, framing: agreed.unwrap_or(seen), stream, prefix })
    }

    /// Runs hyper's connection, drains it when told to, and keeps its times.
    async fn drive<C>(
        &self,
        connection: C,
        activity: &Activity,
        mut patience: Patience,
        mut drain: watch::Receiver<()>,
    ) -> Result<(), Ended>
    where
        C: GracefulConnection<Error = hyper::Error>,
    {
        let mut connection = pin!(connection);
        let signal = drain.clone();
        let mut drained = pin!(drain.changed());
        let mut draining = false;
        let mut leaving: Option<Leaving> = None;
        // One timer for the life of the connection. It is moved only to fire sooner, or after it has fired; in
        // between it may stand too early, which costs one look.
        let mut timer = pin!(tokio::time::sleep(self.limits.header_read_timeout));
        let mut polled_before: Option<Relayed> = None;
        poll_fn(|cx| {
            // The signal and the timer are polled again only when they must wake another task, or have something to
            // say, because a connection is polled for each request.
            let kept = polled_before.take().filter(|relayed| relayed.wakes(cx.waker()));
            let known = kept.is_some();
            let relayed = &*polled_before.insert(kept.unwrap_or_else(|| Relayed::new(cx.waker())));
            if !known {
                let _: Poll<()> = unbudgeted(timer.as_mut(), cx);
            }
            let told = !known || !matches!(signal.has_changed(), Ok(false));
            if !draining && told && unbudgeted(drained.as_mut(), cx).is_ready() {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            loop {
                if let Poll::Ready(result) = relayed.poll(|cx| connection.as_mut().poll(cx)) {
                    return Poll::Ready(result.map_err(Ended::from));
                }
                let due = leaving.as_ref().map_or_else(|| patience.due(activity), |leaving| leaving.by);
                if due < timer.deadline() {
                    timer.as_mut().reset(due);
                } else if known && !timer.is_elapsed() {
                    return Poll::Pending;
                }
                loop {
                    ready!(unbudgeted(timer.as_mut(), cx));
                    let now = Instant::now();
                    match &mut leaving {
                        Some(leaving) => {
                            if leaving.is_over(activity, now) {
                                return Poll::Ready(Err(Ended::CloseTimedOut));
                            }
                            timer.as_mut().reset(leaving.by);
                        }
                        None => match patience.look(activity, now) {
                            Verdict::Wait => timer.as_mut().reset(patience.due(activity)),
                            Verdict::HeadTimedOut => return Poll::Ready(Err(Ended::HeadTimedOut)),
                            Verdict::Idle => break,
                        },
                    }
                }
                // Idle for too long: HTTP/1 closes at once, HTTP/2 says so first, and has a while to hear it.
                connection.as_mut().graceful_shutdown();
                // What it takes meanwhile is seen in steps, as for the write timeout.
                let grace = self.limits.header_read_timeout.max(self.limits.write_timeout);
                let told = Leaving::new(activity, grace, Instant::now());
                // It was polled to its end by this task, which it goes on to wake.
                timer.as_mut().reset(told.by);
                leaving = Some(told);
            }
        })
        .await
    }
}

/// Polls, also where what a task may do in one turn is used up: it would not note whom to wake, and is not polled again for
/// that.
fn unbudgeted<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    pin!(tokio::task::coop::unconstrained(future)).poll(cx)
}
