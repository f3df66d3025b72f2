//! `environmentDump`: how the program is configured by its environment, without secrets.

use mcp_server_kit::schemars;

use crate::{
    environment::Environment,
    facts::Facts,
    redact,
    report::{Report, or_not},
    system,
};

pub(super) const NAME: &str = "environmentDump";
pub(super) const DESCRIPTION: &str =
    "Shows the MCP configuration in this server's environment. Secrets are never shown.";

/// Variables that are named even when they are not set.
const ALWAYS: [&str; 6] = [
    "MCP_PROTOCOL_VERSION",
    "MCP_PROTOCOL_VERSIONS_SUPPORTED",
    "MCP_ECHO_HOST",
    "MCP_ECHO_PORT",
    "MCP_ECHO_DEBUG",
    "MCP_CORS_ORIGINS",
];
/// Variables of the servers that this one replaces which change nothing here.
const WITHOUT_EFFECT: [&str; 3] = ["MCP_PROTOCOL_VERSION", "MCP_PROTOCOL_VERSIONS_SUPPORTED", "MCP_CORS_ORIGINS"];

/// What `environmentDump` takes.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Args {
    /// Kept for clients that send it. Secrets are not shown either way.
    #[serde(default, deserialize_with = "super::flag")]
    pub(super) show_secrets: bool,
}

pub(super) fn report(facts: &Facts<'_>, args: &Args) -> String {
    let mut report = Report::titled("Environment Configuration");
    if args.show_secrets {
        report.line("showSecrets was asked for: this server never shows secrets.");
    }
    report.section("MCP Configuration:");
    let environment = &facts.program.environment;
    for name in ALWAYS {
        variable(&mut report, environment, name);
    }
    for (name, _) in environment.iter().filter(|(name, _)| !ALWAYS.contains(name)) {
        variable(&mut report, environment, name);
    }
    report.section("System Information:");
    report.item("Platform", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    report.item("Kernel", or_not(system::kernel()));
    report.item("Program", format_args!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")));
    report.item("Hostname", or_not(system::host_name()));
    report.finish()
}

fn variable(report: &mut Report, environment: &Environment, name: &str) {
    match environment.get(name) {
        None => report.item(name, "not set"),
        Some(value) if WITHOUT_EFFECT.contains(&name) => {
            report.item(name, format_args!("{} (has no effect on this server)", redact::shown(name, value)))
        }
        Some(value) => report.item(name, redact::shown(name, value)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::Given;

    const QUIET: Args = Args { show_secrets: false };
    const LOUD: Args = Args { show_secrets: true };

    fn given() -> Given {
        Given::http()
            .variable("MCP_ECHO_PORT", "3001")
            .variable("MCP_PROTOCOL_VERSION", "2025-06-18")
            .variable("MCP_CLIENT_ACCESS_TOKEN", "plain")
            .variable("MCP_ECHO_ALLOW_HOST", "mcp.example.com")
            .variable("MCP_SERVER_URL", "https://user:pa55@mcp.example.com/")
    }

    #[test]
    fn the_configuration_is_shown() {
        let text = given().report(|facts| report(facts, &QUIET));
        for line in [
            "MCP Configuration:",
            "  MCP_PROTOCOL_VERSION: 2025-06-18 (has no effect on this server)",
            "  MCP_PROTOCOL_VERSIONS_SUPPORTED: not set",
            "  MCP_ECHO_PORT: 3001",
            "  MCP_ECHO_ALLOW_HOST: mcp.example.com",
            "System Information:",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
        assert!(!text.contains("showSecrets"));
    }

    /// In the former server, `showSecrets` had no visible effect and no word about it. Here it is said that it has none.
    #[test]
    fn bug_show_secrets_did_not_say_what_it_does() {
        let text = given().report(|facts| report(facts, &LOUD));
        assert!(text.contains("showSecrets was asked for: this server never shows secrets."), "{text}");
        assert!(text.contains("  MCP_CLIENT_ACCESS_TOKEN: [redacted, 5 characters]"), "{text}");
        assert!(!text.contains("plain") && !text.contains("pa55"), "{text}");
    }
}
