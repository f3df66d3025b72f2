//! `healthProbe`: the state of the server and of the machine under it.

use std::time::Duration;

use mcp_transport::protocol::{Revision, Revisions};

use crate::{
    clock,
    facts::Facts,
    redact,
    report::{Report, or_not},
    system::{Snapshot, Used},
};

pub(super) const NAME: &str = "healthProbe";
pub(super) const DESCRIPTION: &str =
    "Shows the health of this server: status, resources of the machine, the process, configuration.";

/// From which per cent on a figure is marked as high, and from which as critical.
struct Marks {
    high: f64,
    critical: f64,
}

const CPU: Marks = Marks { high: 50.0, critical: 80.0 };
const MEMORY: Marks = Marks { high: 70.0, critical: 90.0 };
const DISK: Marks = Marks { high: 80.0, critical: 90.0 };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ok,
    High,
    Critical,
}

impl Marks {
    fn of(&self, percent: f64) -> Mark {
        match percent {
            percent if percent >= self.critical => Mark::Critical,
            percent if percent >= self.high => Mark::High,
            _ => Mark::Ok,
        }
    }
}

impl Mark {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

pub(super) fn report(facts: &Facts<'_>, system: &Snapshot) -> String {
    let mut report = Report::titled("Service Health Check");
    report.section("Service Status:");
    report.item("Status", "HEALTHY");
    report.item("Server", format_args!("{} v{}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")));
    let served: Vec<&str> = Revisions::all().iter().map(Revision::as_str).collect();
    report.item("Protocol", served.join(", "));

    let mut worries = Vec::new();
    report.section("System Resources:");
    match system.load {
        Some(load) => {
            let mark = CPU.of(load.percent);
            worries.extend((mark == Mark::Critical).then_some("the processors are busy"));
            let over = load.over.as_secs_f64();
            report.item("CPU Usage", format_args!("{:.1}% over the last {over:.1} s [{}]", load.percent, mark.word()));
        }
        None => {
            report.item("CPU Usage", "not known yet");
        }
    }
    for (title, used, marks, worry) in [
        ("Memory Usage", system.memory, MEMORY, "memory is nearly used up"),
        ("Disk Usage", system.disk, DISK, "the disk is nearly full"),
    ] {
        let mark = used.map(|used: Used| marks.of(used.percent()));
        worries.extend((mark == Some(Mark::Critical)).then_some(worry));
        let shown = used.zip(mark).map(|(used, mark)| format!("{:.1}% [{}]", used.percent(), mark.word()));
        report.item(title, shown.as_deref().unwrap_or("not known"));
    }

    report.section("Process Information:");
    report.item("PID", system.process.id);
    report.item("Threads", or_not(system.process.threads));
    report.item("Memory RSS", or_not(system.process.resident.map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6))));
    let uptime = facts.now.duration_since(facts.program.started).unwrap_or(Duration::ZERO);
    report.item("Uptime", clock::length(uptime));

    report.section("Configuration Health:");
    let faults = configuration(facts);
    if faults.is_empty() {
        report.line("OK");
    }
    for fault in &faults {
        report.line(fault);
    }
    worries.extend((!faults.is_empty()).then_some("the configuration asks for what is not served"));

    let overall = if worries.is_empty() { "HEALTHY".to_owned() } else { format!("DEGRADED ({})", worries.join("; ")) };
    report.section(&format!("Overall Health: {overall}"));
    report.finish()
}

/// Revisions that the environment names and that do not exist: whoever set them expects what they will not get.
fn configuration(facts: &Facts<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for name in ["MCP_PROTOCOL_VERSION", "MCP_PROTOCOL_VERSIONS_SUPPORTED"] {
        let value = facts.program.environment.get(name).unwrap_or_default();
        for each in value.split(',').map(str::trim).filter(|each| !each.is_empty()) {
            if each.parse::<Revision>().is_err() {
                let each = redact::shown("", each);
                faults.push(format!("{name} names {each}, which is no revision that is served"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        system::{Load, Process},
        tools::testing::Given,
    };

    fn system(cpu: f64, memory: u64, disk: u64) -> Snapshot {
        Snapshot {
            load: Some(Load { percent: cpu, over: Duration::from_secs(3) }),
            memory: Some(Used { used: memory, total: 100 }),
            disk: Some(Used { used: disk, total: 100 }),
            process: Process { id: 42, threads: Some(3), resident: Some(12_300_000) },
        }
    }

    fn of(given: Given, system: &Snapshot) -> String {
        given.report(|facts| report(facts, system))
    }

    #[test]
    fn a_machine_at_rest_is_healthy() {
        let text = of(Given::http().uptime(Duration::from_secs(3_725)), &system(10.0, 60, 79));
        for line in [
            "Service Status:",
            "  Status: HEALTHY",
            "  Protocol: 2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05",
            "System Resources:",
            "  CPU Usage: 10.0% over the last 3.0 s [OK]",
            "  Memory Usage: 60.0% [OK]",
            "  Disk Usage: 79.0% [OK]",
            "Process Information:",
            "  PID: 42",
            "  Threads: 3",
            "  Memory RSS: 12.3 MB",
            "  Uptime: 1 h 2 min",
            "Configuration Health:",
            "Overall Health: HEALTHY",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
    }

    #[test]
    fn figures_are_marked_from_their_limits_on() {
        for (cpu, memory, disk, marks) in [(50.0, 70, 80, "[HIGH]"), (80.0, 90, 90, "[CRITICAL]")] {
            let text = of(Given::http(), &system(cpu, memory, disk));
            assert_eq!(text.matches(marks).count(), 3, "{text}");
        }
        let text = of(Given::http(), &system(80.0, 1, 95));
        assert!(text.contains("Overall Health: DEGRADED (the processors are busy; the disk is nearly full)"), "{text}");
    }

    #[test]
    fn revisions_that_do_not_exist_degrade() {
        let given = Given::http().variable("MCP_PROTOCOL_VERSIONS_SUPPORTED", "2025-06-18, 2023-01-01");
        let text = of(given, &system(1.0, 1, 1));
        assert!(text.contains("names 2023-01-01, which is no revision that is served"), "{text}");
        assert!(text.contains("Overall Health: DEGRADED"), "{text}");
    }

    #[test]
    fn what_the_system_does_not_tell_is_said() {
        let text = of(Given::stdio(), &Snapshot::default());
        assert!(text.contains("Memory Usage: not known") && text.contains("Threads: not present"), "{text}");
    }
}
