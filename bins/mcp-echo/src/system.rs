//! What the machine and this process use.
//!
//! On Linux the figures come from `/proc`, read on the blocking pool: nothing here makes the runtime wait. The load of
//! the processors is taken between two readings, the second when somebody asks, so nobody sleeps for it. Elsewhere the
//! figures are missing, and the reports say so.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Two readings of the processors closer together than this say nothing.
const SHORTEST: Duration = Duration::from_millis(250);

/// Readings of the system. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct System(Arc<Mutex<Processors>>);

/// The figures at one time; `None` where the system does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) load: Option<Load>,
    pub(crate) memory: Option<Used>,
    /// Of the file system at `/`.
    pub(crate) disk: Option<Used>,
    pub(crate) process: Process,
}

/// How busy the processors were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) percent: f64,
    /// Over what time.
    pub(crate) over: Duration,
}

/// A part of a whole, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) used: u64,
    pub(crate) total: u64,
}

/// This process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) threads: Option<u64>,
    /// Bytes of memory that are in use.
    pub(crate) resident: Option<u64>,
}

#[derive(Debug, Default)]
struct Processors {
    base: Option<(Instant, Ticks)>,
    last: Option<Load>,
}

/// What `/proc/stat` counts since the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

impl Used {
    /// The used part of the whole, in per cent.
    pub(crate) fn percent(self) -> f64 {
        if self.total == 0 { 0.0 } else { 100.0 * self.used as f64 / self.total as f64 }
    }

    /// What is left, in bytes.
    pub(crate) const fn free(self) -> u64 {
        self.total.saturating_sub(self.used)
    }
}

impl System {
    /// Takes the first reading.
    pub(crate) fn new() -> Self {
        let base = ticks().map(|ticks| (Instant::now(), ticks));
        Self(Arc::new(Mutex::new(Processors { base, last: None })))
    }

    /// Reads the figures on the blocking pool.
    ///
    /// # Cancel safety
    /// The reading goes on and nobody gets it.
    pub(crate) async fn snapshot(&self) -> Snapshot {
        let system = self.clone();
        // It fails only if the runtime is shutting down; then there are no figures.
        tokio::task::spawn_blocking(move || system.read()).await.unwrap_or_default()
    }

    fn read(&self) -> Snapshot {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Snapshot {
            load: ticks().and_then(|ticks| self.load(Instant::now(), ticks)),
            memory: fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory(&text)),
            disk: disk(Path::new("/")),
            process: Process {
                id: std::process::id(),
                threads: field(&status, "Threads:"),
                resident: field(&status, "VmRSS:").map(|kib| kib.saturating_mul(1024)),
            },
        }
    }

    /// The load since the last reading that was long enough ago.
    fn load(&self, now: Instant, ticks: Ticks) -> Option<Load> {
        let mut processors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((then, before)) = processors.base else {
            processors.base = Some((now, ticks));
            return None;
        };
        let over = now.saturating_duration_since(then);
        let all = ticks.all.saturating_sub(before.all);
        if over >= SHORTEST && all > 0 {
            let busy = ticks.busy.saturating_sub(before.busy);
            processors.last = Some(Load { percent: (100.0 * busy as f64 / all as f64).min(100.0), over });
            processors.base = Some((now, ticks));
        }
        processors.last
    }
}

/// The name of this machine, where the system tells.
pub(crate) fn host_name() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned())
}

/// The release of the kernel, where the system tells.
pub(crate) fn kernel() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|name| name.trim().to_owned())
}

fn ticks() -> Option<Ticks> {
    fs::read_to_string("/proc/stat").ok().and_then(|text| parse_ticks(&text))
}

/// The first line of `/proc/stat` (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, steal; what guests use
/// is counted in the first two already.
fn parse_ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let mut counts = [0_u64; 8];
    for (count, text) in counts.iter_mut().zip(line.split_ascii_whitespace()) {
        *count = text.parse().ok()?;
    }
    let [.., idle, waiting, _, _, _] = counts;
    let all = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    Some(Ticks { busy: all.saturating_sub(idle.saturating_add(waiting)), all })
}

