//! What is counted, and how it is told to Prometheus.

use std::{
    fmt::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use http::StatusCode;

/// The classes of status codes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Where a request went. A label that strangers choose would have no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Mcp,
    Metadata,
    Health,
    Ready,
    Metrics,
    Other,
}

impl Endpoint {
    const ALL: [Self; 6] = [Self::Mcp, Self::Metadata, Self::Health, Self::Ready, Self::Metrics, Self::Other];

    const fn name(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Metadata => "metadata",
            Self::Health => "health",
            Self::Ready => "ready",
            Self::Metrics => "metrics",
            Self::Other => "other",
        }
    }
}

/// The counters of a process. A clone counts a reference.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Counters>);

struct Counters {
    started: SystemTime,
    /// By endpoint, in the order of [`Endpoint::ALL`], and class of status.
    requests: [[AtomicU64; CLASSES.len()]; Endpoint::ALL.len()],
}

impl Metrics {
    /// Of a process that started then.
    pub(crate) fn new(started: SystemTime) -> Self {
        Self(Arc::new(Counters { started, requests: Default::default() }))
    }

    /// A request was answered. An answer that streams counts when its head is there.
    pub(crate) fn answered(&self, endpoint: Endpoint, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        let rows = Endpoint::ALL.iter().zip(&self.0.requests);
        let row = rows.filter(|(of, _)| **of == endpoint).find_map(|(_, classes)| classes.get(class));
        if let Some(count) = row {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everything, in the text format of Prometheus (version 0.0.4).
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(1024);
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let Counters { started, requests } = &*self.0;
        head(
            text,
            "mcp_echo_requests_total",
            "counter",
            "Requests that were answered, by endpoint and class of status",
        )?;
        for (endpoint, classes) in Endpoint::ALL.iter().zip(requests) {
            for (class, count) in CLASSES.iter().zip(classes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let endpoint = endpoint.name();
                    writeln!(text, "mcp_echo_requests_total{{endpoint=\"{endpoint}\",status=\"{class}\"}} {count}")?;
                }
            }
        }
        let since = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        head(text, "process_start_time_seconds", "gauge", "When the process started, in seconds since 1970")?;
        writeln!(text, "process_start_time_seconds {since}")
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}")
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_endpoint_has_its_own_count() {
        let metrics = Metrics::new(UNIX_EPOCH + Duration::from_secs(7));
        metrics.answered(Endpoint::Mcp, StatusCode::OK);
        metrics.answered(Endpoint::Mcp, StatusCode::ACCEPTED);
        metrics.answered(Endpoint::Mcp, StatusCode::UNAUTHORIZED);
        metrics.answered(Endpoint::Other, StatusCode::NOT_FOUND);
        let text = metrics.text();
        let counts: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            counts,
            [
                "mcp_echo_requests_total{endpoint=\"mcp\",status=\"2xx\"} 2",
                "mcp_echo_requests_total{endpoint=\"mcp\",status=\"4xx\"} 1",
                "mcp_echo_requests_total{endpoint=\"other\",status=\"4xx\"} 1",
                "process_start_time_seconds 7",
            ]
        );
    }
}
