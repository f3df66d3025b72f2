//! What a call sends before its answer: a bounded queue between a handler and its driver.

mod class;
mod limits;

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

use self::class::Class;
pub use self::limits::OutboxLimits;
use crate::{
    exchange::meta::SUBSCRIPTION_ID,
    jsonrpc::{Raw, RequestId, frame},
    protocol::Method,
};

/// What became of a message that was emitted without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Emitted {
    /// It waits for the reader.
    Queued,
    /// It replaced, or was said by, one that waits already: newer progress of the same token, the same list change.
    Merged,
    /// There was no room, or nobody will ever read it.
    Dropped,
}

/// The queue of messages that go out before the answer of one request, or outside any request of a session.
///
/// It is bounded: a client that stops reading makes [`send`](Self::send) wait and [`emit`](Self::emit) drop or merge;
/// memory does not grow.
pub struct Outbox {
    limits: OutboxLimits,
    /// Whether anything happened that the driver must look at; spares it the lock.
    touched: AtomicBool,
    /// Made when it is first needed, because most calls send nothing before their answer. `None` means that the outbox
    /// was closed before anything was sent: whoever comes first, a sender or the end, settles which of the two it is.
    state: OnceLock<Option<Box<Mutex<State>>>>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Waiting>,
    bytes: usize,
    /// The driver, when it waits for messages.
    reader: Option<Waker>,
    /// Senders that wait for room, each under a key of its own: one that is polled often, or given up, must not leave
    /// wakers behind while nobody reads.
    writers: Vec<(u64, Waker)>,
    next_writer: u64,
    /// Nobody reads any more.
    closed: bool,
    detach: bool,
    dropped: u64,
    /// The subscription that messages are stamped with, and whether it was acknowledged.
    subscription: Option<Subscription>,
}

struct Subscription {
    id: RequestId,
    acknowledged: bool,
    /// Messages that came before the acknowledgement.
    held: VecDeque<Waiting>,
}

struct Waiting {
    frame: Bytes,
    class: Class,
}

impl Outbox {
    /// An empty outbox.
    #[must_use]
    pub fn new(limits: OutboxLimits) -> Self {
        Self { limits, touched: AtomicBool::new(false), state: OnceLock::new() }
    }

    /// An outbox whose messages carry a subscription's id in `_meta`, and which holds messages back until
    /// `notifications/subscriptions/acknowledged` has passed (MCP 2026-07-28, subscriptions, "Acknowledgment").
    #[must_use]
    pub fn for_subscription(id: RequestId, limits: OutboxLimits) -> Self {
        let subscription = Some(Subscription { id, acknowledged: false, held: VecDeque::new() });
        let state = State { subscription, ..State::default() };
        Self { limits, touched: AtomicBool::new(false), state: OnceLock::from(Some(Box::new(Mutex::new(state)))) }
    }

    /// Sends a notification without waiting. Where there is no room, progress replaces the newest progress of its
    /// token and anything else is dropped and counted; list changes and updates merge with the same one that waits. List
    /// changes and the acknowledgement of a subscription are never dropped.
    pub fn emit(&self, method: &Method, params: Option<&Raw>) -> Emitted {
        let class = Class::of(method, params);
        let Some(mut state) = self.open() else {
            return Emitted::Dropped;
        };
        if !matches!(class, Class::Progress(_) | Class::Other) && state.waiting().any(|waiting| waiting.class == class)
        {
            return Emitted::Merged;
        }
        let message = Waiting { frame: state.frame(method, params), class };
        if message.class.is_never_lost() || state.has_room(message.frame.len(), self.limits) {
            state.push(message, method);
            self.wake(state);
            return Emitted::Queued;
        }
        if matches!(message.class, Class::Progress(_))
            && let Some(older) = state.queue.iter_mut().rev().find(|older| older.class == message.class)
        {
            let gone = std::mem::replace(older, message);
            let added = older.frame.len();
            state.bytes = (state.bytes + added).saturating_sub(gone.frame.len());
            return Emitted::Merged;
        }
        state.dropped += 1;
        Emitted::Dropped
    }

