//! `authContext`: everything about the request that says who is calling. Of this, the guard of this server has verified the
//! caller, where it has a guard; the rest is as the request says.

use std::borrow::Cow;

use crate::{
    facts::{Bearer, Facts},
    jwt::{Jwt, UNVERIFIED},
    redact,
    report::{Report, or_not, yes_no},
};

pub(super) const NAME: &str = "authContext";
pub(super) const DESCRIPTION: &str =
    "Shows what this request says about who is calling: token, identity headers, session, origin.";

/// What proxies that authenticate add.
const OAUTH_HEADERS: [&str; 5] = ["x-user-id", "x-user-name", "x-auth-token", "x-client-id", "x-oauth-client"];

pub(super) fn report(facts: &Facts<'_>) -> String {
    let mut report = Report::titled("Authentication Context Analysis");
    let bearer = facts.bearer();
    report.section("Bearer Token:");
    match &bearer {
        Bearer::Absent if facts.principal.is_some() => report.line("verified by this server, and kept by its guard"),
        Bearer::Absent => report.line("not present"),
        Bearer::Several => report.line("several Authorization headers; only one is allowed"),
        Bearer::Other(scheme) => report.item("not a bearer token, scheme", or_not(scheme.as_deref())),
        Bearer::Token(token) => {
            report.item("present", format_args!("{} characters", token.chars().count()));
            match Jwt::decode(token) {
                Ok(jwt) => report
                    .item("Subject", or_not(jwt.text("sub").map(claim)))
                    .item("Client ID", or_not(jwt.text("client_id").or_else(|| jwt.text("azp")).map(claim)))
                    .item("Note", UNVERIFIED),
                Err(why) => report.item("not a JWT", why),
            }
        }
    };
    if let Some(principal) = facts.principal {
        report.section("Verified Caller:");
        report.item("Subject", claim(principal.subject().as_str()));
        report.item("Client ID", or_not(principal.client_id().map(|id| claim(id.as_str()))));
        report.item("Issuer", claim(principal.issuer().as_str()));
        report.item("Scopes", or_not(Some(principal.scopes().to_string()).filter(|scopes| !scopes.is_empty())));
    }
    report.section("OAuth Headers:");
    for name in OAUTH_HEADERS {
        report.item(name, or_not(facts.shown(name)));
    }
    report.section("Session Information:");
    report.item("MCP Session ID", or_not(facts.session_start()));
    let cookies = facts.header("cookie").unwrap_or_default();
    let names: Vec<_> = redact::cookie_names(&cookies).collect();
    report.item("Cookies", names.len());
    let telling: Vec<_> = names.into_iter().filter(|name| is_about_identity(name)).collect();
    if !telling.is_empty() {
        report.item("Cookies about identity", telling.join(", "));
    }
    report.section("Request Origin:");
    for (title, name) in [("Host", "host"), ("Origin", "origin"), ("Referer", "referer"), ("User-Agent", "user-agent")]
    {
        report.item(title, or_not(facts.shown(name).or_else(|| authority(facts, name))));
    }
    report.section("Security Status:");
    report.item("Bearer token", yes_no(matches!(bearer, Bearer::Token(_)) || facts.principal.is_some()));
    report.item("HTTPS", if facts.http.is_some() { facts.https() } else { "not used: standard streams" });
    let verified = if facts.principal.is_some() {
        "yes"
    } else {
        "no, it checks no tokens; whoever stands in front of it may have"
    };
    report.item("Verified by this server", verified);
    report.finish()
}

/// HTTP/2 carries the host in the target (RFC 9113 section 8.3.1).
fn authority(facts: &Facts<'_>, name: &str) -> Option<String> {
    let authority = facts.http?.uri.authority()?;
    (name == "host").then(|| redact::shown(name, authority.as_str()).into_owned())
}

fn claim(text: &str) -> Cow<'_, str> {
    redact::shown("", text)
}

fn is_about_identity(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "session", "token"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{jwt::compact, tools::testing::Given};

    #[test]
    fn who_is_calling_is_shown() {
        let token = compact(&json!({"alg": "none"}), &json!({"sub": "7", "client_id": "client_1"}), "c2ln");
        let text = Given::http()
            .header("Authorization", &format!("Bearer {token}"))
            .header("X-User-Name", "ada")
            .header("Cookie", "auth_a=1; b=2")
            .header("Origin", "https://claude.ai")
            .header("X-Forwarded-Proto", "https")
            .session("0123456789abcdef")
            .report(report);
        for line in [
            "Bearer Token:",
            "  Subject: 7",
            "  Client ID: client_1",
            "  Note: decoded without verification, do not trust",
            "OAuth Headers:",
            "  x-user-name: ada",
            "  x-user-id: not present",
            "Session Information:",
            "  MCP Session ID: 01234567...",
            "  Cookies: 2",
            "  Cookies about identity: auth_a",
            "Request Origin:",
            "  Origin: https://claude.ai",
            "Security Status:",
            "  Bearer token: yes",
            "  HTTPS: yes, says x-forwarded-proto",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
        assert!(text.contains(&format!("  present: {} characters", token.len())));
    }

    #[test]
    fn a_verified_caller_is_shown_as_such() {
        let text = Given::http().verified("ada", "mcp:read").report(report);
        for line in [
            "Bearer Token:",
            "  verified by this server, and kept by its guard",
            "Verified Caller:",
            "  Subject: ada",
            "  Client ID: not present",
            "  Issuer: https://as.example",
            "  Scopes: mcp:read",
            "  Bearer token: yes",
            "  Verified by this server: yes",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} in:\n{text}");
        }
        let without = Given::http().report(report);
        assert!(without.contains("Verified by this server: no") && !without.contains("Verified Caller"), "{without}");
    }

    /// In the former server, `authContext` showed x-auth-token in full.
    #[test]
    fn bug_auth_context_showed_the_forwarded_token() {
        let text = Given::http().header("X-Auth-Token", "plain").header("Cookie", "session=choco").report(report);
        assert!(text.contains("  x-auth-token: [redacted, 5 characters]"), "{text}");
        assert!(!text.contains("plain") && !text.contains("choco"), "{text}");
    }

    #[test]
    fn stdio_has_neither_token_nor_origin() {
        let text = Given::stdio().report(report);
        assert!(text.contains("Bearer Token:\n  not present") && text.contains("HTTPS: not used"), "{text}");
    }
}
