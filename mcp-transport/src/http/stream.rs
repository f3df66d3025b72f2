//! Response bodies: one JSON value, or a stream of events.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::{
    call::{Call, Ended, Step},
    live::{Attached, Live},
    pulse::{Beat, Due},
    replay::{Read, Replay},
    reply, sse,
};
use crate::protocol::Revision;

/// The most that one read takes.
const READ: usize = 64 << 10;

/// The body of an answer of [`McpService`](super::McpService).
pub struct McpBody(Kind);

enum Kind {
    Full(Option<Bytes>),
    Modern(Box<ModernStream>),
    Legacy(Box<LegacyStream>),
}

impl McpBody {
    pub(super) const fn empty() -> Self {
        Self(Kind::Full(None))
    }

    pub(super) const fn full(bytes: Bytes) -> Self {
        Self(Kind::Full(Some(bytes)))
    }

    pub(super) fn modern(mut stream: ModernStream) -> Self {
        *stream.beat.call() = stream.call.take();
        Self(Kind::Modern(Box::new(stream)))
    }

    pub(super) fn legacy(stream: LegacyStream) -> Self {
        Self(Kind::Legacy(Box::new(stream)))
    }
}

impl From<Bytes> for McpBody {
    /// A whole body, for what is served beside an endpoint: the answers of one service have one type.
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl Body for McpBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut self.get_mut().0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take()),
            Kind::Modern(stream) => stream.poll_data(task),
            Kind::Legacy(stream) => stream.poll_data(task),
        };
        data.map(|data| data.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Modern(_) | Kind::Legacy(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for McpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Full(_) => "McpBody(json)",
            Kind::Modern(_) => "McpBody(events)",
            Kind::Legacy(_) => "McpBody(legacy events)",
        })
    }
}

/// The stream of one modern request. It drives the call: a client that closes it drops the call, which cancels it
/// (MCP 2026-07-28, streamable HTTP, "Cancellation").
#[derive(Debug)]
pub(super) struct ModernStream {
    /// Goes over to the beat.
    pub(super) call: Option<Call>,
    pub(super) revision: Revision,
    pub(super) beat: Arc<Beat>,
    /// What was taken from the call before it became a stream.
    pub(super) first: Option<Bytes>,
}

impl ModernStream {
    fn poll_data(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut out = BytesMut::new();
        let mut held = self.beat.call();
        if self.beat.is_ended() {
            // Asked first: a stream that is never silent must end as well.
            *held = None;
            return Poll::Ready(None);
        }
        if let Some(first) = self.first.take() {
            sse::put_message(&mut out, None, &first);
        }
        while let Some(call) = &mut *held {
            if out.len() >= READ {
                break;
            }
            match call.poll_step(task) {
                Poll::Ready(Step::Message(message)) => sse::put_message(&mut out, None, &message),
                // Modern streams cannot be taken up again.
                Poll::Ready(Step::Detach) => {}
                Poll::Ready(Step::Done(ended)) => {
                    if let Ended::Answered(outcome) = ended {
                        let answer = reply::message(self.revision, call.id(), call.stamped(outcome));
                        sse::put_message(&mut out, None, &answer);
                    }
                    *held = None;
                }
                Poll::Pending => break,
            }
        }
        if !out.is_empty() {
            self.beat.wrote();
            return Poll::Ready(Some(out.freeze()));
        }
        if held.is_none() {
            return Poll::Ready(None);
        }
        match self.beat.poll_due(task) {
            Poll::Ready(Due::KeepAlive) => {
                sse::put_keep_alive(&mut out);
                Poll::Ready(Some(out.freeze()))
            }
            Poll::Ready(Due::End) => {
                *held = None;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for ModernStream {
    fn drop(&mut self) {
        // The beat may be looked at in this moment, and live on for as long.
        *self.beat.call() = None;
    }
}

/// A connection that reads a legacy stream. It drives nothing: when it goes, the stream goes on.
#[derive(Debug)]
pub(super) struct LegacyStream {
    live: Attached,
    replay: Arc<Replay>,
    generation: u64,
    beat: Arc<Beat>,
    over: bool,
}

impl LegacyStream {
    /// Reads `replay` behind the event `after`, or where the last connection stopped. `None` if there is no such event.
    pub(super) fn connect(live: &Arc<Live>, replay: Arc<Replay>, after: Option<u64>, beat: Arc<Beat>) -> Option<Self> {
        let generation = replay.connect(after)?;
        Some(Self { live: live.attach(), replay, generation, beat, over: false })
    }

    fn poll_data(&mut self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.over || self.beat.is_ended() {
            self.over = true;
            return Poll::Ready(None);
        }
        if self.replay.stream() == 0 {
            self.replay.pull(self.generation, self.live.session.outbox(), task);
        }
        let mut out = BytesMut::new();
        match self.replay.poll_read(self.generation, task, &mut out) {
            Poll::Ready(Read::Some) => {
                self.beat.wrote();
                return Poll::Ready(Some(out.freeze()));
            }
            Poll::Ready(Read::End) => {
                self.over = true;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        match self.beat.poll_due(task) {
            Poll::Ready(Due::KeepAlive) => {
                sse::put_keep_alive(&mut out);
                Poll::Ready(Some(out.freeze()))
            }
            Poll::Ready(Due::End) => {
                self.over = true;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for LegacyStream {
    fn drop(&mut self) {
        self.replay.disconnect(self.generation);
    }
}