    /// Sends a notification, and waits for room. `Dropped` means that nobody will read it.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message was not sent.
    pub async fn send(&self, method: &Method, params: Option<&Raw>) -> Emitted {
        let mut sender = Sender { outbox: self, key: None };
        let mut paused = false;
        poll_fn(|task| match sender.poll_send(task, method, params) {
            // A handler that sends in a loop without looking at the answer must not hold its thread for ever.
            Poll::Ready(Emitted::Dropped) if !paused => {
                paused = true;
                task.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => {
                paused = true;
                Poll::Pending
            }
            sent @ Poll::Ready(_) => sent,
        })
        .await
    }

    fn poll_send(
        &self,
        key: &mut Option<u64>,
        task: &Context<'_>,
        method: &Method,
        params: Option<&Raw>,
    ) -> Poll<Emitted> {
        let Some(mut state) = self.open() else {
            return Poll::Ready(Emitted::Dropped);
        };
        let (frame, class) = (state.frame(method, params), Class::of(method, params));
        if !class.is_never_lost() && !state.has_room(frame.len(), self.limits) {
            state.wait_for_room(key, task);
            return Poll::Pending;
        }
        state.push(Waiting { frame, class }, method);
        self.wake(state);
        Poll::Ready(Emitted::Queued)
    }

    /// Queues a request of ours. It is sent even when there is no room: how many asks wait is bounded elsewhere.
    pub(crate) fn request(&self, id: &RequestId, method: &Method, params: Option<&Raw>) -> Emitted {
        let Some(mut state) = self.open() else {
            return Emitted::Dropped;
        };
        let message = Waiting { frame: frame::request(id, method.as_str(), params), class: Class::Other };
        state.push(message, method);
        self.wake(state);
        Emitted::Queued
    }

    /// Legacy HTTP: closes the connection now; the rest comes by replay (MCP 2025-11-25, transports, "Sending Messages
    /// to the Server", 6). It does nothing where the revision or the transport cannot.
    pub fn detach(&self) {
        if let Some(mut state) = self.open() {
            state.detach = true;
            self.wake(state);
        }
    }

    /// For drivers: the result of a request, with the subscription's id if this is the outbox of one (MCP 2026-07-28,
    /// subscriptions, "Graceful Closure": the response carries the id).
    #[must_use]
    pub fn stamped(&self, result: Raw) -> Raw {
        match self.said().and_then(|state| state.subscription.as_ref().map(|subscription| subscription.id.clone())) {
            Some(id) => frame::with_meta(Some(&result), SUBSCRIPTION_ID, id.as_json()),
            None => result,
        }
    }

    /// How many messages were dropped for want of room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.said().map_or(0, |state| state.dropped)
    }

