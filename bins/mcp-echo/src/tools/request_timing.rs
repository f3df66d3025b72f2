//! `requestTiming`: how long the request has been here, and how busy the machine is.

use std::time::Duration;

use crate::{
    arrival::Noted,
    clock,
    facts::Facts,
    redact,
    report::Report,
    system::{Snapshot, Used},
};

pub(super) const NAME: &str = "requestTiming";
pub(super) const DESCRIPTION: &str =
    "Shows when this request arrived, how long it took to get here, and how busy the machine is.";

pub(super) fn report(facts: &Facts<'_>, system: &Snapshot) -> String {
    let mut report = Report::titled("Request Timing Analysis");
    report.section("Timing:");
    report.item("Request received", clock::utc(facts.now.checked_sub(facts.elapsed).unwrap_or(facts.now)));
    report.item("Current time", clock::utc(facts.now));
    report.item("Elapsed", format_args!("{:.3} ms", facts.elapsed.as_secs_f64() * 1e3));
    report.item(
        "Counted from",
        match facts.noted {
            Noted::HeadRead => "the end of the request's header",
            Noted::ToolBegan => "the beginning of the tool",
        },
    );
    report.section("Performance Indicators:");
    report.line(verdict(facts.elapsed));
    report.section("Request Details:");
    match facts.http {
        Some(parts) => report
            .item("Method", &parts.method)
            .item("URL", redact::address(&parts.uri.to_string()))
            .item("Version", format_args!("{:?}", parts.version)),
        None => report.item("Transport", facts.transport()),
    };
    report.section("System Performance:");
    match system.load {
        Some(load) => {
            report.item("CPU", format_args!("{:.1}% over the last {:.1} s", load.percent, load.over.as_secs_f64()))
        }
        None => report.item("CPU", "not known yet"),
    };
    let memory = |show: fn(Used) -> String| system.memory.map_or_else(|| "not known".to_owned(), show);
    report.item("Memory", memory(|used| format!("{:.1}%", used.percent())));
    report.item("Memory available", memory(|used| format!("{:.2} GB", used.free() as f64 / 1e9)));
    report.finish()
}

fn verdict(elapsed: Duration) -> &'static str {
    match elapsed.as_millis() {
        0..10 => "excellent (under 10 ms)",
        10..50 => "good (under 50 ms)",
        50..100 => "acceptable (under 100 ms)",
        _ => "slow (100 ms or more)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{system::Load, tools::testing::Given};

    fn of(given: Given, system: &Snapshot) -> String {
        given.report(|facts| report(facts, system))
    }

    #[test]
    fn times_and_load_are_shown() {
        let system = Snapshot {
            load: Some(Load { percent: 12.34, over: Duration::from_millis(2_500) }),
            memory: Some(Used { used: 3_000_000_000, total: 4_000_000_000 }),
            ..Snapshot::default()
        };
        let text = of(Given::http().elapsed(Duration::from_micros(12_345)), &system);
        for line in [
            "Timing:",
            "  Request received: 2027-01-15T07:59:59.987Z",
            "  Current time: 2027-01-15T08:00:00.000Z",
            "  Elapsed: 12.345 ms",
            "Performance Indicators:",
            "  good (under 50 ms)",
            "Request Details:",
            "  Method: POST",
            "  URL: /mcp?access_token=[redacted, 1 characters]",
            "System Performance:",
            "  CPU: 12.3% over the last 2.5 s",
            "  Memory: 75.0%",
            "  Memory available: 1.00 GB",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
    }

    #[test]
    fn the_verdict_follows_the_time() {
        for (ms, word) in
            [(0, "excellent"), (9, "excellent"), (10, "good"), (50, "acceptable"), (100, "slow"), (9_999, "slow")]
        {
            assert!(verdict(Duration::from_millis(ms)).starts_with(word), "{ms}");
        }
    }

    #[test]
    fn what_the_system_does_not_tell_is_said() {
        let text = of(Given::stdio(), &Snapshot::default());
        assert!(text.contains("CPU: not known yet") && text.contains("Memory: not known"), "{text}");
        assert!(text.contains("Transport: stdio"), "{text}");
    }
}
