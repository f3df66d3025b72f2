//! What the audit is told.

use std::sync::Mutex;

use mcp_oauth::server::audit::{AuditSink, Event, EventKind};

/// Keeps the events.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Vec<EventKind>>);

impl Heard {
    /// What happened since this was asked last.
    pub(crate) fn since(&self) -> Vec<EventKind> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl AuditSink for Heard {
    fn record(&self, event: Event) {
        self.0.lock().unwrap().push(event.kind);
    }
}
