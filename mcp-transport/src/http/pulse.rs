//! One timer for all open streams: it says when a stream has been silent for too long, or must end.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::SystemTime,
};

use super::call::Call;
use crate::auth::Principal;

/// The streams that are open.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    beats: Mutex<Vec<Weak<Beat>>>,
}

/// One stream's place in the [`Pulse`].
#[derive(Debug)]
pub(super) struct Beat {
    /// Whole seconds since something was written.
    silent: AtomicU32,
    limit: u32,
    ended: AtomicBool,
    principal: Option<Arc<Principal>>,
    waker: Mutex<Option<Waker>>,
    /// What the stream drives. It is here and not in the stream's body, because nobody polls the body of a client that
    /// does not read, and the call must end with its token all the same.
    call: Mutex<Option<Call>>,
}

/// What a stream must do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Write a comment.
    KeepAlive,
    /// End: its token has expired or was revoked.
    End,
}

impl Pulse {
    /// Takes a stream in. It leaves when the beat is dropped.
    pub(super) fn join(&self, limit: u32, principal: Option<Arc<Principal>>) -> Arc<Beat> {
        let beat = Arc::new(Beat {
            silent: AtomicU32::new(0),
            limit: limit.max(1),
            ended: AtomicBool::new(false),
            principal,
            waker: Mutex::default(),
            call: Mutex::default(),
        });
        self.lock().push(Arc::downgrade(&beat));
        beat
    }

    /// One second has passed.
    pub(super) fn tick(&self, now: SystemTime) {
        self.each(|beat| {
            let silent = beat.silent.fetch_add(1, Ordering::Relaxed) + 1;
            if beat.principal.as_ref().is_some_and(|principal| principal.ended(now).is_some()) {
                beat.ended.store(true, Ordering::Release);
            }
            if beat.is_ended() {
                beat.let_go();
            }
            if silent >= beat.limit || beat.is_ended() {
                beat.wake();
            }
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn each(&self, mut look: impl FnMut(&Beat)) {
        // Woken outside the lock: a waker may drop a stream.
        let mut live = Vec::new();
        self.lock().retain(|beat| beat.upgrade().map(|beat| live.push(beat)).is_some());
        for beat in live {
            look(&beat);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Beat>>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    /// Something was written.
    pub(super) fn wrote(&self) {
        self.silent.store(0, Ordering::Relaxed);
    }

    /// Whether the stream must end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// What is due, or registers the task.
    pub(super) fn poll_due(&self, task: &Context<'_>) -> Poll<Due> {
        {
            let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
                *waker = Some(task.waker().clone());
            }
        }
        if self.is_ended() {
            return Poll::Ready(Due::End);
        }
        if self.silent.load(Ordering::Relaxed) >= self.limit {
            self.wrote();
            return Poll::Ready(Due::KeepAlive);
        }
        Poll::Pending
    }

    /// The call that the stream drives, if it is not over.
    pub(super) fn call(&self) -> MutexGuard<'_, Option<Call>> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the call. One that is being polled in this moment is found again a second later.
    fn let_go(&self) {
        let call = match self.call.try_lock() {
            Ok(mut call) => call.take(),
            Err(TryLockError::Poisoned(call)) => call.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(call) = call {
            // In a task of its own: what a handler's future does when it is dropped must not stop the clock.
            tokio::spawn(async move { drop(call) });
        }
    }

    fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
