//! Reading a request body: no more than so many bytes, in no more than so much time.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http_body::Body;

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
pub async fn collect<B>(body: B, limit: usize, timeout: Duration) -> Result<Bytes, BodyError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let announced = body.size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(BodyError::TooLarge);
    }
    let mut read = Read::Nothing;
    let at_once = poll_fn(|cx| Poll::Ready(read.poll(body.as_mut(), limit, cx))).await;
    if let Poll::Ready(done) = at_once {
        return done.map(|()| read.finish());
    }
    // A connection reads the body after it has asked for the answer, and mostly has it in hand already: a second look
    // spares the timer.
    let mut looked = false;
    let soon = poll_fn(|cx| {
        if !std::mem::replace(&mut looked, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(read.poll(body.as_mut(), limit, cx))
    })
    .await;
    if let Poll::Ready(done) = soon {
        return done.map(|()| read.finish());
    }
    let rest = poll_fn(|cx| read.poll(body.as_mut(), limit, cx));
    // Boxed, so that a body that is in hand does not carry a timer's room along.
    match Box::pin(tokio::time::timeout(timeout, rest)).await {
        Ok(done) => done.map(|()| read.finish()),
        Err(_) => Err(BodyError::TimedOut),
    }
}

/// What has been read so far.
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

    fn finish(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::OneFrame(bytes) => bytes,
            Self::More(bytes) => bytes.freeze(),
        }
    }
}
