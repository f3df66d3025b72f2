//! A queue that is bounded by its entries and by their bytes.

use std::collections::VecDeque;

/// Messages that wait for their turn.
#[derive(Debug)]
pub(super) struct Backlog<T> {
    entries: VecDeque<(usize, T)>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl<T> Backlog<T> {
    pub(super) const fn new(most: usize, most_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, most, most_bytes }
    }

    /// Puts an entry of `bytes` last, or gives it back if there is no room.
    pub(super) fn push(&mut self, bytes: usize, entry: T) -> Result<(), T> {
        if self.entries.len() >= self.most || self.bytes.saturating_add(bytes) > self.most_bytes {
            return Err(entry);
        }
        self.bytes += bytes;
        self.entries.push_back((bytes, entry));
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let (bytes, entry) = self.entries.pop_front()?;
        self.bytes -= bytes;
        Some(entry)
    }

    /// Takes out the first entry that `is` says yes to.
    pub(super) fn remove(&mut self, is: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.entries.iter().position(|(_, entry)| is(entry))?;
        let (bytes, entry) = self.entries.remove(at)?;
        self.bytes -= bytes;
        Some(entry)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_by_entries_and_by_bytes() {
        let mut backlog = Backlog::new(2, 10);
        assert_eq!(backlog.push(6, 'a'), Ok(()));
        assert_eq!(backlog.push(5, 'b'), Err('b'));
        assert_eq!(backlog.push(4, 'c'), Ok(()));
        assert_eq!(backlog.push(0, 'd'), Err('d'));
        assert_eq!(backlog.remove(|entry| *entry == 'a'), Some('a'));
        assert_eq!(backlog.push(6, 'e'), Ok(()));
        assert_eq!((backlog.pop(), backlog.pop(), backlog.pop()), (Some('c'), Some('e'), None));
        assert!(backlog.is_empty() && backlog.bytes == 0);
    }
}
