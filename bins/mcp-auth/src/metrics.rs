//! What is counted, and how it is told to Prometheus.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use mcp_oauth::server::audit::{AuditSink, Event, EventKind, Limit, LogAudit};
use mcp_oauth::types::EndReason;

/// The endpoints that are told apart. What is none of them is `other`: a label that strangers choose would have no bound.
const ENDPOINTS: [&str; 9] =
    ["authorize", "token", "register", "revoke", "introspect", "device_authorization", "device", "metadata", "other"];
const OTHER: usize = ENDPOINTS.len() - 1;
/// The classes of status codes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Which events are counted, each under its name.
const EVENTS: [EventKind; 18] = [
    EventKind::ClientRegistered,
    EventKind::ClientDeleted,
    EventKind::ClientRefused,
    EventKind::SignedIn,
    EventKind::SignedOut,
    EventKind::SignInRefused,
    EventKind::Consented,
    EventKind::Declined,
    EventKind::Denied,
    EventKind::Refreshed,
    EventKind::RefreshReplayed,
    EventKind::RefreshCrowded,
    EventKind::RefreshResynced,
    EventKind::CodeOfOtherClient,
    EventKind::TokenRevoked,
    EventKind::ConsentWithdrawn,
    EventKind::KeysRotated,
    EventKind::KeyRevoked,
];

/// Why grants end.
const REASONS: [EndReason; 6] = EndReason::ALL;

/// The counters of a process. A clone counts a reference.
#[derive(Clone, Default)]
pub(crate) struct Metrics(Arc<Counters>);

#[derive(Default)]
struct Counters {
    requests: [[AtomicU64; CLASSES.len()]; ENDPOINTS.len()],
    tokens: AtomicU64,
    grants_ended: [AtomicU64; REASONS.len()],
    events: [AtomicU64; EVENTS.len()],
    limited: [AtomicU64; Limit::ALL.len()],
}

/// Which endpoint a path is, under the path of an issuer or at the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(usize);

impl Endpoint {
    /// Finds it by its last parts, which are the same under every issuer.
    pub(crate) fn of(path: &str) -> Self {
        let name = match path.rsplit('/').next().unwrap_or_default() {
            _ if path.contains("/.well-known/") => "metadata",
            "jwks" => "metadata",
            _ if path.contains("/register/") => "register",
            last => last,
        };
        Self(ENDPOINTS.iter().position(|endpoint| *endpoint == name).unwrap_or(OTHER))
    }
}

impl Metrics {
    /// A request to an endpoint was answered.
    pub(crate) fn answered(&self, endpoint: Endpoint, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = self.0.requests.get(endpoint.0).and_then(|classes| classes.get(class)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn happened(&self, kind: EventKind) {
        if let EventKind::GrantEnded(reason) = kind {
            let counts = REASONS.iter().zip(&self.0.grants_ended);
            counts.filter(|(known, _)| **known == reason).for_each(|(_, count)| add(count));
        }
        // A refresh issues an access token as well, whatever becomes of the refresh token.
        let refreshed = matches!(kind, EventKind::Refreshed | EventKind::RefreshReplayed | EventKind::RefreshResynced);
        if refreshed || kind == EventKind::TokenIssued {
            add(&self.0.tokens);
        }
        let counts = EVENTS.iter().zip(&self.0.events);
        counts.filter(|(known, _)| **known == kind).for_each(|(_, count)| add(count));
    }

    /// How many access tokens were issued.
    pub(crate) fn tokens(&self) -> u64 {
        self.0.tokens.load(Ordering::Relaxed)
    }

    /// Everything, in the text format of Prometheus (version 0.0.4).
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(4096);
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let counters = &self.0;
        head(text, "mcp_auth_requests_total", "Requests that were answered, by endpoint and class of status")?;
        for (endpoint, classes) in ENDPOINTS.iter().zip(&counters.requests) {
            for (class, count) in CLASSES.iter().zip(classes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    writeln!(text, "mcp_auth_requests_total{{endpoint=\"{endpoint}\",status=\"{class}\"}} {count}")?;
                }
            }
        }
        head(text, "mcp_auth_access_tokens_issued_total", "Access tokens that were issued")?;
        writeln!(text, "mcp_auth_access_tokens_issued_total {}", self.tokens())?;
        head(text, "mcp_auth_grants_ended_total", "Grants that ended before their time, by reason")?;
        for (reason, count) in REASONS.iter().zip(&counters.grants_ended) {
            let (reason, count) = (reason.as_str(), count.load(Ordering::Relaxed));
            writeln!(text, "mcp_auth_grants_ended_total{{reason=\"{reason}\"}} {count}")?;
        }
        head(text, "mcp_auth_events_total", "What else was decided, by kind")?;
        for (event, count) in EVENTS.iter().zip(&counters.events) {
            let (event, count) = (event.as_str(), count.load(Ordering::Relaxed));
            writeln!(text, "mcp_auth_events_total{{event=\"{event}\"}} {count}")?;
        }
        head(text, "mcp_auth_limited_total", "Requests that a limit has refused, by limit")?;
        for (limit, count) in Limit::ALL.iter().zip(&counters.limited) {
            let (limit, count) = (limit.as_str(), count.load(Ordering::Relaxed));
            writeln!(text, "mcp_auth_limited_total{{limit=\"{limit}\"}} {count}")?;
        }
        Ok(())
    }
}

