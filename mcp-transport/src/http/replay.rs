//! A legacy stream: the messages of one POST, or of the session itself, kept for a client that comes back.

mod budget;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};

pub(super) use self::budget::Budget;
use super::sse::{self, EventId};
use crate::{
    outbox::{Outbox, OutboxLimits},
    protocol::Revision,
};

/// The most that one read takes.
const READ: usize = 64 << 10;

/// A legacy stream. One side pushes messages, at most one connection at a time reads them; what was read is kept as
/// long as there is room, so that a client that lost its connection can read it again.
///
/// Where a connection is there and slow, whoever pushes waits for it. Where none is there, nobody waits: a disconnect
/// is no reason to stop the work (MCP 2025-11-25, transports, "Sending Messages to the Server", 6). The oldest events
/// make room then, read or not. A client that comes back behind events that are gone gets those that are left, with a
/// comment in front that says how many it missed. To refuse it instead would keep the answer from it, which comes last
/// and is what it came for; messages before it are what the server "MAY" replay ("Resumability and Redelivery", 2).
#[derive(Debug)]
pub(super) struct Replay {
    stream: u32,
    revision: Revision,
    limits: OutboxLimits,
    retry_ms: u64,
    budget: Arc<Budget>,
    itself: Weak<Self>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Events in their order; the front has the number `first`. `None` is the priming event.
    ring: VecDeque<Option<Bytes>>,
    first: u64,
    /// Bytes of all events, and of those that nobody has read.
    bytes: usize,
    unread_bytes: usize,
    /// The number of the next event to read.
    cursor: u64,
    /// How many events in front of that one are gone and were not read.
    missed: u64,
    /// Which connection reads. A newer one takes the place of an older.
    generation: u64,
    /// Whether it is there.
    connected: bool,
    /// The connection is to close once it has read up to this event.
    close_at: Option<u64>,
    done: bool,
    /// Nothing can be read from it any more: its room was needed.
    discarded: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What a connection finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Something was written into the buffer.
    Some,
    /// The stream is over, or another connection has taken it.
    End,
}

