//! `printHeader`: the header fields of the request, sorted into what proxies add, what is about identity, and the rest.

use crate::{
    facts::{Facts, no_headers},
    redact,
    report::Report,
};

pub(super) const NAME: &str = "printHeader";
pub(super) const DESCRIPTION: &str = "Shows the HTTP header fields of this request. Secrets in them are not shown.";

const FORWARDED: [&str; 3] = ["x-forwarded-", "x-real-", "x-original-"];
const IDENTITY: [&str; 2] = ["x-user-", "x-auth-"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Forwarded,
    Identity,
    Request,
}

fn group(name: &str) -> Group {
    if name == "forwarded" || FORWARDED.iter().any(|prefix| name.starts_with(prefix)) {
        Group::Forwarded
    } else if name == "authorization" || IDENTITY.iter().any(|prefix| name.starts_with(prefix)) {
        Group::Identity
    } else {
        Group::Request
    }
}

pub(super) fn report(facts: &Facts<'_>) -> String {
    let mut report = Report::titled("HTTP Headers:");
    if facts.http.is_none() {
        report.line(no_headers(facts));
        return report.finish();
    }
    let mut headers = facts.headers();
    for (name, value) in &mut headers {
        *value = redact::shown(name, value).into_owned();
    }
    headers.sort_by_key(|(name, _)| *name);
    let sections = [
        ("TRAEFIK FORWARDED HEADERS", Group::Forwarded),
        ("AUTHENTICATION HEADERS", Group::Identity),
        ("REQUEST HEADERS", Group::Request),
    ];
    let mut counts = Vec::new();
    for (title, wanted) in sections {
        report.section(title);
        let mut count = 0_usize;
        for (name, value) in headers.iter().filter(|(name, _)| group(name) == wanted) {
            report.item(redact::label(name), value);
            count += 1;
        }
        if count == 0 {
            report.line("(none)");
        }
        counts.push(count);
    }
    let total = headers.len();
    report.section("ALL HEADERS (Alphabetical)");
    for (name, value) in &headers {
        report.item(redact::label(name), value);
    }
    report.section("SUMMARY");
    report.item("Total", total);
    for (name, count) in ["Traefik", "Auth", "Request"].into_iter().zip(counts) {
        report.item(name, count);
    }
    report.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::testing::Given;

    #[test]
    fn headers_are_sorted_into_sections() {
        let given = Given::http()
            .header("X-Forwarded-For", "192.0.2.1")
            .header("x-user-id", "7")
            .header("Accept", "*/*")
            .header("X-Original-URL", "/a");
        let text = given.report(report);
        assert_eq!(
            text,
            "HTTP Headers:\n=============\n\n\
             TRAEFIK FORWARDED HEADERS\n  x-forwarded-for: 192.0.2.1\n  x-original-url: /a\n\n\
             AUTHENTICATION HEADERS\n  x-user-id: 7\n\n\
             REQUEST HEADERS\n  accept: */*\n  host: 127.0.0.1:3000\n\n\
             ALL HEADERS (Alphabetical)\n  accept: */*\n  host: 127.0.0.1:3000\n  x-forwarded-for: 192.0.2.1\n  x-original-url: /a\n  x-user-id: 7\n\n\
             SUMMARY\n  Total: 5\n  Traefik: 2\n  Auth: 1\n  Request: 2"
        );
    }

    /// In the former server, `printHeader` showed x-auth-token in full and the end of every bearer token.
    #[test]
    fn bug_print_header_showed_tokens() {
        let text = Given::http()
            .header("Authorization", "Bearer abc.def.ghi-the-very-end")
            .header("X-Auth-Token", "whole-and-plain")
            .header("Cookie", "sid=chocolate")
            .header("X-Custom", "ghp_16C7e42F292c6912E7710c838347Ae178B4a")
            .report(report);
        for secret in ["abc", "very-end", "whole", "plain", "chocolate", "ghp_", "8B4a"] {
            assert!(!text.contains(secret), "{secret} in:\n{text}");
        }
        assert!(text.contains("  authorization: Bearer [redacted, 24 characters]"), "{text}");
    }

    #[test]
    fn a_header_cannot_write_lines_of_its_own() {
        let text = Given::http().header_bytes("x-name", b"a\tb\xc2\x85c\xff").report(report);
        assert!(text.contains(r"  x-name: a\tb\u{85}c\xff"), "{text}");
    }

    #[test]
    fn stdio_has_no_headers() {
        assert!(Given::stdio().report(report).contains("No HTTP headers: this request came over stdio."));
    }
}
