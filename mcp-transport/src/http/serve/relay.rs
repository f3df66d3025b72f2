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

/// Polls a connection for its task.
#[derive(Debug, Default)]
pub(super) struct Relayed(Option<(Arc<Relay>, Waker)>);

impl Relayed {
    /// Whether this is the task that the connection was polled for before. If it is not, it is from now on.
    pub(super) fn knows(&mut self, task: &Waker) -> bool {
        if self.0.as_ref().is_some_and(|(relay, _)| relay.task.will_wake(task)) {
            return true;
        }
        let relay = Arc::new(Relay { task: task.clone(), state: AtomicU8::new(0) });
        let waker = Waker::from(Arc::clone(&relay));
        self.0 = Some((relay, waker));
        false
    }

    /// Polls, and again if it was woken meanwhile.
    pub(super) fn poll<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let Some((relay, waker)) = &self.0 else {
            return Poll::Pending;
        };
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

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn task() -> (Arc<Count>, Waker, Relayed) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut relayed = Relayed::default();
        assert!(!relayed.knows(&waker));
        assert!(relayed.knows(&waker));
        (count, waker, relayed)
    }

    #[test]
    fn a_wake_while_it_is_polled_polls_it_again_and_wakes_nobody() {
        let (count, _waker, relayed) = task();
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
        let (count, _waker, relayed) = task();
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
        let (count, _waker, relayed) = task();
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
        let (first, _waker, mut relayed) = task();
        let second = Arc::new(Count::default());
        assert!(!relayed.knows(&Waker::from(Arc::clone(&second))));
        let mut kept = None;
        let _pending = relayed.poll(|task| {
            kept = Some(task.waker().clone());
            Poll::<()>::Pending
        });
        kept.unwrap().wake();
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    }
}