impl Replay {
    pub(super) fn new(
        stream: u32,
        revision: Revision,
        limits: OutboxLimits,
        retry_ms: u64,
        budget: &Arc<Budget>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            stream,
            revision,
            limits,
            retry_ms,
            budget: Arc::clone(budget),
            itself: Weak::clone(itself),
            state: Mutex::default(),
        })
    }

    pub(super) const fn stream(&self) -> u32 {
        self.stream
    }

    /// Gives a new connection an event to come back with, where the revision has priming events; messages that wait
    /// serve as well. Earlier revisions get none: their clients take every event for a message.
    pub(super) fn prime(&self) {
        if !self.revision.has_priming_events() {
            return;
        }
        let state = self.lock();
        if state.cursor == state.end() {
            self.add(state, None);
        }
    }

    /// Ready when there is room for a message, or when none will ever be taken again.
    pub(super) fn poll_room(&self, task: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.done && self.is_full(&state) {
            state.writer = Some(task.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Moves what waits in `outbox` into the stream, as far as there is room, for the connection `generation`; an older
    /// one moves nothing, and must not take the place of the newer one as the outbox's reader.
    pub(super) fn pull(&self, generation: u64, outbox: &Outbox, task: &mut Context<'_>) {
        loop {
            // Held over the look into the outbox, so that a newer connection registers after an older one.
            let mut state = self.lock();
            if state.generation != generation || state.done {
                return;
            }
            if self.is_full(&state) {
                state.writer = Some(task.waker().clone());
                return;
            }
            match outbox.poll_take(task) {
                Poll::Ready(Some(message)) => self.add(state, Some(message)),
                Poll::Ready(None) => {
                    drop(state);
                    return self.finish();
                }
                Poll::Pending => return,
            }
        }
    }

    /// Adds a message. What has been read makes room for it, oldest first; where nobody reads, so does the rest.
    pub(super) fn push(&self, frame: Option<Bytes>) {
        self.add(self.lock(), frame);
    }

    fn add(&self, mut state: MutexGuard<'_, State>, frame: Option<Bytes>) {
        if state.done {
            return;
        }
        let size = frame.as_ref().map_or(0, Bytes::len);
        state.ring.push_back(frame);
        state.bytes += size;
        state.unread_bytes += size;
        self.budget.add(size);
        self.let_go(&mut state, |state| state.is_over(self.limits));
        Self::wake_reader(state);
        self.budget.make_room();
        if self.budget.is_exceeded() {
            self.let_go(&mut self.lock(), |_| self.budget.is_exceeded());
        }
    }

    fn let_go(&self, state: &mut State, while_needed: impl Fn(&State) -> bool) {
        while while_needed(state) {
            let Some(size) = state.forget_oldest() else { return };
            self.budget.give_back(size);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        let was_done = std::mem::replace(&mut state.done, true);
        // Whoever waits for room waits in vain.
        let writer = state.writer.take();
        Self::wake_reader(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        if !was_done {
            self.budget.ended(Weak::clone(&self.itself));
            self.budget.make_room();
        }
    }

    /// Lets a stream that is over go, for the room that it takes. `false` if a connection reads it.
    fn discard(&self) -> bool {
        let mut state = self.lock();
        if state.connected {
            return false;
        }
        state.discarded = true;
        state.ring = VecDeque::new();
        state.unread_bytes = 0;
        self.budget.give_back(std::mem::take(&mut state.bytes));
        true
    }

    /// Closes the connection that reads now, as soon as it has read what there is: at least one event, so that the
    /// client can come back with its id.
    pub(super) fn detach(&self) {
        let mut state = self.lock();
        state.close_at = Some(state.end());
        Self::wake_reader(state);
    }

    /// A connection begins to read behind the event `after`, or where the last one stopped. Gives its generation;
    /// `None` if there is no such event yet.
    pub(super) fn connect(&self, after: Option<u64>) -> Option<u64> {
        let mut state = self.lock();
        if state.discarded || after.is_some_and(|after| after >= state.end()) {
            return None;
        }
        state.generation += 1;
        state.connected = true;
        state.close_at = None;
        if let Some(after) = after {
            state.rewind(after.saturating_add(1));
        }
        let generation = state.generation;
        Self::wake_reader(state);
        Some(generation)
    }

    /// The connection is gone.
    pub(super) fn disconnect(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        state.connected = false;
        state.reader = None;
        // Nobody is waited for any more.
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    /// How many bytes of messages are kept.
    pub(super) fn held(&self) -> usize {
        self.lock().bytes
    }

    /// Whether all was pushed that ever will be.
    pub(super) fn is_done(&self) -> bool {
        self.lock().done
    }

    /// Writes what there is to read as events.
    pub(super) fn poll_read(&self, generation: u64, task: &Context<'_>, out: &mut BytesMut) -> Poll<Read> {
        let mut state = self.lock();
        if state.generation != generation {
            return Poll::Ready(Read::End);
        }
        let before = out.len();
        if state.missed > 0 {
            sse::put_missed(out, std::mem::take(&mut state.missed));
        }
        while state.cursor < state.end() && out.len() < READ {
            let event = state.cursor;
            let index = usize::try_from(event - state.first).unwrap_or(usize::MAX);
            let id = EventId { stream: self.stream, event };
            match state.ring.get(index).cloned() {
                Some(Some(frame)) => {
                    sse::put_message(out, self.revision.has_resumption().then_some(id), &frame);
                    state.unread_bytes = state.unread_bytes.saturating_sub(frame.len());
                }
                Some(None) => sse::put_priming(out, id, self.retry_ms),
                None => break,
            }
            state.cursor = event + 1;
        }
        let writer = state.writer.take();
        let answer = if out.len() > before {
            Poll::Ready(Read::Some)
        } else if state.done || state.close_at.is_some_and(|at| at <= state.cursor) {
            Poll::Ready(Read::End)
        } else {
            if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(task.waker())) {
                state.reader = Some(task.waker().clone());
            }
            Poll::Pending
        };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        answer
    }

    /// Whether the connection that reads has to be waited for.
    fn is_full(&self, state: &State) -> bool {
        let unread = state.end() - state.cursor;
        state.connected
            && (unread >= self.limits.messages as u64
                || state.unread_bytes >= self.limits.bytes
                || (unread > 0 && self.budget.is_exceeded()))
    }

    fn wake_reader(mut state: MutexGuard<'_, State>) {
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number that the next event will get.
    fn end(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    fn is_over(&self, limits: OutboxLimits) -> bool {
        self.ring.len() > limits.messages || self.bytes > limits.bytes
    }

    /// Lets the oldest event go, if it was read or nobody reads; never the newest. Gives its size;
    /// `None` if none can go.
    fn forget_oldest(&mut self) -> Option<usize> {
        if self.ring.len() <= 1 || (self.connected && self.first == self.cursor) {
            return None;
        }
        let size = self.ring.pop_front()?.map_or(0, |frame| frame.len());
        self.bytes = self.bytes.saturating_sub(size);
        if self.first == self.cursor {
            self.unread_bytes = self.unread_bytes.saturating_sub(size);
            self.cursor += 1;
            self.missed += 1;
        }
        self.first += 1;
        Some(size)
    }

    fn rewind(&mut self, wanted: u64) {
        let cursor = wanted.max(self.first);
        self.cursor = cursor;
        self.missed = cursor - wanted;
        let skip = usize::try_from(cursor - self.first).unwrap_or(usize::MAX);
        self.unread_bytes = self.ring.iter().skip(skip).flatten().map(Bytes::len).sum();
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.budget.give_back(self.lock().bytes);
    }
}

#[cfg(test)]
mod tests;
