//! What a connection is busy with, and since when. It costs two clock readings a request and no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How requests are told from idleness: by the first byte of a head, or by the requests alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// HTTP/1: bytes without a request in flight belong to the head of the next one.
    Http1,
    /// HTTP/2: bytes may be anything, pings and settings too.
    Http2,
}

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// For the rest of a head that began then.
    Head(Instant),
    /// For a request, since then.
    Request(Instant),
    /// For ourselves: requests are in flight.
    Answer,
}

/// Shared by the connection's input, its service and its timer.
#[derive(Debug)]
pub(super) struct Activity {
    framing: Framing,
    start: Instant,
    in_flight: AtomicUsize,
    /// Nanoseconds from the start, plus one; nought while no head is being read.
    head_since: AtomicU64,
    idle_since: AtomicU64,
}

// The counters are touched by the connection's own task, and under HTTP/2 by its requests' tasks. Each is read
// for itself and decides about seconds, so no ordering between them is needed.
impl Activity {
    /// `start` is when the connection was accepted.
    pub(super) fn new(framing: Framing, start: Instant) -> Arc<Self> {
        let head_since = match framing {
            // A new connection owes us a head.
            Framing::Http1 => 1,
            Framing::Http2 => 0,
        };
        Arc::new(Self {
            framing,
            start,
            in_flight: AtomicUsize::new(0),
            head_since: AtomicU64::new(head_since),
            idle_since: AtomicU64::new(0),
        })
    }

    /// Bytes came in.
    pub(super) fn received(&self) {
        if self.framing == Framing::Http1
            && self.in_flight.load(Ordering::Relaxed) == 0
            && self.head_since.load(Ordering::Relaxed) == 0
        {
            self.head_since.store(self.now() + 1, Ordering::Relaxed);
        }
    }

    /// The peer took some of an answer that it had kept waiting.
    pub(super) fn read_on(&self) {
        self.idle_since.store(self.now(), Ordering::Relaxed);
    }

    /// A whole head came in; the request is in flight until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        InFlight { activity: Arc::clone(self) }
    }

    pub(super) fn waiting(&self) -> Waiting {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return Waiting::Answer;
        }
        match self.head_since.load(Ordering::Relaxed).checked_sub(1) {
            Some(since) => Waiting::Head(self.at(since)),
            None => Waiting::Request(self.at(self.idle_since.load(Ordering::Relaxed))),
        }
    }

    fn now(&self) -> u64 {
        // Enough for five centuries of one connection.
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }

    fn at(&self, nanoseconds: u64) -> Instant {
        self.start + Duration::from_nanos(nanoseconds)
    }
}

/// A request that has not been answered to the end.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.activity;
        activity.idle_since.store(activity.now(), Ordering::Relaxed);
        activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn http1_waits_for_heads_answers_and_requests_in_turn() {
        let start = Instant::now();
        let activity = Activity::new(Framing::Http1, start);
        tokio::time::advance(SECOND).await;
        activity.received();
        assert_eq!(activity.waiting(), Waiting::Head(start));
        let request = activity.request();
        activity.received();
        assert_eq!(activity.waiting(), Waiting::Answer);
        tokio::time::advance(SECOND).await;
        drop(request);
        assert_eq!(activity.waiting(), Waiting::Request(start + SECOND * 2));
        tokio::time::advance(SECOND).await;
        activity.received();
        tokio::time::advance(SECOND).await;
        activity.received();
        assert_eq!(activity.waiting(), Waiting::Head(start + SECOND * 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_on_is_not_idle() {
        let start = Instant::now();
        let activity = Activity::new(Framing::Http1, start);
        drop(activity.request());
        tokio::time::advance(SECOND).await;
        activity.read_on();
        assert_eq!(activity.waiting(), Waiting::Request(start + SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_counts_requests_only() {
        let start = Instant::now();
        let activity = Activity::new(Framing::Http2, start);
        tokio::time::advance(SECOND).await;
        activity.received();
        assert_eq!(activity.waiting(), Waiting::Request(start));
        let (one, two) = (activity.request(), activity.request());
        drop(one);
        assert_eq!(activity.waiting(), Waiting::Answer);
        drop(two);
        assert_eq!(activity.waiting(), Waiting::Request(start + SECOND));
    }
}
