//! Peers that stop reading: how long what we have for them may stand still.

use std::{
    cell::Cell,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::LONGEST;

/// A time that runs while nothing gets on. It costs nothing until then: the timer is made when it is first needed.
#[derive(Debug)]
struct Stall {
    limit: Duration,
    stands: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    const fn new(limit: Duration) -> Self {
        Self { limit, stands: false, timer: None }
    }

    const fn moved(&mut self) {
        self.stands = false;
    }

    /// Nothing gets on. Ready when that has lasted for so many times the limit.
    fn poll(&mut self, times: u32, cx: &mut Context<'_>) -> Poll<()> {
        let Self { limit, stands, timer } = self;
        let due = || Instant::now() + limit.saturating_mul(times).min(LONGEST);
        let timer = match timer {
            Some(timer) => {
                if !*stands {
                    timer.as_mut().reset(due());
                }
                timer
            }
            None => timer.insert(Box::pin(sleep_until(due()))),
        };
        *stands = true;
        timer.as_mut().poll(cx)
    }
}

/// A socket that breaks off when the peer takes nothing of what is written for too long. It lies beneath TLS, so that
/// what counts is what the peer took and not what was put into a record.
#[derive(Debug)]
pub(super) struct Impatient<S> {
    stream: S,
    stall: Stall,
}

impl<S> Impatient<S> {
    pub(super) const fn new(stream: S, limit: Duration) -> Self {
        Self { stream, stall: Stall::new(limit) }
    }

    fn judge(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall.moved();
            return written;
        }
        ready!(self.stall.poll(1, cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read what it is sent")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// For each so many bytes that a stream of HTTP/2 was given, its client has the time once: the usual size of a frame
/// (RFC 9113 section 4.2). A client that reads slowly, or many streams at once, gets on with each of them, if slowly.
const PIECE: usize = 16 << 10;

/// What a request's task waits for.
#[derive(Clone, Copy, Debug)]
enum Waits {
    /// Its client gives it no window to send in: neither its answer nor the body of it was asked.
    Client,
    /// Its answer, or more of the body, is not there yet.
    Ourselves,
    /// Its client, since it has got a piece of the body and has not asked for more.
    Begun,
}

/// What was seen of a request's task when it was last polled.
#[derive(Clone, Copy, Debug)]
struct Seen {
    waits: Waits,
    pieces: Pieces,
}

/// The bytes of the piece of the body that was given last, and of the one before. hyper asks the body first and its client's
/// window then, so the last one waits until the client has taken all but a window of the one before.
type Pieces = (usize, usize);

thread_local! {
    /// Of the task that is being polled. hyper keeps to itself what a stream waits for; only that it did not ask can be
    /// seen, and the future that it hands to its executor says nothing of which answer is in it.
    static SEEN: Cell<Seen> = const { Cell::new(Seen { waits: Waits::Client, pieces: (0, 0) }) };
}

/// An answer, or the rest of its body, is waited for.
pub(super) fn waits_for_ourselves() {
    SEEN.set(Seen { waits: Waits::Ourselves, ..SEEN.get() });
}

/// A body gave so many bytes.
pub(super) fn gave(bytes: usize) {
    // What is empty takes no window.
    if bytes > 0 {
        SEEN.set(Seen { waits: Waits::Begun, pieces: (SEEN.get().pieces.1, bytes) });
    }
}

/// Runs the requests of HTTP/2 connections, each in a task of its own. A peer that goes on reading its connection, and
/// so answers our pings, can still keep one stream from getting on for ever, by giving it no window (RFC 9113 section
/// 5.2): such a stream is reset, and the others go on.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    limit: Duration,
    /// Each task subscribes to it as long as it lasts.
    running: watch::Sender<()>,
}

impl Streams {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, running: watch::Sender::new(()) }
    }

    /// Waits until none runs.
    pub(super) async fn ended(&self) {
        self.running.closed().await;
    }
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let (stall, running) = (Stall::new(self.limit), self.running.subscribe());
        tokio::spawn(Stream { future, stall, pieces: (0, 0), _running: running });
    }
}

pin_project! {
    struct Stream<F> {
        #[pin]
        future: F,
        stall: Stall,
        pieces: Pieces,
        _running: watch::Receiver<()>,
    }
}

impl<F: Future> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        SEEN.set(Seen { waits: Waits::Client, pieces: *this.pieces });
        if this.future.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Seen { waits, pieces } = SEEN.get();
        *this.pieces = pieces;
        match waits {
            Waits::Client => {}
            Waits::Ourselves => {
                this.stall.moved();
                return Poll::Pending;
            }
            Waits::Begun => this.stall.moved(),
        }
        let times = pieces.0.saturating_add(pieces.1) / PIECE + 1;
        ready!(this.stall.poll(u32::try_from(times).unwrap_or(u32::MAX), cx));
        tracing::debug!("a stream was reset: its client gives it no window");
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_write_may_take_long_as_long_as_the_peer_takes_something() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours = Impatient::new(ours, LIMIT);
        let writing = tokio::spawn(async move { (ours.write_all(&[0; 256]).await, ours) });
        for _ in 0..4 {
            tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
            theirs.read_exact(&mut [0; 64]).await.unwrap();
        }
        let (written, mut ours) = writing.await.unwrap();
        written.unwrap();

        let begin = Instant::now();
        let error = ours.write_all(&[0; 256]).await.unwrap_err();
        assert_eq!((error.kind(), begin.elapsed()), (io::ErrorKind::TimedOut, LIMIT));
    }

    /// Polls `step` each second until it is ready, and says when that is.
    async fn lasts(step: impl FnMut() + Unpin) -> Duration {
        struct Steps<F>(F, tokio::time::Interval);
        impl<F: FnMut() + Unpin> Future for Steps<F> {
            type Output = ();

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
                while self.1.poll_tick(cx).is_ready() {}
                (self.0)();
                Poll::Pending
            }
        }
        let begin = Instant::now();
        let steps = Steps(step, tokio::time::interval(Duration::from_secs(1)));
        let (stall, running) = (Stall::new(LIMIT), watch::channel(()).1);
        Stream { future: steps, stall, pieces: (0, 0), _running: running }.await;
        begin.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_that_its_client_keeps_from_getting_on() {
        assert_eq!(lasts(|| {}).await, LIMIT);
        // Waiting for ourselves does not count, nor does what gets on.
        let mut polled = 0;
        let busy = lasts(move || {
            polled += 1;
            match polled {
                1..100 => waits_for_ourselves(),
                100 => gave(10),
                _ => {}
            }
        });
        assert_eq!(busy.await, Duration::from_secs(99) + LIMIT);
        // Who was given much has longer: for the last piece, and for the one before, which may still be in its way.
        let mut given = false;
        let much = lasts(move || {
            if !std::mem::replace(&mut given, true) {
                gave(200 << 10);
                gave(40 << 10);
                gave(60 << 10);
            }
        });
        assert_eq!(much.await, LIMIT * 7);
        let mut polled = 0;
        let small_after_large = lasts(move || {
            polled += 1;
            match polled {
                1 => gave(64 << 10),
                2 => {
                    gave(0);
                    waits_for_ourselves();
                }
                3 => gave(1),
                _ => {}
            }
        });
        assert_eq!(small_after_large.await, Duration::from_secs(2) + LIMIT * 5);
        let mut polled = 0;
        let small_after_small = lasts(move || {
            polled += 1;
            match polled {
                1 => gave(64 << 10),
                2 | 3 => gave(1),
                _ => {}
            }
        });
        assert_eq!(small_after_small.await, Duration::from_secs(2) + LIMIT);
    }
}
