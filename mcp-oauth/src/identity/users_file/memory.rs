//! The memory that passwords are hashed in, kept from one to the next.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::Block;
use zeroize::Zeroize as _;

/// How much of one is kept, in bytes. What is larger goes back to the system by itself: allocators map it (glibc from 32 MiB
/// on), and unmap it when it is let go of. What is smaller they keep, once for each thread that has ever had some.
const MOST_KEPT: usize = 32 * 1024 * 1024;

/// As many memories as were ever used at the same time.
#[derive(Default)]
pub(super) struct Memories(Mutex<Vec<Vec<Block>>>);

impl Memories {
    /// Lends so many blocks; `None` where they are not to be had.
    pub(super) fn lend<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> Option<T> {
        let kept = self.kept().pop();
        let mut memory = kept.filter(|memory| memory.len() >= blocks).unwrap_or_default();
        if memory.len() < blocks {
            memory.try_reserve_exact(blocks).ok()?;
            memory.resize(blocks, Block::new());
        }
        let lent = memory.get_mut(..blocks)?;
        let done = work(Wiped(lent).0);
        if memory.len().saturating_mul(Block::SIZE) <= MOST_KEPT {
            self.kept().push(memory);
        }
        Some(done)
    }

    /// A panic of another thread leaves it whole: each change is one push or one pop.
    fn kept(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many blocks each of them has.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.kept().iter().map(Vec::len).collect()
    }
}

/// A memory that is wiped when it is given back, also by a panic: what stays in there would make a password easier to guess.
struct Wiped<'m>(&'m mut [Block]);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|block| block.as_mut().zeroize());
    }
}

impl fmt::Debug for Memories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memories").field("kept", &self.kept().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_memory_serves_one_after_the_other() {
        let memories = Memories::default();
        let mut places = Vec::new();
        for blocks in [8, 8, 4, 8] {
            memories.lend(blocks, |memory| {
                assert_eq!(memory.len(), blocks);
                let is_empty = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
                assert!(memory.iter().all(is_empty), "nothing of the last password is in there");
                memory.iter_mut().for_each(|block| block.as_mut().fill(7));
                places.push(memory.as_ptr());
            });
        }
        places.dedup();
        assert_eq!((places.len(), memories.sizes()), (1, vec![8]));
        // A larger one takes its place.
        memories.lend(16, |_| ()).unwrap();
        assert_eq!(memories.sizes(), [16]);
    }

    #[test]
    fn as_many_as_are_used_at_once_are_kept_and_none_that_is_too_large() {
        let memories = Memories::default();
        memories.lend(8, |_| memories.lend(8, |_| ())).unwrap().unwrap();
        memories.lend(8, |_| memories.lend(8, |_| ())).unwrap().unwrap();
        assert_eq!(memories.sizes(), [8, 8]);
        let memories = Memories::default();
        memories.lend(MOST_KEPT / Block::SIZE + 1, |_| ()).unwrap();
        assert_eq!(memories.sizes(), [0; 0]);
        assert_eq!(memories.lend(usize::MAX / 2, |_| ()), None, "more than there is");
    }
}