fn memory(meminfo: &str) -> Option<Used> {
    let kib = |name| field(meminfo, name).map(|kib| kib.saturating_mul(1024));
    let (total, available) = (kib("MemTotal:")?, kib("MemAvailable:")?);
    Some(Used { used: total.saturating_sub(available), total })
}

/// The first number of a line such as `VmRSS:  1234 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(unix)]
fn disk(path: &Path) -> Option<Used> {
    let space = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    // What is kept for root counts as used, as it does for df.
    let used = bytes(space.f_blocks.saturating_sub(space.f_bfree));
    Some(Used { used, total: used.saturating_add(bytes(space.f_bavail)) })
}

#[cfg(not(unix))]
const fn disk(_: &Path) -> Option<Used> {
    None
}

#[cfg(test)]
mod tests {
    use std::{future::Future as _, task::Poll};

    use super::*;

    const STAT: &str = "cpu  100 20 30 800 50 0 0 0 7 0\ncpu0 1 1 1 1\n";

    #[test]
    fn ticks_are_counted_by_what_they_were_spent_on() {
        assert_eq!(parse_ticks(STAT), Some(Ticks { busy: 150, all: 1_000 }));
        assert_eq!(parse_ticks("cpu  1 2 x"), None);
        assert_eq!(parse_ticks(""), None);
    }

    #[test]
    fn the_load_is_taken_between_two_readings() {
        let (start, later) = (Instant::now(), Instant::now() + Duration::from_secs(2));
        let base = Some((start, Ticks { busy: 100, all: 1_000 }));
        let system = System(Arc::new(Mutex::new(Processors { base, last: None })));
        // Too soon: it says nothing rather than something by chance.
        assert_eq!(system.load(start + Duration::from_millis(10), Ticks { busy: 101, all: 1_001 }), None);
        let load = system.load(later, Ticks { busy: 150, all: 1_200 }).unwrap();
        assert!((load.percent - 25.0).abs() < 1e-9, "{load:?}");
        assert!(load.over >= Duration::from_secs(2));
        let again = system.load(later + Duration::from_millis(10), Ticks { busy: 152, all: 1_202 });
        assert_eq!(again, Some(load));
    }

    #[test]
    fn memory_that_is_available_is_not_used() {
        let text = "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  400 kB\n";
        let used = memory(text).unwrap();
        assert_eq!(used, Used { used: 600 * 1024, total: 1000 * 1024 });
        assert!((used.percent() - 60.0).abs() < 1e-9);
        assert_eq!(used.free(), 400 * 1024);
        assert_eq!(memory("MemTotal: 1 kB\n"), None);
    }

    /// In the former server, the load of the processors was sampled for 100 ms inside the event loop, for all to wait.
    #[test]
    fn bug_reading_the_machine_blocked_everybody() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            // The only thread for what blocks is taken, so a reading that is there already was made on this one.
            let (release, held) = std::sync::mpsc::channel::<()>();
            let blocked = tokio::task::spawn_blocking(move || held.recv());
            let system = System::new();
            let mut reading = std::pin::pin!(system.snapshot());
            let waiting = std::future::poll_fn(|task| Poll::Ready(reading.as_mut().poll(task).is_pending())).await;
            assert!(waiting);
            drop(release);
            assert_eq!(reading.await.process.id, std::process::id());
            assert!(blocked.await.unwrap().is_err());
        });
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn this_machine_has_figures() {
        let snapshot = System::new().snapshot().await;
        assert_eq!(snapshot.process.id, std::process::id());
        assert!(snapshot.process.threads.unwrap() >= 1 && snapshot.process.resident.unwrap() > 0);
        assert!(snapshot.memory.unwrap().total > 0 && snapshot.disk.unwrap().total > 0);
        assert!(host_name().is_some() && kernel().is_some());
    }
}
