//! What the legacy streams of a service may hold together.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::Replay;

/// Counts the bytes that all streams hold. Beyond the bound, streams that are over and that nobody reads go first,
/// oldest first. Then each stream keeps only what its reader has not read yet, and at least one message.
#[derive(Debug)]
pub(in crate::http) struct Budget {
    most: usize,
    held: AtomicUsize,
    /// Streams that are over, in the order in which they ended.
    over: Mutex<VecDeque<Weak<Replay>>>,
}

// The count decides about megabytes and guards nothing else, so no ordering is needed.
impl Budget {
    pub(in crate::http) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: AtomicUsize::new(0), over: Mutex::default() })
    }

    pub(super) fn add(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.most
    }

    /// A stream is over.
    pub(super) fn ended(&self, stream: Weak<Replay>) {
        let mut over = self.lock();
        if over.len() == over.capacity() {
            // Before it grows, those go that their sessions have let go.
            over.retain(|stream| stream.strong_count() > 0);
        }
        over.push_back(stream);
    }

    /// Lets streams go that are over, as long as the bound is exceeded. No lock of a stream may be held.
    pub(super) fn make_room(&self) {
        let mut kept = 0;
        while self.is_exceeded() {
            let oldest = {
                let mut over = self.lock();
                if kept >= over.len() {
                    return;
                }
                over.pop_front()
            };
            let Some(stream) = oldest.and_then(|stream| stream.upgrade()) else { continue };
            if !stream.discard() {
                // A connection reads it.
                kept += 1;
                self.lock().push_back(Arc::downgrade(&stream));
            }
        }
    }
    fn lock(&self) -> MutexGuard<'_, VecDeque<Weak<Replay>>> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
