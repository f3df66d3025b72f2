//! What a connection is busy with. Noting it costs a few stores for a request: no clock and no timer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// How requests are told from idleness: by the first byte of a head, or by the requests alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// HTTP/1: bytes without a request in flight belong to the head of the next one.
    Http1,
    /// HTTP/2: bytes may be anything, pings and settings too.
    Http2,
}

/// More bytes in one write than a frame takes by which HTTP/2 keeps a connection, such as the answer to a ping (17) or a
/// WINDOW_UPDATE (13; RFC 9113 sections 6.7 and 6.9): they carry some of an answer, or answer several pings at once.
/// Whoever sends those to seem busy could as well send a request, and is bounded alike, by the number of connections.
const SOME_ANSWER: usize = 64;

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// For the rest of a head.
    Head,
    /// For a request.
    Request,
    /// For ourselves: requests are in flight.
    Answer,
}

/// Shared by the connection's input, its service and its timer.
#[derive(Debug)]
pub(super) struct Activity {
    framing: Framing,
    in_flight: AtomicUsize,
    /// Bytes came since the last request: they begin the head of the next one.
    in_head: AtomicBool,
    answered: AtomicU64,
    read_on: AtomicU64,
}

// The counters are touched by the connection's own task, and under HTTP/2 by its requests' tasks. They decide about
// seconds; only that a request is over must not be seen before it was counted.
impl Activity {
    pub(super) fn new(framing: Framing) -> Arc<Self> {
        Arc::new(Self {
            framing,
            in_flight: AtomicUsize::new(0),
            // A new connection owes us a head.
            in_head: AtomicBool::new(framing == Framing::Http1),
            answered: AtomicU64::new(0),
            read_on: AtomicU64::new(0),
        })
    }

    /// Bytes came in.
    pub(super) fn received(&self) {
        if self.framing == Framing::Http1 && self.in_flight.load(Ordering::Relaxed) == 0 {
            self.in_head.store(true, Ordering::Relaxed);
        }
    }

    /// Bytes went out, after the socket had to wait for the peer (`waited`) or at once.
    ///
    /// An answer that hyper has taken over is over for us, and the peer may still be reading it: while it does, the
    /// connection is not idle. Under HTTP/1 the socket waits then. Under HTTP/2 it need not: a peer that opens its
    /// window little by little has room for all that it asks for.
    pub(super) fn sent(&self, bytes: usize, waited: bool) {
        if waited || (self.framing == Framing::Http2 && bytes > SOME_ANSWER) {
            self.read_on.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A whole head came in; the request is in flight until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
        InFlight { activity: Arc::clone(self) }
    }

    pub(super) fn waiting(&self) -> Waiting {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            Waiting::Answer
        } else if self.in_head.load(Ordering::Relaxed) {
            Waiting::Head
        } else {
            Waiting::Request
        }
    }

    /// How many requests were answered.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How often the connection was of use: a request was answered, or its answer read on.
    pub(super) fn moves(&self) -> u64 {
        self.answered().wrapping_add(self.read_on.load(Ordering::Relaxed))
    }
}

/// A request that has not been answered to the end.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.answered.fetch_add(1, Ordering::Relaxed);
        self.activity.in_flight.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http1_waits_for_heads_answers_and_requests_in_turn() {
        let activity = Activity::new(Framing::Http1);
        assert_eq!(activity.waiting(), Waiting::Head);
        activity.received();
        let request = activity.request();
        activity.received();
        assert_eq!((activity.waiting(), activity.moves()), (Waiting::Answer, 0));
        drop(request);
        assert_eq!((activity.waiting(), activity.moves()), (Waiting::Request, 1));
        activity.sent(100_000, false);
        assert_eq!((activity.waiting(), activity.moves()), (Waiting::Request, 1));
        activity.sent(1, true);
        assert_eq!((activity.waiting(), activity.moves(), activity.answered()), (Waiting::Request, 2, 1));
        activity.received();
        assert_eq!((activity.waiting(), activity.moves()), (Waiting::Head, 2));
    }

    #[test]
    fn http2_counts_requests_and_what_is_read_of_their_answers() {
        let activity = Activity::new(Framing::Http2);
        activity.received();
        assert_eq!(activity.waiting(), Waiting::Request);
        let (one, two) = (activity.request(), activity.request());
        drop(one);
        assert_eq!((activity.waiting(), activity.moves()), (Waiting::Answer, 1));
        drop(two);
        assert_eq!((activity.waiting(), activity.moves()), (Waiting::Request, 2));
        // The answer to a ping, and some of an answer to a request.
        activity.sent(17, false);
        assert_eq!((activity.moves(), activity.answered()), (2, 2));
        activity.sent(9 + 1024, false);
        assert_eq!((activity.moves(), activity.answered()), (3, 2));
    }
}
