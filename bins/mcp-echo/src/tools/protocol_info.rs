//! `protocolInfo`: how this request is spoken: revision, era, transport, what each side declared, limits.
//!
//! Its first lines are read by programs: one names the revision and no other date, one names the era.

use mcp_transport::protocol::{ClientCapabilities, Revision, Revisions, Settings};
use serde_json::{Map, Value};

use crate::{
    facts::Facts,
    redact,
    report::{Report, or_not},
};

pub(super) const NAME: &str = "protocolInfo";
pub(super) const DESCRIPTION: &str = "Shows how this request is spoken: protocol revision and era, transport, what client and server declared, limits, session.";

/// What the kit declares for a server with tools and nothing else; a test compares it with what is on the wire.
const SERVER_CAPABILITIES: &str = "tools (listChanged)";

pub(super) fn report(facts: &Facts<'_>) -> String {
    let mut report = Report::titled("Protocol Information");
    report.section("This Request:");
    report.item("Protocol revision", facts.revision);
    report.item("Protocol era", facts.era());
    report.item("Transport", facts.transport());
    if let Some(parts) = facts.http {
        report.item("HTTP version", format_args!("{:?}", parts.version));
        report.item("MCP-Protocol-Version header", or_not(facts.shown("mcp-protocol-version")));
    }
    report.section("Client:");
    let info = facts.client.info.as_ref();
    report.item("Name", or_not(info.map(|info| shown(&info.name))));
    report.item("Version", or_not(info.map(|info| shown(&info.version))));
    if let Some(title) = info.and_then(|info| info.title.as_ref()) {
        report.item("Title", shown(title));
    }
    report.item("Capabilities", client_capabilities(&facts.client.capabilities));
    report.item("Extensions", names(facts.client.capabilities.extensions.as_ref()));
    report.section("Server:");
    report.item("Name", env!("CARGO_PKG_NAME"));
    report.item("Version", env!("CARGO_PKG_VERSION"));
    report.item("Capabilities", SERVER_CAPABILITIES);
    report.item("Extensions", "none");
    let served: Vec<&str> = Revisions::all().iter().map(Revision::as_str).collect();
    report.item("Revisions served", served.join(", "));
    report.section("Limits:");
    report.item("Message size", format_args!("{} bytes", facts.limits.bytes));
    report.item("Message depth", format_args!("{} levels", facts.limits.depth));
    if facts.revision.has_batches() {
        report.item("Batch", format_args!("{} messages", facts.limits.batch));
    } else {
        report.item("Batch", "not allowed here");
    }
    report.section("Session:");
    match facts.session_start() {
        Some(start) => report.item("Id", start),
        None => report.line("none"),
    };
    report.finish()
}

fn client_capabilities(declared: &ClientCapabilities) -> String {
    let mut all: Vec<String> = Vec::new();
    if let Some(roots) = &declared.roots {
        all.push(parts("roots", &[("listChanged", roots.list_changed == Some(true))]));
    }
    if let Some(sampling) = &declared.sampling {
        all.push(parts("sampling", &[("context", sampling.context.is_some()), ("tools", sampling.tools.is_some())]));
    }
    if let Some(elicitation) = &declared.elicitation {
        let kinds = [("form", elicitation.supports_form()), ("url", elicitation.supports_url())];
        all.push(parts("elicitation", &kinds));
    }
    if declared.experimental.is_some() {
        all.push(format!("experimental ({})", names(declared.experimental.as_ref())));
    }
    all.extend(declared.extra.keys().map(|name| shown(name)));
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn parts(name: &str, parts: &[(&str, bool)]) -> String {
    let parts: Vec<&str> = parts.iter().filter_map(|(part, is)| is.then_some(*part)).collect();
    if parts.is_empty() { name.to_owned() } else { format!("{name} ({})", parts.join(", ")) }
}

fn names(settings: Option<&Map<String, Value>>) -> String {
    let all: Vec<String> = settings.map(Settings::keys).into_iter().flatten().map(|name| shown(name)).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// The client's own text: what it is called, and the names of its capabilities.
fn shown(name: &str) -> String {
    redact::shown("", name).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::testing::Given;

    fn dates(line: &str) -> usize {
        line.split(|char: char| !(char.is_ascii_digit() || char == '-')).filter(|word| word.len() == 10).count()
    }

    #[test]
    fn one_line_names_the_revision_and_one_the_era() {
        for (revision, era) in
            Revision::ALL.map(|revision| (revision, if revision == Revision::LATEST { "modern" } else { "legacy" }))
        {
            let text = Given::http().revision(revision).report(report);
            let lines: Vec<&str> = text.lines().filter(|line| line.contains("revision")).collect();
            assert_eq!(lines, [format!("  Protocol revision: {revision}")]);
            assert_eq!(dates(lines[0]), 1);
            let lines: Vec<&str> = text.lines().filter(|line| line.contains("era")).collect();
            assert_eq!(lines, [format!("  Protocol era: {era}")]);
        }
    }

    #[test]
    fn both_sides_are_shown() {
        let client = json!({
            "clientInfo": {"name": "cli", "version": "1.2"},
            "capabilities": {
                "roots": {"listChanged": true}, "sampling": {}, "elicitation": {"url": {}},
                "experimental": {"x": {}}, "extensions": {"io.test/ui": {}}, "novel": {},
            },
        });
        let text = Given::http().client(client).session("0123456789").report(report);
        for line in [
            "  Name: cli",
            "  Version: 1.2",
            "  Capabilities: roots (listChanged), sampling, elicitation (url), experimental (x), novel",
            "  Extensions: io.test/ui",
            "  Name: mcp-echo",
            "  Message size: 4194304 bytes",
            "  Message depth: 128 levels",
            "  Id: 01234567...",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
    }

    #[test]
    fn batches_are_allowed_in_one_revision() {
        let of = |revision| Given::http().revision(revision).report(report);
        assert!(of(Revision::V2025_03_26).contains("  Batch: 64 messages"));
        assert!(of(Revision::V2025_06_18).contains("  Batch: not allowed here"));
        assert!(of(Revision::LATEST).contains("Session:\n  none"));
    }

    /// In the former server, `clientInfo: null` was a 500, and then one for everybody.
    #[test]
    fn bug_a_client_without_a_name_broke_the_server() {
        let text = Given::stdio().report(report);
        assert!(text.contains("Client:\n  Name: not present\n  Version: not present\n  Capabilities: none"), "{text}");
    }
}
