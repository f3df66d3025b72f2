//! Wakes that come while a connection is polled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes a connection's task, and notes the wakes that come while the connection is polled: hyper wakes itself so for
/// every body that is read, and to be polled again here costs a part of a way through the scheduler.
#[derive(Debug)]
struct Relay {
    task: Waker,
    state: AtomicU8,
}

/// The connection is being polled.
const POLLED: u8 = 1;
/// It was woken since it was last polled.
const WOKEN: u8 = 2;

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Always a write, so that whoever polls next sees what came before the wake.
        if self.state.fetch_or(WOKEN, Ordering::AcqRel) & POLLED == 0 {
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

    /// Polls, and again if it was woken meanwhile.
    pub(super) fn poll<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let Self { relay, waker } = self;
        let mut task = Context::from_waker(waker);
        for _ in 0..ROUNDS {
            relay.state.swap(POLLED, Ordering::AcqRel);
            let polled = poll(&mut task);
            let woken = relay.state.swap(0, Ordering::AcqRel) & WOKEN != 0;
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
    use std::time::{Duration, Instant};

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
        let polled = relayed.poll(|task| {
            polls += 1;
            if polls == 1 {
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(polls)
        });
        assert_eq!((polled, count.0.load(Ordering::Relaxed)), (Poll::Ready(2), 0));
    }

    #[test]
    fn a_connection_that_wakes_itself_without_end_lets_others_have_their_turn() {
        let (count, relayed) = task();
        let mut polls = 0;
        let polled: Poll<()> = relayed.poll(|task| {
            polls += 1;
            task.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!((polled, polls, count.0.load(Ordering::Relaxed)), (Poll::Pending, ROUNDS, 1));
    }

    #[test]
    fn a_wake_while_it_rests_wakes_its_task() {
        let (count, relayed) = task();
        let mut kept = None;
        assert!(
            relayed
                .poll(|task| {
                    kept = Some(task.waker().clone());
                    Poll::<()>::Pending
                })
                .is_pending()
        );
        kept.unwrap().wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        let mut polls = 0;
        assert!(
            relayed
                .poll(|_| {
                    polls += 1;
                    Poll::<()>::Pending
                })
                .is_pending()
        );
        assert_eq!(polls, 1, "a wake that was delivered is not one of this poll");
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

        fn wait(counter: &AtomicUsize, number: usize) {
            let mut turns = 0;
            while counter.load(Ordering::Relaxed) < number {
                turns += 1;
                if turns % 100 == 0 {
                    std::thread::yield_now();
                }
            }
        }

        const TIMES: usize = 10_000;
        /// Longer than a thread waits for its turn on a busy machine; reached only if a wake is lost.
        const PATIENCE: Duration = Duration::from_secs(20);
        let relayed = Relayed::new(&Waker::from(Arc::new(Thread(std::thread::current()))));
        let (made, woken, seen) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let mut lost = false;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=TIMES {
                    made.store(number, Ordering::Relaxed);
                    relayed.waker.wake_by_ref();
                    woken.store(number, Ordering::Relaxed);
                    // Each is waited for, since the next one would make up for it.
                    wait(&seen, number);
                }
            });
            loop {
                let _: Poll<()> = relayed.poll(|_| {
                    let now = made.load(Ordering::Relaxed);
                    seen.store(now, Ordering::Relaxed);
                    // The next wake comes while this polls, or else near its end, now before and now behind it.
                    if now % 2 == 0 && now < TIMES {
                        wait(&woken, now + 1);
                    } else {
                        for step in 0..now % 500 {
                            std::hint::black_box(step);
                        }
                    }
                    Poll::Pending
                });
                if lost || seen.load(Ordering::Relaxed) == TIMES {
                    break;
                }
                let begin = Instant::now();
                std::thread::park_timeout(PATIENCE);
                lost = begin.elapsed() >= PATIENCE;
            }
            // Lets the other thread come to its end.
            seen.store(TIMES, Ordering::Relaxed);
        });
        assert!(!lost);
    }
}
