//! What is logged, for tests that look for secrets in it.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use tracing_subscriber::fmt::format::FmtSpan;

thread_local! {
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Where the log of this thread goes.
struct Sink;

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.iter_mut().for_each(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep what this thread logs, spans and all, down to the finest level. Tests run on a thread each, with a runtime
/// of that thread.
///
/// The subscriber is that of the whole process: one for a thread would miss what another thread has been the first to log,
/// because tracing remembers for all of them that nobody listened.
pub(crate) fn listen() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| Sink)
            .init();
    });
    LOG.set(Some(Vec::new()));
}

/// What was logged since.
pub(crate) fn heard() -> String {
    String::from_utf8(LOG.take().unwrap()).unwrap()
}
