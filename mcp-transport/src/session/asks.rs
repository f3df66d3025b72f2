//! Requests of ours that wait for the client's answer.

use std::{
    collections::HashMap,
    fmt,
    future::poll_fn,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

use crate::{
    jsonrpc::{ErrorObject, Raw, RequestId},
    outbox::{Emitted, Outbox},
    protocol::Method,
};

/// How many requests of ours may wait in one session.
const MOST: usize = 64;

/// Why a request of ours got no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The revision, the transport or the client's `Accept` header leaves no way to send a request.
    #[error("the client cannot be asked on this connection")]
    Unsupported,
    /// The client answered with an error.
    #[error("the client answered with error {}: {}", .0.code, .0.message)]
    Refused(ErrorObject),
    /// The session or the stream ended first.
    #[error("the session ended before the client answered")]
    Closed,
    /// Too many requests wait already.
    #[error("{MOST} requests already wait for the client")]
    TooMany,
}

/// The requests of ours that wait for an answer in one session.
///
/// Their ids are numbers that begin at a random place: where several processes serve one session, the answer to a question
/// of one must not be taken for the answer to another's.
pub struct Asks {
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    closed: bool,
    asks: HashMap<u64, Ask>,
}

enum Ask {
    Open(Option<Waker>),
    Answered(Result<Raw, ErrorObject>),
}

impl Default for Asks {
    fn default() -> Self {
        // Below 2^52, so that a client that keeps numbers as doubles gives them back as they were. Without random bytes the
        // ids begin at one, as they would in a process of its own.
        let mut bytes = [0_u8; 4];
        let start = getrandom::fill(&mut bytes).map_or(0, |()| u64::from(u32::from_le_bytes(bytes)) << 20);
        Self { next: AtomicU64::new(start), waiting: Mutex::default() }
    }
}

impl Asks {
    /// Sends a request through `outbox` and waits for its answer.
    ///
    /// # Errors
    /// Why there is no result.
    ///
    /// # Cancel safety
    /// If the future is dropped, the client is told by `notifications/cancelled` and its answer is ignored.
    pub async fn ask(&self, outbox: &Outbox, method: &Method, params: Option<&Raw>) -> Result<Raw, AskError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        {
            let mut waiting = self.lock();
            if waiting.closed {
                return Err(AskError::Closed);
            }
            if waiting.asks.len() >= MOST {
                return Err(AskError::TooMany);
            }
            waiting.asks.insert(number, Ask::Open(None));
        }
        let mut open = Open { asks: self, outbox, number, settled: false };
        if outbox.request(&RequestId::from(number), method, params) == Emitted::Dropped {
            open.settled = true;
            return Err(AskError::Closed);
        }
        let answer = poll_fn(|task| {
            let mut waiting = self.lock();
            match waiting.asks.get_mut(&number) {
                None => Poll::Ready(Err(AskError::Closed)),
                Some(Ask::Open(waker)) => {
                    *waker = Some(task.waker().clone());
                    Poll::Pending
                }
                Some(Ask::Answered(_)) => match waiting.asks.remove(&number) {
                    Some(Ask::Answered(Ok(result))) => Poll::Ready(Ok(result)),
                    Some(Ask::Answered(Err(error))) => Poll::Ready(Err(AskError::Refused(error))),
                    Some(Ask::Open(_)) | None => Poll::Ready(Err(AskError::Closed)),
                },
            }
        })
        .await;
        open.settled = true;
        answer
    }

    /// For drivers: an answer came. `false` if nobody waits for it.
    pub fn answer(&self, id: &RequestId, outcome: Result<Raw, ErrorObject>) -> bool {
        let Ok(number) = id.as_json().parse::<u64>() else {
            return false;
        };
        let mut waiting = self.lock();
        let Some(Ask::Open(waker)) = waiting.asks.get_mut(&number) else {
            return false;
        };
        let waker = waker.take();
        waiting.asks.insert(number, Ask::Answered(outcome));
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// For drivers: the session is over; whoever waits is told so.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let asks = std::mem::take(&mut waiting.asks);
        drop(waiting);
        for ask in asks.into_values() {
            if let Ask::Open(Some(waker)) = ask {
                waker.wake();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes an ask back when its future is dropped.
struct Open<'a> {
    asks: &'a Asks,
    outbox: &'a Outbox,
    number: u64,
    settled: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let was_open = matches!(self.asks.lock().asks.remove(&self.number), Some(Ask::Open(_)));
        if was_open && !self.settled {
            let params = format!(r#"{{"requestId":{},"reason":"no longer needed"}}"#, self.number);
            self.outbox.emit(&Method::Cancelled, Raw::parse(params).ok().as_ref());
        }
    }
}

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asks").field("waiting", &self.lock().asks.len()).finish()
    }
}
