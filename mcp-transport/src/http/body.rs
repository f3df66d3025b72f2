//! Reading a request body: no more than so many bytes, in no more than so much time.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Sleep;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It is, or says it is, longer than the limit: 413 Content Too Large.
    #[error("the body is larger than the limit")]
    TooLarge,
    /// Its end did not come in time: 408 Request Timeout.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// The connection or its framing broke: 400 Bad Request, if anyone still listens.
    #[error("the body broke off")]
    Broken(#[source] BoxError),
}

/// Reads the whole body.
///
/// A body of a single frame, as most are, is handed on without a copy. `limit` is in bytes and judged by
/// the announced length before anything is read (so a client that sent `Expect: 100-continue` is refused before
/// it sends the body), then by what comes. `timeout` is for the whole body; its timer exists only if
/// the body is not there at once or soon after. Trailers are dropped.
///
/// # Errors
///
/// [`BodyError`] tells the three ways to fail apart.
///
/// # Cancel safety
///
/// Dropping the future drops the body and what was read of it.
pub const fn collect<B>(body: B, limit: usize, timeout: Duration) -> Collect<B> {
    Collect { body, read: Read::Nothing, limit, timeout, waited: Waited::Not }
}

pin_project! {
    /// The future of [`collect`].
    #[derive(Debug)]
    pub struct Collect<B> {
        #[pin]
        body: B,
        read: Read,
        limit: usize,
        timeout: Duration,
        waited: Waited,
    }
}

/// How long a body has been waited for. The timer is boxed, so that a body that is in hand does not carry its room along.
#[derive(Debug)]
enum Waited {
    Not,
    Once,
    Timed(Pin<Box<Sleep>>),
}

impl<B> Future for Collect<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Bytes, BodyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if matches!(this.waited, Waited::Not) {
            let announced = this.body.size_hint().lower();
            if usize::try_from(announced).map_or(true, |announced| announced > *this.limit) {
                return Poll::Ready(Err(BodyError::TooLarge));
            }
        }
        if let Poll::Ready(done) = this.read.poll(this.body.as_mut(), *this.limit, cx) {
            return Poll::Ready(done.map(|()| this.read.finish()));
        }
        match this.waited {
            // A connection reads the body after it has asked for the answer, and mostly has it in hand already: a second
            // look spares the timer.
            Waited::Not => {
                *this.waited = Waited::Once;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Waited::Once => {
                let mut timer = Box::pin(tokio::time::sleep(*this.timeout));
                let over = timer.as_mut().poll(cx);
                *this.waited = Waited::Timed(timer);
                over.map(|()| Err(BodyError::TimedOut))
            }
            Waited::Timed(timer) => timer.as_mut().poll(cx).map(|()| Err(BodyError::TimedOut)),
        }
    }
}

/// What has been read so far.
#[derive(Debug)]
enum Read {
    Nothing,
    OneFrame(Bytes),
    More(BytesMut),
}

impl Read {
    /// Ready at the body's end.
    fn poll<B>(&mut self, mut body: Pin<&mut B>, limit: usize, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        loop {
            let frame = match ready!(body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(BodyError::Broken(error.into()))),
                Some(Ok(frame)) => frame,
            };
            if let Ok(data) = frame.into_data() {
                if data.remaining() > limit.saturating_sub(self.len()) {
                    return Poll::Ready(Err(BodyError::TooLarge));
                }
                self.push(data, body.size_hint().lower());
            }
            // A body that knows its end needs no further poll, which would only cost a wake-up.
            if body.is_end_stream() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn push(&mut self, mut data: impl Buf, still_to_come: u64) {
        if !data.has_remaining() {
            return;
        }
        match self {
            Self::Nothing => *self = Self::OneFrame(data.copy_to_bytes(data.remaining())),
            Self::OneFrame(first) => {
                // What is still announced has been judged against the limit before the first frame.
                let rest = usize::try_from(still_to_come).unwrap_or(0);
                let mut all = BytesMut::with_capacity(first.len() + data.remaining() + rest);
                all.put_slice(first);
                all.put(data);
                *self = Self::More(all);
            }
            Self::More(all) => all.put(data),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::OneFrame(bytes) => bytes.len(),
            Self::More(bytes) => bytes.len(),
        }
    }

    fn finish(&mut self) -> Bytes {
        match std::mem::replace(self, Self::Nothing) {
            Self::Nothing => Bytes::new(),
            Self::OneFrame(bytes) => bytes,
            Self::More(bytes) => bytes.freeze(),
        }
    }
}
