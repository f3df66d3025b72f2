//! Heap allocations of a process, and how to read them from another one.
//!
//! With the feature `count-allocations` every binary of this package counts, and a server answers each connection to its
//! control port with one line of JSON: its [`Counts`] since the start.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};

use serde::{Deserialize, Serialize};

/// The counts of one process since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that asked for new memory.
    pub allocations: u64,
    /// Calls that asked for memory to change its size.
    pub reallocations: u64,
    /// Calls that gave memory back.
    pub deallocations: u64,
    /// Bytes asked for, growth by reallocation included.
    pub bytes_allocated: u64,
    /// Bytes given back, shrinkage by reallocation included.
    pub bytes_deallocated: u64,
}

impl Counts {
    /// Reads the counts of the server that has this control port.
    ///
    /// # Errors
    /// If nobody listens there, or what they send is no line of counts.
    pub fn read(control: SocketAddr) -> io::Result<Self> {
        let mut line = String::new();
        TcpStream::connect(control)?.read_to_string(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Bytes that were asked for and not given back.
    #[must_use]
    pub const fn live(&self) -> u64 {
        self.bytes_allocated.saturating_sub(self.bytes_deallocated)
    }

    /// What was counted since an earlier reading of the same process.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            allocations: self.allocations.saturating_sub(earlier.allocations),
            reallocations: self.reallocations.saturating_sub(earlier.reallocations),
            deallocations: self.deallocations.saturating_sub(earlier.deallocations),
            bytes_allocated: self.bytes_allocated.saturating_sub(earlier.bytes_allocated),
            bytes_deallocated: self.bytes_deallocated.saturating_sub(earlier.bytes_deallocated),
        }
    }
}

#[cfg(feature = "count-allocations")]
pub use counting::answer;

#[cfg(feature = "count-allocations")]
mod counting {
    use std::alloc::System;
    use std::io::{self, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

    use super::Counts;

    #[global_allocator]
    static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    impl Counts {
        /// The counts of this process.
        #[must_use]
        pub fn here() -> Self {
            let stats = ALLOCATOR.stats();
            Self {
                allocations: stats.allocations as u64,
                reallocations: stats.reallocations as u64,
                deallocations: stats.deallocations as u64,
                bytes_allocated: stats.bytes_allocated as u64,
                bytes_deallocated: stats.bytes_deallocated as u64,
            }
        }
    }

    /// Answers the control port on a thread of its own, so that the runtime of the server is as it is without it.
    ///
    /// # Errors
    /// If the address cannot be listened on, or no thread can be had.
    pub fn answer(control: SocketAddr) -> io::Result<()> {
        let listener = TcpListener::bind(control)?;
        thread::Builder::new().name("control".into()).spawn(move || {
            for stream in listener.incoming() {
                // A reader that has gone is no reason to stop answering the next one.
                let _ = stream.and_then(|mut stream| {
                    let mut line = serde_json::to_vec(&Counts::here())?;
                    line.push(b'\n');
                    stream.write_all(&line)
                });
            }
        })?;
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_reading_sees_what_lives() {
            let before = Counts::here();
            let held = vec![0u8; 1 << 20];
            let after = Counts::here();
            assert!(after.since(&before).allocations >= 1);
            assert!(after.live() >= before.live() + (1 << 19));
            drop(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back() {
        let counts =
            Counts { allocations: 9, reallocations: 1, deallocations: 8, bytes_allocated: 900, bytes_deallocated: 100 };
        let line = serde_json::to_string(&counts).unwrap();
        assert_eq!(serde_json::from_str::<Counts>(&line).unwrap(), counts);
        assert_eq!(counts.live(), 800);
        assert_eq!(counts.since(&counts), Counts::default());
    }
}