    /// For drivers: whether there may be something to take. Costs one load.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Acquire)
    }

    /// For drivers: the next frame, if one waits.
    pub fn take(&self) -> Option<Bytes> {
        if !self.is_touched() {
            return None;
        }
        let mut state = self.said()?;
        let taken = state.queue.pop_front();
        if let Some(taken) = &taken {
            state.bytes = state.bytes.saturating_sub(taken.frame.len());
        }
        if state.queue.is_empty() && !state.detach {
            self.touched.store(false, Ordering::Release);
        }
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        for (_, writer) in writers {
            writer.wake();
        }
        taken.map(|taken| taken.frame)
    }

    /// For drivers: the next frame; registers the task when there is none. `None` once the outbox is closed and empty.
    pub fn poll_take(&self, task: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(frame) = self.take() {
            return Poll::Ready(Some(frame));
        }
        let Some(mut state) = self.open() else {
            return Poll::Ready(None);
        };
        if !state.queue.is_empty() {
            drop(state);
            return Poll::Ready(self.take());
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(task.waker())) {
            state.reader = Some(task.waker().clone());
        }
        Poll::Pending
    }

    /// For drivers: whether the handler asked to [`detach`](Self::detach); asking clears it.
    pub fn take_detach(&self) -> bool {
        if !self.is_touched() {
            return false;
        }
        let Some(mut state) = self.said() else {
            return false;
        };
        if state.queue.is_empty() {
            self.touched.store(false, Ordering::Release);
        }
        std::mem::take(&mut state.detach)
    }

    /// For drivers: nobody reads any more. What waits is thrown away, and senders are let go.
    pub fn close(&self) {
        let Some(state) = self.state.get_or_init(|| None) else {
            return;
        };
        let mut state = lock(state);
        state.closed = true;
        state.queue.clear();
        if let Some(subscription) = &mut state.subscription {
            subscription.held.clear();
        }
        state.bytes = 0;
        let writers = std::mem::take(&mut state.writers);
        self.wake(state);
        for (_, writer) in writers {
            writer.wake();
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        self.touched.store(true, Ordering::Release);
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The state, unless the outbox is closed.
    fn open(&self) -> Option<MutexGuard<'_, State>> {
        let state = lock(self.state.get_or_init(|| Some(Box::default())).as_ref()?);
        (!state.closed).then_some(state)
    }

    /// The state, if there was anything to keep.
    fn said(&self) -> Option<MutexGuard<'_, State>> {
        self.state.get()?.as_deref().map(lock)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A send that may wait for room; its waker goes when it goes.
struct Sender<'a> {
    outbox: &'a Outbox,
    key: Option<u64>,
}

impl Sender<'_> {
    fn poll_send(&mut self, task: &Context<'_>, method: &Method, params: Option<&Raw>) -> Poll<Emitted> {
        self.outbox.poll_send(&mut self.key, task, method, params)
    }
}

impl Drop for Sender<'_> {
    fn drop(&mut self) {
        if let (Some(key), Some(mut state)) = (self.key, self.outbox.said()) {
            state.writers.retain(|(other, _)| *other != key);
        }
    }
}

impl State {
    /// Notes a sender that is to be woken when there is room.
    fn wait_for_room(&mut self, key: &mut Option<u64>, task: &Context<'_>) {
        let key = *key.get_or_insert_with(|| {
            self.next_writer += 1;
            self.next_writer
        });
        match self.writers.iter_mut().find(|(other, _)| *other == key) {
            Some((_, waker)) => waker.clone_from(task.waker()),
            None => self.writers.push((key, task.waker().clone())),
        }
    }

    fn has_room(&self, more: usize, limits: OutboxLimits) -> bool {
        let held = self.subscription.as_ref().map_or(0, |subscription| subscription.held.len());
        let messages = self.queue.len() + held;
        messages == 0 || (messages < limits.messages && self.bytes + more <= limits.bytes)
    }

    fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        let held = self.subscription.as_ref().map(|subscription| subscription.held.iter());
        self.queue.iter().chain(held.into_iter().flatten())
    }

    fn frame(&self, method: &Method, params: Option<&Raw>) -> Bytes {
        match &self.subscription {
            None => frame::notification(method.as_str(), params),
            Some(subscription) => {
                let stamped = frame::with_meta(params, SUBSCRIPTION_ID, subscription.id.as_json());
                frame::notification(method.as_str(), Some(&stamped))
            }
        }
    }

    fn push(&mut self, message: Waiting, method: &Method) {
        self.bytes += message.frame.len();
        match &mut self.subscription {
            Some(subscription) if !subscription.acknowledged => {
                if *method == Method::SubscriptionsAcknowledged {
                    subscription.acknowledged = true;
                    self.queue.push_back(message);
                    self.queue.append(&mut subscription.held);
                } else {
                    subscription.held.push_back(message);
                }
            }
            Some(_) | None => self.queue.push_back(message),
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Outbox");
        if let Some(state) = self.said() {
            shown
                .field("waiting", &state.queue.len())
                .field("bytes", &state.bytes)
                .field("dropped", &state.dropped)
                .field("closed", &state.closed);
        }
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
