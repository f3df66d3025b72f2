//! What runs within a step.

use std::cell::Cell;

thread_local! {
    /// The call whose step is being polled on this thread.
    static STEPPING: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Polls a part of a step of the call with this address.
pub(super) fn within<T>(call: usize, poll: impl FnOnce() -> T) -> T {
    struct Restore(Option<usize>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STEPPING.set(self.0);
        }
    }
    let _restore = Restore(STEPPING.replace(Some(call)));
    poll()
}

/// Whether a step of this call is being polled. A question in it could never be asked: the call waits for the end of
/// the step before it asks.
pub(super) fn is_within(call: usize) -> bool {
    STEPPING.get() == Some(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_call_counts_and_a_panic_leaves_nothing_behind() {
        within(1, || {
            assert!(is_within(1));
            within(2, || assert!(is_within(2) && !is_within(1)));
            assert!(is_within(1));
        });
        let _ = std::panic::catch_unwind(|| within(3, || panic!("on purpose")));
        assert!(!is_within(3));
    }
}
