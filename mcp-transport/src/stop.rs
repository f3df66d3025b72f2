//! A signal that is given once and that any number of futures wait for.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// A signal that is given once: "drain", "this call is cancelled". Clones share it.
#[derive(Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Default)]
struct Shared {
    given: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Stop {
    /// A signal that has not been given.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Once given it stays given.
    pub fn give(&self) {
        self.0.given.store(true, Ordering::SeqCst);
        let wakers: Vec<Waker> = {
            let mut waiting = self.lock();
            waiting.wakers.iter_mut().filter_map(Option::take).collect()
        };
        for waker in wakers {
            waker.wake();
        }
    }

    /// Whether the signal was given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.0.given.load(Ordering::SeqCst)
    }

    /// Waits for the signal.
    ///
    /// # Cancel safety
    /// Nothing is lost: a new future sees the signal as well.
    pub fn given(&self) -> Given {
        Given { stop: self.clone(), slot: None }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_given()).finish()
    }
}

/// Waits for a [`Stop`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Given {
    stop: Stop,
    slot: Option<usize>,
}

impl Future for Given {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.stop.is_given() {
            return Poll::Ready(());
        }
        let mut waiting = this.stop.lock();
        let slot = *this.slot.get_or_insert_with(|| {
            waiting.free.pop().unwrap_or_else(|| {
                waiting.wakers.push(None);
                waiting.wakers.len() - 1
            })
        });
        if let Some(waker) = waiting.wakers.get_mut(slot)
            && !waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker()))
        {
            *waker = Some(task.waker().clone());
        }
        drop(waiting);
        // `give` may have come between the look at the flag and the registration.
        if this.stop.is_given() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut waiting = self.stop.lock();
            if let Some(waker) = waiting.wakers.get_mut(slot) {
                *waker = None;
            }
            waiting.free.push(slot);
        }
    }
}
