//! The body of a response, within its limits.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::error::{Error, Kind};

/// The body of a response as it comes, held to the limit on its size and to the time that is left for it.
///
/// After an error it is over. Dropping it closes its connection (or, in HTTP/2, its stream).
pub struct Body {
    incoming: Incoming,
    left: u64,
    until: Option<Pin<Box<Sleep>>>,
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Over,
}

impl Body {
    pub(super) fn new(incoming: Incoming, limit: u64, until: Option<Instant>, idle: Option<Duration>) -> Self {
        Self {
            incoming,
            left: limit,
            until: until.map(|until| Box::pin(tokio::time::sleep_until(until))),
            idle: idle.map(|idle| (idle, Box::pin(tokio::time::sleep(idle)))),
            state: State::Open,
        }
    }

    fn poll_within(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // The time first: a peer that always has another byte must not outlast it.
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(Error::timeout("the body took too long"))));
        }
        let Poll::Ready(next) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            if let Some((_, timer)) = &mut self.idle {
                ready!(timer.as_mut().poll(cx));
                return Poll::Ready(Some(Err(Error::timeout("the body stands still"))));
            }
            return Poll::Pending;
        };
        if let Some((idle, timer)) = &mut self.idle
            && let Some(next) = Instant::now().checked_add(*idle)
        {
            timer.as_mut().reset(next);
        }
        let frame = match next {
            None => return Poll::Ready(None),
            Some(Err(cause)) => return Poll::Ready(Some(Err(Error::of_body(cause)))),
            Some(Ok(frame)) => frame,
        };
        if let Some(data) = frame.data_ref() {
            match self.left.checked_sub(data.remaining() as u64) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(too_large()))),
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.state == State::Over {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_within(cx));
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Over;
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Over || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

pub(super) fn too_large() -> Error {
    Error::new(Kind::TooLarge, "the body is larger than the limit")
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}
