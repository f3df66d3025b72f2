//! Processor time of a process, from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// What the scheduler has noted about a process, over all its threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Time on a processor.
    pub running: Duration,
    /// Time ready to run while something else had the processor: on a machine of one's own it is next to nothing.
    pub waiting: Duration,
}

impl Times {
    /// Reads the times of a process since its start, to the nanosecond.
    ///
    /// `schedstat` is read rather than `stat`, whose clock ticks are too coarse for a run of one second. A thread that has
    /// ended takes its times with it, so this suits servers whose threads live as long as they do.
    ///
    /// # Errors
    /// If the process is gone, or the kernel was built without `CONFIG_SCHED_INFO`.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut times = Self::default();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let thread = Self::parse(&text).ok_or(io::ErrorKind::InvalidData)?;
            times.running += thread.running;
            times.waiting += thread.waiting;
        }
        Ok(times)
    }

    /// What was spent since an earlier reading of the same process.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            running: self.running.saturating_sub(earlier.running),
            waiting: self.waiting.saturating_sub(earlier.waiting),
        }
    }

    fn parse(schedstat: &str) -> Option<Self> {
        let mut nanos = schedstat.split_ascii_whitespace().map(str::parse);
        Some(Self {
            running: Duration::from_nanos(nanos.next()?.ok()?),
            waiting: Duration::from_nanos(nanos.next()?.ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_numbers_count() {
        let times = Times::parse("123456 789 4\n").unwrap();
        assert_eq!(times.running, Duration::from_nanos(123_456));
        assert_eq!(times.waiting, Duration::from_nanos(789));
        assert_eq!(times.since(&times), Times::default());
        assert_eq!(Times::parse("123456"), None);
    }
}
