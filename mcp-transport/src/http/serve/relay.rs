//! Wakes that come while a connection is polled.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes a connection's task, and notes the wakes that come while the connection is polled.
///
/// hyper wakes itself in a poll for each body that is read, mostly for nothing: what the wake is about was over in that
/// very poll. So a wake from inside, by what the poll itself has called, does not lead to another poll where the
/// connection has come to rest since. Any other wake does, at once and here, which costs a part of a way through the
/// scheduler.
#[derive(Debug)]
struct Relay {
    task: Waker,
    state: AtomicU8,
}

/// The connection is being polled.
const POLLED: u8 = 1;
/// It was woken since it was last polled.
const WOKEN: u8 = 2;
/// It was woken by what the poll itself has called.
const WOKEN_INSIDE: u8 = 4;

thread_local! {
    /// Where the relay stands whose connection this thread is polling.
    static POLLING: Cell<usize> = const { Cell::new(0) };
}

/// Says which relay this thread polls, until it is dropped.
struct Polling {
    before: usize,
}

impl Polling {
    fn begin(relay: &Relay) -> Self {
        Self { before: POLLING.replace(relay.place()) }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        POLLING.set(self.before);
    }
}

impl Relay {
    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let how = if POLLING.get() == self.place() { WOKEN_INSIDE } else { WOKEN };
        // Always a write, so that whoever polls next sees what came before the wake.
        if self.state.fetch_or(how, Ordering::AcqRel) & POLLED == 0 {
            self.task.wake_by_ref();
        }
    }
}

/// How often a connection is polled at most before others have their turn.
const ROUNDS: usize = 2;

/// Polls a connection for one task.
#[derive(Debug)]
pub(super) struct Relayed {
    relay: Arc<Relay>,
    waker: Waker,
}

impl Relayed {
    pub(super) fn new(task: &Waker) -> Self {
        let relay = Arc::new(Relay { task: task.clone(), state: AtomicU8::new(0) });
        Self { waker: Waker::from(Arc::clone(&relay)), relay }
    }

    /// Whether it wakes this task.
    pub(super) fn wakes(&self, task: &Waker) -> bool {
        self.relay.task.will_wake(task)
    }

    /// Polls, and again if it was woken meanwhile. Wakes from inside do not count if `settled` says, after the poll, that
    /// the connection has come to rest and has looked since at all that they could be about.
    pub(super) fn poll<T>(
        &self,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
        settled: impl Fn() -> bool,
    ) -> Poll<T> {
        let Self { relay, waker } = self;
        let mut task = Context::from_waker(waker);
        for _ in 0..ROUNDS {
            relay.state.swap(POLLED, Ordering::AcqRel);
            let polling = Polling::begin(relay);
            let polled = poll(&mut task);
            drop(polling);
            let state = relay.state.swap(0, Ordering::AcqRel);
            let woken = state & WOKEN != 0 || (state & WOKEN_INSIDE != 0 && !settled());
            if polled.is_ready() || !woken {
                return polled;
            }
        }
        relay.task.wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn task() -> (Arc<Count>, Relayed) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let relayed = Relayed::new(&waker);
        assert!(relayed.wakes(&waker));
        (count, relayed)
    }

    #[test]
    fn a_wake_while_it_is_polled_polls_it_again_and_wakes_nobody() {
        let (count, relayed) = task();
        let mut polls = 0;
        let polled = relayed.poll(
            |task| {
                polls += 1;
                if polls == 1 {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(polls)
            },
            || false,
        );
        assert_eq!((polled, count.0.load(Ordering::Relaxed)), (Poll::Ready(2), 0));
    }

    #[test]
    fn a_connection_that_wakes_itself_without_end_lets_others_have_their_turn() {
        let (count, relayed) = task();
        let mut polls = 0;
        let polled: Poll<()> = relayed.poll(
            |task| {
                polls += 1;
                task.waker().wake_by_ref();
                Poll::Pending
            },
            || false,
        );
        assert_eq!((polled, polls, count.0.load(Ordering::Relaxed)), (Poll::Pending, ROUNDS, 1));
    }

    #[test]
    fn a_wake_while_it_rests_wakes_its_task() {
        let (count, relayed) = task();
        let mut kept = None;
        assert!(
            relayed
                .poll(
                    |task| {
                        kept = Some(task.waker().clone());
                        Poll::<()>::Pending
                    },
                    || true
                )
                .is_pending()
        );
        kept.unwrap().wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        let mut polls = 0;
        assert!(
            relayed
                .poll(
                    |_| {
                        polls += 1;
                        Poll::<()>::Pending
                    },
                    || false
                )
                .is_pending()
        );
        assert_eq!(polls, 1, "a wake that was delivered is not one of this poll");
    }

    #[test]
    fn a_wake_from_inside_leads_nowhere_when_the_connection_has_settled() {
        let (count, relayed) = task();
        for (inside, settled, expected) in [(true, true, 1), (true, false, 2), (false, true, 2), (false, false, 2)] {
            let mut polls = 0;
            let polled: Poll<()> = relayed.poll(
                |task| {
                    polls += 1;
                    let waker = task.waker();
                    match (polls, inside) {
                        (1, true) => waker.wake_by_ref(),
                        (1, false) => std::thread::scope(|scope| drop(scope.spawn(|| waker.wake_by_ref()))),
                        _ => {}
                    }
                    Poll::Pending
                },
                || settled,
            );
            assert_eq!((polled, polls), (Poll::Pending, expected), "inside: {inside}, settled: {settled}");
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_connection_inside_another_is_told_from_it() {
        let ((_, outer), (_, inner)) = (task(), task());
        let mut polls = 0;
        let polled: Poll<()> = outer.poll(
            |task| {
                polls += 1;
                let outside = task.waker().clone();
                inner.poll(
                    |_| {
                        if polls == 1 {
                            outside.wake_by_ref();
                        }
                        Poll::Pending
                    },
                    || true,
                )
            },
            || true,
        );
        assert_eq!((polled, polls), (Poll::Pending, 2), "the wake came from inside of the other");
    }

    #[test]
    fn another_task_is_told_from_the_first() {
        let (_count, relayed) = task();
        assert!(!relayed.wakes(&Waker::from(Arc::new(Count::default()))));
    }

    // What comes from another thread at any moment of a poll is either seen by that poll or wakes the task.
    #[test]
    fn no_wake_of_another_thread_is_lost() {
        struct Thread(std::thread::Thread);

        impl Wake for Thread {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        const TIMES: usize = 20_000;
        let relayed = Relayed::new(&Waker::from(Arc::new(Thread(std::thread::current()))));
        let (waker, made) = (relayed.waker.clone(), Arc::new(AtomicUsize::new(0)));
        let maker = std::thread::spawn({
            let made = Arc::clone(&made);
            move || {
                for _ in 0..TIMES {
                    made.fetch_add(1, Ordering::Relaxed);
                    waker.wake_by_ref();
                }
            }
        });
        let mut seen = 0;
        while seen < TIMES {
            let polled = relayed.poll(
                |_| {
                    let now = made.load(Ordering::Relaxed);
                    if now == seen { Poll::Pending } else { Poll::Ready(now) }
                },
                || true,
            );
            match polled {
                Poll::Ready(now) => seen = now,
                // Would last for ever if a wake were lost, but for the last one.
                Poll::Pending => std::thread::park(),
            }
        }
        maker.join().unwrap();
    }
}