fn head(text: &mut String, name: &str, help: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {help}.\n# TYPE {name} counter")
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("tokens", &self.tokens()).finish_non_exhaustive()
    }
}

/// Counts what happens, and writes it into the log.
impl AuditSink for Metrics {
    fn record(&self, event: Event) {
        self.happened(event.kind);
        LogAudit.record(event);
    }

    fn refused(&self, limit: Limit) {
        let counts = Limit::ALL.iter().zip(&self.0.limited);
        counts.filter(|(known, _)| **known == limit).for_each(|(_, count)| add(count));
    }
}

#[cfg(test)]
mod tests {
    use mcp_oauth::types::Timestamp;

    use super::*;

    #[test]
    fn endpoints_are_a_closed_set() {
        for (path, name) in [
            ("/token", "token"),
            ("/tenant/token", "token"),
            ("/register/c1", "register"),
            ("/.well-known/oauth-authorization-server/tenant", "metadata"),
            ("/jwks", "metadata"),
            ("/device", "device"),
            ("/x\"}", "other"),
            ("/", "other"),
            ("", "other"),
        ] {
            assert_eq!(ENDPOINTS[Endpoint::of(path).0], name, "{path}");
        }
    }

    #[test]
    fn what_happened_is_told() {
        let metrics = Metrics::default();
        metrics.answered(Endpoint::of("/token"), StatusCode::OK);
        metrics.answered(Endpoint::of("/token"), StatusCode::BAD_REQUEST);
        metrics.answered(Endpoint::of("/token"), StatusCode::OK);
        let events = [
            EventKind::TokenIssued,
            EventKind::Refreshed,
            EventKind::RefreshReplayed,
            EventKind::RefreshResynced,
            EventKind::GrantEnded(EndReason::RefreshReused),
        ];
        for kind in events {
            metrics.record(Event::new(kind, Timestamp::from_secs(1)));
        }
        // Each is counted, however many of them one event stands for.
        (0..3).for_each(|_| metrics.refused(Limit::SecretOf));
        metrics.record(Event::new(EventKind::Limited(Limit::SecretOf), Timestamp::from_secs(1)).times(3));
        let text = metrics.text();
        for line in [
            "mcp_auth_requests_total{endpoint=\"token\",status=\"2xx\"} 2",
            "mcp_auth_requests_total{endpoint=\"token\",status=\"4xx\"} 1",
            "mcp_auth_access_tokens_issued_total 4",
            "mcp_auth_grants_ended_total{reason=\"refresh_reused\"} 1",
            "mcp_auth_grants_ended_total{reason=\"denied\"} 0",
            "mcp_auth_events_total{event=\"refreshed\"} 1",
            "mcp_auth_limited_total{limit=\"secret_of\"} 3",
            "mcp_auth_limited_total{limit=\"request\"} 0",
            "# TYPE mcp_auth_requests_total counter",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        assert!(!text.contains("authorize"), "{text}");
    }
}
